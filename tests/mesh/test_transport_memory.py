"""The network in memory keeps the transport's laws."""

from __future__ import annotations

import asyncio

import pytest
from memory_world import Owner, VirtualClock, World, numbered

from kamesh.transport import (
    AddressTaken,
    BadAddress,
    Connection,
    FrameRefused,
    MisplacedCall,
    Transport,
    TransportLimits,
)
from kamesh.transport.memory import Conditions, Network


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
    assert (world.a.settled_after, world.b.settled_after) == ([1], [1])


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
