"""`register`: the user's own dataclasses, named tuples and Enums that may travel.

Laws: only what was registered here is ever made from received bytes; the wire carries a name that
is looked up in this table, and nothing is imported by it. A record is made field by field, without
running its `__init__`; its fields must be the same, in the same order, on both sides. The types of
the values are not checked, as Python does not check them either.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable
from enum import Enum, Flag
from itertools import chain
from operator import attrgetter
from types import MemberDescriptorType
from typing import Any, TypeVar, overload

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import (
    CONTAINERS,
    PACK,
    UNPACK,
    Container,
    Packing,
    Unpacking,
    exactly,
    name_of,
)
from kamesh.codec.wire import Code

__all__ = ["register"]

Class = TypeVar("Class", bound=type)


@dataclasses.dataclass(frozen=True, slots=True)
class _Record:
    kind: type
    fields: tuple[str, ...]
    make: Callable[[Iterable[Any]], object]


_NAMED: dict[str, _Record | type[Enum]] = {}
_HEAP_TYPE = 1 << 9  # of `type.__flags__`: a class that was made by a class statement


@overload
def register(kind: Class) -> Class: ...
@overload
def register(*, name: str) -> Callable[[Class], Class]: ...
def register(kind: Class | None = None, *, name: str = "") -> Class | Callable[[Class], Class]:
    """Let the instances of a dataclass, a NamedTuple or an Enum travel in messages.

        @register
        @dataclass(frozen=True)
        class Reading:
            sensor: str
            celsius: float

    Both sides import the module that says so. On the wire the class is called by its `name`, which
    is "module:qualname" unless one is given: give one to a class of a script, whose module is
    called `__main__` on one side only, or to one that may move to another file. (kamesh's own are
    named "package.Class", without a colon.) Registering a class anew, as a reload does, replaces it.
    Raises TypeError for a class that is none of the three, and ValueError for a name another class
    has.
    """
    if kind is None:
        return lambda later: _enter(later, name)
    return _enter(kind, name)


def _enter(kind: Class, name: str) -> Class:
    if not isinstance(kind, type):
        raise TypeError(f"{kind!r} cannot be registered: it is not a class")
    name = name or f"{kind.__module__}:{kind.__qualname__}"
    before = _NAMED.get(name)
    holder = before.kind if isinstance(before, _Record) else before
    if holder is not None and name_of(holder) != name_of(kind):
        raise ValueError(f"{name_of(kind)} cannot have the name {name!r}: {name_of(holder)} has it")
    if issubclass(kind, Enum):
        _NAMED[name] = kind
        _enter_enum(kind, name)
    elif dataclasses.is_dataclass(kind):
        _NAMED[name] = _dataclass(kind, name)
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        _NAMED[name] = _named_tuple(kind, name)
    else:
        raise TypeError(
            f"{name_of(kind)} cannot be registered: only a dataclass, a NamedTuple or an Enum can"
            " be (write @register above @dataclass)"
        )
    return kind


# --- records ----------------------------------------------------------------------------------


def _dataclass(kind: type, name: str) -> _Record:
    fields = tuple(field.name for field in dataclasses.fields(kind))
    made_by_c = [b for b in kind.__mro__ if b is not object and not b.__flags__ & _HEAP_TYPE]
    own_new = any("__new__" in vars(base) for base in kind.__mro__ if base is not object)
    if made_by_c or own_new or inspect.isabstract(kind):
        raise TypeError(
            f"{name_of(kind)} cannot be registered: it cannot be made field by field, as it is"
            " abstract, has a __new__ of its own, or is built on a type of Python's own"
        )
    get = attrgetter(*fields) if fields else None
    values: Callable[[Any], Iterable[Any]]
    if get is None:
        values = _nothing
    elif len(fields) == 1:
        values = _one(get)
    else:
        values = get
    _enter_record(kind, name, fields, values)

    return _Record(kind, fields, _maker(kind, fields))


def _maker(kind: type, fields: tuple[str, ...]) -> Callable[[Iterable[Any]], object]:
    """Give a function that makes an instance of its fields' values, without the class's code."""
    places = [inspect.getattr_static(kind, field, None) for field in fields]
    new = object.__new__
    slotted = any(hasattr(type(place), "__set__") for place in places)
    if kind.__dictoffset__ and not slotted:

        def make(received: Iterable[Any]) -> object:
            instance: Any = new(kind)
            instance.__dict__.update(zip(fields, received, strict=True))
            return instance

        return make
    setters = [
        place.__set__ if isinstance(place, MemberDescriptorType) else _setter(field)
        for field, place in zip(fields, places, strict=True)
    ]

    def make_slots(received: Iterable[Any]) -> object:
        instance: Any = new(kind)
        for put, value in zip(setters, received, strict=True):
            put(instance, value)
        return instance

    return make_slots


def _setter(field: str) -> Callable[[Any, Any], None]:
    return lambda instance, value: object.__setattr__(instance, field, value)


def _named_tuple(kind: type[tuple[Any, ...]], name: str) -> _Record:
    fields: tuple[str, ...] = tuple(kind._fields)  # type: ignore[attr-defined]
    _enter_record(kind, name, fields, iter)
    return _Record(kind, fields, lambda received: tuple.__new__(kind, received))


def _nothing(_: object) -> Iterable[Any]:
    return ()


def _one(get: Callable[[Any], Any]) -> Callable[[Any], Iterable[Any]]:
    return lambda instance: (get(instance),)


def _enter_record(
    kind: type, name: str, fields: tuple[str, ...], values: Callable[[Any], Iterable[Any]]
) -> None:
    head = [name, ",".join(fields)]

    def pack(instance: Any, packing: Packing) -> bytes:
        return packing.pack([*head, *values(instance)])

    PACK[kind] = (Code.RECORD, pack)
    CONTAINERS[kind] = Container(
        lambda instances: len(fields) * len(instances),
        lambda instances: chain.from_iterable(map(values, instances)),
        lambda it: ((f".{field}", part) for field, part in zip(fields, values(it), strict=True)),
        own=4,
    )


def _unpack_record(data: bytes, unpacking: Unpacking) -> object:
    name, key, *values = unpacking.unpack(data)
    record = _NAMED.get(name)
    known = isinstance(record, _Record) and key == ",".join(record.fields)
    if not known and unpacking.stand_in is not None:
        fields = str(key).split(",") if key else []
        return unpacking.stand_in(str(name), tuple(zip(fields, values, strict=False)), None)
    if not isinstance(record, _Record):
        raise Cannot(f"holds a {str(name)[:200]!r}, and no such class is registered here")
    if key != ",".join(record.fields) or len(values) != len(record.fields):
        raise Cannot(
            f"holds a {name!r} with the fields {str(key)[:200]!r}; here it has"
            f" {','.join(record.fields)!r}"
        )
    return record.make(values)


# --- Enums ------------------------------------------------------------------------------------


def _enter_enum(kind: type[Enum], name: str) -> None:
    def pack_member(member: Any, packing: Packing) -> bytes:
        return packing.pack([name, member.name])

    def pack_flag(flag: Any, packing: Packing) -> bytes:
        return packing.pack([name, int(flag.value)])

    PACK[kind] = (Code.ENUM, pack_flag if issubclass(kind, Flag) else pack_member)


def _unpack_enum(data: bytes, unpacking: Unpacking) -> object:
    name, value = exactly(unpacking.unpack(data), 2)
    kind = _NAMED.get(name)
    if kind is None and unpacking.stand_in is not None:
        return unpacking.stand_in(str(name), None, value)
    if kind is None or isinstance(kind, _Record):
        raise Cannot(f"holds a {str(name)[:200]!r}, and no such Enum is registered here")
    if issubclass(kind, Flag):
        # Only bits that have a name: each new number an IntFlag is asked for stays with its class.
        known = 0
        for member in kind.__members__.values():
            known |= member.value
        if type(value) is int and value >= 0 and not value & ~known:
            return kind(value)
    elif value in kind.__members__:
        return kind.__members__[value]
    raise Cannot(f"holds {str(value)[:200]!r} as a member of {name!r}, which it is not here")


UNPACK[Code.RECORD] = _unpack_record
UNPACK[Code.ENUM] = _unpack_enum
