"""A file object, for FFmpeg, whose bytes come as chunks over a linkage. No PyAV.

Laws: it waits for whoever brings the bytes and for nothing else; where chunks say where a newcomer
may begin, it begins there; a preamble ends what came before it and begins a new container.
"""

from __future__ import annotations

from collections.abc import Callable

from kamesh.components.chunks import Chunk, Preamble

__all__ = ["MediaInput"]


class MediaInput:
    """Reads one container after the other out of what `take` gives: pieces, then None for ever.

    Example:
        source = MediaInput(take)
        while source.begin():
            with av.open(source) as container: ...
    """

    def __init__(self, take: Callable[[], Preamble | Chunk | None]) -> None:
        """Take nothing yet."""
        self._take = take
        self._rest = b""
        self._next: Preamble | None = None  # the beginning of the container to come
        self._over = False

    def begin(self) -> bool:
        """Skip what is left of the last container; say whether another begins."""
        while self._next is None and self._fill():
            if not self._started:  # the first one may begin without a preamble
                break
        if self._next is not None:
            self._rest, self._next = self._next.data, None
        self._started = bool(self._rest)
        return self._started

    _started = False

    def read(self, size: int) -> bytes:
        """Give 1 to `size` bytes, waiting for them; none at the end of the container."""
        if not self._rest and not self._fill():
            return b""
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _fill(self) -> bool:
        """Take the next piece of this container; False at its end."""
        while not self._over and self._next is None:
            piece = self._take()
            if piece is None:
                self._over = True
            elif isinstance(piece, Preamble):
                self._next = piece
            elif piece.data and (self._started or piece.keyframe):
                self._rest = piece.data
                return True
        return False
