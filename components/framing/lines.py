"""Lines out of bytes that come in pieces of any size, and bytes out of lines.

Laws
1. The lines are the same however the bytes were cut, in the middle of a character too.
2. What is kept is at most one unfinished line, and that is bounded.
3. A line ends at a line feed, with or without a carriage return before it; neither is part of it.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from typing import ClassVar

from kamesh import Component
from kamesh.components.framing.converting import Splitting
from kamesh.components.framing.incremental import (
    FrameTooLong,
    FramingError,
    Incremental,
    checked_limit,
)
from kamesh.errors import KameshError

__all__ = [
    "LONGEST_LINE",
    "JoinLines",
    "LineSplitter",
    "LineTooLong",
    "NotText",
    "SplitLines",
    "UnknownEncoding",
    "wrong_byte",
]

LONGEST_LINE = 1 << 20  # characters: no line that a person wrote, and still a small message


class LineTooLong(FrameTooLong):
    """A line went on and on: what came is most likely not text."""


class NotText(FramingError):
    """Bytes were to be read as text and are none."""


class UnknownEncoding(KameshError, LookupError, ValueError):
    """There is no such encoding of text, or no such way with its mistakes."""


class LineSplitter(Incremental[bytes, str]):
    r"""Takes bytes, gives lines.

    Example:
        lines = LineSplitter()
        lines.feed(b"one\ntw")     # ["one"]
        lines.feed(b"o\nthree")    # ["two"]
        lines.finish()             # ["three"]

    `encoding` and `errors` as `bytes.decode` has them: "strict" raises UnicodeError, "replace" puts
    U+FFFD for what is not text. `longest` in characters.
    """

    def __init__(
        self, encoding: str = "utf-8", errors: str = "strict", longest: int = LONGEST_LINE
    ) -> None:
        """Begin with nothing; UnknownEncoding for one that does not exist, or is not one of text."""
        self._decoder = _decoder(encoding, errors)
        self._longest = checked_limit(longest, "line")
        self._parts: list[str] = []  # of the line that is not finished
        self._length = 0
        self.lines = 0  # complete so far

    def pieces(self, given: bytes) -> Iterator[str]:
        """Take `given`; give the lines that are complete now."""
        text, mistake = self._decoded(given)
        yield from self._split(text)
        if mistake is not None:
            raise mistake

    def rest(self) -> Iterator[str]:
        """Give the last line, if the bytes ended without a line feed."""
        yield from self._split(self._decoder.decode(b"", final=True))
        last = "".join(self._parts)
        self._parts, self._length = [], 0
        if last:
            self.lines += 1
            yield last

    def _decoded(self, data: bytes) -> tuple[str, UnicodeError | None]:
        """Decode `data` as far as it is text."""
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(data), None
        except UnicodeError:  # some encodings do not say where: byte by byte all of them do
            self._decoder.setstate(state)
        good: list[str] = []
        try:
            good.extend(self._decoder.decode(data[at : at + 1]) for at in range(len(data)))
        except UnicodeError as error:
            return "".join(good), error
        return "".join(good), None

    def _split(self, text: str) -> Iterator[str]:
        first, *others = text.split("\n")
        self._add(first)
        if not others:
            return
        last = others.pop()
        self.lines += 1
        line = "".join(self._parts)
        self._parts, self._length = [], 0
        yield line.removesuffix("\r")
        if len(text) > self._longest:
            for line in others:
                self._check(len(line))
                self.lines += 1
                yield line.removesuffix("\r")
        else:
            self.lines += len(others)
            yield from [line.removesuffix("\r") for line in others] if "\r" in text else others
        self._add(last)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        self._check(self._length)

    def _check(self, length: int) -> None:
        if length > self._longest:
            raise LineTooLong(
                f"a line goes on for more than {self._longest} characters: this does not seem to "
                f"be text"
            )


class SplitLines(Splitting):
    r"""Makes lines of bytes that come in pieces of any size.

    `encoding` as `bytes.decode` has it; `errors="replace"` goes on, with U+FFFD, where the bytes are
    not text; `longest` is how many characters a line may have (default a million or so: 1 << 20);
    `source` is what a mistake in them is said of.

    Example:
        >>> run(SplitLines(), [b"on", b"e\ntwo\nth", b"ree"])["outbox"]
        ['one', 'two', 'three']

    Boxes: "inbox" bytes; "outbox" lines, as str without their line feed; "control".

    How it ends: when its inbox has ended, after the last line; told Shutdown, at once. It fails,
    with a sentence, for bytes that are not text and for a line that is longer than `longest`.
    """

    outboxes: ClassVar = {
        "outbox": "lines, without their line feed",
        "signal": "passes on what was told on control",
    }
    _core: LineSplitter

    def __init__(
        self,
        encoding: str = "utf-8",
        errors: str = "strict",
        longest: int = LONGEST_LINE,
        *,
        source: str = "what came",
        name: str | None = None,
    ) -> None:
        """Begin with nothing; UnknownEncoding for one that does not exist, WrongFigure for a length."""
        super().__init__(LineSplitter(encoding, errors, longest), source=source, name=name)
        self.encoding = encoding

    def _explained(self, error: ValueError) -> Exception:
        if not isinstance(error, UnicodeError):
            return super()._explained(error)
        return NotText(
            f"{self.source} is not text in {self.encoding}: after line {self._core.lines} "
            f"{wrong_byte(error)}; name another encoding, or take it as bytes"
        )

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"lines": self._core.lines}


class JoinLines(Component):
    r"""Makes bytes of messages: each on a line of its own, as `str()` gives it, in UTF-8.

    Example:
        >>> run(JoinLines(), ["one", 2])["outbox"]
        [b'one\n2\n']

    Boxes: "inbox" anything (one that ends with a line feed gets no other); "outbox" bytes, all lines
    of a turn in one message; "control".

    How it ends: when its inbox has, or when told on "control".
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}

    def main(self) -> Generator[None, None, None]:
        """Join what has arrived."""
        while not self.stopping():
            text = "".join(map(_line, self.inbox))
            if text:
                self.send(text.encode("utf-8", "backslashreplace"))
            yield self.pause()


def wrong_byte(error: UnicodeError) -> str:
    """Say what was found that is no text."""
    if isinstance(error, UnicodeDecodeError):
        return f"there is the byte 0x{error.object[error.start]:02x}"
    return f"it cannot be read ({error})"


def _decoder(encoding: str, errors: str) -> codecs.IncrementalDecoder:
    try:
        b" ".decode(encoding, "replace")  # which refuses what makes no text of bytes
        codecs.lookup_error(errors)
        return codecs.getincrementaldecoder(encoding)(errors)
    except (LookupError, TypeError, ValueError):
        raise UnknownEncoding(
            f"bytes cannot be read as text by encoding={encoding!r} and errors={errors!r}: take one "
            f"that bytes.decode has, such as 'utf-8', 'latin-1' or 'utf-16', with 'strict' or 'replace'"
        ) from None


def _line(message: object) -> str:
    line = str(message)
    return line if line.endswith("\n") else line + "\n"
