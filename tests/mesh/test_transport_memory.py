"""The network in memory: it keeps the transport's laws, fails as TCP fails, and repeats itself."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

import pytest

from kamesh.transport import (
    AddressTaken,
    BadAddress,
    Connection,
    FrameRefused,
    MisplacedCall,
    Transport,
    TransportLimits,
)
from kamesh.transport.memory import Conditions, MemoryTransport, Network


class VirtualClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., object], tuple[object, ...]]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> None:
        when = self.now + max(delay, 0.0)
        heapq.heappush(self._queue, (when, next(self._order), callback, args))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self._queue and self._queue[0][0] <= until:
            self.now, _, callback, args = heapq.heappop(self._queue)
            callback(*args)
        self.now = until


class Owner:
    """Keeps what it was told; echoes if asked to."""

    def __init__(self, transport: MemoryTransport, clock: VirtualClock, *, echo: bool) -> None:
        self.transport, self.clock, self.echo = transport, clock, echo
        self.log: list[tuple[float, str, object]] = []
        self.connections: list[Connection] = []
        self.messages: list[list[bytes]] = []
        self.reasons: list[str] = []

    def connected(self, connection: Connection) -> None:
        self.log.append((self.clock.now, "connected", connection.dialed))
        self.connections.append(connection)

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        self.log.append((self.clock.now, "received", [bytes(frame) for frame in frames]))
        self.messages.append([bytes(frame) for frame in frames])
        if self.echo:
            self.transport.send(connection, frames)

    def lost(self, connection: Connection, reason: str) -> None:
        self.log.append((self.clock.now, "lost", reason))
        self.reasons.append(reason)


class World:
    """Two transports, `a` dialling `b`, on a virtual clock."""

    def __init__(
        self,
        *,
        seed: int = 1,
        conditions: Conditions | None = None,
        limits: TransportLimits | None = None,
        echo: bool = False,
    ) -> None:
        self.clock = VirtualClock()
        self.network = Network(
            seed=seed, clock=self.clock, conditions=conditions or Conditions(delay=0.01)
        )
        self.a = self.owner("a")
        self.b = self.owner("b", limits=limits, echo=echo)
        self.address = self.b.transport.bind("memory://b:0")

    def owner(
        self,
        name: str,
        *,
        limits: TransportLimits | None = None,
        echo: bool = False,
        mesh: str = "mesh",
    ) -> Owner:
        transport = self.network.transport(name, limits=limits, mesh=mesh)
        owner = Owner(transport, self.clock, echo=echo)
        transport.start(owner)
        return owner

    def connect(self) -> Connection:
        connection = self.a.transport.dial(self.address)
        self.clock.run(0.5)
        self.a.transport.send(connection, [b"first"])
        self.clock.run(0.5)
        assert self.b.messages == [[b"first"]]
        return connection


def numbered(count: int, start: int = 0) -> list[list[bytes]]:
    """Return messages of one frame, a number each."""
    return [[b"%d" % number] for number in range(start, start + count)]


def test_it_is_a_transport() -> None:
    """The memory transport has every method of the interface, with its types."""
    transport: Transport = World().a.transport
    assert transport.statistics().open == 0


def test_messages_arrive_whole_and_in_order() -> None:
    """Frames arrive as sent, in order despite jitter, large ones as views that can be written."""
    world = World(conditions=Conditions(delay=0.01, jitter=0.05))
    kinds: list[type] = []
    world.b.received = lambda connection, frames: kinds.extend(map(type, frames))  # type: ignore[method-assign]
    connection = world.a.transport.dial(world.address)
    world.clock.run(1)
    world.a.transport.send(connection, [b"small", bytearray(20000), memoryview(b"view")])
    world.clock.run(1)
    assert kinds == [bytes, memoryview, bytes]

    world = World(conditions=Conditions(delay=0.01, jitter=0.05))
    connection = world.connect()
    for message in numbered(500):
        world.a.transport.send(connection, message)
        world.clock.run(0.001)
    world.clock.run(1)
    assert world.b.messages == [[b"first"], *numbered(500)]


def test_a_sent_frame_cannot_be_changed_any_more() -> None:
    """What the sender does to its buffer after `send` does not reach the receiver."""
    world = World()
    connection = world.connect()
    buffer = bytearray(b"before")
    world.a.transport.send(connection, [buffer])
    buffer[:] = b"after!"
    world.clock.run(1)
    assert world.b.messages[-1] == [b"before"]


def test_events_come_in_their_order_and_never_from_inside_a_call() -> None:
    """A dial announces itself later; a peer is announced just before its first message."""
    world = World(echo=True)
    connection = world.a.transport.dial(world.address)
    assert world.a.log == []
    world.clock.run(0.1)
    assert [entry[1] for entry in world.a.log] == ["connected"]
    assert world.b.log == []
    world.a.transport.send(connection, [b"hello"])
    assert world.b.log == []
    world.clock.run(0.1)
    assert [entry[1:] for entry in world.b.log] == [("connected", False), ("received", [b"hello"])]
    assert [entry[1] for entry in world.a.log] == ["connected", "received"]


def test_delay_and_bandwidth_take_their_time() -> None:
    """A message takes the delay and its size over the bandwidth, behind those before it."""
    world = World(conditions=Conditions(delay=0.1, bandwidth=1000.0))
    connection = world.a.transport.dial(world.address)
    world.clock.run(1)
    began = world.clock.now
    world.a.transport.send(connection, [bytes(500)])
    world.a.transport.send(connection, [bytes(200)])
    world.clock.run(0.5)
    assert world.a.transport.silence(connection) == pytest.approx(world.clock.now - 0.4)
    (accepted,) = world.b.transport.ends
    assert world.b.transport.silence(accepted) == 0.0  # half of the first message has arrived
    world.clock.run(5)
    arrivals = [at - began for at, event, _ in world.b.log if event == "received"]
    assert arrivals == pytest.approx([0.6, 0.8])
    assert world.b.transport.silence(accepted) == pytest.approx(5.5 - 0.8)


def test_closing_brings_what_was_sent_and_tells_only_the_other_side() -> None:
    """What was sent before `close` arrives, then `lost` there; here nothing comes any more."""
    world = World()
    connection = world.connect()
    for message in numbered(20):
        world.a.transport.send(connection, message)
    world.a.transport.close(connection)
    world.a.transport.close(connection)
    world.a.transport.send(connection, [b"too late"])
    world.clock.run(1)
    assert world.b.messages == [[b"first"], *numbered(20)]
    assert len(world.b.reasons) == 1
    assert "closed" in world.b.reasons[0]
    assert world.a.reasons == []
    assert world.a.transport.statistics().unsent == 1


def test_a_dead_address_and_another_mesh_are_told() -> None:
    """Dials that cannot succeed end in `lost` alone, with the reason in a sentence."""
    world = World()
    world.a.transport.dial("memory://nobody:1")
    stranger = world.owner("s", mesh="other")
    stranger.transport.dial(world.address)
    world.clock.run(1)
    assert world.a.reasons == ["nothing accepts connections at memory://nobody:1"]
    assert "two meshes" in stranger.reasons[0]
    assert stranger.connections == []
    assert world.b.log == []
    assert world.b.transport.statistics().refused == 1


def test_addresses_are_checked_and_freed() -> None:
    """A taken address, a bad one and a second transport of a name are refused, until it stops."""
    world = World()
    with pytest.raises(AddressTaken, match="taken by b"):
        world.a.transport.bind(world.address)
    for bad in ("", "b:1", "memory://"):
        with pytest.raises(BadAddress, match="is not an address"):
            world.a.transport.bind(bad)
    with pytest.raises(BadAddress, match="is not an address"):
        world.a.transport.dial("b:1")
    with pytest.raises(MisplacedCall, match="already"):
        world.network.transport("b")
    asyncio.run(world.b.transport.stop())
    asyncio.run(world.b.transport.stop())
    assert world.a.transport.bind(world.address) == world.address
    world.network.transport("b")


def test_calls_out_of_place_are_refused() -> None:
    """Before start, after stop, twice, or before the connection is there: a sentence says so."""
    world = World()
    early = world.network.transport("c")
    with pytest.raises(MisplacedCall, match="not been started"):
        early.bind("memory://c:1")
    with pytest.raises(MisplacedCall, match="starts once"):
        world.a.transport.start(world.a)
    connection = world.a.transport.dial(world.address)
    with pytest.raises(MisplacedCall, match="not connected yet"):
        world.a.transport.send(connection, [b"x"])
    asyncio.run(world.a.transport.stop())
    with pytest.raises(MisplacedCall, match="stopped"):
        world.a.transport.dial(world.address)
    world.clock.run(1)
    assert world.a.log == []


def test_what_no_peer_would_take_is_refused_before_it_is_sent() -> None:
    """No frames, too many, too large, not contiguous: refused, and the connection lives on."""
    world = World()
    connection = world.connect()
    limits = TransportLimits()
    for frames in ([], [b""] * (limits.frames + 1), [memoryview(bytes(100))[::2]]):
        with pytest.raises(FrameRefused):
            world.a.transport.send(connection, frames)
    with pytest.raises(FrameRefused, match="send it in pieces"):
        world.a.transport.send(connection, [bytes(limits.frame_bytes + 1)])
    world.a.transport.send(connection, [b"", memoryview(b"")])
    world.clock.run(1)
    assert world.b.messages[-1] == [b"", b""]


def test_a_larger_frame_than_the_receiver_takes_costs_the_connection() -> None:
    """The limits of the receiving side hold: both sides lose the connection, with the reason."""
    world = World(limits=TransportLimits(frame_bytes=1000))
    connection = world.connect()
    world.a.transport.send(connection, [bytes(1000)])
    world.a.transport.send(connection, [bytes(1001)])
    world.a.transport.send(connection, [b"behind it"])
    world.clock.run(1)
    assert world.b.messages == [[b"first"], [bytes(1000)]]
    assert "larger than 1,000 bytes" in world.b.reasons[0]
    assert "larger than 1,000 bytes" in world.a.reasons[0]
    assert world.b.transport.statistics().broken == 1


def test_too_many_and_mute_peers_are_cut() -> None:
    """Beyond the limit of connections a peer is refused; one that says nothing is cut in time."""
    world = World(limits=TransportLimits(connections=1))
    world.connect()
    second = world.a.transport.dial(world.address)
    world.clock.run(0.1)
    world.a.transport.send(second, [b"second"])
    world.a.transport.dial(world.address)
    world.clock.run(3)
    assert len(world.a.reasons) == 2
    assert "too many" in world.a.reasons[0]
    assert "nothing was said" in world.a.reasons[1]
    assert world.b.messages == [[b"first"]]
    assert world.b.reasons == []
    assert world.b.transport.statistics().refused == 2


@pytest.mark.parametrize("seed", range(20))
def test_a_reset_takes_a_suffix_of_each_direction(seed: int) -> None:
    """Both sides get a prefix of what was under way, then `lost` once, and nothing after it."""
    world = World(seed=seed, conditions=Conditions(delay=0.01, jitter=0.02))
    there = world.connect()
    (back,) = world.b.connections
    for number in range(30):
        world.a.transport.send(there, [b"%d" % number])
        world.b.transport.send(back, [b"%d" % number])
        world.clock.run(0.001)
    world.network.reset("a", "b")
    world.a.transport.send(there, [b"after"])
    world.clock.run(1)
    for messages in (world.b.messages[1:], world.a.messages):
        assert messages == numbered(len(messages))
    assert len(world.a.reasons) == len(world.b.reasons) == 1
    assert world.a.log[-1][1] == world.b.log[-1][1] == "lost"
    assert world.a.transport.statistics().open == world.b.transport.statistics().open == 0


def test_resets_take_more_and_less_and_are_noticed_at_different_times() -> None:
    """Over many seeds all, some and nothing arrives, and either side may be the first to know."""
    lost, first = set(), set()
    for seed in range(40):
        world = World(seed=seed)
        there = world.connect()
        (back,) = world.b.connections
        for number in range(5):
            world.a.transport.send(there, [b"%d" % number])
            world.b.transport.send(back, [b"%d" % number])
        world.network.reset("a", "b")
        world.clock.run(1)
        lost.add(len(world.b.messages) - 1)
        first.add(world.a.log[-1][0] < world.b.log[-1][0])
    assert {0, 5} < lost
    assert first == {True, False}


def test_a_short_cut_delays_and_loses_nothing() -> None:
    """What is sent during a cut of two seconds arrives after it, in order, over the same one."""
    world = World()
    connection = world.connect()
    world.network.cut("a", "b")
    for message in numbered(10):
        world.a.transport.send(connection, message)
        world.clock.run(0.2)
    assert world.b.messages == [[b"first"]]
    world.network.heal("a", "b")
    world.a.transport.send(connection, [b"10"])
    world.clock.run(1)
    assert world.b.messages == [[b"first"], *numbered(11)]
    assert world.a.reasons == world.b.reasons == []


def test_a_long_cut_ends_the_connection_on_both_sides() -> None:
    """After 3 to 4 s both sides give up; a dial meanwhile is told that nobody answers."""
    world = World()
    world.connect()
    world.network.cut("a", "b")
    world.clock.run(2.9)
    assert world.a.reasons == world.b.reasons == []
    world.a.transport.dial(world.address)
    world.clock.run(2)
    assert "out of reach" in world.a.reasons[0]
    assert "did not answer within 1 s" in world.a.reasons[1]
    assert len(world.b.reasons) == 1
    world.network.heal("a", "b")
    world.a.transport.dial(world.address)
    world.clock.run(1)
    assert world.a.log[-1][1] == "connected"


def test_a_cut_one_way_lets_the_other_way_through_until_it_is_given_up() -> None:
    """Messages on the open way arrive; unacknowledged, the connection ends all the same."""
    world = World()
    connection = world.connect()
    world.network.cut_one_way("b", "a")
    world.a.transport.send(connection, [b"still arrives"])
    (accepted,) = world.b.connections
    world.b.transport.send(accepted, [b"does not"])
    world.clock.run(1)
    assert world.b.messages[-1] == [b"still arrives"]
    assert world.a.messages == []
    world.clock.run(4)
    assert len(world.a.reasons) == len(world.b.reasons) == 1


def test_one_side_may_know_long_before_the_other() -> None:
    """A side that closed during a cut is forgotten; the other hears of it only after the cut."""
    world = World()
    connection = world.connect()
    world.network.cut("a", "b")
    world.a.transport.close(connection)
    world.clock.run(2)
    assert world.b.reasons == []
    world.network.heal("a", "b")
    world.clock.run(2)
    assert len(world.b.reasons) == 1
    assert world.a.reasons == []


def test_a_crash_is_heard_by_the_peers_alone() -> None:
    """The peer of a crashed transport gets `lost`, the crashed one nothing; its name is free."""
    world = World()
    connection = world.connect()
    world.a.transport.send(connection, [b"perhaps"])
    heard = len(world.b.log)
    world.network.crash("b")
    world.clock.run(1)
    assert len(world.a.reasons) == 1
    assert len(world.b.log) == heard
    again = world.owner("b")
    assert again.transport.bind(world.address) == world.address
    world.a.transport.dial(world.address)
    world.clock.run(1)
    assert world.a.log[-1][1] == "connected"


def test_an_exception_of_the_owner_costs_nothing_else() -> None:
    """It reaches the clock, and what has arrived behind it is still handed over."""
    world = World()
    connection = world.connect()
    seen: list[bytes] = []

    def received(connection: Connection, frames: list[bytes | memoryview]) -> None:
        seen.append(bytes(frames[0]))
        if seen == [b"0"]:
            raise ValueError("of the owner")

    world.b.received = received  # type: ignore[method-assign]
    world.network.cut("a", "b")
    for message in numbered(3):
        world.a.transport.send(connection, message)
    world.network.heal("a", "b")
    with pytest.raises(ValueError, match="of the owner"):
        world.clock.run(1)
    world.clock.run(1)
    assert seen == [b"0", b"1", b"2"]


def story(seed: int) -> list[object]:
    """Return all that happened, with its times, to an echo through jitter and a reset."""
    world = World(
        seed=seed, conditions=Conditions(delay=0.01, jitter=0.03, bandwidth=1e6), echo=True
    )
    connection = world.connect()
    for number in range(50):
        world.a.transport.send(connection, [b"%d" % number])
        world.clock.run(0.002)
    world.network.reset("a", "b")
    world.clock.run(1)
    return [*world.a.log, *world.b.log]


def test_the_same_seed_tells_the_same_story() -> None:
    """Everything that happened, and when, is the same for a seed and differs between seeds."""
    assert story(3) == story(3)
    assert story(3) != story(4)


def test_it_runs_on_an_event_loop() -> None:
    """Without a clock of its own a network takes the running loop's time."""

    async def main() -> list[list[bytes]]:
        network = Network(seed=1)
        done = asyncio.Event()
        a, b = (Owner(network.transport(name), VirtualClock(), echo=name == "b") for name in "ab")
        a.transport.start(a)
        b.transport.start(b)

        def connected(connection: Connection) -> None:
            a.transport.send(connection, [b"ping"])

        def received(connection: Connection, frames: list[bytes | memoryview]) -> None:
            a.messages.append([bytes(frame) for frame in frames])
            done.set()

        a.connected, a.received = connected, received  # type: ignore[method-assign]
        a.transport.dial(b.transport.bind("memory://b:7"))
        await asyncio.wait_for(done.wait(), 10)
        await a.transport.stop()
        return a.messages

    assert asyncio.run(main()) == [[b"ping"]]


def test_statistics_count_what_happened() -> None:
    """Messages, bytes and connections are counted on both sides."""
    world = World()
    connection = world.connect()
    world.a.transport.send(connection, [bytes(10), bytes(20)])
    world.clock.run(1)
    ours, theirs = world.a.transport.statistics(), world.b.transport.statistics()
    assert (ours.open, ours.dialed, ours.messages_sent, ours.bytes_sent) == (1, 1, 2, 35)
    assert (theirs.open, theirs.accepted, theirs.messages_received) == (1, 1, 2)
    assert theirs.bytes_received == 35
