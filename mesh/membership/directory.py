"""What this node believes about all nodes: the merge rule, and the table it fills.

Laws:
1. `merged` is commutative, associative and idempotent: whatever order news arrives in, however
   often, nodes that heard the same believe the same.
2. Runs of one name are kept apart and merged apart. Which of them holds the name is computed from
   them, never stored by whoever came first: the most alive, then the eldest.
3. Bounded: so many names, so many runs of one name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum
from hashlib import blake2b
from types import MappingProxyType

from kamesh.membership.member import Member, State


class Outcome(Enum):
    """What merging a record did."""

    NEWS = "it changed what we believe"
    KNOWN = "nothing new"
    FULL = "there is no room for another name, or run of this name"


def merged(ours: Member, theirs: Member) -> Member:
    """Join two records of one run (same name, same incarnation).

    Two halves, each the greater of its kind, so the whole is a join-semilattice:

    | half | decided by | so that |
    | --- | --- | --- |
    | judgement | the higher `revision`; at one revision left > dead > suspect > alive | a judgement
      stands until the run itself speaks again |
    | facts | the higher `declared`; then their text, which an honest run never needs | the latest
      word of the run itself stands |
    """
    judgement = max(ours, theirs, key=_judgement)
    if ours.declared != theirs.declared:
        facts = max(ours, theirs, key=lambda member: member.declared)
    else:
        facts = max(ours, theirs, key=_facts)
    if judgement is facts:
        return judgement
    return replace(facts, revision=judgement.revision, state=judgement.state)


def _judgement(member: Member) -> tuple[int, State]:
    return (member.revision, member.state)


def _facts(member: Member) -> str:
    return repr((member.since, member.addresses, member.kind, member.parts, member.rival))


def adds(ours: Member, theirs: Member) -> bool:
    """Whether merging `theirs` would change `ours`; the cheap question before the merge."""
    if _judgement(theirs) > _judgement(ours) or theirs.declared > ours.declared:
        return True
    if theirs.declared < ours.declared or not theirs.known:
        return False
    return merged(ours, theirs) != ours


def holder(runs: tuple[Member, ...]) -> Member | None:
    """Return the run that holds the name: alive before suspect before ended, then the eldest.

    Of ended runs the youngest, which is the one last seen. None while no facts have arrived.
    """
    known = [run for run in runs if run.known]
    if not known:
        return None
    best = min(run.state for run in known)
    if best > State.SUSPECT:
        return max(known, key=lambda run: run.age)
    return min((run for run in known if run.state == best), key=lambda run: run.age)


def _mark(run: Member) -> int:
    if not run.live or not run.known:
        return 0
    text = f"{run.name}/{run.incarnation.hex()}/{run.revision}/{run.state:d}/{run.declared}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 2


class Directory:
    """All runs of all names, the holder of each name, and where each component lives.

    `members` shows the holders by name; `present` has the names of those that are there, and
    `turnover` counts how often one came or went. `fingerprint` is equal, but for one chance in
    2**62, where the living are believed to be the same.
    """

    def __init__(self, *, most_names: int, most_runs: int) -> None:
        """Begin empty."""
        self._most_names = most_names
        self._most_runs = most_runs
        self._runs: dict[str, tuple[Member, ...]] = {}
        self._holders: dict[str, Member] = {}
        self._homes: dict[str, dict[str, None]] = {}
        self.members: Mapping[str, Member] = MappingProxyType(self._holders)
        self.present: set[str] = set()
        self.turnover = 0
        self.fingerprint = 0

    @property
    def live(self) -> int:
        """Count those that are there."""
        return len(self.present)

    def has(self, name: str, incarnation: bytes, revision: int, state: State, declared: int) -> bool:
        """Whether a record with these marks can be nothing new; asked before it is read further."""
        ours = self.run(name, incarnation)
        return (
            ours is not None
            and declared <= ours.declared
            and (revision, state) <= (ours.revision, ours.state)
        )

    def __iter__(self) -> Iterator[Member]:
        """Go through every run of every name."""
        for runs in self._runs.values():
            yield from runs

    def run(self, name: str, incarnation: bytes) -> Member | None:
        """Return one run, if it is known."""
        for run in self._runs.get(name, ()):
            if run.incarnation == incarnation:
                return run
        return None

    def runs(self, name: str) -> tuple[Member, ...]:
        """Return all known runs of a name."""
        return self._runs.get(name, ())

    def merge(self, record: Member) -> Outcome:
        """Join a record into what we believe of its run."""
        ours = self.run(record.name, record.incarnation)
        if ours is None:
            return self._add(record)
        if not adds(ours, record):
            return Outcome.KNOWN
        joined = merged(ours, record)
        runs = self._runs[record.name]
        self._store(record.name, tuple(joined if run is ours else run for run in runs))
        return Outcome.NEWS

    def _add(self, record: Member) -> Outcome:
        runs = self._runs.get(record.name, ())
        if not runs and len(self._runs) >= self._most_names and not self._make_room():
            return Outcome.FULL
        runs = (*runs, record)
        if len(runs) > self._most_runs:
            # The ended go first, of them the eldest; then the youngest claims.
            worst = max(runs, key=lambda run: (not run.live, run.since if run.live else -run.since))
            if worst is record:
                return Outcome.FULL
            runs = tuple(run for run in runs if run is not worst)
        self._store(record.name, runs)
        return Outcome.NEWS

    def _make_room(self) -> bool:
        for name, runs in self._runs.items():
            if not any(run.live and run.known for run in runs):
                self._store(name, ())
                return True
        return False

    def forget_ended(self, name: str, incarnation: bytes) -> None:
        """Drop a run, unless it is known to be there."""
        run = self.run(name, incarnation)
        if run is not None and not (run.live and run.known):
            self._store(name, tuple(other for other in self.runs(name) if other is not run))

    def locate(self, component: str) -> str | None:
        """Return the node that hosts a component: the first by name when several do."""
        return min(self._homes.get(component, ()), default=None)

    def _store(self, name: str, runs: tuple[Member, ...]) -> None:
        for run in (*self._runs.get(name, ()), *runs):  # what stays cancels itself out
            self.fingerprint ^= _mark(run)
        before = self._holders.get(name)
        if runs:
            self._runs[name] = runs
        else:
            self._runs.pop(name, None)
        after = holder(runs)
        if after is before:
            return
        if after is None:
            del self._holders[name]
        else:
            self._holders[name] = after
        self._move(name, before, after)

    def _move(self, name: str, before: Member | None, after: Member | None) -> None:
        was = before is not None and before.live
        now = after is not None and after.live
        if was != now:
            self.turnover += 1
            (self.present.add if now else self.present.discard)(name)
        left = before.parts if was and before is not None else ()
        came = after.parts if now and after is not None else ()
        if left is came:
            return
        for part in left:
            homes = self._homes[part.name]
            homes.pop(name, None)
            if not homes:
                del self._homes[part.name]
        for part in came:
            self._homes.setdefault(part.name, {})[name] = None
