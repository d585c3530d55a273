"""ForEach, Repeat and InTurn: one component after the other."""

import logging
from itertools import count, cycle, pairwise, repeat

import pytest
from timed import timed

from kamesh import Component, ComponentFailed, Pipeline, ProducerFinished, Shutdown
from kamesh.components.files import LineReader
from kamesh.components.plumbing import (
    Count,
    FirstOnly,
    ForEach,
    InTurn,
    PassThrough,
    Repeat,
    WrongFigure,
)
from kamesh.components.sources import DataSink, DataSource, OneShot
from kamesh.components.ticker import Ticker
from kamesh.testing import keeps_promises, run


class Fails(Component):
    """Sends one message and raises."""

    def main(self):
        """Do it."""
        self.send("before")
        yield
        raise RuntimeError("as it must")


def test_promises():
    """They do as any component does."""
    assert keeps_promises(lambda: ForEach(DataSource), ["ab", "c"]) == ["a", "b", "c"]
    assert keeps_promises(lambda: Repeat(PassThrough), [1, 2, 3]) == [1, 2, 3]
    assert keeps_promises(lambda: Repeat(lambda: DataSource("ab"), 2)) == list("abab")
    assert keeps_promises(lambda: InTurn([PassThrough]), [1, 2]) == [1, 2]


def test_for_each_file(tmp_path):
    """The files named, one after the other; the class itself is the factory."""
    for name in "abc":
        (tmp_path / name).write_text(f"{name}1\n{name}2\n")
    got = []
    Pipeline(
        DataSource([tmp_path / name for name in "cab"]), ForEach(LineReader), DataSink(got)
    ).run()
    assert got == ["c1", "c2", "a1", "a2", "b1", "b2"]


def test_for_each_runs_each_to_its_end():
    """The next message waits until the one before is done, however long that takes."""
    came = timed(ForEach(lambda n: Ticker(1.0, n)), (0.0, 2), (0.1, 1), (9.0, 1))
    assert came == [(1.0, 1), (2.0, 2), (3.0, 1), (10.0, 1)]


def test_for_each_with_a_pipeline():
    """What a factory makes may be a whole pipeline."""
    part = ForEach(lambda word: Pipeline(DataSource(word), Count()))
    assert run(part, ["one", "three", ""])["outbox"] == [3, 5, 0]
    assert part.details() == {"made": 3}


def test_for_each_holds_its_source():
    """While one runs, no more has been taken than the inbox holds."""
    part = ForEach(lambda n: Ticker(1.0, 1))
    part.inbox.bound = 2
    taken = []

    def numbers():
        for n in range(6):
            taken.append(n)
            yield n

    class Slow(DataSource):
        def main(self):
            for message in self.messages:
                while self.room("outbox") <= 0:
                    yield
                self.send(message)

    class Look(Component):
        def main(self):
            while not self.stopping():
                for _ in self.inbox:
                    self.send(len(taken))
                yield self.pause()

    seen = run(Pipeline(Slow(numbers()), part, Look()))["outbox"]
    assert len(seen) == 6
    assert seen[0] <= 5


def test_told_to_finish():
    """ForEach gives all that has come its turn; Repeat and InTurn have the current one be the last."""
    sent = run(ForEach(DataSource), {"inbox": ["ab", "c"], "control": [ProducerFinished()]})
    assert sent["outbox"] == ["a", "b", "c"]
    for part in (Repeat(lambda: Ticker(1.0)), InTurn(repeat(lambda: Ticker(1.0)))):
        sent = run(part, {"control": [ProducerFinished("me")]})
        assert part.made <= 1
        assert isinstance(sent["signal"][-1], ProducerFinished)


def test_shutdown():
    """The current one is stopped, and there is no other; it is passed on."""
    for part in (
        ForEach(lambda _: Ticker(1.0)),
        Repeat(lambda: Ticker(1.0)),
        InTurn([lambda: Ticker(1.0)]),
    ):
        sent = run(part, {"inbox": [1, 2], "control": [Shutdown("enough")]})
        assert sent["signal"][-1] == Shutdown("enough")
        assert part.made <= 1


def test_repeat():
    """So many times, with what one leaves unread waiting for the next."""
    assert run(Repeat(lambda: DataSource("ab"), 3))["outbox"] == list("ababab")
    assert run(Repeat(lambda: DataSource("ab"), 0))["outbox"] == []
    part = Repeat(lambda: FirstOnly(2))
    assert run(part, range(5))["outbox"] == list(range(5))
    assert part.made == 3


def test_repeat_waits_between():
    """So many seconds from one's end to the next one's start."""
    came = timed(Pipeline(PassThrough(), Repeat(lambda: Ticker(1.0, 2), 2, wait=5.0)), until=0.0)
    assert came == [(1.0, 1), (2.0, 2), (8.0, 1), (9.0, 2)]


def test_in_turn():
    """Each when its turn comes, and made no sooner; the list may be endless."""
    made = []

    def parts():
        for n in count():
            made.append(n)
            yield lambda n=n: OneShot(n)

    got = []
    Pipeline(InTurn(parts()), FirstOnly(3), DataSink(got)).run()
    assert got == [0, 1, 2]
    assert len(made) < 100


def test_one_that_fails(caplog):
    """It fails with it; or, where that was asked for, it is logged and the next has its turn."""
    with pytest.raises(ComponentFailed, match="as it must"):
        Repeat(Fails, 3).run()
    with caplog.at_level(logging.ERROR):
        sent = run(Repeat(Fails, 3, on_failure="continue"))
    assert sent["outbox"] == ["before"] * 3
    assert caplog.text.count("Repeat goes on") == 3
    with pytest.raises(ComponentFailed, match="ZeroDivisionError"):
        run(ForEach(lambda n: DataSource([1 // n])), [1, 0])


def test_one_that_always_fails(caplog):
    """It is tried again after longer and longer waits, and not for ever."""
    made = []

    class Notes(Fails):
        def main(self):
            made.append(self.now())
            yield from super().main()

    with pytest.raises(ComponentFailed, match="as it must"):
        run(Repeat(Notes, on_failure="continue", tries=5), {})
    waits = [after - before for before, after in pairwise(made)]
    assert len(made) == 5
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))


def test_a_success_begins_the_count_anew():
    """Only failures in a row count."""
    turns = cycle([Fails, Fails, lambda: OneShot("well")])
    part = Repeat(lambda: next(turns)(), 12, on_failure="continue", tries=3)
    assert run(part)["outbox"] == ["before", "before", "well"] * 4


def test_figures_that_make_no_sense():
    """They are refused when it is made."""
    with pytest.raises(WrongFigure, match="how often a component is repeated cannot be -1"):
        Repeat(Fails, -1)
    with pytest.raises(WrongFigure, match="seconds between two cannot be -1"):
        Repeat(Fails, wait=-1)
