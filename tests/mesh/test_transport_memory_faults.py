"""The network in memory fails as TCP fails, and repeats itself."""

from __future__ import annotations

import pytest
from memory_world import World, numbered

from kamesh.transport import (
    TransportLimits,
)
from kamesh.transport.memory import Conditions


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
