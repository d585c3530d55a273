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
        self._any_key = any_key
        self._skipper = msgpack.Unpacker(read_size=ROOM, max_buffer_size=longest + 2 * SLICE)
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
            yield from self._complete()
            self._check(len(self._kept))

    def rest(self) -> Iterator[Any]:
        """Raise CutShort unless the stream ended between two values."""
        if self._kept:
            raise CutShort(
                f"the stream ended in the middle of value {self._number + 1}: {len(self._kept)} "
                f"bytes of it came"
            )
        yield from ()

    def _complete(self) -> Iterator[Any]:
        while self._kept:
            try:
                self._skipper.skip()
            except msgpack.OutOfData:
                return
            except Exception as error:
                raise self._bad(error) from error
            end: int = self._skipper.tell()
            size = end - self._begin
            self._check(size)
            self._begin = end
            value = bytes(memoryview(self._kept)[:size])
            del self._kept[:size]
            yield self._unpacked(value)
            self._number += 1

    def _unpacked(self, value: bytes) -> Any:
        try:
            return msgpack.unpackb(
                value, strict_map_key=not self._any_key, timestamp=TIMESTAMPS_AS_DATETIMES
            )
        except Exception as error:
            raise self._bad(error) from error

    def _bad(self, error: Exception) -> BadFrame:
        reason = "it is nested too deep" if isinstance(error, msgpack.StackError) else str(error)
        return BadFrame(
            f"value {self._number + 1} cannot be read as MessagePack: "
            f"{reason or type(error).__name__}"
        )

    def _check(self, size: int) -> None:
        if size > self._longest:
            raise FrameTooLong(
                f"value {self._number + 1} has more than {self._longest} bytes: either it is no "
                f"MessagePack, or raise `longest`"
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
