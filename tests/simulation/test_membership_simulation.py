"""Whole meshes of `Membership` in virtual time over a seeded network: joining, dying, healing.

Laws: every run is made by its seed, which is printed; links behave as TCP does (in order, loss is
delay, a broken link is told after a while), dials may be refused, lost or unanswered. Bounds are
in virtual seconds, so a slow machine fails none of them.
"""

from __future__ import annotations

import gc
import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest

from kamesh.membership import (
    Dial,
    Event,
    Failed,
    Hangup,
    Joined,
    Member,
    Membership,
    MembershipLimits,
    NameTaken,
    Send,
    State,
)

LINK_DEAD = 5.0  # s after which a silent link is told to be dead
LONG = "KAMESH_LONG_TESTS" in os.environ  # many seeds, and the 500 nodes
SEEDS = range(30) if LONG else range(1)


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """Spare the collector the hundreds of thousands of records a large mesh keeps."""
    gc.disable()
    yield
    gc.enable()


class Node:
    """One simulated node: a Membership, and the shell's part of links and timers."""

    def __init__(self, name: str, address: str, world: World, clock_error: float = 0.0) -> None:
        """Start a run with an incarnation of its own."""
        self.name, self.address, self.alive, self.awake_at = name, address, True, 0.0
        self.incarnation = world.random.randbytes(16)
        since = int((world.now + clock_error) * 1e6)
        me = Member(name, self.incarnation, since=since, addresses=(address,))
        self.membership = Membership(me, world.limits, Random(world.random.random()))
        self.links: dict[Node, int] = {}
        self.events: list[tuple[float, Event]] = []
        self.refused: list[str] = []
        self.timer = float("inf")

    def lost_name(self) -> bool:
        """Whether it was told that its name belongs to another run."""
        return any(isinstance(e, NameTaken) and e.mine for _, e in self.events)

    def saw(self, kind: type[Event]) -> list[Event]:
        """Return the events of a kind."""
        return [event for _, event in self.events if isinstance(event, kind)]


