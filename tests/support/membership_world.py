"""A seeded network in virtual time, for whole meshes of `Membership`.

Laws: every run is made by its seed, which is printed; links behave as TCP does (in order, loss is
delay, a broken link is told after a while); dials may be refused, lost or unanswered.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from random import Random

from kamesh.membership import (
    Dial,
    Event,
    Failed,
    Hangup,
    Member,
    Membership,
    MembershipLimits,
    NameTaken,
    Send,
)

LINK_DEAD = 5.0  # s after which a silent link is told to be dead


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
