"""Demux and PacketSource: containers taken apart, without decoding, from a stream or from a file.

They are components with a thread of their own because FFmpeg reads by asking for bytes and waiting
for them. What is done with the bytes is in `demuxing.py`, apart from any component.

Laws: a header goes out before the first packet; a container that breaks off, in the middle of a
picture too, is given as far as it goes, and that is said once and counted; what comes over a linkage
can make FFmpeg open nothing else, no file and no address.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.extras import needing
from kamesh.components.files.errors import a_path
from kamesh.components.formats import (
    ByteStream,
    Either,
    Format,
    Packets,
    Text,
    TransportStream,
)
from kamesh.components.media.core.selection import Choice, check_choice
from kamesh.components.media.messages import MediaPacket, unexpected
from kamesh.components.media.reading import MediaInput
from kamesh.components.media.trouble import MediaError
from kamesh.outbox import Outbox

if TYPE_CHECKING:
    from kamesh.components.media.engine.demuxing import Demuxer

__all__ = ["Demux", "PacketSource"]

log = logging.getLogger("kamesh")

# microseconds and bytes that FFmpeg may look at to find what is in a stream; no protocol is allowed
STREAMED = {"analyzeduration": "1500000", "probesize": "2000000", "protocol_whitelist": "none"}
SLACK = 0.002  # seconds before its time at which a packet may leave


class _Demuxes(ThreadedComponent):
    """What both have in common: the choice of streams, and passing on what a Demuxer gives."""

    outboxes: ClassVar = {
        "outbox": "a StreamHeader, then MediaPackets",
        "subtitles": "Subtitles, where they were chosen and are text",
        "signal": "passes on what was told on control",
    }
    formats: Mapping[str, Format | Either] = {"outbox": Packets(), "subtitles": Text()}
    subtitles: Outbox

    def __init__(
        self, video: Choice, audio: Choice, subtitles: Choice, name: str | None = None
    ) -> None:
        """Check the choices."""
        super().__init__(name=name)
        self.choices = {
            "video": check_choice("video", video),
            "audio": check_choice("audio", audio),
            "subtitles": check_choice("subtitles", subtitles),
        }
        self.packets = self.damaged = self.broken = 0

    def pass_on(self, demuxer: Demuxer) -> bool:
        """Send all of a container; say whether there was an end to it, and not a stop."""
        for note in demuxer.notes:
            log.warning("%s: %s", self.path, note)
        if demuxer.header.streams:
            self.send(demuxer.header)
        for message in demuxer:
            if not self.due(demuxer, message):
                return False
            if isinstance(message, MediaPacket):
                self.send(message)
                self.packets += 1
            else:
                self.send(message, "subtitles")
        self.damaged += demuxer.damaged
        if demuxer.broken:
            self.broken += 1
            log.warning("%s: %s breaks off: %s", self.path, demuxer.where, demuxer.broken)
        return True

    def due(self, demuxer: Demuxer, message: Any) -> bool:
        """Wait until a message may leave; False to stop."""
        return True

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"packets": self.packets, "damaged": self.damaged, "broken": self.broken}


class Demux(_Demuxes):
    """Takes a stream of bytes apart into packets, whatever container FFmpeg finds it to be.

    MPEG-TS, Matroska, WebM, Ogg, FLV, MP4 whose index comes first or in fragments, and all else that
    can be read without going back. A transport stream may begin in the middle. `container` is
    FFmpeg's name of it ("mpegts"), "" to find out. `video`, `audio` and `subtitles` choose the
    streams: None is the best there is, a number the n-th of its kind, "deu" that language, False
    none (as it is for `subtitles` unless something else is said).

    Example:
        >>> line = Pipeline(
        ...     TestCard(size=(160, 90), seconds=1, realtime=False), Encode(audio=""), MuxMPEGTS(),
        ...     Demux(), Decode(), kept := DataSink())
        >>> line.run()
        >>> len(kept.messages)
        25

    Boxes: "inbox" bytes or `Chunk`s; a `Preamble` begins a new container; "outbox" a StreamHeader,
    then MediaPackets, H.264 and HEVC with start codes as Encode makes them; "subtitles" `Subtitle`s;
    "control".

    How it ends: when the stream ends or it is told on "control". A stream that is cut is given as
    far as it goes. It fails, with a sentence, if the bytes are of no container that FFmpeg knows, or
    a stream that was asked for is not in it.
    """

    inboxes: ClassVar = {
        "inbox": "bytes or Chunks of any container",
        "control": "told here to finish or to stop",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Format | Either] = {
        "inbox": TransportStream() | ByteStream(), **_Demuxes.formats,
    }  # fmt: skip

    def __init__(
        self,
        container: str = "",
        *,
        video: Choice = None,
        audio: Choice = None,
        subtitles: Choice = False,
        name: str | None = None,
    ) -> None:
        """Check the words; nothing is read yet."""
        super().__init__(video, audio, subtitles, name)
        self.container = container

    def main(self) -> None:
        """Take one container after the other apart."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("Demux"):
            from kamesh.components.media.engine.demuxing import Demuxer, open_media

        source = MediaInput(self._piece)
        while source.begin():
            what = f"what came to {self.inbox.label}"
            opened = open_media(source, what, form=self.container or None, options=STREAMED)
            before = self.packets
            with Demuxer(opened, what, **self.choices) as demuxer:
                self.pass_on(demuxer)
            if demuxer.broken and self.packets == before and "mp4" in demuxer.form:
                raise MediaError(
                    f"{what} is an MP4 whose index comes at its end, which cannot be read as a "
                    "stream: read it as a file, with PacketSource, or write it in fragments"
                )

    def _piece(self) -> Preamble | Chunk | None:
        """Take the next piece; None at the end."""
        for piece in self.inbox:
            if isinstance(piece, Preamble | Chunk):
                return piece
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise unexpected("Demux", "bytes or Chunks", piece)
            return Chunk(bytes(piece))
        return None


