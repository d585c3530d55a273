"""Coupled backplanes in hostile worlds: any shape, delays, couplings that come and go, crashes, slow ones.

Every message carries what its publisher had seen, and every world has a subscriber at each backplane
that holds the laws at each message: each once, none before what its publisher had seen. A failure names
its seed.

    KAMESH_SEED=17      runs only that world
    KAMESH_SEEDS=2000   runs that many of each kind
"""

from __future__ import annotations

import os
from itertools import pairwise
from random import Random

import pytest
from coupling_world import EVERYTHING, World, shape


def seeds(usual: int) -> range | list[int]:
    """Give the seeds of one kind of world."""
    if "KAMESH_SEED" in os.environ:
        return [int(os.environ["KAMESH_SEED"])]
    return range(int(os.environ.get("KAMESH_SEEDS", usual)))


def world_of(random: Random, seed: int, **more: object) -> tuple[World, str]:
    """Make a world of 2 to 6 backplanes, coupled in some shape; some say everything twice."""
    names = "abcdef"[: random.randint(2, 6)]
    world = World(seed, names, twice=random.choice((0, 0.1)), **more)  # type: ignore[arg-type]
    for left, right in shape(names, random):
        world.couple(left, right)
    return world, names


def publish(world: World, random: Random, often: float) -> None:
    """Have some publish something."""
    for plane in list(world.planes.values()):
        if random.random() < often:
            plane.publish(world.now)


@pytest.mark.parametrize("seed", seeds(25))
def test_any_shape_delivers_each_message_once(seed: int) -> None:
    """Chains, stars, circles, meshes, parallel couplings: everywhere everything, once, in causal order."""
    random = Random(seed)
    world, _ = world_of(
        random, seed, keep=random.choice((None, EVERYTHING)), wire=random.random() < 0.2
    )
    for _ in range(100):
        world.step()
        publish(world, random, 0.4)
    world.settle()
    assert world.published
    for plane in world.planes.values():
        assert sorted(plane.messages) == sorted(world.published)
        assert plane.replica.missed == 0
        plane.check_state()


@pytest.mark.parametrize("seed", seeds(25))
def test_couplings_come_and_go(seed: int) -> None:
    """Couplings are made and undone at random, what is on its way is lost: still everything, once."""
    random = Random(seed)
    world, names = world_of(random, seed)
    for step in range(180):
        world.step()
        change = random.random()
        if step > 40 and change < 0.04 and world.couplings:
            one = random.choice(world.couplings)
            if all(plane.replica.opened for plane in one.planes):
                world.uncouple(one)
        elif step > 40 and change < 0.1:
            world.couple(*random.sample(names, 2))
        publish(world, random, 0.3)
    for left, right in pairwise(names):
        world.couple(left, right)
    world.settle()
    for plane in world.planes.values():
        assert sorted(plane.messages) == sorted(world.published)
        assert plane.replica.missed == 0
        plane.check_state()


@pytest.mark.parametrize("seed", seeds(25))
def test_those_that_crash_and_come_back_begin_from_a_snapshot(seed: int) -> None:
    """New runs get a state and then the stream, without gap or repeat; the living lose nothing."""
    random = Random(seed)
    world, names = world_of(random, seed)
    for step in range(180):
        world.step()
        change = random.random()
        if step > 40 and change < 0.02:
            crash(world, random, random.choice(names))
        elif change < 0.06 and step > 40:
            world.couple(*random.sample(names, 2))
        publish(world, random, 0.3)
    for left, right in pairwise(names):
        world.couple(left, right)
    world.settle()
    living = {plane.replica.who for plane in world.planes.values()}
    everything = next(iter(world.planes.values())).seen
    assert {one for one in world.published if one[0] in living} <= everything
    for plane in world.planes.values():
        assert plane.seen == everything
        assert world.lossy or not {one for one in plane.skipped if one[0] in living}
        assert world.lossy or len(plane.skipped) <= plane.replica.missed
        plane.check_state()


