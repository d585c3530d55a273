"""The log: the latest records that a backplane has delivered, in its order, and what went before.

Laws
1. It holds at most `size` records of each origin, so that a busy one pushes out nobody else's.
2. Each record has a position that never changes; `floor` has, by origin, what is not held any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from kamesh.components.coupling.messages import Vector

__all__ = ["Entry", "Jump", "Log", "Record", "at_least", "raised"]

JUMPS = ""  # stands for the origin of jumps
MOST_JUMPS = 8  # snapshots that the log holds


class Entry(NamedTuple):
    """One message in the log."""

    origin: str
    seq: int
    message: Any


@dataclass(frozen=True, slots=True)
class Jump:
    """A place in the log where the backplane itself went on from a snapshot; see `Cut`."""

    vector: Vector
    base: Vector
    missed: int
    state: Any


Record: TypeAlias = Entry | Jump


def at_least(vector: Vector, other: Vector) -> bool:
    """Say whether `vector` has all the messages that `other` has."""
    return all(vector.get(origin, 0) >= count for origin, count in other.items())


def raised(vector: dict[str, int], other: Vector) -> None:
    """Raise `vector` to have all that `other` has."""
    for origin, count in other.items():
        if count > vector.get(origin, -1):
            vector[origin] = count


class Log:
    """See the module."""

    def __init__(self, size: int) -> None:
        """Begin empty, for `size` records of each origin."""
        self.size = size
        self.head = 0  # the position that the next record will have
        self.floor: dict[str, int] = {}
        self._records: dict[int, Record] = {}
        self._places: dict[str, deque[int]] = {}

    def __len__(self) -> int:
        """Count the records."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """Give them, oldest first."""
        return iter(self._records.values())

    @property
    def base(self) -> int:
        """The position of the oldest record, or of the next one if there is none."""
        return next(iter(self._records), self.head)

    @property
    def origins(self) -> list[str]:
        """Whose messages are here, the one that came first before the others."""
        return [origin for origin in self._places if origin != JUMPS]

    def at(self, position: int) -> Record | None:
        """Give the record at a position; None if it is not held any more."""
        return self._records.get(position)

    def after(self, position: int) -> int:
        """Give the position of the next record that is held, behind a gap."""
        while position < self.head and position not in self._records:
            position += 1
        return position

    def append(self, record: Record) -> int:
        """Take one more, let go of the oldest of its origin if there are too many; give its position."""
        origin = record.origin if isinstance(record, Entry) else JUMPS
        places = self._places.setdefault(origin, deque())
        if len(places) >= (self.size if origin != JUMPS else MOST_JUMPS):
            self._let_go(places.popleft())
        places.append(self.head)
        self._records[self.head] = record
        self.head += 1
        return self.head - 1

    def drop(self, origin: str) -> None:
        """Let go of all of one origin."""
        for position in self._places.pop(origin, ()):
            self._let_go(position)

    def _let_go(self, position: int) -> None:
        record = self._records.pop(position)
        if isinstance(record, Entry):
            raised(self.floor, {record.origin: record.seq})
        else:
            raised(self.floor, record.vector)

    def restart(self, floor: Vector) -> None:
        """Forget all, and go on as one that begins behind `floor`."""
        self._records.clear()
        self._places.clear()
        self.floor = dict(floor)

    def covers(self, vector: Vector) -> bool:
        """Say whether all that is not in `vector` is here."""
        return at_least(vector, self.floor)
