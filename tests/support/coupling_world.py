"""Worlds of coupled backplanes: seeded delays, couplings that come and go, crashes, and what must hold.

Law: who checks knows more than any backplane: every message carries what its publisher had seen.
"""

from __future__ import annotations

from collections import deque
from itertools import combinations, pairwise
from random import Random
from typing import Any

from kamesh.codec import decode, encode
from kamesh.components.coupling.keep import Keep
from kamesh.components.coupling.messages import Snapshot
from kamesh.components.coupling.peer import Peer
from kamesh.components.coupling.replica import Replica

EVERYTHING = Keep("everything", tuple, lambda state, message: (*state, message))
Id = tuple[str, int]


class Plane:
    """One run of one backplane, with a subscriber that has been there from its beginning."""

    def __init__(self, world: World, name: str, number: int) -> None:
        self.world = world
        self.name = name
        self.replica = Replica(
            name, world.keep, size=world.size, patience=world.patience, number=number
        )
        self.heard: list[Any] = []  # messages and snapshots, in their order
        self.seen: set[Id] = set()  # what it has, one by one or in a snapshot
        self.skipped: set[Id] = set()  # had from a snapshot that was not the first
        self.count = 0
        self.slow = False

    def turn(self, now: float) -> None:
        """Deliver, and hand out."""
        if not self.slow:
            self.replica.advance(64, now)
        self.replica.tend(now)
        while self.replica.out:
            self.hear(self.replica.out.popleft())

    def hear(self, what: Any) -> None:
        """Be the subscriber, and hold the laws."""
        if isinstance(what, Snapshot):
            ids = [message[0] for message in what.state]
            assert len(ids) == len(set(ids)), f"{self.name}: a snapshot holds something twice"
            if self.heard or self.seen:
                self.skipped |= set(ids) - self.seen
            self.seen = set(ids)
            self.heard.append(what)
            return
        ident, before = what
        assert ident not in self.seen, f"{self.name}: {ident} came twice"
        if not self.world.lossy:
            late = [one for one in before if one not in self.seen]
            assert not late, f"{self.name}: {ident} came before {late}"
        self.seen.add(ident)
        self.heard.append(what)

    @property
    def messages(self) -> list[Id]:
        """Which messages it was told one by one, in their order."""
        return [what[0] for what in self.heard if not isinstance(what, Snapshot)]

    def check_state(self) -> None:
        """Hold that the state is the fold of what was heard since the last snapshot, and of that."""
        if self.world.keep is None:
            return
        fold: list[Any] = []
        for what in self.heard:
            if isinstance(what, Snapshot):
                fold = list(what.state)
            else:
                fold.append(what)
        assert tuple(fold) == self.replica.state, f"{self.name}: its state is not what was heard"

    def publish(self, now: float) -> bool:
        """Publish one message that says what has been seen here: the newest of each origin."""
        if not self.replica.may_publish(now):
            return False
        self.count += 1
        ident = (self.replica.who, self.count)
        self.world.published.append(ident)
        newest: dict[str, int] = {}
        for origin, number in self.seen:
            newest[origin] = max(number, newest.get(origin, 0))
        self.replica.publish((ident, tuple(newest.items())))
        while self.replica.out:
            self.hear(self.replica.out.popleft())
        return True


class Coupling:
    """Two linkages between two backplanes, each in order, with a delay."""

    def __init__(self, world: World, left: Plane, right: Plane) -> None:
        self.world = world
        self.planes = (left, right)
        self.peers: list[Peer] = [plane.replica.attach(world.now) for plane in self.planes]
        self.wires: tuple[deque[tuple[float, Any]], deque[tuple[float, Any]]] = (deque(), deque())
        self.broken = False
        self.copies = 0

    def turn(self, random: Random) -> bool:
        """Move what is due, in both directions; say whether anything was."""
        moved = False
        now = self.world.now
        for end in (0, 1):
            wire = self.wires[end]  # towards planes[end]
            while wire and wire[0][0] <= now:
                message = wire.popleft()[1]
                self.peers[end].receive(message, now)
                moved = True
                if random.random() < self.world.twice:
                    self.peers[end].receive(message, now)
            for message in self.peers[end].outgoing(random.randint(0, 40), now):
                moved = True
                self.copies += type(message).__name__ == "Told"
                if self.world.wire:
                    encoded = encode([message])
                    message = decode(encoded.payload, encoded.buffers)[0]
                if not self.broken:
                    back = self.wires[1 - end]
                    due = max(now + self.world.delay(random), back[-1][0] if back else 0)
                    back.append((due, message))
        return moved

    def undo(self) -> None:
        """Uncouple; what is under way is lost."""
        for plane, peer in zip(self.planes, self.peers, strict=True):
            plane.replica.detach(peer)


