"""Bucket and RateLimiter: no more than so much a second, to the point, and nothing lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timed import timed

from kamesh.components.plumbing import Bucket, RateLimiter, WrongFigure
from kamesh.testing import keeps_promises, run


def drive(bucket, arrivals):
    """Let things through as soon as they may: pairs of (time it came, cost); give when each went."""
    now, went = 0.0, []
    for came, cost in arrivals:
        now = max(now, came, bucket.due(cost))
        bucket.take(cost, now)
        went.append(now)
    return went


def test_a_burst_and_then_the_rate():
    """What the bucket holds goes at once, the rest at the rate; times do not drift."""
    went = drive(Bucket(rate=10, burst=3), [(0.0, 1)] * 1000)
    assert went == [max(0, n - 2) / 10 for n in range(1000)]


def test_after_a_rest_there_is_a_burst_again():
    """And never more than one, however long the rest was."""
    went = drive(Bucket(rate=1, burst=2), [(0.0, 1)] * 3 + [(100.0, 1)] * 3)
    assert went == [0.0, 0.0, 1.0, 100.0, 100.0, 101.0]


def test_what_is_more_than_the_bucket_holds():
    """It goes when the bucket is full, and those after it wait until that is paid off."""
    went = drive(Bucket(rate=10, burst=10), [(0.0, 5), (0.0, 40), (0.0, 10), (0.0, 1)])
    assert went == [0.0, 0.5, 4.5, 4.6]


@settings(max_examples=200, deadline=None)
@given(
    rate=st.integers(1, 100),
    burst=st.integers(10, 30),
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 10)), min_size=1, max_size=40),
)
def test_never_more_than_the_law_says(rate, burst, steps):
    """In no stretch of time passes more than a burst and what the rate gives."""
    now, arrivals = 0.0, []
    for gap, cost in steps:
        now += gap
        arrivals.append((now, cost))
    went = drive(Bucket(rate, burst), arrivals)
    for first in range(len(went)):
        spent = 0
        for last in range(first, len(went)):
            spent += arrivals[last][1]
            assert spent <= burst + rate * (went[last] - went[first]) + 1e-6


def test_promises():
    """It does as any component does: told to finish, it still keeps to its rate."""
    assert keeps_promises(lambda: RateLimiter(1000.0), range(5)) == list(range(5))
    assert keeps_promises(lambda: RateLimiter(bytes_per_second=1e5), ["ab"] * 3) == ["ab"] * 3


def test_messages_a_second():
    """Exactly at the rate, from the first one on; what comes later is not held up by it."""
    came = timed(RateLimiter(4), *((0.0, n) for n in range(5)), (9.0, 5))
    assert came == [(0.0, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4), (9.0, 5)]


def test_bytes_a_second():
    """By length, a second's worth at once; and both limits hold where both are given."""
    came = timed(RateLimiter(bytes_per_second=10), *((0.0, "x" * n) for n in (4, 6, 5, 20, 1)))
    assert [when for when, _ in came] == [0.0, 0.0, 0.5, 1.5, 2.6]
    both = RateLimiter(2, burst=2, bytes_per_second=10, byte_burst=5)
    came = timed(both, *((0.0, "x" * n) for n in (1, 1, 1, 10, 1)))
    assert [when for when, _ in came] == [0.0, 0.0, 0.5, 1.0, 1.6]


def test_a_clock_that_wakes_it_late():
    """What it loses by that it makes up for, so that the rate is met; but no more than so much."""

    class Late(RateLimiter):
        def pause(self, timeout=None):
            return super().pause(None if timeout is None else timeout + self.lateness)

    part = Late(100)
    part.lateness = 0.007
    came = [when for when, _ in timed(part, *((0.0, n) for n in range(1001)))]
    assert came[-1] == pytest.approx(10.0, abs=0.01)
    assert all(came[n + 3] - came[n] > 0.01 for n in range(998))

    part = Late(100)
    part.lateness = 1.0
    came = [when for when, _ in timed(part, *((0.0, n) for n in range(100)))]
    assert max(sum(1 for one in came if one == when) for when in came) <= 1 + 100 * 0.05 + 1


def test_what_waits_waits_in_the_inbox():
    """The part holds nothing, so the source waits when the inbox is full."""
    part = RateLimiter(1)
    part.inbox.bound = 3
    levels = []

    class Peek(RateLimiter):
        bounds = {"inbox": 3}

        def send(self, message, outbox="outbox"):
            levels.append(len(self.inbox))
            return super().send(message, outbox)

    assert run(Peek(1), range(30))["outbox"] == list(range(30))
    assert max(levels) <= 3


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (RateLimiter, "needs per_second=, bytes_per_second=, or both"),
        (lambda: RateLimiter(0), "messages a second cannot be 0: it is more than 0"),
        (lambda: RateLimiter(1, 0), "a burst of messages cannot be 0"),
        (lambda: RateLimiter(bytes_per_second=-5), "bytes a second cannot be -5"),
        (lambda: RateLimiter(float("nan")), "messages a second cannot be nan"),
    ],
)
def test_figures_that_make_no_sense(make, sentence):
    """They are refused when it is made."""
    with pytest.raises(WrongFigure, match=sentence):
        make()
