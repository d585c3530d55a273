"""Promises of a node about itself: refuting, its own time, what it hosts, its name, its leaving."""

from __future__ import annotations

import pytest
from membership_bench import LIMITS, Bench, node, silent

from kamesh.membership import (
    BadMember,
    Changed,
    Failed,
    Joined,
    Left,
    NameTaken,
    Part,
    Recovered,
    State,
    Suspected,
)
from kamesh.membership.member import verdict
from kamesh.membership.messages import Nack, News, Ping, Sync, Told


def test_an_accusation_of_us_is_refuted() -> None:
    """Suspected or declared dead, we speak above it, and everybody linked hears so."""
    bench = Bench()
    bench.link(node("x"))
    for revision, state in ((0, State.SUSPECT), (1, State.DEAD), (40, State.SUSPECT)):
        bench.mail.clear()
        bench.hear("x", News(((verdict("m", bench.me.incarnation, revision, state), "y"),)))
        assert bench.it.me.revision == revision + 1
        assert bench.it.me.state is State.ALIVE
        bench.run(1.0)
        told = [r for m in bench.sent("x", News) + bench.sent("x", Ping) for r, _ in m.news]
        assert bench.it.me in told
    assert bench.it.statistics().refutations == 3


def test_an_old_accusation_is_not_news() -> None:
    """What was refuted already costs no new revision."""
    bench = Bench()
    bench.link(node("x"))
    bench.it.update(bench.now, parts=[Part("C")])
    bench.hear("x", News(((verdict("m", bench.me.incarnation, 0, State.DEAD), ""),)))
    assert bench.it.me.revision == 1


def test_a_suspect_that_speaks_recovers() -> None:
    """A later revision of the run itself ends the suspicion, with one event."""
    bench = Bench()
    for name in "xy":
        bench.link(node(name))
    bench.hear("y", News(((verdict("x", b"x" * 16, 0, State.SUSPECT), "y"),)))
    assert len(bench.saw(Suspected)) == 1
    bench.hear("y", News(((node("x", revision=1, declared=1), ""),)))
    assert len(bench.saw(Recovered)) == 1
    silent(bench, 60.0, "x", "y")
    assert bench.saw(Failed) == []


def test_a_death_told_of_somebody_we_hear_is_only_a_suspicion() -> None:
    """Others' word against our own ears: the linked node is asked, and not dropped if it speaks."""
    bench = Bench()
    for name in "xy":
        bench.link(node(name))
    bench.mail.clear()
    bench.hear("y", News(((verdict("x", b"x" * 16, 0, State.DEAD), ""),)))
    assert bench.it.members["x"].state is State.SUSPECT
    bench.run(0.1)
    told = [r.state for m in bench.sent("x", News) for r, _ in m.news if r.name == "x"]
    assert told == [State.SUSPECT], "it hears of it, so that it can refute"
    for _ in range(60):
        silent(bench, 1.0, "x", "y")
        bench.hear("x", Nack(0))
    assert bench.saw(Failed) == []


def test_late_ticks_accuse_nobody() -> None:
    """This node stopped for a minute: nobody is suspected for it, and its own health counts it."""
    bench = Bench()
    for name in "xyz":
        bench.link(node(name))
    silent(bench, 5.0, "x", "y", "z")
    bench.now += 60.0
    bench.it.tick(bench.now)
    bench.settle()
    assert bench.saw(Suspected) == []
    assert bench.it.statistics().health >= 1
    assert bench.it.statistics().seconds_not_run == pytest.approx(60.0, abs=1.5)
    silent(bench, 5.0, "x", "y", "z")
    assert bench.saw(Suspected) == []


def test_what_a_node_hosts_is_told_and_found() -> None:
    """Parts travel with their node; a change is one event; wrong ones are refused and change nothing."""
    bench = Bench()
    bench.link(node("x", parts=(Part("CAMERA", ("control",), ("outbox",)),)))
    assert bench.it.locate("CAMERA") == "x"
    bench.hear("x", News(((node("x", revision=1, declared=1, parts=(Part("MIC"),)), ""),)))
    assert bench.it.locate("CAMERA") is None
    assert bench.it.locate("MIC") == "x"
    assert len(bench.saw(Changed)) == 1
    bench.it.update(bench.now, parts=[Part("SCREEN")], addresses=["tcp://m:2"])
    assert bench.it.locate("SCREEN") == "m"
    with pytest.raises(BadMember, match="component name"):
        bench.it.update(bench.now, parts=[Part("")])
    assert bench.it.me.parts == (Part("SCREEN"),)


def test_leaving_is_told_at_once_and_then_nothing_is_due() -> None:
    """Goodbye goes out by every link; those who hear it see Left, not Failed."""
    bench, other = Bench(), Bench(node("x"))
    bench.link(other.me)
    other.link(bench.me)
    bench.run(1.0)
    bench.mail.clear()
    bench.it.leave(bench.now)
    bench.settle()
    for message in bench.sent("x", News):
        other.hear("m", message)
    assert len(other.saw(Left)) == 1
    assert other.it.present == {"x"}
    assert bench.it.next_deadline() == float("inf")
    bench.hear("x", News(((verdict("m", bench.me.incarnation, 9, State.DEAD), ""),)))
    assert bench.it.me.state is State.LEFT


