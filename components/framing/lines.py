"""Lines out of bytes that come in pieces of any size.

Laws
1. The lines are the same however the bytes were cut, in the middle of a character too.
2. What is kept is at most one unfinished line, and that is bounded.
3. A line ends at a line feed, with or without a carriage return before it; neither is part of it.
"""

from __future__ import annotations

import codecs

from kamesh.errors import KameshError

__all__ = ["LONGEST_LINE", "LineSplitter", "LineTooLong"]

LONGEST_LINE = 1 << 20  # characters: no line that a person wrote, and still a small message


class LineTooLong(KameshError, ValueError):
    """A line went on and on: what came is most likely not text."""


class LineSplitter:
    r"""Takes bytes, gives lines.

    Example:
        lines = LineSplitter()
        lines.feed(b"one\ntw")     # ["one"]
        lines.feed(b"o\nthree")    # ["two"]
        lines.finish()             # ["three"]

    `encoding` and `errors` as `bytes.decode` has them: "strict" raises UnicodeDecodeError, "replace"
    puts U+FFFD for what is not text. `longest` in characters.
    """

    def __init__(
        self, encoding: str = "utf-8", errors: str = "strict", longest: int = LONGEST_LINE
    ) -> None:
        """Begin with nothing; LookupError for an encoding that does not exist."""
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._longest = longest
        self._parts: list[str] = []  # of the line that is not finished
        self._length = 0

    def feed(self, data: bytes) -> list[str]:
        """Take `data`; give the lines that are complete now."""
        return self._split(self._decoder.decode(data))

    def finish(self) -> list[str]:
        """Give the last line, if the bytes ended without a line feed."""
        lines = self._split(self._decoder.decode(b"", final=True))
        last = "".join(self._parts)
        self._keep("")
        return [*lines, last] if last else lines

    def _split(self, text: str) -> list[str]:
        first, *others = text.split("\n")
        self._parts.append(first)
        self._length += len(first)
        if self._length > self._longest:
            raise LineTooLong(
                f"a line goes on for more than {self._longest} characters: this does not seem to "
                f"be text"
            )
        if not others:
            return []
        lines = ["".join(self._parts), *others]
        self._keep(lines.pop())
        return [line.removesuffix("\r") for line in lines]

    def _keep(self, text: str) -> None:
        self._parts = [text]
        self._length = len(text)
