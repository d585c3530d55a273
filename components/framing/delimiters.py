"""Delimiters: frames that end with a certain sequence of bytes.

Laws
1. A delimiter ends a frame wherever it stands: frames that hold it are refused when they are joined.
2. What is kept is at most one unfinished frame, and nothing of it is looked through twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.incremental import (
    LONGEST,
    BadFrame,
    CutShort,
    FrameTooLong,
    Incremental,
    checked_limit,
    given_bytes,
)
from kamesh.components.refusing import WrongFigure

__all__ = ["DelimiterJoiner", "DelimiterSplitter", "JoinDelimited", "SplitDelimited"]

Last = Literal["send", "refuse"]


class DelimiterSplitter(Incremental[bytes, bytes]):
    r"""Takes bytes, gives what stands between delimiters.

    Example: `DelimiterSplitter(b"\0").feed(b"one\0tw") == [b"one"]`. Arguments as SplitDelimited
    has them.
    """

    def __init__(
        self,
        delimiter: bytes | str,
        *,
        keep: bool = False,
        last: Last = "send",
        longest: int = LONGEST,
    ) -> None:
        """Begin with nothing; WrongFigure for a delimiter of no bytes."""
        delimiter = _checked(delimiter)
        if last not in ("send", "refuse"):
            raise WrongFigure(f"a last frame without delimiter: 'send' or 'refuse', not {last!r}")
        self._delimiter = delimiter
        self._keep = len(delimiter) if keep else 0
        self._last = last
        self._longest = checked_limit(longest)
        self._kept = bytearray()
        self._searched = 0  # bytes of `_kept` in which no delimiter begins
        self._number = 0

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give the frames that are complete now."""
        kept, delimiter = self._kept, self._delimiter
        kept += given
        begin = 0
        try:
            while (end := kept.find(delimiter, max(begin, self._searched))) >= 0:
                self._check(end - begin)
                frame = bytes(memoryview(kept)[begin : end + self._keep])
                begin = end + len(delimiter)
                self._number += 1
                yield frame
        finally:
            del kept[:begin]
            self._searched = max(0, len(kept) - len(delimiter) + 1)
        self._check(self._searched)

    def rest(self) -> Iterator[bytes]:
        """Give the last frame, if it has no delimiter; or raise CutShort for it."""
        last = bytes(self._kept)
        if not last:
            return
        self._check(len(last))
        if self._last == "refuse":
            raise CutShort(
                f"the stream ended in the middle of frame {self._number + 1}: {len(last)} bytes of "
                f"it came, and not its {self._delimiter!r}"
            )
        self._kept.clear()
        self._searched = 0
        yield last

    def _check(self, length: int) -> None:
        if length > self._longest:
            raise FrameTooLong(
                f"frame {self._number + 1} goes on for more than {self._longest} bytes without "
                f"{self._delimiter!r}: either it is no such stream, or raise `longest`"
            )


class DelimiterJoiner(Incremental[bytes, bytes]):
    r"""Takes frames, gives each with a delimiter behind it.

    Example: `DelimiterJoiner(b"\0").feed(b"one") == [b"one\0"]`.
    """

    def __init__(self, delimiter: bytes | str) -> None:
        """WrongFigure for a delimiter of no bytes."""
        self._delimiter = _checked(delimiter)

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Give the frame and the delimiter; BadFrame if the frame would end sooner."""
        framed = given + self._delimiter
        if framed.find(self._delimiter) != len(given):
            raise BadFrame(
                f"a message of {len(given)} bytes has the delimiter {self._delimiter!r} in it, and "
                f"would be two: choose another, or frame by length"
            )
        yield framed


class SplitDelimited(Splitting):
    r"""Takes messages out of bytes in which a delimiter stands behind each.

    `delimiter` is any bytes, or text for its bytes in UTF-8; with `keep=True` it stays at the end of
    each message. `last` says what to do with bytes after the last delimiter: "send" them (the default)
    or "refuse" them, as a stream that was cut. `longest` is how many bytes a message may have (default
    1 MiB).

    Example:
        >>> run(SplitDelimited(b"; "), [b"one; tw", b"o;", b" three"])["outbox"]
        [b'one', b'two', b'three']

    Boxes: "inbox" bytes, cut anywhere; "outbox" the messages, as bytes; "control".

    How it ends: when its inbox has ended, after the last message; told Shutdown, at once. It fails,
    with a sentence, for a message that is too long, and for one without an end where that is refused.
    """

    def __init__(
        self,
        delimiter: bytes | str,
        *,
        keep: bool = False,
        last: Last = "send",
        longest: int = LONGEST,
        source: str = "",
        name: str | None = None,
    ) -> None:
        """Begin with nothing; WrongFigure for a delimiter of no bytes."""
        core = DelimiterSplitter(delimiter, keep=keep, last=last, longest=longest)
        super().__init__(core, source=source, name=name)


class JoinDelimited(Joining):
    r"""Makes a stream of bytes of messages, with a delimiter behind each.

    `delimiter` is any bytes that no message holds, or text for its bytes in UTF-8.

    Example:
        >>> run(JoinDelimited(b"; "), [b"one", b"two"])["outbox"]
        [b'one; two; ']

    Boxes: "inbox" bytes; "outbox" bytes, several frames in a message where several wait; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, for a message
    that the delimiter would cut.
    """

    outboxes: ClassVar = {**Joining.outboxes, "outbox": "messages and delimiters, as bytes"}

    def __init__(self, delimiter: bytes | str, *, name: str | None = None) -> None:
        """WrongFigure for a delimiter of no bytes."""
        super().__init__(DelimiterJoiner(delimiter), name=name)


def _checked(delimiter: bytes | str) -> bytes:
    if not (found := given_bytes(delimiter, "a delimiter")):
        raise WrongFigure("a delimiter has at least one byte")
    return found
