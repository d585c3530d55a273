"""Transport messages: many records and their buffers in as few frames as can be.

Laws: one message is [header frame][frame]*, the header one MessagePack array of records; whatever
arrives is either a list of checked records or a `RemoteProtocolError`, whatever it is; large
buffers are never copied, neither out nor in; a message is closed before it outgrows its limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]

from kamesh.link.errors import RemoteProtocolError
from kamesh.link.fields import Buffer, Check, check, nbytes
from kamesh.link.limits import LinkLimits
from kamesh.link.records import SHAPES, Hello, Loaded, Record

__all__ = ["Flush", "pack", "unpack"]

_OVERHEAD = 64  # at most what a record needs in the header, its texts and its payload aside


class Flush:
    """Transport messages in the making: add records, take messages.

    A message is closed when it holds `limits.message_bytes`, or when its header or the number of
    its frames nears what a peer admits.
    """

    __slots__ = (
        "_body", "_frames", "_header", "_limits", "_messages", "_most_body", "_most_records",
        "_most_weight", "_packer", "_weight",
    )  # fmt: skip

    def __init__(self, limits: LinkLimits) -> None:
        self._limits = limits
        self._most_body, self._most_records = limits.message_bytes, limits.records
        self._most_weight = limits.header_bytes // 2
        self._packer = msgpack.Packer()
        self._messages: list[list[Buffer]] = []
        self._begin()

    def _begin(self) -> None:
        self._header: list[list[object]] = []
        self._frames: list[Buffer] = [b""]
        self._body = 0  # bytes of payloads and buffers
        self._weight = 0  # bytes of the header, estimated from above

    def add(self, record: Record) -> None:
        """Put one record behind those that are there."""
        kind = type(record)
        item: list[object] = [kind.NUMBER, *kind.values(record)]
        weight = _OVERHEAD
        if kind.LOADED:
            weight += self._load(record, item)  # type: ignore[arg-type]  # that is what LOADED says
        if kind.SAYS:
            weight += sum(4 * len(field) for field in item if isinstance(field, str))
        self._weight += weight
        header = self._header
        header.append(item)
        if (
            self._weight >= self._most_weight
            or self._body >= self._most_body
            or len(self._frames) >= 64
            or len(header) >= self._most_records
        ):
            self.close()

    def _load(self, record: Loaded, item: list[object]) -> int:
        """Put the payload into the header or behind it; return what it weighs in the header."""
        limits, payload, buffers = self._limits, record.payload, record.buffers
        if buffers and len(self._frames) + len(buffers) >= limits.frames - 1:
            self.close()
        size = nbytes(payload)
        inline = size <= limits.inline_bytes
        weight = size if inline else 0
        if inline:
            item += (payload, len(buffers))
        else:
            self._frames.append(payload)
            item += (None, 1 + len(buffers))
        for buffer in buffers:
            self._frames.append(buffer)
            size += nbytes(buffer)
        self._body += size
        return weight

    def close(self) -> None:
        """Let whatever follows begin another message."""
        if self._header:
            self._frames[0] = self._packer.pack(self._header)
            self._messages.append(self._frames)
            self._begin()

    @property
    def busy(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._header or self._messages)

    def take(self) -> list[list[Buffer]]:
        """Return all messages made so far, the last one closed."""
        if self._header:
            self.close()
        messages, self._messages = self._messages, []
        return messages


def pack(records: Sequence[Record], limits: LinkLimits | None = None) -> list[list[Buffer]]:
    """Return the transport messages that carry these records."""
    flush = Flush(limits or LinkLimits())
    for record in records:
        flush.add(record)
    return flush.take()


def unpack(frames: Sequence[Buffer], limits: LinkLimits) -> list[Record]:
    """Return the records of one transport message, checked, or raise `RemoteProtocolError`."""
    if not frames:
        raise RemoteProtocolError("a message without frames")
    if len(frames) > limits.frames:
        raise RemoteProtocolError(
            f"a message of {len(frames)} frames; at most {limits.frames} are taken"
        )
    header = frames[0]
    if nbytes(header) > limits.header_bytes:
        raise RemoteProtocolError(
            f"a header frame of {nbytes(header):,} bytes; at most {limits.header_bytes:,} are taken"
        )
    try:
        items = msgpack.unpackb(header)
    except Exception as error:  # msgpack raises half a dozen kinds; all mean the same thing here
        raise RemoteProtocolError(
            f"the header frame is not a MessagePack array of records ({type(error).__name__})"
        ) from error
    if type(items) is not list or not items:
        raise RemoteProtocolError("the header frame is not a MessagePack array of records")
    if len(items) > limits.records:
        raise RemoteProtocolError(
            f"a message of {len(items)} records; at most {limits.records} are taken"
        )
    records: list[Record] = []
    position = 1
    for item in items:
        if type(item) is not list or not item or type(item[0]) is not int:
            raise RemoteProtocolError("a record that does not begin with its kind")
        shape = SHAPES.get(item[0])
        if shape is None:
            raise RemoteProtocolError(f"a record of the unknown kind {item[0]}")
        make, checks = shape
        del item[0]
        if make.LOADED:
            position = _load(make.__name__, item, checks, frames, position, limits)
        else:
            if len(item) > len(checks) and issubclass(make, Hello):
                del item[len(checks) :]  # a later version may say more in its greeting
            check(make.__name__, item, checks)
        records.append(make(*item))
    if position != len(frames):
        raise RemoteProtocolError(f"{len(frames) - position} frames that belong to no record")
    return records


def _load(
    name: str, values: list[Any], checks: tuple[Check, ...], frames: Sequence[Buffer],
    position: int, limits: LinkLimits,
) -> int:
    """Put payload and buffers into the last two values; return the position of the next frame."""
    payload, own = values[-2:] if len(values) == len(checks) + 2 else (None, 0)
    check(name, values, checks, more=2)
    if type(own) is not int or not 0 <= own <= len(frames) - position:
        raise RemoteProtocolError(f"{name.upper()} claims frames that are not there")
    after = position + own
    if payload is None and own:
        payload = frames[position]
        position += 1
    elif type(payload) is not bytes:
        raise RemoteProtocolError(f"{name.upper()} has no payload")
    buffers = tuple(frames[position:after]) if own else ()
    size = nbytes(payload) + sum(map(nbytes, buffers)) if own else len(payload)
    if size > limits.largest_message + 2 * limits.batch_bytes:
        raise RemoteProtocolError(
            f"{name.upper()} of {size:,} bytes; at most {limits.largest_message:,} are taken"
        )
    values[-2:] = payload, buffers
    return after
