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
from kamesh.link.fields import Buffer, check, nbytes
from kamesh.link.limits import LinkLimits
from kamesh.link.records import SHAPES, Hello, Loaded, Record

__all__ = ["Flush", "pack", "unpack"]

_OVERHEAD = 64  # at most what a record needs in the header, its texts and its payload aside


class Flush:
    """Transport messages in the making: add records, take messages.

    A message is closed when it holds `limits.message_bytes`, or when its header or the number of
    its frames nears what a peer admits.
    """

    __slots__ = ("_body", "_frames", "_header", "_limits", "_messages", "_packer", "_weight")

    def __init__(self, limits: LinkLimits) -> None:
        self._limits = limits
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
        limits, frames, kind = self._limits, self._frames, type(record)
        item: list[object] = [kind.NUMBER, *kind.values(record)]
        if isinstance(record, Loaded):
            payload, buffers = record.payload, record.buffers
            if buffers and len(frames) + len(buffers) >= limits.frames - 1:
                self.close()
                frames = self._frames
            size = nbytes(payload)
            if size > limits.inline_bytes:
                frames.append(payload)
                item += (None, 1 + len(buffers))
            else:
                item += (payload, len(buffers))
                self._weight += size
            for buffer in buffers:
                frames.append(buffer)
                size += nbytes(buffer)
            self._body += size
        if kind.SAYS:
            self._weight += sum(4 * len(field) for field in item if isinstance(field, str))
        self._weight += _OVERHEAD
        self._header.append(item)
        if (
            self._body >= limits.message_bytes
            or self._weight >= limits.header_bytes // 2
            or len(frames) >= 64
            or len(self._header) >= limits.records
        ):
            self.close()

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
        self.close()
        messages = self._messages
        self._messages = []
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
        name, values, wanted = make.__name__.upper(), item[1:], len(checks)
        if issubclass(make, Loaded):
            if len(values) != wanted + 2:
                raise RemoteProtocolError(f"{name} has {len(values)} fields, not {wanted + 2}")
            check(name, values[:-2], checks)
            position = _load(name, values, frames, position, limits)
        else:
            if len(values) > wanted and issubclass(make, Hello):
                del values[wanted:]  # a later version may say more in its greeting
            if len(values) != wanted:
                raise RemoteProtocolError(f"{name} has {len(values)} fields, not {wanted}")
            check(name, values, checks)
        records.append(make(*values))
    if position != len(frames):
        raise RemoteProtocolError(f"{len(frames) - position} frames that belong to no record")
    return records


def _load(
    name: str, values: list[Any], frames: Sequence[Buffer], position: int, limits: LinkLimits
) -> int:
    """Put payload and buffers into the last two values; return the position of the next frame."""
    payload, own = values[-2:]
    if type(own) is not int or not 0 <= own <= len(frames) - position:
        raise RemoteProtocolError(f"{name} claims frames that are not there")
    after = position + own
    if payload is None and own:
        payload = frames[position]
        position += 1
    elif type(payload) is not bytes:
        raise RemoteProtocolError(f"{name} has no payload")
    buffers = tuple(frames[position:after])
    size = nbytes(payload) + sum(map(nbytes, buffers))
    if size > limits.largest_message + 2 * limits.batch_bytes:
        raise RemoteProtocolError(
            f"{name} of {size:,} bytes; at most {limits.largest_message:,} are taken"
        )
    values[-2:] = payload, buffers
    return after
