"""Fragments: the bytes of a fragmented MP4, cut where a viewer may begin; no I/O and no PyAV.

A fragmented MP4 (ISO/IEC 14496-12, 8.8) is `ftyp` and `moov`, which every player needs first, and
then pairs of `moof` and `mdat`. Written with one fragment for each key frame, each pair is a place
to begin.

Laws: bytes may come in pieces of any size; what is given out is whole boxes, in order, none changed
but for the boxes an ended file adds (`mfra`), which a live stream has no use for; a box that claims
more than the limit is refused.
"""

from __future__ import annotations

from kamesh.components.chunks import Chunk, Preamble

__all__ = ["FragmentCutter"]

LARGEST_BOX = 64 << 20
HEAD = (b"ftyp", b"moov")
LEFT_OUT = (b"mfra", b"sidx")


class FragmentCutter:
    """Turns the bytes of a fragmented MP4 into one `Preamble` and a `Chunk` for each fragment.

    Example: `for item in cutter.feed(data): fanout.put(item)`. Times are not read, so the chunks
    have the time that `feed` was last told.
    """

    def __init__(self) -> None:
        """Start before the first byte."""
        self._buffer = bytearray()
        self._head = bytearray()
        self._fragment = bytearray()
        self._sequence = 0

    def feed(self, data: bytes, pts: float = 0.0) -> list[Preamble | Chunk]:
        """Take more bytes; give what is complete. ValueError if they are not boxes of MP4."""
        self._buffer += data
        out: list[Preamble | Chunk] = []
        while len(self._buffer) >= 8:
            size = int.from_bytes(self._buffer[:4], "big")
            if size == 1 and len(self._buffer) >= 16:
                size = int.from_bytes(self._buffer[8:16], "big")
            elif size == 1:
                break
            if not 8 <= size <= LARGEST_BOX:
                raise ValueError(
                    f"a box of {size} bytes: this is no fragmented MP4 to be served live"
                )
            if len(self._buffer) < size:
                break
            kind, box = bytes(self._buffer[4:8]), bytes(self._buffer[:size])
            del self._buffer[:size]
            out += self._box(kind, box, pts)
        return out

    def finish(self) -> list[Preamble | Chunk]:
        """Give nothing: what is not a whole fragment is no piece."""
        return []

    def _box(self, kind: bytes, box: bytes, pts: float) -> list[Preamble | Chunk]:
        if kind in HEAD:
            self._head += box
            if kind != b"moov":
                return []
            head, self._head = bytes(self._head), bytearray()
            return [Preamble(head)]
        if kind in LEFT_OUT:
            return []
        self._fragment += box
        if kind != b"mdat":
            return []
        data, self._fragment = bytes(self._fragment), bytearray()
        sequence = self._sequence
        self._sequence += 1
        return [Chunk(data, True, pts, sequence)]