def test_the_younger_of_two_runs_gives_way_when_the_elder_has_answered() -> None:
    """An elder's record alone proves nothing; one that names us as its rival does, once."""
    bench = Bench(node("m", since=50))
    bench.link(node("x"))
    elder = node("m", since=10, run=b"e" * 16)
    bench.hear("x", News(((elder, ""),)))
    assert bench.saw(NameTaken) == []
    bench.run(1.0)
    answered = elder.says(3, rival=bench.me.incarnation)
    bench.hear("x", News(((answered, ""),)))
    bench.hear("x", News(((answered.says(4), ""),)))
    (taken,) = bench.saw(NameTaken)
    assert isinstance(taken, NameTaken)
    assert taken.mine
    assert taken.holder == elder.incarnation
    assert "Node name 'm' is taken" in str(taken)


def test_the_elder_answers_once_and_is_not_disturbed() -> None:
    """A younger namesake is answered by naming it; hearing it again costs nothing."""
    bench = Bench(node("m", since=10))
    bench.link(node("x"))
    younger = node("m", since=50, run=b"y" * 16)
    for _ in range(5):
        bench.hear("x", News(((younger, ""),)))
    assert bench.it.me.rival == younger.incarnation
    assert bench.it.me.revision == 1
    assert bench.it.members["m"] == bench.it.me
    assert not any(e.mine for e in bench.saw(NameTaken) if isinstance(e, NameTaken))
    assert bench.it.meets_namesake(younger.incarnation, 50, bench.now)
    assert bench.it.meets_namesake(bench.me.incarnation, 10, bench.now), "dialing oneself"
    assert not bench.it.meets_namesake(b"o" * 16, 5, bench.now)
    bench.settle()
    assert any(e.mine for e in bench.saw(NameTaken) if isinstance(e, NameTaken))


def test_a_newcomer_is_silent_of_itself_until_it_has_heard_the_mesh() -> None:
    """So that a clock that is behind makes nobody the elder of a name that is held."""
    bench = Bench(node("m", since=1))
    bench.it.link_up("x", b"x" * 16, bench.now)
    bench.settle()
    (sync,) = bench.sent("x", Sync)
    assert isinstance(sync, Sync)
    assert sync.news == ()
    assert sync.digest == ()
    bench.hear("x", Told(((node("m", since=10, run=b"e" * 16), ""),)))
    assert bench.it.me.since == 11


def test_a_second_run_of_a_linked_name_is_refused_while_the_first_is_well() -> None:
    """The sentence is for the link's refusal; a suspect's name may be taken over."""
    bench = Bench()
    bench.link(node("x"))
    assert bench.it.refusal("x", b"x" * 16) is None
    assert "taken" in (bench.it.refusal("x", b"z" * 16) or "")
    bench.hear("x", News(((verdict("x", b"x" * 16, 0, State.SUSPECT), "y"),)))
    assert bench.it.refusal("x", b"z" * 16) is None


def test_a_restart_at_the_same_address_ends_the_former_run() -> None:
    """Who answers at a run's address as another run has replaced it."""
    bench = Bench()
    bench.link(node("x"), "tcp://x:1")
    bench.it.link_down("x", "reset", bench.now)
    bench.link(node("x", since=7, run=b"2" * 16), "tcp://x:1")
    assert bench.it.members["x"].incarnation == b"2" * 16
    bench.run(LIMITS.refused_timeout + 0.1)
    assert bench.it.members["x"].state is State.ALIVE
    assert len(bench.saw(Joined)) == 2


def test_links_nobody_needs_are_given_up_in_a_large_mesh() -> None:
    """Beyond ring neighbours links are closed after `linger`; the other end is told before."""
    bench = Bench()
    for number in range(40):
        bench.link(node(f"n{number}"))
    names = {f"n{number}" for number in range(40)}
    silent(bench, LIMITS.linger + 2, *names)
    kept = names - set(bench.hangups)
    assert 1 <= len(kept) <= 2 * LIMITS.rings
    small = Bench()
    for name in "abc":
        small.link(node(name))
    silent(small, LIMITS.linger + 2, *"abc")
    assert small.hangups == []


def test_the_dead_are_forgotten_after_a_while_and_tried_until_then() -> None:
    """A dead node is dialed now and then, and after `forget_after` is no more."""
    bench = Bench()
    bench.link(node("x"), "tcp://x:1")
    bench.it.link_down("x", "reset", bench.now)
    bench.run(0.1)
    bench.it.dial_refused("tcp://x:1", bench.now)
    bench.run(2.0)
    assert bench.it.members["x"].state is State.DEAD
    before = len(bench.dials)
    bench.run(100.0)
    assert 3 <= len(bench.dials) - before <= 120
    bench.run(LIMITS.forget_after)
    assert "x" not in bench.it.members
