"""Pacing: the budget follows what the wire carries, and nothing ever waits for a lost mark."""

from __future__ import annotations

from random import Random

import pytest
from link_pair import ConnectionPair, PlainCodec

from kamesh.link import LinkLimits
from kamesh.link.framing import unpack
from kamesh.link.pacing import Pacing
from kamesh.link.records import Data, Ping, Pong

LIMITS = LinkLimits(pace_bytes=100_000, pace_seconds=0.5)


def answered(pacing: Pacing, size: int, delay: float, at: float = 0.0) -> int:
    """Send so much, mark it, and hear the answer after `delay`; return the change of the budget."""
    before = pacing.budget
    pacing.sent(size)
    pacing.mark(1, at)
    pacing.heard(1, at + delay)
    return pacing.budget - before


@pytest.mark.parametrize(
    ("queued", "change"),
    [(0.0, 40_000), (0.25, 40_000), (0.375, 20_000), (0.5, 0), (0.625, -20_000), (0.75, -20_000),
     (60.0, -20_000)],
)  # fmt: skip
def test_the_budget_changes_by_what_was_confirmed_and_how_long_it_queued(
    queued: float, change: int
) -> None:
    """All of it while the queue is short, none at the target, minus half far beyond."""
    pacing = Pacing(LIMITS)
    assert answered(pacing, 0, 0.1) == 0  # 0.1 s there and back, with nothing in front
    assert answered(pacing, 40_000, 0.1 + queued, 10.0) == pytest.approx(change, abs=1)


def test_the_budget_doubles_each_round_trip_on_a_fast_wire() -> None:
    """From 100 kB to more than any window in ten round trips."""
    pacing = Pacing(LIMITS)
    for trip in range(10):
        before = pacing.budget
        assert answered(pacing, pacing.room(), 0.001, float(trip)) == before
    assert pacing.budget == 100_000 * 1024
    assert pacing.room() == pacing.budget


def test_the_budget_has_a_floor_and_starts_over_with_each_connection() -> None:
    """A peer that paused is not starved, and a new wire is judged anew."""
    pacing = Pacing(LIMITS)
    answered(pacing, 0, 0.001)
    for trip in range(50):
        answered(pacing, 100_000, 10.0, 20.0 * trip)
    assert pacing.budget == 25_000
    pacing.begin()
    assert pacing.budget == pacing.room() == 100_000


def test_a_mark_is_wanted_for_a_quarter_of_the_budget_or_when_all_waits_for_one() -> None:
    """Small traffic is not marked; a full wire always has a mark on it."""
    pacing = Pacing(LIMITS)
    pacing.sent(24_999)
    assert not pacing.wants_mark()
    pacing.sent(1)
    assert pacing.wants_mark()
    pacing.mark(1, 0.0)
    assert not pacing.wants_mark()
    random = Random(3)
    token, pending = 1, [1]
    for _ in range(5000):
        if pacing.room() > 0 and random.random() < 0.7:
            pacing.sent(random.choice((10, 1_000, 20_000, 300_000)))
            if pacing.wants_mark():
                token += 1
                pacing.mark(token, 0.0)
                pending.append(token)
        elif pending:
            pacing.heard(pending.pop(0), random.choice((0.0, 0.4, 3.0)))
        assert pacing.room() > 0 or pending, "waiting for an answer that nobody was asked for"


def test_a_budget_that_shrinks_below_what_is_loose_asks_again() -> None:
    """One huge message confirmed late: what went behind it is marked after all, and all arrives."""
    pair = ConnectionPair(limits=LIMITS, codec=PlainCodec(large=1000))
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.a._pacing.budget = 1_000_000
    for messages in ([bytes(8_000_000)], [bytes(200_000)], [bytes(10_000)] * 10):
        pair.a.send(number, messages, pair.now)
        pair.flush()
    pair.now += 1.4
    pair.settle()
    assert pair.a._pacing.budget < 1_000_000
    assert len(pair.messages("b", number)) == 12


def test_one_answer_confirms_all_marks_before_it() -> None:
    """A peer answers only the last PING of several."""
    pacing = Pacing(LIMITS)
    for token in (1, 2, 3):
        pacing.sent(30_000)
        pacing.mark(token, 0.0)
    assert pacing.room() == 10_000
    pacing.heard(3, 0.01)
    assert pacing.room() == pacing.budget
    pacing.heard(3, 0.01)
    assert pacing.room() == pacing.budget


def test_a_flush_stops_at_the_budget_and_goes_on_with_the_answer() -> None:
    """Bulk beyond the budget waits; what is urgent does not; every byte arrives."""
    pair = ConnectionPair(limits=LIMITS, codec=PlainCodec(large=1000))
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.a._pacing.begin()
    pair.a.send(number, [bytes(10_000)] * 100, pair.now)
    messages = pair.a.take_frames()
    records = [record for message in messages for record in unpack(message, LIMITS)]
    sent = sum(record.size for record in records if isinstance(record, Data))
    assert 100_000 <= sent <= 100_000 + 2 * LIMITS.batch_bytes
    assert isinstance(records[-1], Ping)
    assert len([r for r in records if isinstance(r, Ping)]) >= 3
    pair.a.request("ps", None, pair.now)
    (urgent,) = pair.a.take_frames()
    assert [type(r).__name__ for r in unpack(urgent, LIMITS)] == ["Request"]
    for message in [*messages, urgent]:
        pair.inject("b", message)
    (answer,) = pair.b.take_frames()
    assert Pong(records[-1].token) in unpack(answer, LIMITS)
    pair.inject("a", answer)
    pair.settle()
    assert len(pair.messages("b", number)) == 100


def test_small_messages_are_never_marked() -> None:
    """A quiet linkage costs no PINGs."""
    pair = ConnectionPair()
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    for n in range(200):
        pair.a.send(number, [n], pair.now)
        (message,) = pair.a.take_frames()
        assert [type(r) for r in unpack(message, pair.limits)] == [Data]
        pair.inject("b", message)
