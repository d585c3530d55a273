"""Netstrings: each frame as `length:bytes,` (D. J. Bernstein, 1997).

Law: a length that is too large or no number is refused when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.incremental import (
    LONGEST,
    BadFrame,
    FrameTooLong,
    Incremental,
)
from kamesh.components.framing.lengths import LengthPrefixed

__all__ = ["JoinNetstrings", "NetstringJoiner", "NetstringSplitter", "SplitNetstrings"]


COMMA = ord(",")


class NetstringSplitter(LengthPrefixed):
    """Takes bytes, gives the netstrings in them.

    Example: `NetstringSplitter().feed(b"3:one,3:t") == [b"one"]`.
    """

    _what: ClassVar = "netstring"
    _behind: ClassVar = 1

    def __init__(self, longest: int = LONGEST) -> None:
        """Begin before the first frame, of at most `longest` bytes."""
        super().__init__(longest)
        self._digits = len(str(longest))

    def _check_end(self, end: int, length: int) -> None:
        if self._kept[end] != COMMA:
            raise BadFrame(
                f"netstring {self._number + 1} does not end with a comma after the {length} bytes it "
                f"announces: this does not seem to be a stream of netstrings"
            )

    def _begin(self, at: int) -> tuple[int, int] | None:
        """Give the length that stands at `at`, and where its frame begins; None if it is not whole."""
        head = self._kept[at : at + self._digits + 1]
        digits = head[: len(head) - len(head.lstrip(b"0123456789"))]
        after = head[len(digits) : len(digits) + 1]
        if digits and int(digits) > self._longest:
            raise FrameTooLong(
                f"netstring {self._number + 1} has a length of more than the {self._longest} bytes "
                f"that are allowed: either it is no such stream, or raise `longest`"
            )
        if (after and after != b":") or head[:1] == b":" or (digits[:1] == b"0" != digits):
            raise BadFrame(
                f"netstring {self._number + 1} does not begin with a length and a colon: this does "
                f"not seem to be a stream of netstrings"
            )
        return (int(digits), at + len(digits) + 1) if after else None


class NetstringJoiner(Incremental[bytes, bytes]):
    """Takes frames, gives netstrings: `NetstringJoiner().feed(b"one") == [b"3:one,"]`."""

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Give the netstring."""
        yield b"%d:%b," % (len(given), given)


class SplitNetstrings(Splitting):
    """Takes messages out of bytes in which each is a netstring, `length:bytes,`.

    `longest` is how many bytes a message may have (default 1 MiB). `source` is what a mistake is
    said of.

    Example:
        >>> run(SplitNetstrings(), [b"3:on", b"e,5:three,"])["outbox"]
        [b'one', b'three']

    Boxes: "inbox" bytes, cut anywhere; "outbox" the messages, as bytes; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for what is no
    netstring or is too long, and where the stream ends in the middle of one.
    """

    def __init__(
        self, longest: int = LONGEST, *, source: str = "", name: str | None = None
    ) -> None:
        """Begin before the first message."""
        super().__init__(NetstringSplitter(longest), source=source, name=name)


class JoinNetstrings(Joining):
    """Makes a stream of bytes of messages, each a netstring: SplitNetstrings takes them out again.

    Example:
        >>> run(JoinNetstrings(), [b"one", b"three"])["outbox"]
        [b'3:one,5:three,']

    Boxes: "inbox" bytes; "outbox" bytes, several frames in a message where several wait; "control".

    How it ends: with its inbox, or when told on "control".
    """

    outboxes: ClassVar = {**Joining.outboxes, "outbox": "netstrings, as bytes"}

    def __init__(self, *, name: str | None = None) -> None:
        """Begin."""
        super().__init__(NetstringJoiner(), name=name)
