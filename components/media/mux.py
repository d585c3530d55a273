"""MuxMPEGTS: packets to a transport stream that can be joined at any key frame.

It runs in the scheduler itself: a picture costs 20 to 100 microseconds. What is done with it is in
`mpegts.py`.

Laws: one chunk for each packet, in order; each chunk that is flagged as a key frame can be the
first.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from kamesh import Component
from kamesh.components.media.formats import Format, Packets, TransportStream
from kamesh.components.media.messages import MediaPacket, StreamHeader, unexpected
from kamesh.components.media.mpegts import TransportMuxer

__all__ = ["MuxMPEGTS"]


class MuxMPEGTS(Component):
    """Multiplexes a programme into MPEG-TS, the form that recorders, relays and players take.

    Example: `Pipeline(Encode(), MuxMPEGTS(), Record("out.ts"))`. Needs no PyAV.

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
