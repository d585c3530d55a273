"""The tables of what can travel: how each type is packed, unpacked, and looked into.

`plain`, `clock`, `registry`, `arrays` and `media` fill them; `survey`, `encode` and `decode` read
them and know no type by name except those MessagePack has itself.

Laws: a type is matched exactly, never through its bases, so what arrives is of the type that was
sent; a function that packs raises `Cannot` for a value that is unfit; a function that unpacks may
raise anything, for `decode` turns it into `Undecodable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from kamesh.codec.errors import Cannot
from kamesh.codec.wire import Buffer

__all__ = ["ADOPT", "CONTAINERS", "PACK", "UNPACK", "Container", "Packing", "Unpacking"]
__all__ += ["exactly", "name_of", "numbered", "parts_of", "sequence", "unknown", "whole"]


class Packing(Protocol):
    """What a function that packs may ask of the encoder."""

    def pack(self, fields: list[Any]) -> bytes:
        """Encode values that belong to the one being packed."""

    def blob(self, data: Buffer) -> bytes | int:
        """Keep bytes inside the payload, or send them as a buffer: the index it has then."""


StandInMaker = Callable[[str, tuple[tuple[str, object], ...] | None, object], object]
"""Makes something of a class's name and a record's fields; without fields, of an Enum's member."""


class Unpacking(Protocol):
    """What a function that unpacks may ask of the decoder."""

    stand_in: StandInMaker | None
    """What makes something of what is not registered here, if anything is to."""

    def unpack(self, data: bytes) -> Any:
        """Decode what `Packing.pack` made."""

    def blob(self, reference: object) -> Buffer:
        """Give the bytes that `Packing.blob` was given."""

    def fill(
        self, update: Callable[[Any], object], keys: Sequence[Any], items: Sequence[Any]
    ) -> None:
        """Call `update(items)` unless the keys have been chosen to collide."""


@dataclass(frozen=True, slots=True)
class Container:
    """How to look into a type that holds other values, many instances at a time.

    `own` is what an instance counts for beside the values in it: what the decoder counts for it.
    """

    count: Callable[[list[Any]], int]
    contents: Callable[[list[Any]], Iterable[object]]
    parts: Callable[[Any], Iterable[tuple[str, object]]]
    own: int = 2


PACK: dict[type, tuple[int, Callable[[Any, Packing], bytes]]] = {}
UNPACK: dict[int, Callable[[bytes, Unpacking], object]] = {}
CONTAINERS: dict[type, Container] = {}
ADOPT: list[Callable[[type], bool]] = []
"""Each is shown a type that is in no table, and may enter it: for libraries that may be missing."""


def numbered(own: int = 2) -> Container:
    """Describe a sequence type: its items, by their places."""
    return Container(lambda instances: sum(map(len, instances)), chain.from_iterable, parts_of, own)


def parts_of(items: Iterable[object]) -> Iterable[tuple[str, object]]:
    """Name the places of a sequence."""
    return ((f"[{index}]", item) for index, item in enumerate(items))


def name_of(kind: type) -> str:
    """Name a type as its users do."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def unknown(kind: type) -> Cannot:
    """Say that a type is in no table."""
    return Cannot(f"is of the type {name_of(kind)}, which does not travel")


def sequence(fields: Any) -> Any:
    """Check that received fields are an array, and give them."""
    if type(fields) not in (list, tuple):
        raise Cannot("holds an extension that should hold an array and does not")
    return fields


def exactly(fields: Any, count: int) -> Any:
    """Check that a received extension has `count` fields, and give them."""
    if len(sequence(fields)) != count:
        raise Cannot(f"holds an extension that should have {count} fields and has not")
    return fields


def whole(number: object, least: int, most: int, what: str) -> int:
    """Check a received integer against its bounds, and give it."""
    if type(number) is not int or not least <= number <= most:
        raise Cannot(f"holds {what} that is not a whole number within its bounds")
    return number
