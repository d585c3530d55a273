"""RemuxMP4: a transport stream to the fragmented MP4 that browsers play.

It is a component with a thread of its own because FFmpeg reads by asking for bytes and waiting for
them.

Laws: it begins with the first chunk that a newcomer may begin with; each fragment that goes out is
complete and begins with a key frame, so it goes out when the next key frame comes; nothing is
decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from kamesh import ThreadedComponent
from kamesh.components.chunks import Chunk
from kamesh.components.extras import needing
from kamesh.components.formats import ByteStream, Either, Format, TransportStream

__all__ = ["RemuxMP4"]


class RemuxMP4(ThreadedComponent):
    """Puts the pictures and the sound of an MPEG transport stream into fragmented MP4, as they are.

    Example:
        >>> card = TestCard(size=(320, 180), seconds=2, realtime=False)
        >>> MediaPipeline(card, Encode(), MuxMPEGTS(), RemuxMP4(), kept := DataSink()).run()
        >>> [type(piece).__name__ for piece in kept.messages]
        ['Preamble', 'Chunk', 'Chunk']

    Boxes: "inbox" `Chunk`s or bytes of MPEG-TS; "outbox" a `Preamble`, then a `Chunk` for each
    fragment; "control".

    How it ends: when the stream ends or it is told on "control", after the last fragment. It fails,
    with a sentence, if the bytes are no transport stream or the codecs have no place in MP4.
    """

    inboxes: ClassVar = {
        "inbox": "Chunks or bytes of MPEG-TS",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a Preamble, then Chunks of MP4",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Format | Either] = {
        "inbox": TransportStream() | ByteStream(), "outbox": ByteStream(),
    }  # fmt: skip

    def __init__(self, *, name: str | None = None) -> None:
        """Begin with nothing read."""
        super().__init__(name=name)
        self._rest = b""
        self._begun = False
        self.fragments = 0

    def main(self) -> None:
        """Copy packets as their bytes come."""
        # PyAV takes a tenth of a second to import: only the node that serves browsers pays for it
        with needing("RemuxMP4"):
            from kamesh.components.media.engine.remuxing import remux

        if not self._fill():
            return  # a stream that ended before it began
        for piece in remux(self._read):
            self.send(piece)
            self.fragments += isinstance(piece, Chunk)

    def _read(self, size: int) -> bytes:
        """Give 1 to `size` bytes, waiting for them; none at the end."""
        if not self._rest and not self._fill():
            return b""
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _fill(self) -> bool:
        """Take the next piece; False at the end of the stream."""
        for piece in self.inbox:
            data = piece.data if isinstance(piece, Chunk) else bytes(piece)
            if not self._begun and isinstance(piece, Chunk) and not piece.keyframe:
                continue
            self._begun = True
            if data:
                self._rest = data
                return True
        return False

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"fragments": self.fragments}
