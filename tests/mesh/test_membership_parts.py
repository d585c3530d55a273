"""Promises of the small parts of membership: suspicion, health, limits, news, rings, dials, time."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from kamesh.membership.awareness import Awareness
from kamesh.membership.broadcasts import Broadcasts
from kamesh.membership.clock import OwnTime
from kamesh.membership.detector import Detector, Step
from kamesh.membership.dialer import Dialer, Rank
from kamesh.membership.events import Dial
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.member import BadMember, Member, Part, State, checked, verdict
from kamesh.membership.overlay import Rings
from kamesh.membership.suspicion import Suspicion, timeout

RUN = b"a" * 16
LAN = MembershipLimits.lan()


@pytest.mark.parametrize(
    ("accusers", "wanted", "expected"),
    [(0, 3, 30.0), (1, 3, 18.0), (2, 3, 10.98), (3, 3, 6.0), (9, 3, 6.0), (0, 0, 6.0)],
)
def test_a_suspicion_shrinks_on_a_logarithmic_curve(
    accusers: int, wanted: int, expected: float
) -> None:
    """From the most to the least with each confirmation (Lifeguard's formula), never below."""
    assert timeout(accusers, wanted, 6.0, 30.0) == pytest.approx(expected, abs=0.01)


def test_each_accuser_counts_once_and_only_while_wanted() -> None:
    """A repeated accuser changes nothing; enough are enough; a refusal hastens the end."""
    suspicion = Suspicion("x", 100.0, wanted=2, least=2.0, most=12.0)
    assert suspicion.deadline == 112.0
    assert not suspicion.confirm("x")
    assert suspicion.confirm("y")
    assert suspicion.confirm("z")
    assert not suspicion.confirm("w")
    assert suspicion.deadline == pytest.approx(102.0)
    suspicion.hasten(100.5)
    suspicion.hasten(101.5)
    assert suspicion.deadline == 100.5
    suspicion.begin_again(200.0)
    assert suspicion.deadline == pytest.approx(202.0)


def test_health_saturates_and_only_stretches() -> None:
    """The score stays in 0..worst-1; well means no stretching, sick at most `worst` times."""
    health = Awareness(8)
    health.better()
    assert health.stretched(0.5) == 0.5
    for _ in range(20):
        health.worse()
    assert health.stretched(0.5) == 4.0
    for _ in range(20):
        health.better()
    assert health.score == 0


def test_limits_are_ordered_by_distance_and_refuse_nonsense() -> None:
    """Local is quicker than lan than wan; a figure that cannot work is refused by its name."""
    local, wan = MembershipLimits.local(), MembershipLimits.wan()
    for field in ("probe_interval", "probe_timeout", "gossip_interval", "dial_timeout"):
        assert getattr(local, field) <= getattr(LAN, field) <= getattr(wan, field)
    with pytest.raises(ValueError, match=r"MembershipLimits\.rings"):
        MembershipLimits(rings=0)
    with pytest.raises(ValueError, match="suspicion_stretch"):
        MembershipLimits(suspicion_stretch=0.5)
    assert [LAN.retransmits(n) for n in (1, 9, 10, 99, 500)] == [4, 4, 8, 8, 12]
    assert LAN.least_suspicion(10) == 4.0
    assert LAN.least_suspicion(100) == 8.0
    assert [LAN.crowding(n) for n in (1, 128, 512)] == [1.0, 1.0, 4.0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Member("", RUN), "node name"),
        (Member("a\nb", RUN), "printable"),
        (Member("é" * 150, RUN), "200 bytes"),
        (Member("a", b"short"), "16 bytes"),
        (Member("a", RUN, addresses=("no address",)), "address"),
        (Member("a", RUN, addresses=("tcp://h:1",) * 9), "at most"),
        (Member("a", RUN, parts=(Part("C", ("in", "")),)), "box name"),
        (Member("a", RUN, parts=(Part("C"),) * 5000), "components"),
        (Member("a", RUN, parts=tuple(Part("C" * 190) for _ in range(2000))), "characters"),
        (Member("a", RUN, rival=b"x"), "rival"),
        (Member("a", RUN, since=-1), "microseconds"),
    ],
)
def test_facts_that_cannot_be_told_are_refused_in_a_sentence(wrong: Member, says: str) -> None:
    """A node's own mistake is named before anything is sent."""
    with pytest.raises(BadMember, match=says):
        checked(wrong)


# --- news ---


def news(name: str, revision: int = 0) -> Member:
    """Make a piece of news."""
    return Member(name, RUN, revision, declared=revision)


def take(queue: Broadcasts, peer: str, most: int = 9, retransmits: int = 9) -> list[str]:
    """Take news for a peer; return whom it is about."""
    taken = queue.take(peer, most=most, most_bytes=10_000, retransmits=retransmits)
    return [record.name for record, _ in taken]


