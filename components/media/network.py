"""NetworkSource: a live stream from an address, as packets, for as long as it can be had.

Laws: an address that breaks off, or brings nothing in time, is tried again with growing pauses, and
a limit; each time that is said in one sentence and counted, and what comes afterwards begins with a
header of its own; a stop is obeyed at once, whatever FFmpeg waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from typing import ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Packets, Text
from kamesh.components.media.core.addresses import WHITELIST, check_address, shown_address
from kamesh.components.media.core.selection import Choice, check_choice
from kamesh.components.media.messages import MediaPacket, StreamHeader, Subtitle
from kamesh.components.media.pulling import Puller
from kamesh.components.media.trouble import MediaError
from kamesh.components.refusing import mapping, more_than
from kamesh.components.retries import Retries
from kamesh.components.sending import tell_retry
from kamesh.outbox import Outbox

__all__ = ["NetworkSource"]

log = logging.getLogger("kamesh")

Message = StreamHeader | MediaPacket | Subtitle | str


class NetworkSource(ThreadedComponent):
    """Receives a stream from an address that FFmpeg can read: RTSP, HTTP, UDP, TCP, RTMP, SRT, ...

    `url` is the address; "tcp://127.0.0.1:9000?listen=1" waits for a sender. `live=False` takes the
    end of the stream for its end; otherwise it is called again. After `tries` in a row in
    vain it is given up (default 8: about half a minute of pauses; None: never). `timeout`: seconds to
    wait for a connection, and for the next piece (default 10). `container` and `options` are FFmpeg's own
    words, such as "mpegts" and {"rtsp_transport": "tcp"}. `video`, `audio` and `subtitles` choose the
    streams, as in Demux.

    Example:
        >>> source = NetworkSource("rtsp://127.0.0.1:9/stage", tries=1)
        >>> try:
        ...     Pipeline(source, Decode(), DataSink()).run()
        ... except ComponentFailed as failed:
        ...     print(failed)
        Pipeline/NetworkSource failed: rtsp://127.0.0.1:9/stage cannot be opened: nothing listens there

    Boxes: "outbox" a StreamHeader, then MediaPackets, and another header each time it begins anew;
    "subtitles" `Subtitle`s; "notes" a sentence (`str`) each time that it breaks off, or leaves a
    stream out; "control".

    How it ends: when told on "control", within a second; at the end of the stream if it is not live;
    it fails, with a sentence, after the last try, and at once if this build of FFmpeg has not
    the protocol.
    """

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "StreamHeaders, each before its MediaPackets",
        "subtitles": "Subtitles, where they were chosen and are text",
        "notes": "a sentence each time that it breaks off",
        "signal": "passes on what was told on control",
    }
    formats: Mapping[str, Format] = {"outbox": Packets(), "subtitles": Text(), "notes": Text()}
    subtitles: Outbox
    notes: Outbox

    def __init__(
        self,
        url: str,
        *,
        live: bool = True,
        tries: int | None = 8,
        timeout: float = 10.0,
        container: str = "",
        options: Mapping[str, str] | None = None,
        video: Choice = None,
        audio: Choice = None,
        subtitles: Choice = False,
        name: str | None = None,
    ) -> None:
        """Check the words; nothing is called yet."""
        super().__init__(name=name)
        self.url = check_address(url)
        more_than(0, timeout, "the seconds of the timeout")
        self.live = live
        self.retries = Retries(tries, first=0.25, longest=8.0)
        self.timeout = timeout
        self.container = container
        self.options = {"protocol_whitelist": WHITELIST, **mapping(options, "options")}
        self.choices = {
            "video": check_choice("video", video),
            "audio": check_choice("audio", audio),
            "subtitles": check_choice("subtitles", subtitles),
        }
        self.packets = self.cuts = 0

    def main(self) -> None:
        """Pass on what comes, from one connection after the other."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("NetworkSource"):
            import kamesh.components.media.engine.demuxing  # noqa: F401

        puller: Puller[Message] = Puller(self, lambda: self._connections(puller))
        for message in puller:
            if isinstance(message, str):
                self.send(message, "notes")
            elif isinstance(message, Subtitle):
                self.send(message, "subtitles")
            else:
                self.send(message)
                self.packets += isinstance(message, MediaPacket)

    def _connections(self, puller: Puller[Message]) -> Iterator[Message]:
        """Connect again and again; this and what follows runs in the puller's thread."""
        while not puller.left:
            try:
                reason = yield from self._connection()
            except MediaError as error:
                reason = str(error)
                if "no such protocol" in reason:
                    raise
                pause = self.retries.wait()
                if pause is None:
                    raise
            else:
                if not self.live and not reason:
                    return
                self.cuts += 1
                reason = f"{shown_address(self.url)} broke off: {reason or 'its stream has ended'}"
                pause = self.retries.wait()
                if pause is None:
                    raise MediaError(reason)
            tell_retry(self, self.retries, reason)
            yield f"{reason}; trying again in {pause:.1f} s"
            if not puller.wait(pause):
                return

    def _connection(self) -> Generator[Message, None, str]:
        """Give all of one connection; why it broke off, or "" for an orderly end."""
        from kamesh.components.media.engine.demuxing import Demuxer, open_media  # as in main: PyAV

        where = shown_address(self.url)
        opened = open_media(
            self.url, where, form=self.container or None, options=self.options,
            timeout=(self.timeout, self.timeout),
        )  # fmt: skip
        with Demuxer(opened, where, **self.choices) as demuxer:
            for note in demuxer.notes:
                log.warning("%s: %s", self.path, note)
                yield note
            yield demuxer.header
            for message in demuxer:
                self.retries.succeeded()
                yield message
        return demuxer.broken

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"packets": self.packets, "cuts": self.cuts}
