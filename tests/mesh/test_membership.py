"""Promises of one node's membership, told fact by fact and asked for every instruction."""

from __future__ import annotations

from random import Random

import pytest

from kamesh.membership import (
    BadMember,
    Changed,
    Dial,
    Event,
    Failed,
    Hangup,
    Joined,
    Left,
    Member,
    Membership,
    MembershipLimits,
    NameTaken,
    Part,
    Recovered,
    Send,
    State,
    Suspected,
)
from kamesh.membership.member import verdict
from kamesh.membership.messages import Ack, Ask, Closing, Message, Nack, News, Ping, Sync, Told
from kamesh.membership.wire import read, write

LIMITS = MembershipLimits.lan()


def node(name: str, since: int = 0, run: bytes = b"", **facts: object) -> Member:
    """Make a member with an address of its own."""
    address = (f"tcp://{name}:1",)
    incarnation = run or (name * 16).encode()[:16]
    return Member(name, incarnation, since=since, addresses=address, **facts)  # type: ignore[arg-type]


class Bench:
    """A Membership and the test's hand on its clock, links and mail."""

    def __init__(self, me: Member | None = None, limits: MembershipLimits = LIMITS) -> None:
        """Put it on the bench at 100 s."""
        self.now = 100.0
        self.me = me or node("m")
        self.it = Membership(self.me, limits, Random(3))
        self.dials: list[Dial] = []
        self.hangups: list[str] = []
        self.mail: list[tuple[str, Message]] = []
        self.events: list[Event] = []

    def settle(self) -> None:
        """Collect what it says."""
        for instruction in self.it.take_instructions():
            match instruction:
                case Dial():
                    self.dials.append(instruction)
                case Send(name, payload):
                    self.mail.append((name, read(payload)))
                case Hangup(name):
                    self.hangups.append(name)
        self.events += self.it.take_events()

    def run(self, seconds: float) -> None:
        """Let time pass, ticking when it asks to."""
        end = self.now + seconds
        while self.it.next_deadline() <= end:
            self.now = max(self.now, self.it.next_deadline())
            self.it.tick(self.now)
            self.settle()
        self.now = end

    def link(self, member: Member, address: str | None = None) -> None:
        """Let a link come up, and its run tell of itself."""
        self.it.link_up(member.name, member.incarnation, self.now, address)
        self.hear(member.name, Told(((member, ""),)))

    def hear(self, name: str, message: Message) -> None:
        """Deliver a message from a linked node."""
        self.it.received(name, write(message), self.now)
        self.settle()

    def sent(self, name: str, kind: type[Message]) -> list[Message]:
        """Return what was sent to a node, of a kind."""
        return [message for to, message in self.mail if to == name and isinstance(message, kind)]

    def saw(self, kind: type[Event]) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


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


def silent(bench: Bench, seconds: float, *talking: str) -> None:
    """Let time pass with only some linked nodes answering."""
    end = bench.now + seconds
    while bench.now < end:
        bench.run(0.1)
        letters, bench.mail[:] = list(bench.mail), []
        for name, message in letters:
            if name in talking and isinstance(message, Ping):
                bench.hear(name, Nack(0))


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
