"""From a payload and its buffers back to the messages, trusting neither.

Laws: whatever is wrong with what arrived becomes `Undecodable` with a reason, and nothing else
does; no name from the wire is imported and no code of a registered class is run to make it; memory
and time stay in proportion to the bytes received, which MessagePack alone does not see to: a byte
can stand for 77, and a header for four thousand million values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgpack import OutOfData, StackError, Unpacker, unpackb  # type: ignore[import-untyped]

from kamesh.codec.errors import Cannot, Undecodable
from kamesh.codec.fair import Filler
from kamesh.codec.kinds import CONTAINERS, UNPACK, StandInMaker
from kamesh.codec.survey import TooDeep, TooMany, shallow, survey
from kamesh.codec.wire import GUARDED, MAX_DEPTH, MAX_NESTED, MAX_PAYLOAD, MAX_VALUES, Buffer, Mode

__all__ = ["decode"]

_SMALL = 4096  # bytes in which no header can claim enough to matter
_WITHIN = 4  # extensions within one that is no container: a zone in a datetime


def decode(
    payload: Buffer, buffers: Sequence[Buffer] = (), *, stand_in: StandInMaker | None = None
) -> list[Any]:
    """Give the messages that `encode` was given.

    Each buffer must be used once. bytes are copied out of it unless it is a bytes object; NumPy
    arrays and memoryviews look at it and are read-only, whatever it is: copy an array to change it.
    MessagePack's own timestamp, which `encode` never makes, is read as a datetime in UTC. Raises
    `Undecodable` for anything that is wrong, and nothing else. With `stand_in`, a record that is not
    registered here is no reason to: it is made by that, of its name and its fields.
    """
    try:
        return _decode(payload, buffers, stand_in)
    except Exception as error:  # the one place: all that hostile bytes can lead to ends here
        raise Undecodable(_reason(error)) from (None if isinstance(error, Cannot) else error)


def _decode(
    payload: Buffer, buffers: Sequence[Buffer], stand_in: StandInMaker | None
) -> list[Any]:
    if len(payload) > MAX_PAYLOAD:
        raise Cannot(f"has {len(payload):,} bytes, more than {MAX_PAYLOAD:,}")
    view = memoryview(payload)
    if not view or view[0] not in (Mode.LISTS, Mode.TUPLES):
        raise Cannot("does not begin with a mode that is known here")
    decoder = _Decoder(buffers, view[0] == Mode.TUPLES, len(view) > GUARDED)
    decoder.stand_in = stand_in
    messages = decoder.unpack(view[1:])
    if type(messages) not in (list, tuple):
        raise Cannot("is not an array of messages")
    messages = list(messages)
    if decoder.foreign:
        survey(messages)
    elif len(view) > MAX_DEPTH:
        shallow(messages)
    if not all(decoder.used):
        raise Cannot("came with a buffer that nothing in it refers to")
    return messages


def _reason(error: Exception) -> str:
    if isinstance(error, Cannot):
        return f"the payload {error.why}"
    if isinstance(error, StackError):
        return f"the payload {TooDeep().why}"
    if isinstance(error, OutOfData):
        return "the payload is cut short: it promises more than it holds"
    return f"the payload is damaged ({type(error).__name__}: {str(error)[:200]})"


class _Decoder:
    """One decoding: the buffers and which have been used, and what has been spent."""

    __slots__ = (
        "buffers",
        "fill",
        "foreign",
        "guarded",
        "level",
        "nested",
        "stand_in",
        "tuples",
        "used",
        "values",
    )

    def __init__(self, buffers: Sequence[Buffer], tuples: bool, guarded: bool) -> None:
        self.buffers = buffers
        self.used = bytearray(len(buffers))
        self.fill = Filler().fill
        self.foreign = False
        self.level = 0
        self.nested = 0
        self.values = 0
        self.tuples = tuples
        self.guarded = guarded
        self.stand_in: StandInMaker | None = None

    def unpack(self, data: Buffer) -> Any:
        """Decode MessagePack and the extensions in it: see `Unpacking`."""
        if self.level > MAX_DEPTH + _WITHIN:
            raise TooDeep
        if len(data) > _SMALL:
            self.nested += len(data)
            if self.nested > MAX_NESTED + MAX_PAYLOAD:
                raise TooMany("has extensions that hold too many bytes")
            _whole(data)
        self.level += 1
        value = unpackb(
            data,
            ext_hook=self.extension,
            list_hook=self.counted_list if self.guarded else None,
            object_hook=self.counted_dict if self.guarded else None,
            use_list=not self.tuples,
            strict_map_key=True,
            unicode_errors="surrogatepass",
            timestamp=3,
            max_array_len=MAX_VALUES,
            max_map_len=MAX_VALUES // 2,
        )
        self.level -= 1
        return value

    def extension(self, code: int, data: bytes) -> object:
        """Make what an extension stands for."""
        self.foreign = True
        unpack = UNPACK.get(code)
        if unpack is None:
            raise Cannot(f"holds an extension of number {code}, which is not known here")
        before = self.values
        value = unpack(data, self)
        if type(value) not in CONTAINERS:
            self.values = before  # what it was made of is gone
        return value

    def counted_list(self, items: Any) -> Any:
        """Count what a large payload grows to while it grows, as `survey` counts it."""
        self.values += len(items) + 2
        if self.values > MAX_VALUES:
            raise TooMany(f"holds more than {MAX_VALUES:,} values")
        return items

    def counted_dict(self, items: Any) -> Any:
        """Count a dict."""
        self.values += len(items)
        return self.counted_list(items)

    def blob(self, reference: object) -> Buffer:
        """Give the bytes inside, or the buffer they came in: see `Unpacking`."""
        if type(reference) is bytes:
            return reference
        if type(reference) is not int or not 0 <= reference < len(self.buffers):
            raise Cannot("refers to a buffer that did not come with it")
        if self.used[reference]:
            raise Cannot("refers to a buffer twice")
        self.used[reference] = 1
        buffer = self.buffers[reference]
        if type(buffer) is not bytes and memoryview(buffer).format != "B":
            raise Cannot("came with a buffer that is not of plain bytes")
        return buffer


def _whole(data: Buffer) -> None:
    # Skipping makes no objects: a header that claims more than follows is found before any room is
    # made for it.
    unpacker = Unpacker(None, max_buffer_size=len(data))
    unpacker.feed(data)
    unpacker.skip()
