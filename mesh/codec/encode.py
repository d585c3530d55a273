"""From a batch of messages to one payload and its large buffers.

Laws: all of the batch or none of it; what MessagePack cannot tell apart (bytearray from bytes) is
lifted out before it sees it; a large buffer is never copied unless it is not contiguous, so it must
not change until it is sent. Only `Unsendable` is raised for a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgpack import ExtType, Packer  # type: ignore[import-untyped]

from kamesh.codec.culprit import explain
from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import PACK, unknown
from kamesh.codec.survey import TooMany, survey
from kamesh.codec.wire import GUARDED, LARGE, MAX_NESTED, MAX_PAYLOAD, Buffer, Encoded, Mode

__all__ = ["encode"]

_ROOM = 8 * 1024  # what a packer starts with; MessagePack's own 256 KiB cost more to get
_LONG = 1024 * 1024  # a payload beyond this may hold large texts
_WIDE = (bytearray, memoryview)
_NATIVE = {type(None), bool, int, float, str, bytes, list, dict}
_FEW = 8  # messages, for which making a packer would take as long as packing them
_PLAINLY = bytes([Mode.LISTS])
_KEPT = 64 * 1024  # bytes of memory that the packer may hold between two batches
_packers = [Packer(strict_types=True, buf_size=_ROOM)]


def encode(messages: Sequence[Any]) -> Encoded:
    """Encode a batch of messages.

    Large buffers, of 16 KiB and more (bytes, bytearray, memoryview, arrays, planes, packets), are
    not copied: they are in `buffers` as they are. Raises `Unsendable` for the first message that
    cannot travel, and `TooMuch` where the batch has to be cut.
    """
    batch = messages if type(messages) is list else list(messages)
    try:
        return _attempt(batch)
    except Exception as error:
        raise explain(batch, error, _attempt) from (None if isinstance(error, Cannot) else error)


def _attempt(batch: list[Any]) -> Encoded:
    kinds, lift, _ = survey(batch)
    if not lift and kinds <= _NATIVE and len(batch) <= _FEW:
        plain = _plain(batch)
        if plain is not None:
            return Encoded(plain, (), len(batch))
    tuples = tuple in kinds and list not in kinds
    try:
        encoder = _Encoder(tuples, lift, None)
        payload = encoder.payload(batch)
    except UnicodeEncodeError:
        encoder = _Encoder(tuples, lift, "surrogatepass")
        payload = encoder.payload(batch)
    if len(payload) > _LONG and str in kinds and survey(batch, str)[1]:
        encoder = _Encoder(tuples, True, "surrogatepass", texts=True)
        payload = encoder.payload(batch)
    if len(payload) > MAX_PAYLOAD or (len(payload) > GUARDED and encoder.nested > MAX_NESTED):
        raise TooMany(
            f"takes {len(payload):,} bytes without its large buffers, more than {MAX_PAYLOAD:,}",
            "split it, or send its data as bytes or as a NumPy array",
        )
    return Encoded(payload, tuple(encoder.buffers), len(batch))


def _plain(batch: list[Any]) -> bytes | None:
    """Pack what MessagePack knows by itself, with a packer that is there; None if it does not."""
    try:
        payload: bytes = _PLAINLY + _packers[0].pack(batch)
    except (OverflowError, UnicodeEncodeError):  # a large int, or half of a surrogate pair
        return None
    if len(payload) > _KEPT:
        _packers[0] = Packer(strict_types=True, buf_size=_ROOM)  # the old one keeps its memory
    return payload if len(payload) <= _LONG else None


class _Encoder:
    """One encoding: MessagePack's packers, one for each level of extensions, and the buffers."""

    __slots__ = ("buffers", "errors", "level", "lift", "nested", "packers", "texts", "tuples")

    def __init__(self, tuples: bool, lift: bool, errors: str | None, texts: bool = False) -> None:
        self.buffers: list[Buffer] = []
        self.tuples = tuples
        self.lift = lift
        self.texts = texts
        self.errors = errors
        self.packers: list[Packer] = []
        self.level = 0
        self.nested = 0

    def payload(self, batch: list[Any]) -> bytes:
        packer = Packer(
            default=self.foreign,
            strict_types=True,
            autoreset=False,
            unicode_errors=self.errors,
            buf_size=_ROOM,
        )
        try:
            packer.pack(Mode.TUPLES if self.tuples else Mode.LISTS)
            packer.pack([self.lifted(message) for message in batch] if self.lift else batch)
            payload: bytes = packer.bytes()
            return payload
        finally:
            self.packers.clear()  # each knows this encoder: a circle, which would keep the buffers

    def foreign(self, value: Any) -> Any:
        """Give MessagePack something it knows for a value that it does not."""
        kind = type(value)
        if self.tuples and kind is tuple:
            return list(value)
        if kind not in PACK:
            raise unknown(kind)
        code, pack = PACK[kind]
        # ExtType's own constructor, in Python, checks what is known here.
        return tuple.__new__(ExtType, (code, pack(value, self)))

    def lifted(self, value: Any) -> Any:
        """Replace, within lists and dicts, what MessagePack would take for something else."""
        kind = type(value)
        if kind is list:
            return [self.lifted(item) for item in value]
        if kind is dict:
            if set(map(type, value)) <= {str, bytes}:
                return {key: self.lifted(item) for key, item in value.items()}
            return self.foreign(value)
        if kind is tuple and self.tuples:
            return tuple([self.lifted(item) for item in value])
        if (
            kind in _WIDE
            or (kind is bytes and len(value) >= LARGE)
            or (kind is str and self.texts and len(value) >= LARGE)
        ):
            return self.foreign(value)
        return value

    def pack(self, fields: list[Any]) -> bytes:
        """Encode values inside an extension: see `Packing`."""
        if self.lift:
            fields = [self.lifted(field) for field in fields]
        level = self.level
        if level == len(self.packers):
            self.packers.append(
                Packer(
                    default=self.foreign,
                    strict_types=True,
                    unicode_errors=self.errors,
                    buf_size=_ROOM,
                )
            )
        self.level = level + 1
        data: bytes = self.packers[level].pack(fields)
        self.level = level
        self.nested += len(data)
        return data

    def blob(self, data: Buffer) -> bytes | int:
        """Keep bytes inside, or send them as a buffer: see `Packing`."""
        if len(data) < LARGE:
            return bytes(data)
        self.buffers.append(data)
        return len(self.buffers) - 1