def test_news_goes_over_a_link_once_and_not_back() -> None:
    """Told once per peer, never to whom it came from, until all linked peers know it."""
    queue = Broadcasts(10)
    queue.put(news("a"), heard_from="x")
    queue.put(news("b"))
    assert take(queue, "x") == ["b"]
    assert take(queue, "x") == []
    assert take(queue, "y") == ["a", "b"]
    queue.settle(["x", "y"])
    assert len(queue) == 0


def test_news_is_passed_on_only_so_often() -> None:
    """The retransmit limit ends a piece of news however many peers there are."""
    queue = Broadcasts(10)
    queue.put(news("a"))
    assert [take(queue, peer, retransmits=2) for peer in "xyz"] == [["a"], ["a"], []]


def test_newer_news_replaces_older_and_the_least_told_goes_first() -> None:
    """One piece about one thing; what has been told yields to what has not."""
    queue = Broadcasts(10)
    queue.put(news("a"))
    queue.put(news("b"))
    assert take(queue, "x", most=1) == ["a"]
    assert take(queue, "y", most=1) == ["b"]
    queue.put(news("b", 2))
    assert len(queue) == 2
    assert take(queue, "y") == ["a", "b"]


def test_accusations_are_dropped_when_the_accused_speaks() -> None:
    """Accusations by several are told apart, and go when the run refutes or dies."""
    queue = Broadcasts(10)
    suspect = verdict("a", RUN, 0, State.SUSPECT)
    queue.put(suspect, accuser="x")
    queue.put(suspect, accuser="y")
    assert len(queue) == 2
    queue.put(news("a", 1))
    assert take(queue, "z") == ["a"]


def test_the_queue_is_bounded_and_messages_are() -> None:
    """When full, the most told is dropped and counted; a message stops at its size."""
    queue = Broadcasts(3)
    for name in "abc":
        queue.put(news(name))
    take(queue, "x", most=1)
    queue.put(news("d"))
    assert take(queue, "y") == ["b", "c", "d"]
    assert queue.dropped == 1
    assert len(queue.take("z", most=9, most_bytes=150, retransmits=9)) == 1


def test_a_peer_that_said_so_itself_is_not_told() -> None:
    """News a peer is known to have is not sent to it, until its link is lost."""
    queue = Broadcasts(9)
    queue.put(news("a"))
    queue.put(news("b"))
    queue.known_by(news("a"), "x")
    assert take(queue, "x") == ["b"]
    queue.all_known_by("y")
    assert take(queue, "y") == []
    queue.link_lost("y")
    assert take(queue, "y") == ["a", "b"]


# --- rings ---


def test_the_rings_connect_everybody_and_both_ends_agree() -> None:
    """From any member all are reached over few links each; successors and predecessors match."""
    rings = Rings(3)
    names = [f"n{i}" for i in range(200)]
    for name in names:
        rings.add(name)
    links = {name: rings.successors(name) | rings.predecessors(name) for name in names}
    assert all(name in links[other] for name in names for other in links[name])
    assert max(map(len, links.values())) <= 6
    reached, steps = {"n0"}, 0
    while len(reached) < 200:
        reached |= {other for name in reached for other in links[name]}
        steps += 1
    assert steps <= 6
    assert Rings(3).successors("alone") == set()


def test_a_member_more_changes_few_links() -> None:
    """Adding and removing one member touches only its neighbours, and leaves no trace."""
    rings = Rings(3)
    for i in range(50):
        rings.add(f"n{i}")
    before = {name: rings.successors(name) for name in rings.names}
    rings.add("new")
    assert sum(rings.successors(name) != before[name] for name in before) <= 3
    rings.remove("new")
    assert {name: rings.successors(name) for name in rings.names} == before


# --- dials ---


def dial_all(dialer: Dialer, now: float) -> list[Dial]:
    """Take whatever may be dialed."""
    return dialer.take(now, lambda name, address, rank: True)


def test_dials_are_rated_whatever_is_wished() -> None:
    """A burst of 10, then 10 a second, however many strangers announce themselves; hints bounded."""
    dialer = Dialer(LAN, Random(1))
    for port in range(3000):
        dialer.wish(f"tcp://h:{port}", "x", Rank.HINT, 0.0)
    assert dialer.waiting == LAN.hints
    assert dialer.hints_dropped == 3000 - LAN.hints
    assert len(dial_all(dialer, 0.0)) == 10
    dials = 0
    for tenth in range(1, 101):
        for dial in dial_all(dialer, tenth / 10):
            dials += 1
            dialer.failed(dial.address, tenth / 10)
        for address in dialer.overdue(tenth / 10):
            dialer.failed(address, tenth / 10)
    assert dials == 100
    assert dialer.next_deadline(10.0) > 10.0