class PacketSource(_Demuxes):
    """Gives the packets of a media file, without decoding them.

    `realtime=True` sends each when it is due by the clock; otherwise as fast as they are taken.
    `video`, `audio` and `subtitles` choose the streams, as in Demux.

    Example:
        >>> Pipeline(TestCard(size=(160, 90), seconds=1, realtime=False), Encode(audio=""),
        ...          MuxMPEGTS(), Record("card.ts")).run()
        >>> Pipeline(PacketSource("card.ts"), MuxMPEGTS(), Record("copy.ts")).run()
        >>> probe("copy.ts").frames
        25

    Boxes: "outbox" a StreamHeader, then MediaPackets; "subtitles" `Subtitle`s; "control".

    How it ends: at the end of the file, or when told on "control". It fails, with a sentence, if the
    file is missing or is not media, or a stream that was asked for is not in it. A file that breaks
    off is given as far as it goes.
    """

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }

    def __init__(
        self,
        path: str | Path,
        realtime: bool = False,
        *,
        video: Choice = None,
        audio: Choice = None,
        subtitles: Choice = False,
        name: str | None = None,
    ) -> None:
        """Check the words; the file is opened when it starts."""
        super().__init__(video, audio, subtitles, name)
        self.file = a_path(path)
        self.realtime = realtime
        self._start: float | None = None

    def main(self) -> None:
        """Send packet after packet."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("PacketSource"):
            from kamesh.components.media.engine.demuxing import Demuxer, open_media

        if self.file.is_dir():
            raise MediaError(f"{self.file} is a folder, not a media file")
        if not self.file.exists():
            raise MediaError(f"there is no file {self.file}")
        where = str(self.file)
        with Demuxer(open_media(where, where), where, **self.choices) as demuxer:
            self.pass_on(demuxer)

    def due(self, demuxer: Demuxer, message: Any) -> bool:
        """Wait until a packet's time has come; False if it is to stop."""
        if self.realtime and isinstance(message, MediaPacket):
            time = float(message.dts * demuxer.header.streams[message.stream].time_base)
            if self._start is None:
                self._start = self.now() - time
            while (wait := self._start + time - self.now()) > SLACK:
                if self.stopping():
                    return False
                self.pause(wait)
        return not self.stopping()
