"""Ticker: on time, without drift, and never in a burst. All time here is virtual."""

import pytest

from kamesh import Component, Pipeline, ProducerFinished
from kamesh.components.ticker import Ticker
from kamesh.testing import run, run_coroutine


class Times(Component):
    """Notes when each message came; takes `work` seconds over those in `busy`."""

    bounds = {"inbox": 1}

    def __init__(self, busy=(), work=0.0):
        self.busy = busy
        self.work = work
        self.seen = []

    def main(self):
        while not self.stopping():
            if not self.data_ready():
                yield self.pause()
                continue
            message = self.recv()
            self.seen.append((message, round(self.now(), 6)))
            until = self.now() + (self.work if message in self.busy else 0.0)
            while self.now() < until:
                yield self.pause(until - self.now())


def ticks(ticker, times):
    """Run both; give what was noted."""
    run_coroutine(Pipeline(ticker, times).run_async())
    return times.seen


def test_each_tick_is_on_time():
    """Tick n comes n intervals after the start, and the last one is the end of the stream."""
    assert ticks(Ticker(0.5, count=4), Times()) == [(1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0)]


def test_no_drift():
    """After twenty thousand ticks the time is still exact."""
    assert ticks(Ticker(0.1, count=20_000), Times())[-1] == (20_000, 2_000.0)


def test_ticks_that_nobody_takes_are_left_out():
    """While the receiver is busy ticks are missed, not saved up; afterwards they are on time."""
    ticker = Ticker(1.0, count=10)
    seen = ticks(ticker, Times(busy=[2], work=4.5))
    assert seen[:2] == [(1, 1.0), (2, 2.0)]
    assert seen[-2:] == [(9, 9.0), (10, 10.0)]
    assert ticker.missed + ticker.ticks == 10
    assert ticker.details() == {"ticks": len(seen), "missed": 10 - len(seen)}
    assert ticker.missed >= 2


def test_the_last_tick_is_never_left_out():
    """However busy the receiver is, tick number `count` is sent."""
    assert ticks(Ticker(1.0, count=3), Times(busy=[1], work=60))[-1][0] == 3


def test_it_can_be_told_to_end():
    """A ticker without a count ends when it is told to on control."""
    ticker = Ticker(1.0)
    ticker.control.deliver(ProducerFinished())
    assert run(ticker, {})["outbox"] == []


def test_none_at_all():
    """A count of 0 is the end at once."""
    assert run(Ticker(1.0, count=0), {})["outbox"] == []


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_that_makes_no_sense(interval):
    """It is refused when the ticker is made."""
    with pytest.raises(ValueError, match="more than 0"):
        Ticker(interval)


def test_a_count_that_makes_no_sense():
    """It is refused when the ticker is made."""
    with pytest.raises(ValueError, match="ticks cannot be -1: it is 0 or more"):
        Ticker(1, count=-1)
