"""How the types of the standard library travel: numbers, bytes, text, containers, paths.

Laws: what arrives equals what was sent and is of its type; a subclass is another type. bytes come
back as bytes and bytearray as a bytearray of its own; a memoryview comes back read-only, over the
received buffer, with its format and shape, in C order.
"""

from __future__ import annotations

import math
import operator
import pathlib
import struct
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import Any

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import (
    CONTAINERS,
    PACK,
    UNPACK,
    Container,
    Packing,
    Unpacking,
    exactly,
    numbered,
    sequence,
    whole,
)
from kamesh.codec.wire import Code

__all__: list[str] = []

_Pack = Callable[[Any, Packing], bytes]
_Unpack = Callable[[bytes, Unpacking], Any]

FRACTION_BITS = 16_384
"""Bits of a Fraction's numerator or denominator: reducing one takes time with their square."""
MAX_DIGITS = 1_000_000
"""Characters of a Decimal's text."""
_PAIR = struct.Struct(">dd")
_PATHS: tuple[type[pathlib.PurePath], ...] = (
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
    pathlib.PosixPath,
    pathlib.WindowsPath,
)
_FORMATS = frozenset("bBhHiIlLqQnNfd?c")


# --- numbers ----------------------------------------------------------------------------------


def _pack_int(number: int, _: Packing) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _unpack_int(data: bytes, _: Unpacking) -> int:
    return int.from_bytes(data, "big", signed=True)


def _pack_complex(number: complex, _: Packing) -> bytes:
    return _PAIR.pack(number.real, number.imag)


def _unpack_complex(data: bytes, _: Unpacking) -> complex:
    return complex(*_PAIR.unpack(data))


def _pack_decimal(number: Decimal, _: Packing) -> bytes:
    text = str(number)
    if len(text) > MAX_DIGITS:
        raise Cannot(f"has more than {MAX_DIGITS:,} digits", "send its text")
    return text.encode("ascii")


def _unpack_decimal(data: bytes, _: Unpacking) -> Decimal:
    if len(data) > MAX_DIGITS:
        raise Cannot(f"holds a Decimal of more than {MAX_DIGITS:,} digits")
    return Decimal(data.decode("ascii"))


def _pack_fraction(number: Fraction, packing: Packing) -> bytes:
    fields = [number.numerator, number.denominator]
    if max(part.bit_length() for part in fields) > FRACTION_BITS:
        raise Cannot(
            f"has more than {FRACTION_BITS:,} bits",
            "send a tuple of its numerator and denominator",
        )
    return packing.pack(fields)


def _unpack_fraction(data: bytes, unpacking: Unpacking) -> Fraction:
    most = 1 << FRACTION_BITS
    top, bottom = exactly(unpacking.unpack(data), 2)
    whole(top, -most, most, "a numerator")
    whole(bottom, 1, most, "a denominator")
    number = Fraction(top, bottom)
    if number.denominator != bottom:
        raise Cannot("holds a Fraction that is not in lowest terms")
    return number


def _pack_uuid(value: uuid.UUID, _: Packing) -> bytes:
    return value.bytes


def _unpack_uuid(data: bytes, _: Unpacking) -> uuid.UUID:
    return uuid.UUID(bytes=data)


# --- bytes and text ---------------------------------------------------------------------------


def _pack_bytes(data: bytes, packing: Packing) -> bytes:
    return packing.pack([packing.blob(data)])


def _unpack_bytes(data: bytes, unpacking: Unpacking) -> bytes:
    return bytes(unpacking.blob(exactly(unpacking.unpack(data), 1)[0]))


def _unpack_bytearray(data: bytes, unpacking: Unpacking) -> bytearray:
    return bytearray(unpacking.blob(exactly(unpacking.unpack(data), 1)[0]))


def _pack_text(text: str, packing: Packing) -> bytes:
    return packing.pack([packing.blob(text.encode("utf-8", "surrogatepass"))])


def _unpack_text(data: bytes, unpacking: Unpacking) -> str:
    return str(unpacking.blob(exactly(unpacking.unpack(data), 1)[0]), "utf-8", "surrogatepass")


def _pack_memoryview(view: memoryview, packing: Packing) -> bytes:
    form, shape = view.format.removeprefix("@"), list(view.shape or ())
    if form not in _FORMATS or (len(shape) != 1 and 0 in shape):
        raise Cannot(
            f"is a memoryview of the format {view.format!r} and the shape {shape}",
            "send the NumPy array it looks at, or view.cast('B')",
        )
    plain = view.cast("B") if view.c_contiguous and view.nbytes and shape else view.tobytes()
    return packing.pack([form, shape, packing.blob(plain)])


def _unpack_memoryview(data: bytes, unpacking: Unpacking) -> memoryview:
    form, shape, blob = exactly(unpacking.unpack(data), 3)
    if form not in _FORMATS:
        raise Cannot("holds a memoryview of an unknown format")
    if type(shape) not in (list, tuple) or len(shape) > 64:
        raise Cannot("holds a memoryview without a shape")
    for side in shape:
        whole(side, 0, 1 << 62, "a side of a memoryview")
    view = memoryview(unpacking.blob(blob)).toreadonly()
    if view.nbytes != struct.calcsize(form) * math.prod(shape):
        raise Cannot("holds a memoryview whose shape does not fit its bytes")
    return view.cast(form) if len(shape) == 1 else view.cast(form, list(shape))


