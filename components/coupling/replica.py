"""The replica: one backplane's part in coupled ones. Pure: messages and the time in, messages out.

Messages are flooded over couplings, each of which is in order; what is there already is dropped. So the
shape of the couplings does not matter, and a message never overtakes one that its publisher had seen:
causal broadcast by flooding over links in order (Friedman and Manor, "Causal Ordering in Deterministic
Overlay Networks", 2004), with a vector exchanged when a coupling is made, so that this holds while
couplings come and go (Nédelec, Molli and Mostéfaoui, "Breaking the Scalability Barrier of Causal
Broadcast for Large and Dynamic Systems", 2018, hold a new link back for the same end). That a peer which
has fallen behind the log gets the state instead is Bayou's (Petersen et al., 1997).

Laws
1. Of each origin the messages are delivered in their order, each once, without a gap that is not told.
2. What was delivered where a message was published, before it was, is delivered before it everywhere.
3. `state` is the fold of what has been delivered, and a snapshot stands in the output where it was taken.
4. Memory is bounded: the log by `size` for each origin, what is pending by a window for each peer.
5. Nothing waits on its way; who publishes waits for the slowest that can be reached (`statuses.py`).
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator
from typing import Any

from kamesh.components.coupling.keep import Keep
from kamesh.components.coupling.log import Entry, Jump, Log, at_least, raised
from kamesh.components.coupling.messages import (
    Copy,
    Cut,
    Hello,
    Missed,
    Snapshot,
    Start,
    Told,
)
from kamesh.components.coupling.peer import RETRY, Peer
from kamesh.components.coupling.statuses import Statuses

__all__ = ["Replica"]

ORIGINS = 4096  # runs of backplanes that are remembered
GONE = 8  # of those that cannot be reached any more, how many have their messages kept
SESSIONS = 1 << 16


class Replica:
    """See the module."""

    def __init__(
        self,
        name: str,
        keep: Keep | None = None,
        *,
        size: int = 1024,
        patience: float = 10.0,
        number: int | None = None,
    ) -> None:
        """Make one run of the backplane `name`; `number` tells it from other runs (default: random).

        `size` is how many messages of each origin the log holds; a publisher may be half of that ahead
        of the slowest. `patience` is the seconds to wait for others: before the first message, and
        whenever somebody does not get on.
        """
        self.name = name
        self.keep = keep
        self.keeps = keep.name if keep else ""
        number = secrets.randbits(47) if number is None else number
        self.who = f"{name}#{number:012x}"
        self._session = number * SESSIONS
        self.patience = patience
        self.log = Log(size)
        self.vector: dict[str, int] = {self.who: 0}
        self.joined = False  # what any of the others publishes from now on is owed to it
        self._joined_at: dict[str, int] = {}  # where others' streams were joined, if not at 0
        self.state: Any = keep.empty() if keep else None
        self.ended = False  # nothing more will be published here
        self.statuses = Statuses(self.who, max(1, size // 2), 2 * patience)
        self.peers: list[Peer] = []
        self.out: deque[Any] = deque()  # what subscribers get: messages and, wrapped, snapshots
        self.reports: deque[Missed] = deque()
        self.opened = False
        self._began: float | None = None
        self._source: Peer | None = None  # of whom this becomes a copy
        self._coming: Copy | None = None
        self._before: dict[str, int] = {}
        self._owed = 0
        self.delivered = self.repeats = self.missed = 0
        self.activity = 0  # rises whenever there may be something new to send

    # -- peers

    def attach(self, now: float) -> Peer:
        """Begin a coupling."""
        peer = Peer(self, now)
        self.peers.append(peer)
        return peer

    def detach(self, peer: Peer) -> None:
        """End a coupling."""
        if peer in self.peers:
            self.peers.remove(peer)
            self.abandoned(peer)

    @property
    def filling(self) -> bool:
        """Whether it is becoming a copy of another."""
        return self._source is not None

    def fresh(self) -> bool:
        """Say whether nothing has been delivered yet."""
        return not self.filling and len(self.log) == 0 and not any(self.vector.values())

    def next_session(self) -> int:
        """Give a number that no session had before."""
        self._session += 1
        return self._session

    def answer(self, hello: Hello) -> tuple[Start | Copy | Cut, int]:
        """Give how a session begins, and from which position of the log it goes on."""
        theirs = hello.vector
        shared = any(
            origin in self.vector and (origin != hello.who or self.vector[origin])
            for origin in theirs
        )
        if not hello.fresh:  # perhaps of one whole, though neither has heard from the other's side
            both = self.statuses.known().intersection(hello.known)
            shared = shared or bool(both - {self.who, hello.who})
        joins = hello.fresh and any(origin not in theirs for origin in self._joined_at)
        if shared and not joins and self.log.covers(theirs):
            return Start(hello.session, 0), self.log.base
        present, state = dict(self.vector), self.given()
        if hello.fresh:
            return (
                Copy(hello.session, 0, dict(self.log.floor), present, state),
                self.log.base,
            )
        missed = 0
        if shared:
            for origin, count in present.items():
                missed += max(0, count - theirs.get(origin, self._joined_at.get(origin, 0)))
        cut = Cut(hello.session, 0, present, dict(theirs), missed, shared, state)
        return cut, self.log.head

    def given(self) -> Any:
        """Give the state as it can be sent."""
        return self.keep.give(self.state) if self.keep else None

    # -- publishing

    def may_open(self, now: float) -> bool:
        """Say whether messages are delivered yet: once all peers of the beginning are there."""
        if self._began is None:
            self._began = now
        if not self.opened and not self.filling:
            late = now >= self._began + self.patience
            self.opened = late or all(peer.synced for peer in self.peers)
        return self.opened

    def may_publish(self, now: float) -> bool:
        """Say whether one more message may be published: nobody is too far behind."""
        if not self.may_open(now) or self.filling:
            return False
        direct = {peer.who: peer.theirs.get(self.who, 0) for peer in self.peers if peer.serving}
        return self.statuses.may_publish(self.vector[self.who], direct, now)

    def publish(self, message: Any) -> None:
        """Publish a message here, as the next one of this origin."""
        self._deliver(self.who, self.vector[self.who] + 1, message)

    # -- delivering

    def advance(self, room: int, now: float) -> int:
        """Deliver what is pending, at most `room` messages, each peer's a few at a time; say how many."""
        before = len(self.out)
        moved = True
        while moved and len(self.out) - before < room:
            moved = False
            for peer in list(self.peers):
                if peer.pending and self._pass(peer, now):
                    moved = True
        return len(self.out) - before

    def _pass(self, peer: Peer, now: float) -> bool:
        """Take one record of a peer's, if it may be taken."""
        record = peer.pending[0]
        if self.filling and self._source is not peer:
            return False
        if isinstance(record, Told):
            if not self._tell(peer, record, now):
                return False
        elif isinstance(record, Copy):
            if not self.fresh():
                peer.ask(now)
                return False
            self._fill(peer, record)
            self.joined = True
        elif isinstance(record, Start):
            self.joined = True
        elif isinstance(record, Cut) and not self._cut(peer, record, now):
            return False
        peer.passed_one()
        self.activity += 1
        if self._coming is not None and at_least(self.vector, self._coming.present):
            self._filled(self._coming)
        return True

    def _tell(self, peer: Peer, told: Told, now: float) -> bool:
        have = self.vector.get(told.origin, 0)
        if told.seq <= have:
            self.repeats += 1
            return True
        if told.seq > have + 1:
            peer.ask(now)
            return False
        if self.filling:
            self.log.append(Entry(told.origin, told.seq, told.message))
            self.vector[told.origin] = told.seq
            return True
        if not self.may_open(now):
            return False
        self._deliver(told.origin, told.seq, told.message)
        return True

    def _deliver(self, origin: str, seq: int, message: Any) -> None:
        self.activity += 1
        self.log.append(Entry(origin, seq, message))
        self.vector[origin] = seq
        if seq == 1:
            self._bound()
        self.delivered += 1
        if self.keep is not None:
            self.state = self.keep.apply(self.state, message)
        self.out.append(message)

    def tend(self, now: float) -> None:
        """Give up who does not get on and is far behind, and say where this one stands."""
        reached = self.statuses.reached()
        counts = {origin: n for origin, n in self.vector.items() if origin in reached}
        half = self.statuses.window
        for peer in self.peers:
            if not peer.serving:
                continue
            if not peer.behind:
                peer.moved = now
            elif now >= peer.moved + self.patience and any(
                n - peer.theirs.get(origin, 0) >= half for origin, n in self.vector.items()
            ):
                peer.give_up()
                self.activity += 1
                continue
            for origin in counts:
                counts[origin] = min(counts[origin], peer.theirs.get(origin, 0))
        peers = tuple(sorted({peer.who for peer in self.peers if peer.who}))
        if self.statuses.say(peers, counts, self.vector[self.who], self.ended):
            self.activity += 1

    def over(self) -> bool:
        """Say whether nothing more will come, from here or from anywhere that can be reached."""
        return self.ended and self.statuses.over(self.vector)

    def _bound(self) -> None:
        """Let go of the messages of runs that are gone, and forget the oldest of these altogether."""
        reached = self.statuses.reached()
        gone = [origin for origin in self.log.origins if origin not in reached]
        for origin in gone[: max(0, len(gone) - GONE)]:
            self.log.drop(origin)
        if len(self.vector) > ORIGINS:
            here = {self.who, *reached, *self.log.origins}
            old = next((origin for origin in self.vector if origin not in here), None)
            for vector in (self.vector, self.log.floor, self._joined_at):
                vector.pop(old or "", None)

    # -- becoming a copy, and going on from a snapshot

    def _fill(self, peer: Peer, copy: Copy) -> None:
        self._before = dict(self.vector)
        self._owed = sum(copy.present.get(origin, 0) for origin in self.vector)
        if any(copy.present.values()):
            self._source, self._coming = peer, copy
            raised(self.vector, copy.floor)
            self.log.restart(copy.floor)
        else:
            raised(self.vector, copy.present)

    def _filled(self, copy: Copy) -> None:
        self._source = self._coming = None
        raised(self.vector, copy.present)
        self._joined_at = {origin: n for origin, n in copy.present.items() if n}
        if self.keep is not None:
            self.state = self.keep.take(copy.state)
        jump = Jump(dict(copy.present), self._before, 0, copy.state)
        position = self._jumped(jump, self._owed)
        for peer in self.peers:  # they go on from the snapshot, without what went before
            peer.skip_to(position)

    def abandoned(self, peer: Peer) -> None:
        """Hear that what was pending from a peer is no more: be fresh again, if it was the source."""
        if peer is self._source:
            self._source = self._coming = None
            self.vector = self._before
            self.joined = False
            self.log.restart({})
            for other in self.peers:
                other.skip_to(self.log.head)

    def _jumped(self, jump: Jump, missed: int) -> int:
        position = self.log.append(jump)
        if missed:
            self.missed += missed
            self.reports.append(Missed(self.who, missed, "they were in no log any more"))
        if self.keep is not None:
            self.out.append(Snapshot(self.given(), missed))
        return position

    def _cut(self, peer: Peer, cut: Cut, now: float) -> bool:
        """Go on from a snapshot if that loses nothing, or if what it would lose does not come."""
        short = {o: n for o, n in cut.vector.items() if n > self.vector.get(o, -1)}
        if not any(short.values()):
            raised(self.vector, short)
            return True
        if self.filling:
            raised(self.vector, cut.vector)
            self.log.append(Jump(cut.vector, cut.base, cut.missed, cut.state))
            return True
        if self.fresh():
            self.joined = False
            peer.ask(now)  # for a copy: with a log of its own it can serve others
            return False
        if not cut.shared and any(o in self.vector and o != self.who for o in cut.vector):
            peer.ask(now)  # they are parts of one whole after all, as it is known by now
            return False
        stands = all(self.vector.get(o, -1) == cut.base.get(o, -1) for o in short)
        if not stands or cut.missed:
            return self._parked(peer, cut, short, now)
        return self._jump(cut, 0)

    def _parked(self, peer: Peer, cut: Cut, short: dict[str, int], now: float) -> bool:
        """Wait for others to bring what is missing, and ask anew now and then; jump in the end."""
        first = peer.parked is None
        if peer.parked is None:
            peer.parked = now
        if now < peer.parked + self.patience:
            if first or now >= peer.asked + RETRY:
                peer.ask(now)
            return False
        return self._jump(cut, sum(n - self.vector.get(o, 0) for o, n in short.items()))

    def _jump(self, cut: Cut, missed: int) -> bool:
        base = dict(self.vector)
        beyond = [one for one in self.log
                  if isinstance(one, Entry) and one.seq > cut.vector.get(one.origin, 0)]  # fmt: skip
        whole = all(
            self.log.floor.get(origin, 0) <= cut.vector.get(origin, 0)
            for origin, count in self.vector.items()
            if count > cut.vector.get(origin, 0)
        ) and all(isinstance(one, Entry) or at_least(cut.vector, one.vector) for one in self.log)
        for origin, count in cut.vector.items():
            if count and not missed and origin not in self.vector:
                self._joined_at[origin] = count
        raised(self.vector, cut.vector)
        if self.keep is not None:
            self._combine(self.keep, cut, beyond, whole)
        self._jumped(Jump(dict(self.vector), base, missed, self.given()), missed)
        return True

    def _combine(self, keep: Keep, cut: Cut, beyond: list[Entry], whole: bool) -> None:
        theirs = keep.take(cut.state)
        if not whole and keep.merge is not None:
            self.state = keep.merge(self.state, theirs)
            return
        for entry in beyond:
            theirs = keep.apply(theirs, entry.message)
        self.state = theirs
        if not whole:
            why = "what is kept here was put together without messages that no log has any more"
            self.reports.append(Missed(self.who, 0, why))

    # -- time and end

    def deadlines(self, now: float) -> Iterator[float]:
        """Give the times at which there is something to do if nothing comes before."""
        if not self.opened and self._began is not None:
            yield self._began + self.patience
        yield from self.statuses.deadlines(now)
        for peer in self.peers:
            if peer.behind and now < peer.moved + self.patience:
                yield peer.moved + self.patience
            if peer.parked is not None:
                yield min(peer.parked + self.patience, max(now, peer.asked) + RETRY)
