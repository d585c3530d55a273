"""Links in a hostile world: seeded delays, cuts, crashes and slow consumers, checked at each step.

The laws are those of `witness`, held at every step; and once the world is healed, all
that living senders sent has been consumed, every end acknowledged, and neither side remembers
anything. A failure prints its seed.

    KAMESH_SEED=17       runs only that world
    KAMESH_SEEDS=10000   runs that many
"""

from __future__ import annotations

import os
from collections import deque
from random import Random

import pytest
from link_pair import PlainCodec
from witness import Inbox, Stream, require

from kamesh.link import Link, LinkLimits, events
from kamesh.link.fields import Buffer

STEPS = 500
LARGE = 700  # bytes from which a message is one large buffer
CODEC = PlainCodec(large=LARGE)
Key = tuple[str, int]  # the peer, and the number of a linkage


class Node:
    """One incarnation of a node, and what the components on it know."""

    def __init__(self, name: str, incarnation: int) -> None:
        self.name = name
        self.incarnation = incarnation
        self.links: dict[str, Link] = {}
        self.sending: dict[Key, Stream] = {}
        self.inboxes: dict[Key, Inbox] = {}
        self.offers: dict[Key, str] = {}
        self.refused: list[Key] = []


class Wire:
    """One connection: two queues, a chance to break, two ends that learn of it in their time."""

    def __init__(self, ends: tuple[str, str]) -> None:
        self.towards: dict[str, deque[list[Buffer]]] = {end: deque() for end in ends}
        self.attached = dict.fromkeys(ends, True)
        self.broken = False