def test_a_probe_is_dialed_before_hints() -> None:
    """Ranks go in order, so a flood of hints starves nothing."""
    dialer = Dialer(LAN, Random(1))
    for port in range(50):
        dialer.wish(f"tcp://h:{port}", "x", Rank.HINT, 0.0)
    dialer.wish("tcp://p:1", "p", Rank.PROBE, 0.0)
    assert dial_all(dialer, 0.0)[0].name == "p"


def test_failures_wait_longer_each_time_and_our_own_address_is_never_dialed() -> None:
    """Backing off doubles up to the most; success forgets it; an own address is dropped for good."""
    dialer = Dialer(LAN, Random(1))
    waits, now = [], 0.0
    for _ in range(9):
        dialer.wish("tcp://h:1", None, Rank.SEED, now)
        due = dialer.next_deadline(now)
        waits.append(due - now)
        now = due + 1e-6
        assert [d.address for d in dial_all(dialer, now)] == ["tcp://h:1"]
        dialer.failed("tcp://h:1", now)
    assert waits[0] == 0.0
    assert all(later > 1.1 * sooner for sooner, later in pairwise(waits[1:7]))
    assert max(waits) <= 1.25 * LAN.redial_most
    dialer.is_own("tcp://h:1")
    dialer.wish("tcp://h:1", None, Rank.SEED, now)
    assert dialer.waiting == 0


# --- probes ---


def test_a_probe_asks_others_and_then_fails() -> None:
    """Direct, indirect, failed, each once, at the times of the limits."""
    health = Awareness(8)
    detector = Detector(LAN, Random(1), health)
    probe = detector.begin("t", RUN, 0.0)
    assert probe is not None
    assert detector.begin("t", RUN, 0.0) is None, "one at a time"
    assert detector.next_deadline() == 0.5
    assert detector.due(0.49) == []
    assert detector.due(0.5) == [(probe, Step.ASK)]
    probe.asked |= {"h", "i"}
    detector.nacked(probe.number, "h")
    detector.nacked(probe.number, "stranger")
    assert detector.next_deadline() == 1.5
    assert detector.due(1.5) == [(probe, Step.FAIL)]
    assert health.score == 1, "one of two nacks did not come"
    assert detector.due(9.0) == []
    assert detector.begin("t", RUN, 9.0) is not None


def test_any_word_of_the_target_and_a_helpers_ack_end_a_probe() -> None:
    """The target need not answer the very probe; a helper must have been asked."""
    detector = Detector(LAN, Random(1), Awareness(8))
    first = detector.begin("t", RUN, 0.0)
    assert first is not None
    assert detector.spoke("t", b"b" * 16) == [], "another run does not answer for it"
    assert detector.spoke("t", RUN) == [first]
    second = detector.begin("t", RUN, 1.0)
    assert second is not None
    assert detector.acked(second.number, "h") is None
    second.asked.add("h")
    assert detector.acked(second.number, "h") is second
    assert detector.next_deadline() == float("inf")


def test_our_own_sickness_makes_us_slow_to_accuse() -> None:
    """Local health stretches both halves of a probe, up to 8 times."""
    health = Awareness(8)
    health.worse(3)
    detector = Detector(LAN, Random(1), health)
    probe = detector.begin("t", RUN, 0.0)
    assert probe is not None
    assert (probe.direct_until, probe.until) == (2.0, 6.0)


def test_everybody_gets_a_turn() -> None:
    """Each candidate is probed once a round, in changing order; those gone are passed over."""
    detector = Detector(LAN, Random(1), Awareness(8))
    names = {"a", "b", "c", "d"}
    rounds = [[detector.next_target(names) for _ in names] for _ in range(5)]
    assert all(set(turn) == names for turn in rounds)
    assert len({tuple(turn) for turn in rounds}) > 1
    assert detector.next_target({"z"}) == "z"
    assert detector.next_target(set()) is None


# --- time ---


def test_time_in_which_we_did_not_run_is_not_counted() -> None:
    """A tick ten seconds late counts a quarter; without a promise no wait is late."""
    clock = OwnTime(late_after=0.25)
    assert not clock.advance(100.0)
    assert not clock.advance(500.0), "nothing was promised"
    assert clock.promise(501.0) == 501.0
    assert not clock.advance(501.1)
    assert clock.advance(511.0)
    assert clock.now == pytest.approx(501.25)
    assert not clock.advance(511.0), "counted once"
    assert clock.promise(502.0) == pytest.approx(511.75)
    clock.kept()
    assert not clock.advance(900.0)
