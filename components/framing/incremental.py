"""Incremental: what turns one stream into another piece by piece, with no I/O and no clock.

Laws
1. What comes out is the same however what went in was cut, and so is the mistake that is found.
2. What came whole before a mistake is given before the mistake is raised; after it, nothing is.
3. What is kept is bounded; a frame past its limit is refused as soon as that is known.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Generic, TypeVar

from kamesh.components.refusing import WrongFigure
from kamesh.errors import KameshError

__all__ = [
    "LONGEST",
    "BadFrame",
    "CutShort",
    "FrameTooLong",
    "FramingError",
    "Incremental",
    "checked_limit",
    "given_bytes",
]

LONGEST = 1 << 20  # bytes a frame may have unless told otherwise: large for a message

Given = TypeVar("Given")
Made = TypeVar("Made")


class FramingError(KameshError, ValueError):
    """A stream is not what it should be; or a message does not go into one."""


class FrameTooLong(FramingError):
    """A frame is longer than is allowed."""


class BadFrame(FramingError):
    """A frame is not of the form it should have."""


class CutShort(FramingError, EOFError):
    """A stream ended in the middle of a frame."""


class Incremental(Generic[Given, Made]):
    """Takes a stream in pieces, and gives another one in pieces.

    Example:
        frames = NetstringSplitter()
        frames.feed(b"3:one,3:t")      # [b"one"]
        frames.feed(b"wo,")            # [b"two"]
        frames.finish()                # []

    Write `pieces` and, where there is something to do at the end, `rest`.
    """

    _mistake: Exception | None = None

    def pieces(self, given: Given) -> Iterable[Made]:
        """Take `given`; give what it completes, lazily, each as soon as it is asked for."""
        raise NotImplementedError

    def rest(self) -> Iterable[Made]:
        """Take the end of the stream; give what that completes. CutShort in mid-frame."""
        return ()

    def feed(self, given: Given) -> list[Made]:
        """Take `given`; give all that it completes. A mistake after that is raised by the next call."""
        self._refuse_after_mistake()
        made: list[Made] = []
        try:
            for piece in self.pieces(given):
                made.append(piece)  # not extend(): those before a mistake are to be there
        except Exception as error:
            self._mistake = error
            if not made:
                raise
        return made

    def finish(self) -> list[Made]:
        """Take the end of the stream; give what that completes."""
        self._refuse_after_mistake()
        return list(self.rest())

    def _refuse_after_mistake(self) -> None:
        if self._mistake is not None:
            raise self._mistake


def given_bytes(given: bytes | str, what: str) -> bytes:
    """Give an argument as bytes: text, as a command line has it, in UTF-8; WrongFigure otherwise."""
    if isinstance(given, str):
        return given.encode("utf-8", "surrogateescape")
    if not isinstance(given, bytes):
        raise WrongFigure(f"{what} is bytes, or text for UTF-8, and not {given!r}")
    return given


def checked_limit(longest: int, what: str = "frame") -> int:
    """Give `longest` if something can be that long; WrongFigure otherwise."""
    if not isinstance(longest, int) or longest > sys.maxsize // 2:
        raise WrongFigure(f"a {what} has so many bytes at most: a whole number, and not {longest!r}")
    if longest < 1:
        raise WrongFigure(f"a {what} of at most {longest} bytes cannot hold anything")
    return longest
