"""Promises of one node's membership: hints, links, gossip, probes, suspicion and death."""

from __future__ import annotations

import pytest
from membership_bench import LIMITS, Bench, node, silent

from kamesh.membership import (
    Dial,
    Failed,
    Joined,
    NameTaken,
    State,
    Suspected,
)
from kamesh.membership.messages import Ack, Ask, Closing, Nack, News, Ping, Sync


def test_a_hint_admits_nobody_and_is_dialed_once() -> None:
    """A hint is an address to dial; the directory changes only by what a linked node says."""
    bench = Bench()
    for _ in range(3):
        bench.it.heard_of("x", "tcp://x:1", bench.now, b"x" * 16)
    bench.run(1.0)
    assert bench.dials == [Dial("x", "tcp://x:1")]
    assert set(bench.it.members) == {"m"}
    bench.link(node("x"), "tcp://x:1")
    assert bench.it.present == {"m", "x"}
    bench.it.heard_of("x", "tcp://x:1", bench.now, b"x" * 16)
    bench.run(1.0)
    assert len(bench.dials) == 1, "who is there is not dialed again"


def test_ten_thousand_fake_hints_cost_ten_dials_a_second() -> None:
    """Floods, an own name elsewhere, garbage and our own address: rated, bounded, never admitted."""
    bench = Bench()
    for number in range(10_000):
        bench.it.heard_of(f"f{number}", f"tcp://10.0.{number % 250}.1:{number}", bench.now)
    bench.it.heard_of("m", "tcp://victim:1", bench.now, b"z" * 16)
    bench.it.heard_of("m", "tcp://m:1", bench.now)
    bench.it.heard_of("m", "tcp://elsewhere:1", bench.now, bench.me.incarnation)
    bench.it.heard_of("", "tcp://h:1", bench.now)
    bench.it.heard_of("x", "nonsense", bench.now)
    bench.run(10.0)
    counts = bench.it.statistics()
    assert len(bench.dials) <= LIMITS.dial_burst + 10 * LIMITS.dials_per_second
    assert counts.dials_waiting <= LIMITS.hints
    assert counts.known == 1
    assert bench.saw(NameTaken) == [], "a hint alone takes no name"
    addresses = {dial.address for dial in bench.dials}
    assert not addresses & {"tcp://m:1", "tcp://elsewhere:1", "nonsense"}


def test_of_many_nodes_that_hear_one_announcement_few_dial_it() -> None:
    """A hint waits a random time, longer in a larger mesh; whoever hears of it by then need not."""
    benches = [Bench(seed=seed) for seed in range(20)]
    for bench in benches:
        for number in range(60):
            bench.link(node(f"n{number}"))
        bench.it.heard_of("new", "tcp://new:1", bench.now, b"x" * 16)
        bench.run(0.1)
    early = [bench for bench in benches if Dial("new", "tcp://new:1") in bench.dials]
    assert 0 < len(early) < 10
    newcomer = node("new", run=b"x" * 16)
    for bench in benches[:10]:
        bench.hear("n0", News(((newcomer, ""),)))
    for bench in benches:
        bench.run(1.0)
    hints = [sum(d.address == "tcp://new:1" and d.name == "new" for d in b.dials) for b in benches]
    assert hints[10:] == [1] * 10
    assert sum(hints[:10]) < 10


def test_a_goodbye_ends_the_dialing_of_former_hints() -> None:
    """A name that said goodbye is no longer dialed for what was heard of it."""
    bench = Bench()
    bench.it.heard_of("x", "tcp://x:1", bench.now)
    bench.it.gone("x")
    bench.run(1.0)
    assert bench.dials == []


def test_a_seed_is_tried_until_somebody_is_there() -> None:
    """Failures make it wait longer, never give up; found, it is left alone; lost, tried again."""
    bench = Bench()
    bench.it.add_seed("tcp://alias:9", bench.now)
    for _ in range(40):
        bench.run(1.0)
        if bench.dials:
            bench.it.dial_failed(bench.dials[-1].address, bench.now)
    assert 5 <= len(bench.dials) <= 20
    bench.link(node("x"), "tcp://alias:9")
    tried = len(bench.dials)
    silent(bench, 30.0, "x")
    assert not any(dial.address == "tcp://alias:9" for dial in bench.dials[tried:])
    silent(bench, 60.0)
    assert any(dial.address == "tcp://alias:9" for dial in bench.dials[tried:])
    with pytest.raises(ValueError, match="not an address"):
        bench.it.add_seed("nowhere", bench.now)


def test_a_new_link_compares_and_asks_for_what_it_lacks() -> None:
    """Both sides say in short what they believe; each asks for what it lacks and tells what it has."""
    one, two = Bench(node("a")), Bench(node("b"))
    one.link(node("x"))
    two.link(node("y"))
    one.it.link_up("b", two.me.incarnation, one.now)
    two.it.link_up("a", one.me.incarnation, two.now)
    for _ in range(6):
        for bench, other in ((one, two), (two, one)):
            bench.run(0.3)
            letters = [m for to, m in bench.mail if to == other.me.name]
            bench.mail.clear()
            for letter in letters:
                other.hear(bench.me.name, letter)
    assert one.it.present == two.it.present == {"a", "b", "x", "y"}
    assert one.it.fingerprint == two.it.fingerprint
    assert {e.member.name for e in one.saw(Joined) if isinstance(e, Joined)} == {"b", "x", "y"}


