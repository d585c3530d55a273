"""Whole meshes of `Membership` in virtual time over a seeded network: joining, dying, healing.

Law: bounds are in virtual seconds, so a slow machine fails none of them.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from membership_world import World

from kamesh.membership import Failed, Joined, MembershipLimits, NameTaken, State

LONG = "KAMESH_LONG_TESTS" in os.environ  # many seeds, and the 500 nodes
SEEDS = range(30) if LONG else range(1)


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """Spare the collector the hundreds of thousands of records a large mesh keeps."""
    gc.disable()
    yield
    gc.enable()


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
