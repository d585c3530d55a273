"""What servers and clients decide without a socket: patience, backoff."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh.components.network.backoff import Backoff
from kamesh.components.network.dialling import in_turn
from kamesh.components.network.patience import Limits, Verdict, Watch
from kamesh.errors import NotSuitable

LIMITS = Limits(idle=100.0, stall=10.0)


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        # (time, received, taken, waiting)
        ([(99, 0, 0, False)], Verdict.KEEP),
        ([(100, 0, 0, False)], Verdict.IDLE),
        ([(99, 1, 0, False), (198, 1, 0, False)], Verdict.KEEP),
        ([(99, 1, 0, False), (199, 1, 0, False)], Verdict.IDLE),
        ([(99, 0, 1, False), (198, 0, 1, False)], Verdict.KEEP),
        ([(5, 0, 1, True), (14, 0, 1, True)], Verdict.KEEP),
        ([(5, 0, 1, True), (15, 0, 1, True)], Verdict.STALLED),
        ([(5, 0, 1, True), (10, 5, 1, True), (15, 9, 1, True)], Verdict.STALLED),
        ([(5, 0, 1, True), (14, 0, 2, True), (23, 0, 2, True)], Verdict.KEEP),
        ([(50, 1, 1, False), (55, 1, 1, True), (59, 1, 1, True)], Verdict.KEEP),
    ],
)
def test_who_is_idle_and_who_is_stalled(looks, verdict):
    """By the clock and the counts alone."""
    watch = Watch(0.0)
    verdicts = [watch.look(*look, LIMITS) for look in looks]
    assert verdicts[-1] is verdict
    assert set(verdicts[:-1]) <= {Verdict.KEEP}


def test_without_limits_nobody_is_let_go():
    """None is for ever, and then nobody needs to look."""
    assert Limits(None, None).every is None
    assert Limits(8.0, None).every == 2.0
    assert Watch(0.0).look(1e9, 0, 0, True, Limits(None, None)) is Verdict.KEEP
    with pytest.raises(NotSuitable, match="idle=0"):
        Limits(idle=0)


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(0, 12))
def test_waits_grow_to_a_longest_and_attempts_end(chances, retries):
    """Each wait is between half of and all of what doubles each time; after the retries it is over."""
    backoff = Backoff(retries, first=1.0, longest=30.0)
    for number, chance in enumerate(chances):
        wait = backoff.failed(chance)
        if number >= retries:
            assert wait is None
        else:
            span = min(30.0, 2.0**number)
            assert span / 2 <= wait <= span


def test_what_has_held_starts_afresh():
    """A connection of some seconds forgives the failures before; a moment's does not."""
    backoff = Backoff(2, first=1.0, longest=30.0, steady=10.0)
    assert backoff.failed(1.0) == 1.0
    backoff.held(9.9)
    assert backoff.failed(1.0) == 2.0
    assert backoff.failed(1.0) is None
    backoff.held(10.0)
    assert backoff.failed(1.0) == 1.0


def test_for_ever_is_for_ever():
    """With no limit it never gives up, and the wait stays at its longest."""
    backoff = Backoff(None, first=1.0, longest=30.0)
    assert [backoff.failed(1.0) for _ in range(2000)][-1] == 30.0


def test_addresses_are_tried_by_families_in_turn():
    """Of a host with both, the first of each comes before the second of any (RFC 8305)."""
    six, four = int(socket.AF_INET6), int(socket.AF_INET)
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "1"), (four, "2")]
    assert in_turn(found) == [(six, "a"), (four, "1"), (six, "b"), (four, "2"), (six, "c")]
    assert in_turn([]) == []
