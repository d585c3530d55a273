"""What coupled backplanes say to each other, and what they tell their subscribers.

Laws
1. Each is a frozen record that crosses processes as it is.
2. What comes in a session is numbered from 0, so that whoever receives it sees a gap, a repeat, or a
   leftover of another session without having to trust the linkage.

A vector says for each origin (one run of one backplane) how many of its messages have been delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kamesh.codec import register

__all__ = [
    "Ack",
    "Again",
    "Copy",
    "Cut",
    "Hello",
    "Missed",
    "Probe",
    "Snapshot",
    "Start",
    "Status",
    "Streamed",
    "Told",
    "Vector",
    "sound",
]

Vector: TypeAlias = Mapping[str, int]


@register(name="coupling.Snapshot")
@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state that a backplane keeps, exactly as of where it stands in the stream.

    It takes the place of whatever its receiver had before. `missed` says how many messages could not
    be had one by one since then: they are in `state`, and in no other message.
    """

    state: Any
    missed: int = 0


@register(name="coupling.Missed")
@dataclass(frozen=True, slots=True)
class Missed:
    """Reports that `count` messages could not be delivered one by one to the backplane `who`."""

    who: str
    count: int
    why: str


@register(name="coupling.Status")
@dataclass(frozen=True, slots=True)
class Status:
    """Says of one backplane with whom it is coupled and what it and these have; the newest counts.

    `counts` says it by origin; `published` is how many messages it has published itself, and with
    `ended` no more will be. It is passed on to all that can be reached.
    """

    who: str
    number: int
    peers: tuple[str, ...]
    counts: Vector
    published: int
    ended: bool


@register(name="coupling.Hello")
@dataclass(frozen=True, slots=True)
class Hello:
    """Asks for a stream, as session number `session`, of all that is not in `vector`.

    `fresh`: nothing has been delivered at `who` yet, and nothing is owed to it. `known` is who has been
    heard of there; `keep` names what is kept there.
    """

    who: str
    session: int
    vector: Vector
    fresh: bool
    known: tuple[str, ...]
    keep: str


@register(name="coupling.Start")
@dataclass(frozen=True, slots=True)
class Start:
    """Begins a session in which everything that was asked for follows."""

    session: int
    index: int


@register(name="coupling.Copy")
@dataclass(frozen=True, slots=True)
class Copy:
    """Begins a session for one that is fresh: it may become a copy of who sends this.

    The log follows, which begins behind `floor`; when it has come to `present`, the state is `state`.
    """

    session: int
    index: int
    floor: Vector
    present: Vector
    state: Any


@register(name="coupling.Cut")
@dataclass(frozen=True, slots=True)
class Cut:
    """Stands for all that is in `vector`: who sends this has not got it one by one, only `state`.

    `base` is where the one it was made for stood; `missed` is how many messages that one had been
    owed; `shared`, whether the two were found to be parts of one whole.
    """

    session: int
    index: int
    vector: Vector
    base: Vector
    missed: int
    shared: bool
    state: Any


@register(name="coupling.Told")
@dataclass(frozen=True, slots=True)
class Told:
    """One message: the `seq`-th (from 1) that was published at `origin`."""

    session: int
    index: int
    origin: str
    seq: int
    message: Any


@register(name="coupling.Ack")
@dataclass(frozen=True, slots=True)
class Ack:
    """Says that the first `count` records of a session have been delivered."""

    session: int
    count: int


@register(name="coupling.Probe")
@dataclass(frozen=True, slots=True)
class Probe:
    """Says that so many records of a session have been sent: whoever lacks some asks anew."""

    session: int
    index: int


@register(name="coupling.Again")
@dataclass(frozen=True, slots=True)
class Again:
    """Says that a session cannot go on: ask anew."""

    session: int


Streamed: TypeAlias = Start | Copy | Cut | Told


def sound(message: object) -> bool:
    """Say whether a message of the other side's has what it should in its fields.

    What is published, and states, may be anything.
    """
    match message:
        case Told(session, index, origin, seq):
            return _counts(session, index, seq) and isinstance(origin, str) and seq > 0
        case Start(session, index) | Probe(session, index) | Ack(session, index):
            return _counts(session, index)
        case Again(session):
            return _counts(session)
        case Hello(who, session, vector, fresh, known, keep):
            flags = isinstance(fresh, bool) and isinstance(keep, str)
            return flags and _counts(session) and _vectors(vector) and _texts((who,), known)
        case Copy(session, index, floor, present):
            return _counts(session, index) and _vectors(floor, present)
        case Cut(session, index, vector, base, missed, shared):
            return (
                _counts(session, index, missed)
                and _vectors(vector, base)
                and isinstance(shared, bool)
            )
        case Status(who, number, peers, counts, published, ended):
            flags = isinstance(ended, bool)
            return (
                flags and _counts(number, published) and _vectors(counts) and _texts((who,), peers)
            )
    return False


def _counts(*numbers: object) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)


def _texts(*several: object) -> bool:
    return all(
        isinstance(texts, tuple) and all(isinstance(text, str) for text in texts)
        for texts in several
    )


def _vectors(*several: object) -> bool:
    return all(
        isinstance(vector, dict) and _texts(tuple(vector)) and _counts(*vector.values())
        for vector in several
    )