class World:
    """All nodes, all wires, all streams, one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.now = 0.0
        self.limits = LinkLimits(
            window_messages=40,
            window_bytes=random.choice((300, 5000)),
            batch_bytes=random.choice((100, 600)),
            flush_bytes=400,
            message_bytes=900,
            inline_bytes=64,
            pace_bytes=random.choice((200, 2000, 1 << 20)),
            linkages=16,
            ack_seconds=random.choice((0, 0.005)),
        )
        self.names = "ab" if random.random() < 0.7 else "abc"
        self.pairs = [(x, y) for x in self.names for y in self.names if x < y]
        self.wires: dict[tuple[str, str], Wire | None] = dict.fromkeys(self.pairs)
        self.incarnations = 0
        self.streams: dict[str, Stream] = {}
        self.nodes: dict[str, Node] = {}
        self.crashes = random.choice((0, 1, 2, 4))
        for name in self.names:
            self.start(name)

    # --- nodes ---

    def start(self, name: str) -> None:
        """Start a node with some streams to every other."""
        self.incarnations += 1
        node = self.nodes[name] = Node(name, self.incarnations)
        for peer in self.names.replace(name, ""):
            identity = self.incarnations.to_bytes(16, "big")
            node.links[peer] = Link(
                node=name, peer=peer, incarnation=identity, mesh="m", codec=CODEC,
                limits=self.limits,
            )  # fmt: skip
            for _ in range(self.random.choice((0, 1, 1, 3))):
                self.open(node, peer)

    def open(self, node: Node, peer: str) -> None:
        """Open one more stream."""
        name = f"{node.name}{node.incarnation}.{len(self.streams)}"
        number = node.links[peer].open(name, "sink", now=self.now)
        stream = Stream(name, self.random.choice((0, 1, 20, 100)))
        node.sending[peer, number] = self.streams[name] = stream

    def crash(self, name: str) -> None:
        """Kill -9, and start again at once."""
        for stream in self.nodes[name].sending.values():
            stream.dead = True
        for pair, wire in self.wires.items():
            if name in pair and wire is not None:
                self.break_wire(wire)
                wire.attached[name] = False
        self.start(name)

    # --- wires ---

    def dial(self, pair: tuple[str, str]) -> None:
        """Connect: the first of the pair dials; the second forgets an older connection."""
        old = self.wires[pair]
        if old is not None and old.attached[pair[0]]:
            return
        if old is not None and old.attached[pair[1]]:
            self.detach(old, pair[1], pair[0])
        self.wires[pair] = Wire(pair)
        for end, peer in (pair, pair[::-1]):
            self.nodes[end].links[peer].connected(self.now, dialed=end == pair[0])
            self.pump(end, peer)

    def break_wire(self, wire: Wire) -> None:
        """Lose some suffix of what is on the way, in each direction."""
        wire.broken = True
        for queue in wire.towards.values():
            for _ in range(self.random.randint(0, len(queue))):
                queue.pop()

    def detach(self, wire: Wire, end: str, peer: str) -> None:
        """Let one end learn that the connection is gone."""
        wire.attached[end] = False
        wire.broken = True
        wire.towards[end].clear()
        self.nodes[end].links[peer].disconnected(self.now)
        self.pump(end, peer)

    def deliver(self, wire: Wire, end: str, peer: str) -> bool:
        """Move one message, or the news that there will be none; return whether there was any."""
        if not wire.attached[end] or not (wire.towards[end] or wire.broken):
            return False
        if wire.towards[end]:
            self.nodes[end].links[peer].received(wire.towards[end].popleft(), self.now)
            self.pump(end, peer)
        else:
            self.detach(wire, end, peer)
        return True

    # --- what a node's shell does ---

    def pump(self, end: str, peer: str) -> None:
        """Carry out what a link says."""
        node = self.nodes[end]
        link = node.links[peer]
        wire = self.wires[min(end, peer), max(end, peer)]
        for frames in link.take_frames():
            if wire is not None and wire.attached[end] and not wire.broken:
                wire.towards[peer].append(frames)
        for event in link.take_events():
            self.carry_out(node, peer, event)
            if isinstance(event, events.CloseConnection) and wire is not None:
                require("broke" not in event.reason, event.reason)
                self.detach(wire, end, peer)

    def carry_out(self, node: Node, peer: str, event: events.Event) -> None:
        """Hold the laws, and act."""
        key = (peer, getattr(event, "number", 0))
        match event:
            case events.Delivered(_, first, messages, marked):
                numbers = [m[0] if isinstance(m, list) else first + n
                           for n, m in enumerate(messages)]  # fmt: skip
                sizes = [len(m[1] if isinstance(m, list) else m)  # type: ignore[arg-type]
                         for m in messages]  # fmt: skip
                node.inboxes[key].saw(first, numbers, sizes, marked)
            case events.Opened() | events.Room():
                node.sending[key].may_send = True
            case events.Offered():
                node.offers[key] = event.source
            case events.LinkageRefused():
                node.refused.append(key)
            case events.Finished():
                node.inboxes[key].saw_end()
                self.consume(node, key, 0)
            case events.FinishAcknowledged():
                node.sending.pop(key).saw_finish_acknowledged()
            case events.SessionLost():
                node.offers.pop(key, None)
                if key in node.inboxes:
                    node.inboxes.pop(key).saw_loss(complete=event.complete)
            case events.Reset(sending=True):
                require(node.sending.pop(key).reset, "a stream was reset, and nobody did it")
            case events.Reset():
                node.offers.pop(key, None)
                if key in node.inboxes:
                    require(node.inboxes.pop(key).stream.reset, "reset, and nobody did it")
            case events.Undelivered():
                lost = event.kept or key not in node.sending or node.sending[key].reset
                require(lost, "undelivered, and nobody gave it up")
            case events.Refused():
                raise AssertionError(event.reason)

    # --- what components do ---

    def answer(self, node: Node, *, gently: bool) -> None:
        """Accept or refuse one offer."""
        key = next(iter(node.offers))
        source, link = node.offers.pop(key), node.links[key[0]]
        if not gently and self.random.random() < 0.15:
            link.refuse(key[1], "not now", self.now)
        else:
            window, size = self.random.choice((1, 6, 40, 40)), self.random.choice((300, 2000))
            node.inboxes[key] = Inbox(self.streams[source], window, size)
            link.accept(key[1], window_messages=window, window_bytes=size, now=self.now)
        self.pump(node.name, key[0])

    def send(self, node: Node, key: Key) -> None:
        """Give a link some messages, and the end of the stream behind the last."""
        link, stream = node.links[key[0]], node.sending[key]
        if stream.may_send and stream.given < stream.total:
            room = min(link.room(key[1]), stream.total - stream.given)
            stream.may_send = room > 0
            if room:
                count, most = self.random.randint(1, room), self.random.choice((5, 30, 250, 900))
                numbers = range(stream.given + 1, stream.given + count + 1)
                link.send(key[1], [self.message(n, most) for n in numbers], self.now)
                stream.given += count
        if stream.given == stream.total and not stream.finishing:
            stream.finishing = True
            link.finish(key[1], None, self.now)
        self.pump(node.name, key[0])

    def message(self, number: int, most: int) -> object:
        """Make a message that knows its number, or one large buffer."""
        size = self.random.randint(0, most)
        return bytes(size) if size >= LARGE else [number, "x" * size]

    def consume(self, node: Node, key: Key, most: int) -> None:
        """Take some messages out of an inbox."""
        inbox = node.inboxes[key]
        if last := inbox.consume(most):
            node.links[key[0]].consumed(key[1], last, self.now)
        if inbox.ended and not inbox.waiting:
            del node.inboxes[key]
        self.pump(node.name, key[0])

    def give_up(self, node: Node) -> None:
        """Reset a stream, by its sender or its receiver."""
        theirs = node.inboxes if self.random.random() < 0.5 else node.sending
        if theirs:
            key = self.random.choice(list(theirs))
            if theirs is node.sending:
                node.sending.pop(key).reset = True
                node.links[key[0]].reset(key[1], "enough", self.now)
                node.refused = [refused for refused in node.refused if refused != key]
            else:
                node.inboxes.pop(key).stream.reset = True
                node.links[key[0]].stop_receiving(key[1], "enough", self.now)
            self.pump(node.name, key[0])

    def reopen(self, node: Node) -> None:
        """Try a refused linkage once more."""
        peer, number = node.refused.pop(0)
        node.links[peer].reopen(number, self.now)
        self.pump(node.name, peer)

    # --- time ---

    def tick(self) -> None:
        """Let every link see the time."""
        for node in list(self.nodes.values()):
            for peer, link in node.links.items():
                deadline = link.next_deadline()
                if deadline is not None and deadline <= self.now:
                    link.tick(self.now)
                    self.pump(node.name, peer)

    def step(self) -> None:
        """Do one thing at random."""
        random = self.random
        self.now += random.choice((0, 0.0001, 0.003, 0.1))
        what, node = random.random(), self.nodes[random.choice(self.names)]
        pair = random.choice(self.pairs)
        wire = self.wires[pair]
        if what < 0.32 and wire is not None:
            end, peer = random.choice((pair, pair[::-1]))
            for _ in range(random.randint(1, 8)):
                self.deliver(wire, end, peer)
        elif what < 0.56 and node.sending:
            self.send(node, random.choice(list(node.sending)))
        elif what < 0.72 and node.inboxes:
            self.consume(node, random.choice(list(node.inboxes)), random.choice((1, 4, 50)))
        elif what < 0.77:
            self.tick()
        elif what < 0.85 and node.offers:
            self.answer(node, gently=False)
        elif what < 0.86 and node.refused:
            self.reopen(node)
        elif what < 0.93:
            self.dial(pair)
        elif what < 0.98 and wire is not None:
            self.break_wire(wire)
        elif what < 0.982:
            self.give_up(node)
        elif what < 0.99:
            self.open(node, random.choice(list(node.links)))
        elif self.crashes and random.random() < 0.5:
            self.crashes -= 1
            self.crash(node.name)

    # --- the end ---

    def heal(self) -> None:
        """Let everybody do what they can until nothing is left to do."""
        for _ in range(600):
            self.now += 0.003
            self.tick()
            for pair in self.pairs:
                self.dial(pair)
                for end, peer in (pair, pair[::-1]):
                    while (wire := self.wires[pair]) is not None and self.deliver(wire, end, peer):
                        pass
            for node in self.nodes.values():
                while node.offers:
                    self.answer(node, gently=True)
                while node.refused:
                    self.reopen(node)
                for key in list(node.sending):
                    self.send(node, key)
                for key in list(node.inboxes):
                    self.consume(node, key, 1000)
            busy = any(node.sending or node.inboxes for node in self.nodes.values())
            if not busy and not self.remembered():
                return

    def remembered(self) -> list[object]:
        """Return everything that anybody still holds."""
        held: list[object] = []
        for node in self.nodes.values():
            held += [*node.sending, *node.inboxes]
            for link in node.links.values():
                found = link.statistics()
                held += [*found.sending, *found.receiving]
                held += [] if found.state == "established" else [found.state]
                require(not found.counters.violations, "an honest peer was called a liar")
        return held


def run(seed: int) -> World:
    """Run one world from its beginning to its end."""
    world = World(seed)
    for pair in world.pairs:
        world.dial(pair)
    for _ in range(STEPS):
        world.step()
    world.heal()
    for stream in world.streams.values():
        stream.check_end()
    require(not world.remembered(), f"somebody remembers {world.remembered()}")
    return world


def seeds() -> list[int]:
    """Return the seeds to run."""
    if "KAMESH_SEED" in os.environ:
        return [int(os.environ["KAMESH_SEED"])]
    return list(range(int(os.environ.get("KAMESH_SEEDS", "300"))))


def test_nothing_is_lost_and_nothing_comes_twice_unmarked_in_any_world() -> None:
    """Each seed is a world of cuts, crashes and slow consumers in which all laws hold."""
    marked = resent = restarts = 0
    for seed in seeds():
        try:
            world = run(seed)
        except Exception as error:
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}; see it alone with "
                        f"KAMESH_SEED={seed}")  # fmt: skip
        for link in (link for node in world.nodes.values() for link in node.links.values()):
            counters = link.statistics().counters
            marked += counters.maybe_duplicates
            resent += counters.messages_resent
            restarts += counters.restarts
    if len(seeds()) >= 300:  # or else the worlds were too kind to prove anything
        assert min(marked, resent, restarts) > 50, (marked, resent, restarts)
