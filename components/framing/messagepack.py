"""MessagePack streams: one value behind the other, as any MessagePack library writes them.

Laws
1. Nothing is made of a value before all of its bytes are here, so that a header which claims four
   thousand million items costs nothing.
2. What is kept is at most one unfinished value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgpack  # type: ignore[import-untyped]

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.incremental import (
    LONGEST,
    BadFrame,
    CutShort,
    FrameTooLong,
    FramingError,
    Incremental,
    checked_limit,
)

__all__ = ["JoinMessagePack", "MessagePackJoiner", "MessagePackSplitter", "SplitMessagePack"]

SLICE = 65536  # bytes looked at in one go
ROOM = 4096  # bytes that room is made for at first: msgpack's own MiB adds up where streams do
TIMESTAMPS_AS_DATETIMES = 3


class MessagePackSplitter(Incremental[bytes, Any]):
    r"""Takes bytes, gives the values in them.

    Example: `MessagePackSplitter().feed(b"\x01\xa3one\x92\x02") == [1, "one"]`. Arguments as
    SplitMessagePack has them.
    """

    def __init__(self, longest: int = LONGEST, *, any_key: bool = False) -> None:
        """Begin before the first value, of at most `longest` bytes."""
        self._longest = checked_limit(longest, "value")
        room = {"read_size": ROOM, "max_buffer_size": longest + 2 * SLICE}
        self._skipper = msgpack.Unpacker(**room)
        self._unpacker = msgpack.Unpacker(
            strict_map_key=not any_key, timestamp=TIMESTAMPS_AS_DATETIMES, **room
        )
        self._kept = bytearray()
        self._begin = 0  # where the value that is coming begins, in bytes since the stream's begin
        self._number = 0

    def pieces(self, given: bytes) -> Iterator[Any]:
        """Take `given`; give the values that are complete now."""
        view = memoryview(given)
        for at in range(0, len(view), SLICE):
            part = view[at : at + SLICE]
            self._kept += part
            self._skipper.feed(part)
            size, mistake = self._complete()
            self._unpacker.feed(self._kept[:size])
            del self._kept[:size]
            yield from self._unpacked()
            if mistake is not None:
                raise mistake
            if len(self._kept) > self._longest:
                raise self._too_long(self._number + 1)

    def rest(self) -> Iterator[Any]:
        """Raise CutShort unless the stream ended between two values."""
        if self._kept:
            raise CutShort(
                f"the stream ended in the middle of value {self._number + 1}: {len(self._kept)} "
                f"bytes of it came"
            )
        yield from ()

    def _complete(self) -> tuple[int, FramingError | None]:
        """Say how many bytes of what is kept are whole values, and what is wrong after them."""
        skip, tell = self._skipper.skip, self._skipper.tell
        begin = self._begin
        number = self._number
        mistake: FramingError | None = None
        try:
            while True:
                skip()
                end = tell()
                number += 1
                if end - self._begin > self._longest:
                    mistake = self._too_long(number)
                    break
                self._begin = end
        except msgpack.OutOfData:
            pass
        except Exception as error:
            mistake = self._bad(number + 1, error)
        return self._begin - begin, mistake

    def _unpacked(self) -> Iterator[Any]:
        try:
            for value in self._unpacker:
                self._number += 1
                yield value
        except Exception as error:
            raise self._bad(self._number + 1, error) from error

    def _bad(self, number: int, error: Exception) -> BadFrame:
        reason = "it is nested too deep" if isinstance(error, msgpack.StackError) else str(error)
        return BadFrame(
            f"value {number} cannot be read as MessagePack: {reason or type(error).__name__}"
        )

    def _too_long(self, number: int) -> FrameTooLong:
        return FrameTooLong(
            f"value {number} has more than {self._longest} bytes: either it is no MessagePack, or "
            f"raise `longest`"
        )


class MessagePackJoiner(Incremental[Any, bytes]):
    r"""Takes values, gives each in MessagePack: `MessagePackJoiner().feed("one") == [b"\xa3one"]`."""

    def __init__(self) -> None:
        """Begin."""
        self._packer = msgpack.Packer(datetime=True, buf_size=ROOM)

    def pieces(self, given: Any) -> Iterator[bytes]:
        """Give the value's bytes; BadFrame for what MessagePack has no form for."""
        try:
            packed: bytes = self._packer.pack(given)
        except Exception as error:
            self._packer.reset()
            raise BadFrame(
                f"a message of the type {type(given).__name__} does not go into MessagePack: {error}"
            ) from error
        yield packed


class SplitMessagePack(Splitting):
    r"""Reads bytes as a stream of MessagePack values, from any program that writes it.

    `longest` is how many bytes a value may have (default 1 MiB). Keys of maps are str or bytes; with
    `any_key=True` they may be numbers too, which a sender you do not trust can choose so that reading
    them takes very long. Timestamps become datetimes in UTC, other extensions `msgpack.ExtType`.
    `source` is what a mistake is said of. For messages of kamesh itself take BytesToMessages, which
    keeps every type.

    Example:
        >>> run(SplitMessagePack(), [b"\x01\xa3on", b"e\x92\x02\x03"])["outbox"]
        [1, 'one', [2, 3]]

    Boxes: "inbox" bytes, cut anywhere; "outbox" the values; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for what is not
    MessagePack or is too long, and where the stream ends in the middle of a value.
    """

    def __init__(
        self,
        longest: int = LONGEST,
        *,
        any_key: bool = False,
        source: str = "",
        name: str | None = None,
    ) -> None:
        """Begin before the first value."""
        core = MessagePackSplitter(longest, any_key=any_key)
        super().__init__(core, source=source, name=name)


class JoinMessagePack(Joining):
    r"""Writes messages as a stream of MessagePack values, for any program that reads it.

    Tuples become arrays, datetimes with a zone become timestamps.

    Example:
        >>> run(JoinMessagePack(), [1, "one", [2, 3]])["outbox"]
        [b'\x01\xa3one\x92\x02\x03']

    Boxes: "inbox" None, bool, int of 64 bits, float, str, bytes, list, tuple, dict, datetime, and
    `msgpack.ExtType`; "outbox" bytes, several values in a message where several wait; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, for a message
    that MessagePack has no form for.
    """

    inboxes: ClassVar = {
        "inbox": "what MessagePack has a form for",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {**Joining.outboxes, "outbox": "MessagePack, as bytes"}
    _takes_bytes: ClassVar = False

    def __init__(self, *, name: str | None = None) -> None:
        """Begin."""
        super().__init__(MessagePackJoiner(), name=name)
