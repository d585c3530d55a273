"""Length prefixes: each frame behind its length in bytes.

Law: what comes out of one end is what went in at the other, whatever the size of the lengths.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.incremental import (
    LONGEST,
    BadFrame,
    FrameTooLong,
    Incremental,
)
from kamesh.components.framing.lengths import LengthPrefixed
from kamesh.components.refusing import WrongFigure

__all__ = ["JoinPrefixed", "PrefixJoiner", "PrefixSplitter", "SplitPrefixed"]

Size = Literal[1, 2, 4, 8, "varint"]
Order = Literal["big", "little"]
SIZES = (1, 2, 4, 8, "varint")
FORMS: Mapping[object, str] = {1: "B", 2: "H", 4: "I", 8: "Q"}  # as `struct` has them
ORDERS: Mapping[Order, str] = {"big": ">", "little": "<"}
MOST_OF_A_VARINT = 10  # bytes: 64 bits, seven in each


class PrefixSplitter(LengthPrefixed):
    r"""Takes bytes, gives the frames in them, each of which stands behind its length.

    Example: `PrefixSplitter(2).feed(b"\0\3one\0\3t") == [b"one"]`. Arguments as SplitPrefixed has
    them.
    """

    def __init__(self, size: Size = 4, order: Order = "big", longest: int = LONGEST) -> None:
        """Begin before the first frame; WrongFigure for a prefix there is not."""
        _check(size, order)
        form = ORDERS[order] + FORMS.get(size, "")
        self._fixed = struct.Struct(form) if size != "varint" else None
        super().__init__(longest)

    def _begin(self, at: int) -> tuple[int, int] | None:
        """Give the length that stands at `at`, and where its frame begins; None if it is not whole."""
        kept = self._kept
        if self._fixed is not None:
            begin = at + self._fixed.size
            if len(kept) < begin:
                return None
            (length,) = self._fixed.unpack_from(kept, at)
        else:
            head = kept[at : at + MOST_OF_A_VARINT]
            used = next((n for n, byte in enumerate(head, 1) if byte < 128), None)
            if used is None:
                if len(head) == MOST_OF_A_VARINT:
                    raise BadFrame(
                        f"frame {self._number + 1} has a length of more than 64 bits: this does not "
                        f"seem to be a stream of varints and frames"
                    )
                return None
            begin = at + used
            length = sum((byte & 127) << 7 * n for n, byte in enumerate(head[:used]))
        if length > self._longest:
            raise FrameTooLong(
                f"frame {self._number + 1} has a length of {length} bytes, more than the "
                f"{self._longest} that are allowed: either it is no such stream, or raise `longest`"
            )
        return length, begin


class PrefixJoiner(Incremental[bytes, bytes]):
    r"""Takes frames, gives each behind its length.

    Example: `PrefixJoiner(2).feed(b"one") == [b"\0\3one"]`. Arguments as JoinPrefixed has them.
    """

    def __init__(self, size: Size = 4, order: Order = "big") -> None:
        """WrongFigure for a prefix there is not."""
        _check(size, order)
        self._size = size
        self._order: Order = order

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Give the frame behind its length; FrameTooLong if the prefix cannot say it."""
        yield self._prefix(len(given)) + given

    def _prefix(self, length: int) -> bytes:
        if self._size == "varint":
            return _varint(length)
        try:
            return length.to_bytes(self._size, self._order)
        except OverflowError:
            raise FrameTooLong(
                f"a message of {length} bytes does not go behind a length of {self._size} "
                f"byte{'s' if self._size > 1 else ''}: take a larger `size`, or 'varint'"
            ) from None


class SplitPrefixed(Splitting):
    r"""Takes messages out of bytes in which each stands behind its length.

    `size` is the length's own size in bytes, 1, 2, 4 (the default) or 8, or "varint" (LEB128, as
    Protocol Buffers has it); `order` is "big" (as networks have it, the default) or "little".
    `longest` is how many bytes a message may have (default 1 MiB). `source` is what a mistake is
    said of.

    Example:
        >>> run(SplitPrefixed(2), [b"\0\3on", b"e\0\5t", b"hree"])["outbox"]
        [b'one', b'three']

    Boxes: "inbox" bytes, cut anywhere; "outbox" the messages, as bytes; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for a message that
    is too long, and where the stream ends in the middle of one, after those before it are sent.
    """

    def __init__(
        self,
        size: Size = 4,
        order: Order = "big",
        longest: int = LONGEST,
        *,
        source: str = "",
        name: str | None = None,
    ) -> None:
        """Begin before the first message; WrongFigure for a prefix there is not."""
        super().__init__(PrefixSplitter(size, order, longest), source=source, name=name)


class JoinPrefixed(Joining):
    r"""Makes a stream of bytes of messages, each behind its length: SplitPrefixed takes them out again.

    `size` is the length's own size in bytes, 1, 2, 4 (the default) or 8, or "varint" (LEB128);
    `order` is "big" (the default) or "little".

    Example:
        >>> run(JoinPrefixed(2), [b"one", b"three"])["outbox"]
        [b'\x00\x03one\x00\x05three']

    Boxes: "inbox" bytes; "outbox" bytes, several frames in a message where several wait; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, for a message
    that is longer than the prefix can say.
    """

    outboxes: ClassVar = {**Joining.outboxes, "outbox": "lengths and messages, as bytes"}

    def __init__(self, size: Size = 4, order: Order = "big", *, name: str | None = None) -> None:
        """WrongFigure for a prefix there is not."""
        super().__init__(PrefixJoiner(size, order), name=name)


def _check(size: object, order: object) -> None:
    if size not in SIZES or not isinstance(size, int | str):
        raise WrongFigure(f"a length of size {size!r} there is not: it is 1, 2, 4, 8 or 'varint'")
    if order not in ("big", "little"):
        raise WrongFigure(f"the order of a length's bytes is 'big' or 'little', not {order!r}")


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)
