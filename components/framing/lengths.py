"""Frames behind their lengths: what all forms of them share, however the length is written.

Laws
1. A length that is too large is refused when it is read, before anything is kept for it.
2. What is kept is at most one unfinished frame, its length, and what stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kamesh.components.framing.incremental import LONGEST, CutShort, Incremental, checked_limit

__all__ = ["LengthPrefixed"]


class LengthPrefixed(Incremental[bytes, bytes]):
    """Takes bytes, gives the frames in them: the base of PrefixSplitter and NetstringSplitter.

    A subclass says how a length is written (`_begin`), how many bytes stand behind a frame (`_behind`)
    and looks at them (`_check_end`).
    """

    _what: ClassVar = "frame"
    _behind: ClassVar = 0

    def __init__(self, longest: int = LONGEST) -> None:
        """Begin before the first frame, of at most `longest` bytes."""
        self._longest = checked_limit(longest)
        self._kept = bytearray()
        self._length: int | None = None  # of the frame that is coming
        self._number = 0

    def _begin(self, at: int) -> tuple[int, int] | None:
        """Give the length that stands at `at`, and where its frame begins; None if it is not whole."""
        raise NotImplementedError

    def _check_end(self, end: int, length: int) -> None:
        """Refuse what does not belong behind a frame."""

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give the frames that are complete now."""
        kept, behind = self._kept, self._behind
        kept += given
        at = 0
        try:
            while True:
                if self._length is None:
                    begin = self._begin(at)
                    if begin is None:
                        return
                    self._length, at = begin
                end = at + self._length
                if len(kept) < end + behind:
                    return
                if behind:
                    self._check_end(end, self._length)
                frame = bytes(kept[at:end])
                at = end + behind
                self._length = None
                self._number += 1
                yield frame
        finally:
            del kept[:at]

    def rest(self) -> Iterator[bytes]:
        """Raise CutShort unless the stream ended between two frames."""
        which = f"{self._what} {self._number + 1}"
        if self._length is not None:
            raise CutShort(
                f"the stream ended in the middle of {which}: it has {self._length} bytes, and "
                f"{len(self._kept)} of them came"
            )
        if self._kept:
            raise CutShort(
                f"the stream ended in the middle of the length of {which}: {len(self._kept)} bytes of "
                f"it came"
            )
        yield from ()
