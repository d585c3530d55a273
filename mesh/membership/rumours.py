"""What to believe of what is said: merging news, suspecting, refuting, passing on.

Laws:
1. Only we speak for ourselves: whatever is said of this run is answered by a later revision.
2. A judgement on somebody we hear from directly is never more than a suspicion.
3. Whatever changed our belief is passed on; whatever did not is not. Each change is one event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from kamesh.membership.awareness import Awareness
from kamesh.membership.broadcasts import Broadcasts
from kamesh.membership.directory import Directory, Outcome
from kamesh.membership.events import (
    Changed,
    Event,
    Failed,
    Joined,
    Left,
    NameTaken,
    Recovered,
    Suspected,
)
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.member import MOST_REVISION, Member, Part, State, checked, verdict
from kamesh.membership.messages import Entry, Record
from kamesh.membership.namesakes import Namesakes, conflict
from kamesh.membership.suspicion import Suspicion

_Run = tuple[str, bytes]


class Rumours:
    """Our own record, the directory, the suspicions and the news, kept in step.

    `hears(name, incarnation, since)` says whether that run itself has spoken to us over a link
    that is up, at or after a time.
    """

    def __init__(
        self,
        me: Member,
        limits: MembershipLimits,
        health: Awareness,
        hears: Callable[[str, bytes, float], bool],
    ) -> None:
        """Begin knowing only ourselves."""
        self.me = checked(me)
        self.directory = Directory(most_names=limits.members, most_runs=limits.runs_per_name)
        self.directory.merge(me)
        self.news = Broadcasts(limits.queue_records)
        self.suspicions: dict[_Run, Suspicion] = {}
        self.ended: dict[_Run, float] = {}
        self.events: deque[Event] = deque()
        self.namesakes = Namesakes()
        self.settled = False
        self.left = False
        self.refutations = 0
        self.deaths = 0
        self.full = 0
        self._limits = limits
        self._health = health
        self._hears = hears

    # --- what others say ---

    def learn(self, records: Sequence[Record], source: str, now: float, *, told: bool) -> None:
        """Take in what a linked node says.

        `told`: it answers a comparison. The deaths in it may be those of a partition that healed,
        so the dead get the chance to speak up.
        """
        for record, accuser in records:
            if record.name == self.me.name:
                self._about_my_name(record, source, now)
            elif record.state is State.SUSPECT:
                self.suspect(record, accuser or source, now, heard_from=source)
            elif record.state is State.DEAD and self._doubtful(record, now, told=told):
                self.suspect(record.judged(State.SUSPECT), source, now, heard_from=source)
            else:
                self._believe(record, now, heard_from=source)

    def compare(self, digest: Sequence[Entry], source: str, now: float) -> list[_Run]:
        """Take in what a linked node believes in short; return the runs it should tell us of."""
        wanted = []
        for entry in digest:
            run = (entry.name, entry.incarnation)
            ours = self.directory.run(*run)
            if ours is None:
                if entry.state <= State.SUSPECT and entry.declared >= 0:
                    wanted.append(run)
                continue
            if entry.declared > ours.declared and entry.state <= State.SUSPECT:
                wanted.append(run)
            elif entry.state is not State.ALIVE and (entry[2:4] > (ours.revision, ours.state)):
                said = verdict(*run, entry.revision, entry.state)
                self.learn([(said, source)], source, now, told=True)
        return wanted

    def tell(self, name: str, incarnation: bytes) -> list[Member]:
        """Return all we know of a run, as records: its facts, and a judgement that differs."""
        run = self.directory.run(name, incarnation)
        if run is None or not run.known or not run.live:
            return []
        facts = replace(run, revision=run.declared, state=State.ALIVE)
        return [facts] if run.state is State.ALIVE else [facts, run]

    def _doubtful(self, record: Member, now: float, *, told: bool) -> bool:
        ours = self.directory.run(record.name, record.incarnation)
        if ours is None or not ours.live:
            return False
        return told or self._hears(record.name, record.incarnation, float("-inf"))

    def _believe(self, record: Member, now: float, *, heard_from: str = "") -> None:
        run = (record.name, record.incarnation)
        before = self.directory.members.get(record.name)
        outcome = self.directory.merge(record)
        if outcome is Outcome.FULL:
            self.full += 1
        if outcome is not Outcome.NEWS:
            if heard_from:
                self.news.known_by(record, heard_from)
            return
        joined = self.directory.run(*run)
        if joined is None:
            return
        if joined.state is not State.SUSPECT:
            self.suspicions.pop(run, None)
        elif joined.known and run not in self.suspicions:
            self._begin_suspicion(run, heard_from, now)
        if joined.live and joined.known:
            self.ended.pop(run, None)
        else:
            self._note_end(run, now)
        if self.settled or run != (self.me.name, self.me.incarnation):
            self.news.put(joined, heard_from=heard_from)
        self._tell(before, self.directory.members.get(record.name))
        if joined.rival and joined.rival != self.me.incarnation:
            self._report(conflict(joined, self.directory.run(joined.name, joined.rival)))

    def _note_end(self, run: _Run, now: float) -> None:
        """Remember when a run was first not there, or not known to be, so as to forget it."""
        self.ended.setdefault(run, now)
        if len(self.ended) > self._limits.members * self._limits.runs_per_name:
            oldest = next(iter(self.ended))
            del self.ended[oldest]
            self.directory.forget_ended(*oldest)

    # --- suspecting ---

    def suspect(
        self, run: Member, accuser: str, now: float, *, heard_from: str = "", refused: bool = False
    ) -> None:
        """Accuse a run at a revision; `refused` when its own address refused us."""
        key = (run.name, run.incarnation)
        ours = self.directory.run(*key)
        if ours is None or not ours.known:
            if self.directory.merge(run) is Outcome.NEWS:  # kept for when its facts arrive
                self._note_end(key, now)
            return
        if run.revision < ours.revision or ours.state > State.SUSPECT:
            return
        suspicion = self.suspicions.get(key)
        fresh = suspicion is None or ours.revision < run.revision
        if suspicion is None or fresh:
            before = self.directory.members.get(run.name)
            self.directory.merge(run.judged(State.SUSPECT))
            suspicion = self._begin_suspicion(key, accuser, now)
            self._tell(before, self.directory.members.get(run.name))
        suspect = self.directory.run(*key)
        if suspect is not None and (fresh or suspicion.confirm(accuser)):
            self.news.put(suspect, accuser=accuser, heard_from=heard_from)
        if refused:
            suspicion.hasten(now + self._limits.refused_timeout)

    def _begin_suspicion(self, key: _Run, accuser: str, now: float) -> Suspicion:
        members = self.directory.live
        wanted = self._limits.confirmations if members - 2 >= self._limits.confirmations else 0
        least = self._limits.least_suspicion(members)
        most = least * self._limits.suspicion_stretch
        begun = Suspicion(accuser, now, wanted=wanted, least=least, most=most)
        self.suspicions[key] = begun
        return begun

    def judge(self, now: float) -> list[Member]:
        """Declare dead whose time is over; return those that spoke since, to be told again."""
        spared = []
        for key, suspicion in list(self.suspicions.items()):
            if suspicion.deadline > now:
                continue
            run = self.directory.run(*key)
            if run is None or run.state is not State.SUSPECT:
                del self.suspicions[key]
            elif self._hears(*key, suspicion.started):
                suspicion.begin_again(now)
                spared.append(run)
            else:
                self.deaths += 1
                self._believe(verdict(*key, run.revision, State.DEAD), now)
        return spared

    def next_judgement(self) -> float:
        """Say when `judge` has something to do next."""
        return min((s.deadline for s in self.suspicions.values()), default=float("inf"))

    def forget(self, now: float) -> None:
        """Drop runs that ended long ago."""
        for key, ended in list(self.ended.items()):
            if now - ended >= self._limits.forget_after:
                del self.ended[key]
                self.directory.forget_ended(*key)

    # --- ourselves ---

    def speak(
        self,
        now: float,
        *,
        state: State = State.ALIVE,
        since: int | None = None,
        addresses: tuple[str, ...] | None = None,
        parts: tuple[Part, ...] | None = None,
        rival: bytes | None = None,
        above: int = 0,
    ) -> None:
        """Say something of ourselves, at a revision above all said so far."""
        revision = max(self.me.revision, above) + 1
        if revision > MOST_REVISION:
            return  # only a forger inside the mesh gets us here; nothing above it can be said
        self.me = checked(
            self.me.says(
                revision, state=state, since=since, addresses=addresses, parts=parts, rival=rival
            )
        )
        self._believe(self.me, now)

    def settle(self) -> None:
        """Having heard what the mesh believes, speak of ourselves from now on (see `namesakes`)."""
        if not self.settled:
            self.settled = True
            self.news.put(self.me)

    def _about_my_name(self, record: Member, source: str, now: float) -> None:
        if record.incarnation != self.me.incarnation:
            self._namesake(record, source, now)
        elif self.left:
            pass  # what follows our leaving is nothing to refute
        elif (record.revision, record.state) > (self.me.revision, State.ALIVE):
            self.refutations += 1
            self._health.worse()
            self.speak(now, above=record.revision)

    def _namesake(self, record: Member, source: str, now: float) -> None:
        """Hear of another run of our name: an earlier one of ours, a later one, or a stranger."""
        self._believe(record, now, heard_from=source)
        other = self.directory.run(record.name, record.incarnation)
        if other is None or not other.live or not other.known or self.left:
            return
        if not self.settled and other.age > self.me.age:
            self.speak(now, since=other.since + 1)
        if self.namesakes.lost_to(self.me, other):
            self.name_lost(other.incarnation)
        elif self.namesakes.to_answer(self.me, other):
            self.speak(now, rival=other.incarnation)

    def name_lost(self, holder: bytes) -> None:
        """Learn that an elder run of our name lives: report it once."""
        self._report(NameTaken(self.me.name, holder, self.me.incarnation, mine=True))

    def _report(self, conflict: NameTaken | None) -> None:
        if conflict is not None and self.namesakes.first_report(conflict):
            self.events.append(conflict)

    # --- events ---

    def _tell(self, before: Member | None, after: Member | None) -> None:
        if after is None or after is before or after.name == self.me.name:
            return
        was = before is not None and before.live
        if before is not None and was and before.incarnation != after.incarnation:
            self.events.append(Failed(before))
            was = False
        if not was:
            if after.live:
                self.events.append(Joined(after))
            return
        if after.state is State.DEAD:
            self.events.append(Failed(after))
        elif after.state is State.LEFT:
            self.events.append(Left(after))
        elif before is not None and after.state is not before.state:
            suspected = after.state is State.SUSPECT
            self.events.append(Suspected(after) if suspected else Recovered(after))
        if before is not None and after.live and _facts(after) != _facts(before):
            self.events.append(Changed(after))


def _facts(member: Member) -> tuple[tuple[str, ...], str, tuple[Part, ...]]:
    return (member.addresses, member.kind, member.parts)