def test_a_replaced_connection_compares_again() -> None:
    """What was under way on the former connection is lost, so both sides begin anew."""
    bench = Bench()
    bench.link(node("x"), "tcp://x:1")
    bench.run(1.0)
    bench.mail.clear()
    bench.it.link_up("x", node("x").incarnation, bench.now, "tcp://alias:1")
    bench.settle()
    (sync,) = bench.sent("x", Sync)
    assert isinstance(sync, Sync)
    assert {entry.name for entry in sync.digest} == {"x"}
    bench.it.add_seed("tcp://alias:1", bench.now)
    silent(bench, 5.0, "x")
    assert bench.dials == [], "that address is known to be hers"


def test_what_is_heard_is_passed_on_but_not_back() -> None:
    """News goes to the other links, at once when it is the first for a while."""
    bench = Bench()
    bench.link(node("x"))
    bench.link(node("y"))
    bench.run(5.0)
    bench.mail.clear()
    bench.hear("x", News(((node("z"), ""),)))
    bench.run(0.01)
    assert any(r.name == "z" for m in bench.sent("y", News) for r, _ in m.news)
    assert not any(r.name == "z" for m in bench.sent("x", News) for r, _ in m.news)


def test_a_stranger_and_one_not_linked_are_not_heard() -> None:
    """What is said to come from a node without a link is dropped."""
    bench = Bench()
    bench.hear("x", News(((node("z"), ""),)))
    assert set(bench.it.members) == {"m"}


def test_silence_leads_to_others_then_suspicion_then_death() -> None:
    """No answer: helpers are asked; none: suspected, told so; no word in time: failed."""
    bench = Bench()
    for name in "xyz":
        bench.link(node(name))
    silent(bench, 10.0, "y", "z")
    assert [e.member.name for e in bench.saw(Suspected) if isinstance(e, Suspected)] == ["x"]
    silent(bench, 30.0, "y", "z")
    assert [e.member.name for e in bench.saw(Failed) if isinstance(e, Failed)] == ["x"]
    assert bench.it.members["x"].state is State.DEAD


def test_helpers_are_asked_before_a_suspicion() -> None:
    """The first missed answer makes others probe; their ack is as good as the target's own."""
    bench = Bench(node("m"))
    for name in "xyz":
        bench.link(node(name))
    while not (asks := [(to, m) for to, m in bench.mail if isinstance(m, Ask) and m.target == "x"]):
        bench.run(0.1)
        letters, bench.mail[:] = [t for t in bench.mail if not isinstance(t[1], Ask)], [
            t for t in bench.mail if isinstance(t[1], Ask)
        ]  # fmt: skip
        for name, message in letters:
            if name != "x" and isinstance(message, Ping):
                bench.hear(name, Nack(0))
        assert bench.now < 120.0
    helper, ask = asks[0]
    assert isinstance(ask, Ask)
    assert bench.saw(Suspected) == []
    bench.hear(helper, Ack(ask.number))
    assert bench.it.statistics().health == 0
    assert bench.it.statistics().probes_failed == 0


def test_a_helper_probes_and_always_answers() -> None:
    """Asked to probe: an ack when the target speaks, a nack when not, at once if it is unknown."""
    bench = Bench()
    bench.link(node("x"))
    bench.link(node("y"))
    bench.mail.clear()
    bench.hear("y", Ask(5, "nobody"))
    assert bench.sent("y", Nack) == [Nack(5)]
    bench.hear("y", Ask(6, "x"))
    assert bench.sent("x", Ping)
    bench.run(LIMITS.indirect_timeout)
    assert any(m.number == 6 for m in bench.sent("y", Nack) if isinstance(m, Nack))


def test_a_broken_link_and_a_refused_dial_are_death_in_a_second() -> None:
    """A killed node: link reset, its port refused: suspected at once, failed after refused_timeout."""
    bench = Bench()
    for name in "xyz":
        bench.link(node(name), f"tcp://{name}:1")
    bench.it.link_down("x", "reset by peer", bench.now)
    bench.run(0.0)
    assert bench.dials[-1] == Dial("x", "tcp://x:1")
    bench.it.dial_refused("tcp://x:1", bench.now)
    bench.run(0.01)
    assert len(bench.saw(Suspected)) == 1
    bench.run(LIMITS.refused_timeout)
    assert len(bench.saw(Failed)) == 1


def test_a_broken_link_that_comes_back_is_nothing() -> None:
    """A reset connection that is dialed again proves life: no suspicion."""
    bench = Bench()
    bench.link(node("x"), "tcp://x:1")
    bench.it.link_down("x", "reset by peer", bench.now)
    bench.run(0.1)
    bench.link(node("x"), "tcp://x:1")
    silent(bench, 20.0, "x")
    assert bench.saw(Suspected) == []


def test_a_link_closed_in_order_is_no_evidence() -> None:
    """Neither `link_closed`, nor a link going down after the other end said it would."""
    bench = Bench()
    bench.link(node("x"))
    bench.run(1.0)
    bench.it.link_closed("x", bench.now)
    assert bench.it.statistics().probes == 0
    bench.link(node("x"))
    bench.hear("x", Closing())
    probes = bench.it.statistics().probes
    bench.it.link_down("x", "closed", bench.now)
    assert bench.it.statistics().probes == probes
