"""MuxMPEGTS and Mux: packets to a stream of bytes that can be joined at any key frame.

MuxMPEGTS runs in the scheduler itself: a picture costs 20 to 100 microseconds. What is done with it is
in `mpegts.py`. Mux writes the other containers by PyAV, in a thread of its own; see `muxing.py`.

Laws: pieces in order, none twice; each that is flagged as a key frame can be the first, after the
`Preamble` if there was one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import ClassVar

from kamesh import Component, ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.formats import ByteStream, Format, Packets, TransportStream
from kamesh.components.media.core.livewords import LIVE
from kamesh.components.media.core.mpegts import TransportMuxer
from kamesh.components.media.messages import (
    Chunk,
    MediaPacket,
    Preamble,
    StreamHeader,
    unexpected,
)
from kamesh.components.refusing import WrongFigure, mapping, text
from kamesh.linking import did_you_mean

__all__ = ["Mux", "MuxMPEGTS"]


class MuxMPEGTS(Component):
    """Multiplexes a programme into MPEG-TS, the form that recorders, relays and players take.

    It needs no PyAV.

    Example:
        >>> card = TestCard(size=(320, 180), seconds=1, realtime=False)
        >>> MediaPipeline(card, Encode(), MuxMPEGTS(), kept := DataSink()).run()
        >>> {len(chunk.data) % 188 for chunk in kept.messages}
        {0}

    Boxes: "inbox" a StreamHeader, then MediaPackets, as Encode sends them; "outbox" `Chunk`s: whole
    188-byte packets; "control".

    How it ends: when the stream ends or it is told on "control". It fails, with a sentence, for a
    codec that MPEG-TS has no place for and for packets without a header.
    """

    inboxes: ClassVar = {
        "inbox": "a StreamHeader, then MediaPackets",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "Chunks of MPEG-TS",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Format] = {"inbox": Packets(), "outbox": TransportStream()}

    def __init__(self, *, name: str | None = None) -> None:
        """Begin with no streams."""
        super().__init__(name=name)
        self._muxer = TransportMuxer()
        self.bytes = 0

    def main(self) -> Generator[None, None, None]:
        """Multiplex packet after packet."""
        while not self.stopping():
            for message in self.inbox:
                if isinstance(message, StreamHeader):
                    self._muxer.begin(message)
                    continue
                if not isinstance(message, MediaPacket):
                    raise unexpected("MuxMPEGTS", "what Encode sends", message)
                chunk = self._muxer.mux(message)
                self.bytes += len(chunk.data)
                self.send(chunk)
            yield self.pause()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"chunks": self._muxer.sequence, "bytes": self.bytes}


class Mux(ThreadedComponent):
    """Multiplexes a programme into Matroska, WebM, Ogg, MP4 or MPEG-TS, for viewers to join live.

    `container` is "matroska", "webm", "ogg" (sound), "mp4" (in fragments) or "mpegts" (by FFmpeg, which
    has places for more codecs than MuxMPEGTS has); `options` are FFmpeg's own words for it. For files
    see Record.

    Example:
        >>> card = TestCard(size=(320, 180), seconds=2, realtime=False)
        >>> webm = [Encode("vp9", "opus", gop=25), Mux("webm")]
        >>> MediaPipeline(card, *webm, kept := DataSink()).run()
        >>> type(kept.messages[0]).__name__, sum(piece.keyframe for piece in kept.messages[1:])
        ('Preamble', 2)

    Boxes: "inbox" a StreamHeader, then MediaPackets; "outbox" a `Preamble`, which every viewer is given
    first, then `Chunk`s; of MPEG-TS only `Chunk`s; "control".

    How it ends: when the stream ends or it is told on "control", after what is left inside. A second
    header begins anew, with a `Preamble` of its own. It fails, with a sentence, for codecs that the
    container has no place for.
    """

    inboxes: ClassVar = MuxMPEGTS.inboxes
    outboxes: ClassVar = {
        "outbox": "a Preamble, then Chunks",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Format] = {"inbox": Packets(), "outbox": ByteStream()}

    def __init__(
        self,
        container: str = "matroska",
        options: Mapping[str, str] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        """Check the container; WrongFigure names those there are."""
        super().__init__(name=name)
        text(container, "the name of a container")
        if container not in LIVE:
            raise WrongFigure(
                f"there is no live container {container!r}{did_you_mean(container, LIVE)}; there is "
                f"{', '.join(LIVE)}"
            )
        self.container = container
        self.options = mapping(options, "options")
        self.bytes = self.pieces = 0
        if container == "mpegts":
            self.formats = {"inbox": Packets(), "outbox": TransportStream()}

    def main(self) -> None:
        """Multiplex packet after packet."""
        # PyAV takes a tenth of a second to import: only the node that multiplexes pays for it
        with needing("Mux"):
            from kamesh.components.media.engine.muxing import LiveMuxer

        muxer = LiveMuxer(self.container, self.options)
        for message in self.inbox:
            if isinstance(message, StreamHeader):
                pieces = muxer.begin(message)
            elif isinstance(message, MediaPacket):
                pieces = muxer.mux(message)
            else:
                raise unexpected("Mux", "what Encode sends", message)
            self._send_all(pieces)
        self._send_all(muxer.finish())

    def _send_all(self, pieces: Iterator[Preamble | Chunk]) -> None:
        for piece in pieces:
            self.send(piece)
            self.bytes += len(piece.data)
            self.pieces += 1

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"pieces": self.pieces, "bytes": self.bytes}
