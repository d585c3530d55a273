"""LossyConnector: bad luck, the same every time, and all of it counted."""

from collections import Counter

import pytest
from timed import timed

from kamesh import Pipeline
from kamesh.components.plumbing import (
    Annotator,
    LossyConnector,
    RecoverOrder,
    WrongFigure,
)
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run


def bad(seed=7, **more):
    """Make one that does everything."""
    chances = {"loss": 0.1, "duplication": 0.1, "reordering": 0.2, **more}
    return LossyConnector(seed=seed, **chances)


def test_promises():
    """It does as any component does."""
    assert keeps_promises(LossyConnector, range(5)) == list(range(5))
    keeps_promises(bad, range(20))
    keeps_promises(lambda: bad(delay=1.0), range(20))


def test_it_is_the_same_every_time():
    """The same seed does the same, another one another; time plays no part in it."""
    once = run(bad(), range(300))["outbox"]
    assert run(bad(), range(300))["outbox"] == once
    assert run(bad(8), range(300))["outbox"] != once
    slowly = timed(bad(), *((n / 7, n) for n in range(300)))
    assert [message for _, message in slowly] == once


def test_everything_is_counted():
    """What comes out is what went in, without the lost, with the doubles."""
    part = bad()
    out = Counter(run(part, range(2000))["outbox"])
    figures = part.details()
    assert sum(out.values()) == figures["passed"] == 2000 - figures["lost"] + figures["doubled"]
    assert figures["lost"] == 2000 - len(out)
    assert figures["doubled"] == sum(1 for n in out.values() if n == 2)
    assert max(out.values()) == 2
    assert figures["on the way"] == 0
    assert all(100 < figures[what] < 500 for what in ("lost", "doubled", "reordered"))


def test_reordering_is_within_its_depth():
    """A message comes after at most so many of those that follow it, and none before its time."""
    part = LossyConnector(reordering=0.3, depth=3, seed=1)
    out = run(part, range(1000))["outbox"]
    assert sorted(out) == list(range(1000)) != out
    for place, number in enumerate(out):
        assert sum(1 for later in out[:place] if later > number) <= 3


def test_delay():
    """Each takes its own time, up to the limit, and so they overtake each other; none is lost."""
    came = timed(LossyConnector(delay=2.0, seed=3), *((n / 10, n) for n in range(50)))
    assert all(0 <= when - n / 10 <= 2.0 for when, n in came)
    assert sorted(n for _, n in came) == list(range(50)) != [n for _, n in came]


def test_order_is_recovered_from_it():
    """What comes out of RecoverOrder behind it is in order, each once, and the rest is in the gaps."""
    part, recover = bad(), RecoverOrder()
    got, gaps = DataSink(), DataSink()
    recover.link(("", "gaps"), (gaps, "inbox"))
    Pipeline(DataSource(range(1, 501)), Annotator(), part, recover, got).run()
    assert got.messages == sorted(set(got.messages))
    lost = set(range(1, got.messages[-1])) - set(got.messages)
    assert len(lost) == sum(len(gap) for gap in gaps.inbox.queue) == recover.details()["lost"] > 0
    assert recover.details()["dropped"] == part.details()["doubled"]


def test_nothing_is_certain():
    """Chances of 0 and of 1 do what they say."""
    assert run(LossyConnector(loss=1), range(9))["outbox"] == []
    assert sorted(run(LossyConnector(reordering=1), range(9))["outbox"]) == list(range(9))
    assert run(LossyConnector(duplication=1), "ab")["outbox"] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"loss": 1.5}, "chance of loss is from 0 to 1, not 1.5"),
        ({"reordering": -0.1}, "chance of reordering is from 0 to 1"),
        ({"depth": 0}, "depth of reordering cannot be 0"),
        ({"delay": -1}, "seconds of delay cannot be -1"),
    ],
)
def test_figures_that_make_no_sense(figures, sentence):
    """They are refused when it is made."""
    with pytest.raises(WrongFigure, match=sentence):
        LossyConnector(**figures)