# --- containers -------------------------------------------------------------------------------


def _pack_items(container: Iterable[Any], packing: Packing) -> bytes:
    return packing.pack(list(container))


def _unpack_tuple(data: bytes, unpacking: Unpacking) -> tuple[Any, ...]:
    return tuple(sequence(unpacking.unpack(data)))


def _unpack_set(data: bytes, unpacking: Unpacking) -> set[Any]:
    members = sequence(unpacking.unpack(data))
    made: set[Any] = set()
    unpacking.fill(made.update, members, members)
    if len(made) != len(members):
        raise Cannot("holds a set with the same member twice")
    return made


def _unpack_frozenset(data: bytes, unpacking: Unpacking) -> frozenset[Any]:
    return frozenset(_unpack_set(data, unpacking))


def _pack_pairs(mapping: dict[Any, Any], packing: Packing) -> bytes:
    return packing.pack([list(mapping), list(mapping.values())])


def _unpack_pairs(kind: type[dict[Any, Any]]) -> Callable[[bytes, Unpacking], dict[Any, Any]]:
    def unpack(data: bytes, unpacking: Unpacking) -> dict[Any, Any]:
        keys, values = map(sequence, exactly(unpacking.unpack(data), 2))
        made = kind()
        update = made.update if kind is OrderedDict else lambda pairs: dict.update(made, pairs)
        unpacking.fill(update, keys, list(zip(keys, values, strict=True)))
        if len(made) != len(keys):
            raise Cannot("holds a dict with the same key twice")
        return made

    return unpack


def _pack_deque(items: deque[Any], packing: Packing) -> bytes:
    return packing.pack([items.maxlen, *items])


def _unpack_deque(data: bytes, unpacking: Unpacking) -> deque[Any]:
    most, *items = unpacking.unpack(data)
    if most is not None and most < len(items):
        raise Cannot("holds a deque longer than its maxlen")
    return deque(items, most)


# --- paths ------------------------------------------------------------------------------------


def _pack_path(path: pathlib.PurePath, packing: Packing) -> bytes:
    return packing.pack([_PATHS.index(type(path)), str(path)])


def _unpack_path(data: bytes, unpacking: Unpacking) -> pathlib.PurePath:
    kind, text = exactly(unpacking.unpack(data), 2)
    if type(text) is not str:
        raise Cannot("holds a path that is not text")
    return _PATHS[whole(kind, 0, len(_PATHS) - 1, "the kind of a path")](text)


# --- the tables -------------------------------------------------------------------------------


def _step(key: object) -> str:
    shown = type(key) in (str, int, bytes, bool, float, type(None))
    return repr(key)[:80] if shown else type(key).__name__


def _of_mapping(mapping: dict[Any, Any]) -> Iterable[tuple[str, object]]:
    for key, value in mapping.items():
        yield f"<key {_step(key)}>", key
        yield f"[{_step(key)}]", value


def _of_set(members: Iterable[object]) -> Iterable[tuple[str, object]]:
    return ((f"<member {_step(member)}>", member) for member in members)


def _enter() -> None:
    table: list[tuple[type, int, _Pack, _Unpack]] = [
        (int, Code.INT, _pack_int, _unpack_int),
        (complex, Code.COMPLEX, _pack_complex, _unpack_complex),
        (bytes, Code.BYTES, _pack_bytes, _unpack_bytes),
        (bytearray, Code.BYTEARRAY, _pack_bytes, _unpack_bytearray),
        (memoryview, Code.MEMORYVIEW, _pack_memoryview, _unpack_memoryview),
        (str, Code.TEXT, _pack_text, _unpack_text),
        (tuple, Code.TUPLE, _pack_items, _unpack_tuple),
        (set, Code.SET, _pack_items, _unpack_set),
        (frozenset, Code.FROZENSET, _pack_items, _unpack_frozenset),
        (dict, Code.DICT, _pack_pairs, _unpack_pairs(dict)),
        (OrderedDict, Code.ORDERED_DICT, _pack_pairs, _unpack_pairs(OrderedDict)),
        (Counter, Code.COUNTER, _pack_pairs, _unpack_pairs(Counter)),
        (deque, Code.DEQUE, _pack_deque, _unpack_deque),
        (Decimal, Code.DECIMAL, _pack_decimal, _unpack_decimal),
        (Fraction, Code.FRACTION, _pack_fraction, _unpack_fraction),
        (uuid.UUID, Code.UUID, _pack_uuid, _unpack_uuid),
        *((kind, Code.PATH, _pack_path, _unpack_path) for kind in _PATHS),
    ]
    for kind, code, pack, unpack in table:
        PACK[kind] = (code, pack)
        UNPACK[code] = unpack
    CONTAINERS.update({list: numbered(), tuple: numbered(), deque: numbered(own=3)})
    members = replace(numbered(), parts=_of_set)
    CONTAINERS.update({set: members, frozenset: members})
    pairs = Container(
        lambda instances: 2 * sum(map(len, instances)),
        lambda instances: chain(
            chain.from_iterable(instances),
            chain.from_iterable(map(operator.methodcaller("values"), instances)),
        ),
        _of_mapping,
    )
    kept = replace(pairs, own=8)
    CONTAINERS.update({dict: pairs, OrderedDict: kept, Counter: kept})


_enter()