class World:
    """The network, the clock, and all nodes."""

    def __init__(self, seed: int, limits: MembershipLimits, *, loss: float = 0.0) -> None:
        """Begin empty; print the seed."""
        print(f"seed {seed}")
        self.random, self.limits, self.loss = Random(seed), limits, loss
        self.now, self._count, self._link = 100_000.0, 0, 0
        self.nodes: list[Node] = []
        self._listening: dict[str, Node] = {}
        self._queue: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._arrived: dict[tuple[Node, Node], float] = {}
        self.side: Callable[[Node], object] = lambda _: 0

    # --- the nodes ---

    def start(
        self, name: str, seeds: Sequence[str] = (), address: str = "", clock_error: float = 0.0
    ) -> Node:
        """Start a node that knows these seed addresses."""
        address = address or f"tcp://10.0.0.1:{len(self.nodes) + 1}"
        node = Node(name, address, self, clock_error)
        self.nodes.append(node)
        self._listening[address] = node
        for seed in seeds:
            node.membership.add_seed(seed, self.now)
        self._settle(node)
        return node

    def mesh(self, count: int) -> list[Node]:
        """Start so many nodes at once; all know the address of the first."""
        return [self.start(f"n{i}", ["tcp://10.0.0.1:1"]) for i in range(count)]

    @property
    def up(self) -> list[Node]:
        """Return the nodes that run."""
        return [node for node in self.nodes if node.alive]

    def kill(self, node: Node) -> None:
        """End a node as kill -9 does: its host closes its links and refuses its port."""
        node.alive = False
        if self._listening.get(node.address) is node:
            del self._listening[node.address]
        for other in list(node.links):
            self._at(self.now + 0.001, self._cut, other, node)

    def hang(self, node: Node, seconds: float) -> None:
        """Let a node do nothing at all for a while, links open."""
        node.awake_at = self.now + seconds
        for other in list(node.links):
            self._at(self.now + LINK_DEAD, self._cut_if_asleep, other, node)

    def partition(self, side: Callable[[Node], object]) -> None:
        """Let only nodes of one side reach each other; a constant heals."""
        self.side = side
        for node in self.nodes:
            for other in list(node.links):
                self._at(self.now + LINK_DEAD, self._cut_if_apart, node, other)

    def agree(self) -> bool:
        """Whether every running node believes exactly the running ones alive, and the same."""
        names = {node.name for node in self.up}
        first = self.up[0].membership
        return all(
            node.membership.fingerprint == first.fingerprint
            and node.membership.present == names
            for node in self.up
        )  # fmt: skip

    def dead(self) -> set[str]:
        """Return the names anybody ever declared dead."""
        return {e.member.name for n in self.nodes for e in n.saw(Failed) if isinstance(e, Failed)}

    # --- time ---

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            at, _, function, arguments = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            function(*arguments)
        self.now = end

    def run_until(self, condition: Callable[[], bool], within: float) -> float:
        """Let time pass until a condition holds; return how long, fail after a bound."""
        start = self.now
        while not condition():
            assert self.now - start < within, f"not within {within} s"
            self.run(0.1)
        return self.now - start

    def _at(self, time: float, function: Callable[..., None], *arguments: object) -> None:
        self._count += 1
        heapq.heappush(self._queue, (time, self._count, function, arguments))

    def _tick(self, node: Node, due: float) -> None:
        if node.timer != due or not self._runs(node, self._tick, node, due):
            return
        node.timer = self.now
        node.membership.tick(self.now)
        self._settle(node)

    def _runs(self, node: Node, function: Callable[..., None], *arguments: object) -> bool:
        """Whether a node can act now; if it hangs, it will when it wakes."""
        if node.alive and node.awake_at > self.now:
            self._at(node.awake_at, function, *arguments)
            return False
        return node.alive

    def _settle(self, node: Node) -> None:
        for instruction in node.membership.take_instructions():
            match instruction:
                case Send(name, payload):
                    self._send(node, name, payload)
                case Dial(_, address):
                    self._at(self.now + 3 * self._lag(1.0), self._connect, node, address)
                case Hangup(name):
                    self._hang_up(node, name)
        node.events += [(self.now, event) for event in node.membership.take_events()]
        due = node.membership.next_deadline()
        if (due < node.timer or node.timer <= self.now) and due < float("inf"):
            node.timer = due
            self._at(max(due, self.now), self._tick, node, due)

    def _tell(self, node: Node, method: str, *arguments: object) -> None:
        if self._runs(node, self._tell, node, method, *arguments):
            getattr(node.membership, method)(*arguments)
            self._settle(node)

    # --- the network ---

    def _lag(self, again: float) -> float:
        """Return one way's delay; each loss adds a retransmission, twice as late each time."""
        lag = self.random.uniform(0.0005, 0.002)
        while self.random.random() < self.loss:
            lag, again = lag + again, again * 2
        return lag

    def _reach(self, node: Node, other: Node) -> bool:
        return self.side(node) == self.side(other)

    def _connect(self, node: Node, address: str) -> None:
        other = self._listening.get(address)
        if not self._runs(node, self._connect, node, address):
            return
        if other is None:
            self._tell(node, "dial_refused", address, self.now)
        elif other is node:
            self._tell(node, "link_up", node.name, node.incarnation, self.now, address)
        elif other.awake_at > self.now or not self._reach(node, other):
            pass  # no answer: the dial runs into its timeout
        elif node.name == other.name:
            for one, two in ((node, other), (other, node)):
                since = two.membership.me.since
                self._tell(one, "meets_namesake", two.incarnation, since, self.now)
            self._tell(node, "dial_failed", address, self.now)
        elif refused := other.membership.refusal(node.name, node.incarnation):
            node.refused.append(refused)
            self._tell(node, "dial_failed", address, self.now)
        elif refused := node.membership.refusal(other.name, other.incarnation):
            other.refused.append(refused)
            self._tell(node, "dial_failed", address, self.now)
        else:
            if node.links.get(other) is None or node.links[other] != other.links.get(node):
                self._link += 1
                node.links[other] = other.links[node] = self._link
            self._tell(node, "link_up", other.name, other.incarnation, self.now, address)
            self._tell(other, "link_up", node.name, node.incarnation, self.now)

    def _peer(self, node: Node, name: str) -> Node | None:
        """Return the other end; None when the link is gone and the node not told yet."""
        return next((other for other in node.links if other.name == name), None)

    def _send(self, node: Node, name: str, payload: object) -> None:
        other = self._peer(node, name)
        if other is not None and self._reach(node, other):
            arrives = max(self.now + self._lag(0.2), self._arrived.get((node, other), 0.0))
            self._arrived[(node, other)] = arrives
            self._at(arrives, self._deliver, node, other, node.links[other], payload)

    def _deliver(self, node: Node, other: Node, link: int, payload: object) -> None:
        arguments = (node, other, link, payload)
        if self._runs(other, self._deliver, *arguments) and other.links.get(node) == link:
            other.membership.received(node.name, payload, self.now)
            self._settle(other)

    def _hang_up(self, node: Node, name: str) -> None:
        other = self._peer(node, name)
        if other is None:
            return
        link = node.links.pop(other)
        self._tell(node, "link_closed", other.name, self.now)
        arrives = max(self.now + self._lag(0.2), self._arrived.get((node, other), 0.0))
        self._at(arrives, self._hung_up, other, node, link)

    def _hung_up(self, node: Node, other: Node, link: int) -> None:
        if node.links.get(other) == link:
            del node.links[other]
            self._tell(node, "link_down", other.name, "closed by the other side", self.now)

    def _cut(self, node: Node, other: Node) -> None:
        for one, two in ((node, other), (other, node)):
            if one.links.pop(two, None) is not None:
                self._tell(one, "link_down", two.name, "reset", self.now)

    def _cut_if_asleep(self, node: Node, other: Node) -> None:
        if other.awake_at > self.now:
            self._cut(node, other)

    def _cut_if_apart(self, node: Node, other: Node) -> None:
        if not self._reach(node, other):
            self._cut(node, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_100_nodes_join_a_kill_is_known_and_a_departure_too(seed: int) -> None:
    """All know all within 5 s, a killed node is dead to all within 5 s, one that leaves at once."""
    world = World(seed, MembershipLimits.lan())
    nodes = world.mesh(100)
    world.run_until(world.agree, within=5)
    world.run(20)
    dials = sum(node.membership.statistics().dials for node in nodes)
    world.run(10)
    assert world.dead() == set()
    assert max(len(node.links) for node in nodes) <= 2 * world.limits.rings + 2
    assert sum(node.membership.statistics().dials for node in nodes) == dials, "links stay"
    world.kill(nodes[70])
    world.run_until(world.agree, within=5)
    assert world.dead() == {"n70"}
    nodes[20].membership.leave(world.now)
    world._settle(nodes[20])
    nodes[20].alive = False
    world.run_until(world.agree, within=3)
    assert world.dead() == {"n70"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_node_that_hangs_is_dead_in_time_and_back_when_it_wakes(seed: int) -> None:
    """A hung node (links open, no answer) is dead to all within 20 s; awake, it refutes."""
    world = World(seed, MembershipLimits.lan())
    nodes = world.mesh(30)
    world.run_until(world.agree, within=5)
    world.hang(nodes[7], 60)
    gone = lambda: all("n7" not in n.membership.present for n in nodes if n is not nodes[7])  # noqa: E731
    world.run_until(gone, within=20)
    world.run(60)
    world.run_until(world.agree, within=10)
    assert world.dead() == {"n7"}, "the sleeper must not accuse the others of its own sleep"


@pytest.mark.parametrize("seed", SEEDS)
def test_loss_and_slow_nodes_kill_nobody(seed: int) -> None:
    """5 % loss, and nodes that stop for up to 2 s all the time: in 60 s nobody is declared dead."""
    world = World(seed, MembershipLimits.lan(), loss=0.05)
    nodes = world.mesh(60)
    world.run_until(world.agree, within=20)
    for _ in range(60):
        for node in world.random.sample(nodes, 6):
            world.hang(node, world.random.uniform(0.2, 2.0))
        world.run(1)
    assert world.dead() == set()
    world.run_until(world.agree, within=10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_partition_heals(seed: int) -> None:
    """Two halves apart for 60 s believe each other dead; healed, they are one within 30 s."""
    world = World(seed, MembershipLimits.lan())
    nodes = world.mesh(40)
    world.run_until(world.agree, within=5)
    world.partition(lambda node: nodes.index(node) < 15)
    world.run(60)
    assert len(nodes[0].membership.present) == 15
    assert len(nodes[39].membership.present) == 25
    world.partition(lambda _: 0)
    world.run_until(world.agree, within=30)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_node_cut_off_comes_back(seed: int) -> None:
    """A single node cut off for 60 s, and no seed but itself, is back within 30 s."""
    world = World(seed, MembershipLimits.local())
    nodes = world.mesh(8)
    world.run_until(world.agree, within=5)
    world.partition(lambda node: node is nodes[0])
    world.run(60)
    assert nodes[0].membership.present == {"n0"}
    world.partition(lambda _: 0)
    world.run_until(world.agree, within=30)


@pytest.mark.parametrize("seed", SEEDS)
def test_churn_ends_in_agreement(seed: int) -> None:
    """Kills, restarts at old and new addresses, hangs and loss for 60 s; then all agree."""
    world = World(seed, MembershipLimits.lan(), loss=0.02)
    world.mesh(30)
    world.run(5)
    for step in range(60):
        victim = world.random.choice(world.up[1:])
        match world.random.randrange(4):
            case 0:
                world.kill(victim)
                address = world.random.choice([victim.address, f"tcp://10.0.0.2:{step + 1}"])
                world.start(victim.name, ["tcp://10.0.0.1:1"], address)
            case 1:
                world.kill(victim)
            case 2:
                world.hang(victim, world.random.uniform(1, 8))
            case _:
                world.start(f"new{step}", ["tcp://10.0.0.1:1"], f"tcp://10.0.0.3:{step + 1}")
        world.run(1)
    world.run_until(world.agree, within=60)
    assert not any(node.lost_name() for node in world.up)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restarted_node_has_its_name_back_within_a_second(seed: int) -> None:
    """Killed and started again at another port 0.2 s later: all believe the new run, undisputed."""
    world = World(seed, MembershipLimits.local())
    nodes = world.mesh(12)
    world.run_until(world.agree, within=5)
    world.kill(nodes[5])
    world.run(0.2)
    again = world.start("n5", ["tcp://10.0.0.1:1"], "tcp://10.0.0.9:1")
    world.run_until(world.agree, within=2)
    held = {node.membership.members["n5"].incarnation for node in world.up}
    assert held == {again.incarnation}
    world.run(20)
    assert again.saw(NameTaken) == []


@pytest.mark.parametrize("clock_error", [0.0, -3600.0], ids=["good clock", "clock an hour behind"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_taken_name_is_the_elders(seed: int, clock_error: float) -> None:
    """The second run of a name is told in 5 s that it is taken; the first is not disturbed."""
    world = World(seed, MembershipLimits.lan())
    nodes = world.mesh(20)
    world.run_until(world.agree, within=5)
    world.run(20)
    elder = nodes[9]
    second = world.start("n9", ["tcp://10.0.0.1:1"], "tcp://10.0.0.9:1", clock_error)
    world.run_until(lambda: bool(second.refused or second.lost_name()), within=5)
    second.membership.leave(world.now)
    world._settle(second)
    world.kill(second)
    world.run(10)
    assert world.agree()
    assert not elder.lost_name()
    for node in world.up:
        assert node.membership.members["n9"].incarnation == elder.incarnation
        assert not any(e.member.name == "n9" for e in node.saw(Failed) if isinstance(e, Failed))


def test_seeds_that_are_dead_wrong_or_oneself_do_not_delay_joining() -> None:
    """Of many seeds one works: the node has joined within 3 s."""
    world = World(1, MembershipLimits.lan())
    world.mesh(3)
    world.run_until(world.agree, within=5)
    bad = [f"tcp://10.9.9.9:{port}" for port in range(1, 20)]
    node = world.start("late", [*bad, "tcp://10.0.0.7:7", "tcp://10.0.0.1:2"], "tcp://10.0.0.7:7")
    world.run_until(world.agree, within=3)
    assert node.saw(Failed) == []
    assert len(node.saw(Joined)) == 3


@pytest.mark.skipif(not LONG, reason="takes 15 s; set KAMESH_LONG_TESTS=1 to run it")
def test_500_nodes_on_one_host() -> None:
    """500 nodes join within 10 s, and idle with under two messages a second each."""
    world = World(5, MembershipLimits.local())
    nodes = world.mesh(500)
    world.run_until(world.agree, within=10)
    world.run(20)
    sent = sum(node.membership.statistics().sent for node in nodes)
    world.run(20)
    assert sum(node.membership.statistics().sent for node in nodes) - sent < 2 * 20 * 500
    world.kill(nodes[250])
    world.run_until(world.agree, within=10)
    assert world.dead() == {"n250"}
    assert {m.state for m in nodes[0].membership.members.values()} == {State.ALIVE, State.DEAD}