class World:
    """Some planes, some couplings, one seed."""

    def __init__(
        self, seed: int, names: str, *, keep: Keep | None = EVERYTHING, size: int = 100_000,
        patience: float = 10.0, slowest: float = 0.2, twice: float = 0.0,
        lossy: bool = False, wire: bool = False,
    ) -> None:
        self.random = Random(seed)
        self.keep, self.size, self.patience, self.twice = keep, size, patience, twice
        self.slowest = slowest
        self.now = 0.0
        self.numbers = 0
        self.published: list[Id] = []
        self.lossy = lossy  # what is published may be had in snapshots only
        self.wire = wire  # every message goes through the codec
        self.planes: dict[str, Plane] = {}
        self.couplings: list[Coupling] = []
        for name in names:
            self.start(name)

    def delay(self, random: Random) -> float:
        """Give the seconds a message takes."""
        return random.choice((0.0, 0.001, random.uniform(0, self.slowest)))

    def start(self, name: str) -> Plane:
        """Start a backplane."""
        self.numbers += 1
        plane = self.planes[name] = Plane(self, name, self.numbers)
        return plane

    def crash(self, name: str) -> None:
        """End a backplane at once, with its couplings."""
        plane = self.planes.pop(name)
        for one in [one for one in self.couplings if plane in one.planes]:
            self.uncouple(one)

    def couple(self, left: str, right: str) -> Coupling:
        """Couple two."""
        one = Coupling(self, self.planes[left], self.planes[right])
        self.couplings.append(one)
        return one

    def uncouple(self, one: Coupling) -> None:
        """Undo a coupling."""
        one.undo()
        self.couplings.remove(one)

    def step(self) -> None:
        """Let a little time pass, and everybody have a turn, in any order."""
        self.now += self.random.choice((0, 0.001, 0.05))
        self.turns()

    def turns(self) -> None:
        """Give everybody a turn, in any order."""
        everybody: list[Plane | Coupling] = [*self.planes.values(), *self.couplings]
        self.random.shuffle(everybody)
        for one in everybody:
            if isinstance(one, Plane):
                one.turn(self.now)
            else:
                one.turn(self.random)

    def settle(self, limit: float = 120.0) -> None:
        """Go on until nothing is left to do; fail if that does not come."""
        end = self.now + limit
        calm = 0
        while calm < 3:
            self.now += 0.05
            self.turns()
            busy = any(any(one.wires) for one in self.couplings) or not all(
                peer.settled and peer.synced and not peer.pending
                for one in self.couplings
                for peer in one.peers
            )
            calm = 0 if busy else calm + 1
            assert self.now < end, [
                (p.replica.who, p.who, p.synced, p.settled, len(p.pending), p.parked)
                for one in self.couplings for p in one.peers
            ]  # fmt: skip


def shape(names: str, random: Random) -> list[tuple[str, str]]:
    """Give the couplings of some shape: a chain, a star, a circle, a full mesh, parallel ones, or any."""
    row = list(pairwise(names))
    match random.choice(("chain", "star", "circle", "mesh", "parallel", "any")):
        case "chain":
            return row
        case "star":
            return [(names[0], other) for other in names[1:]]
        case "circle":
            return [*row, (names[-1], names[0])]
        case "mesh":
            return list(combinations(names, 2))
        case "parallel":
            return row * 2
    return [*row, *(tuple(random.sample(names, 2)) for _ in range(3))]