def crash(world: World, random: Random, name: str) -> None:
    """Start a backplane anew, coupled with those it was coupled with, and with one that has begun."""
    begun = [p.name for p in world.planes.values() if p.name != name and p.seen and p.replica.opened]
    if begun:
        plane = world.planes[name]
        if not all(p.seen for p in world.planes.values()):
            world.lossy = True  # one that has not joined yet may lose whom it was to join by
        with_it = {p.name for one in world.couplings if plane in one.planes for p in one.planes}
        world.crash(name)
        world.start(name)
        for other in sorted({*with_it, random.choice(begun)} - {name}):
            world.couple(name, other)


def busy(seed: int, *, slow: bool) -> World:
    """Run a world with a small log where more is published than goes through."""
    random = Random(seed)
    world, names = world_of(
        random, seed, size=random.choice((4, 20, 50)), patience=3.0 if slow else 10.0, lossy=slow
    )
    world.settle()
    for step in range(150):
        world.step()
        if slow and step > 40 and random.random() < 0.03:
            plane = world.planes[random.choice(names)]
            plane.slow = not plane.slow
        if slow and random.random() < 0.1:
            world.now += 1.0
        for plane in world.planes.values():
            for _ in range(random.choice((0, 0, 1, 30))):
                plane.publish(world.now)
    for plane in world.planes.values():
        plane.slow = False
    world.settle()
    for plane in world.planes.values():
        assert len(plane.replica.log) <= world.size * len(names) + 8
    return world


@pytest.mark.parametrize("seed", seeds(20))
def test_whoever_publishes_too_fast_waits_and_nothing_is_lost(seed: int) -> None:
    """However small the log, however busy all are, circles included: everything, once, no standstill."""
    world = busy(seed, slow=False)
    for plane in world.planes.values():
        assert sorted(plane.messages) == sorted(world.published)
        assert plane.replica.missed == 0
        plane.check_state()


@pytest.mark.parametrize("seed", seeds(20))
def test_who_stands_still_for_too_long_gets_a_snapshot_and_it_is_said(seed: int) -> None:
    """Nobody waits for ever; what could not be had one by one is in the state, counted and reported."""
    world = busy(seed, slow=True)
    everything = set(world.published)
    for plane in world.planes.values():
        heard = plane.messages
        assert len(heard) == len(set(heard))
        last: dict[str, int] = {}
        for origin, number in heard:
            assert number > last.get(origin, 0), "out of order"
            last[origin] = number
        assert len(everything - set(heard)) <= plane.replica.missed
        plane.check_state()
    reports = [one for plane in world.planes.values() for one in plane.replica.reports]
    if all(one.count for one in reports):  # no state was put together without something
        assert all(plane.seen == everything for plane in world.planes.values())


def test_a_triangle_makes_no_copies() -> None:
    """One event in a triangle: three deliveries, and at most 4 messages on the wires.

    That is one each way but back to where it came from; Kamaelia's made 3,700 copies in 3 seconds.
    """
    world = World(1, "abc")
    for left, right in ("ab", "bc", "ca"):
        world.couple(left, right)
    world.settle()
    count = 100
    for _ in range(count):
        world.planes["a"].publish(world.now)
    world.settle()
    assert [len(plane.messages) for plane in world.planes.values()] == [count] * 3
    assert 2 * count <= sum(one.copies for one in world.couplings) <= 4 * count


def test_a_late_one_costs_what_the_log_holds_and_no_more() -> None:
    """One that joins after 1,000 messages gets the state and a log of 100, not 1,000 messages."""
    world = World(1, "ab", size=100)
    world.couple("a", "b")
    world.settle()
    while len(world.published) < 1000:
        if not world.planes["a"].publish(world.now):
            world.settle()
    late = world.start("c")
    coupling = world.couple("a", "c")
    world.settle()
    assert late.messages == []
    assert late.seen == set(world.published)
    assert coupling.copies == 100
