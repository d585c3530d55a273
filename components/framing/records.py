"""Records of a fixed size, and streams cut anew into pieces of one size.

Laws
1. Every record has the same size; one that was cut short is said, not sent.
2. What is kept is less than one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.incremental import (
    BadFrame,
    CutShort,
    Incremental,
    given_bytes,
)
from kamesh.components.refusing import WrongFigure

__all__ = [
    "JoinRecords",
    "Rechunk",
    "Rechunker",
    "RecordJoiner",
    "RecordSplitter",
    "SplitRecords",
]


class Rechunker(Incremental[bytes, bytes]):
    """Takes bytes, gives them in pieces of `size`; the last may be smaller.

    Example: `Rechunker(2).feed(b"abc") == [b"ab"]`.
    """

    def __init__(self, size: int) -> None:
        """Begin with nothing; WrongFigure for a size below one byte."""
        self._size = _checked(size)
        self._kept = bytearray()
        self._number = 0

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give the pieces that are full now."""
        kept, size = self._kept, self._size
        kept += given
        at = 0
        try:
            for end in range(size, len(kept) + 1, size):
                piece = bytes(kept[at:end])
                at = end
                self._number += 1
                yield piece
        finally:
            del kept[:at]

    def rest(self) -> Iterator[bytes]:
        """Give what is left."""
        if self._kept:
            yield bytes(self._kept)
            self._kept.clear()


class RecordSplitter(Rechunker):
    """Takes bytes, gives records of `size` bytes; CutShort if the last is not whole.

    Example: `RecordSplitter(2).feed(b"abc") == [b"ab"]`.
    """

    def rest(self) -> Iterator[bytes]:
        """Raise CutShort unless the stream ended between two records."""
        if self._kept:
            raise CutShort(
                f"the stream ended in the middle of record {self._number + 1}: {len(self._kept)} of "
                f"its {self._size} bytes came"
            )
        yield from ()


class RecordJoiner(Incremental[bytes, bytes]):
    """Takes records, gives them filled up to `size` bytes.

    Example: `RecordJoiner(4, fill=b" ").feed(b"abc") == [b"abc "]`. Arguments as JoinRecords has them.
    """

    def __init__(self, size: int, fill: bytes | str | None = None) -> None:
        """WrongFigure for a size below one byte, and for a `fill` that is not one byte."""
        self._size = _checked(size)
        self._fill = None if fill is None else given_bytes(fill, "what fills a record up")
        if self._fill is not None and len(self._fill) != 1:
            raise WrongFigure(f"records are filled up with one byte, and not with {fill!r}")

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Give the record; BadFrame if it has not the right size."""
        if self._fill is not None:
            given = given.ljust(self._size, self._fill)
        if len(given) != self._size:
            raise BadFrame(f"a record of {len(given)} bytes came, and they have {self._size} here")
        yield given


class SplitRecords(Splitting):
    """Takes records of a fixed size out of bytes.

    `size` is how many bytes a record has. `source` is what a mistake is said of.

    Example:
        >>> run(SplitRecords(3), [b"on", b"etw", b"o"])["outbox"]
        [b'one', b'two']

    Boxes: "inbox" bytes, cut anywhere; "outbox" the records, as bytes; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, where the stream
    ends in the middle of a record, after those before it are sent.
    """

    def __init__(self, size: int, *, source: str = "", name: str | None = None) -> None:
        """Begin before the first record; WrongFigure for a size below one byte."""
        super().__init__(RecordSplitter(size), source=source, name=name)


class JoinRecords(Joining):
    """Makes a stream of bytes of records of a fixed size: SplitRecords takes them out again.

    `size` is how many bytes a record has; with `fill`, one byte or an ASCII character, shorter
    ones are filled up with it.

    Example:
        >>> run(JoinRecords(5, fill=b" "), [b"one", b"three"])["outbox"]
        [b'one  three']

    Boxes: "inbox" bytes; "outbox" bytes, several records in a message where several wait; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, for a record of
    another size.
    """

    outboxes: ClassVar = {**Joining.outboxes, "outbox": "records, as bytes"}

    def __init__(
        self, size: int, fill: bytes | str | None = None, *, name: str | None = None
    ) -> None:
        """WrongFigure for a size below one byte, and for a `fill` that is not one byte."""
        super().__init__(RecordJoiner(size, fill), name=name)


class Rechunk(Splitting):
    """Cuts a stream of bytes anew: into pieces of one size, for datagrams or for blocks of a disk.

    `size` is how many bytes a piece has; a piece is sent when it is full.

    Example:
        >>> run(Rechunk(4), [b"one", b"two", b"three"])["outbox"]
        [b'onet', b'woth', b'ree']

    Boxes: "inbox" bytes; "outbox" bytes in pieces of that size, the last may be smaller; "control".

    How it ends: when its inbox has ended, after the last piece; told Shutdown, at once.
    """

    def __init__(self, size: int, *, name: str | None = None) -> None:
        """Begin with nothing; WrongFigure for a size below one byte."""
        super().__init__(Rechunker(size), name=name)


def _checked(size: int) -> int:
    if not isinstance(size, int):
        raise WrongFigure(f"a record or a piece has a whole number of bytes, and not {size!r}")
    if size < 1:
        raise WrongFigure(f"records and pieces have at least 1 byte, and not {size}")
    return size
