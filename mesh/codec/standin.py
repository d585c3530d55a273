"""Stand-ins: what is given for records and Enums that are not registered here, to who only looks on.

A terminal that watches an outbox has not imported the user's modules, and does not import them: it shows
what came by its name and its fields.

Law: a stand-in is made only where it was asked for, and travels as what it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from kamesh.codec.decode import decode as decode_known
from kamesh.codec.encode import encode
from kamesh.codec.kinds import CONTAINERS, PACK, Container, Packing
from kamesh.codec.wire import Buffer, Code

__all__ = ["StandIn", "StandInMember", "decode", "encode"]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A record: the name of its class on the wire, and its fields."""

    name: str
    fields: tuple[tuple[str, object], ...]

    def __repr__(self) -> str:
        """Show it as the class itself would be: "Reading(sensor='a', celsius=21.5)"."""
        shown = ", ".join(f"{field}={value!r}" for field, value in self.fields)
        return f"{_short(self.name)}({shown})"


@dataclass(frozen=True, slots=True)
class StandInMember:
    """A member of an Enum: the name of its class on the wire, and its own, or the number of a Flag."""

    name: str
    member: object

    def __repr__(self) -> str:
        """Show it as people write it: "Colour.RED"."""
        return f"{_short(self.name)}.{self.member}"


def decode(payload: Buffer, buffers: Sequence[Buffer] = ()) -> list[Any]:
    """Give the messages that `encode` was given, with stand-ins for what is not known here."""
    return decode_known(payload, buffers, stand_in=_make)


def _make(name: str, fields: tuple[tuple[str, object], ...] | None, member: object) -> object:
    return StandInMember(name, member) if fields is None else StandIn(name, fields)


def _short(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]


def _values(record: StandIn) -> list[object]:
    return [value for _, value in record.fields]


def _pack(record: StandIn, packing: Packing) -> bytes:
    names = ",".join(field for field, _ in record.fields)
    return packing.pack([record.name, names, *_values(record)])


def _pack_member(one: StandInMember, packing: Packing) -> bytes:
    return packing.pack([one.name, one.member])


PACK[StandIn] = (Code.RECORD, _pack)
PACK[StandInMember] = (Code.ENUM, _pack_member)
CONTAINERS[StandIn] = Container(
    lambda records: sum(len(one.fields) for one in records),
    lambda records: chain.from_iterable(map(_values, records)),
    lambda one: ((f".{field}", value) for field, value in one.fields),
    own=4,
)
