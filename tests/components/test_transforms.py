"""Small parts for the middle of a pipeline."""

import itertools

import pytest

from kamesh import Component, ComponentFailed, Pipeline
from kamesh.components.files import FileWriter, LineWriter
from kamesh.components.plumbing import Batch, Count, Filter, FirstOnly, PassThrough, Tee
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import run, run_coroutine


def test_pass_through():
    """What comes goes on: the very objects, None too."""
    thing = object()
    assert run(PassThrough(), [thing, None])["outbox"] == [thing, None]


def test_filter():
    """What the predicate is true of goes on, None and 0 too if it says so."""
    assert run(Filter(lambda n: n % 2 == 0), range(6))["outbox"] == [0, 2, 4]
    assert run(Filter(lambda m: m is None), [1, None])["outbox"] == [None]


def test_a_filter_whose_predicate_raises():
    """It fails with the predicate's own line; what was let through before is not lost."""
    sink = DataSink()
    with pytest.raises(ComponentFailed) as raised:
        Pipeline(DataSource([2, 1, 0]), Filter(lambda n: 2 // n), sink).run()
    assert raised.value.failure.error == "ZeroDivisionError"
    assert "lambda n: 2 // n" in raised.value.failure.text
    assert sink.messages == [2, 1]


@pytest.mark.parametrize(
    ("count", "first"), [(0, []), (1, [0]), (3, [0, 1, 2]), (9, list(range(5)))]
)
def test_first_only(count, first):
    """The first ones go on, or all if there are fewer."""
    assert run(FirstOnly(count), range(5))["outbox"] == first


def test_first_only_ends_what_feeds_it():
    """In a Pipeline an endless source is told to stop."""
    got = []
    Pipeline(DataSource(itertools.count()), FirstOnly(3), DataSink(got)).run()
    assert got == [0, 1, 2]


def test_batch_by_size():
    """Full lists, and what is left at the end; no empty one."""
    assert run(Batch(2), range(5))["outbox"] == [[0, 1], [2, 3], [4]]
    assert run(Batch(2), range(4))["outbox"] == [[0, 1], [2, 3]]
    assert run(Batch(2), [])["outbox"] == []


def test_batch_by_time():
    """A list that is not full goes `seconds` after its first message, and never earlier."""

    class Source(Component):
        def main(self):
            for message, wait in [("a", 0.4), ("b", 0.4), ("c", 0.4), ("d", 3.0), ("e", 0.0)]:
                self.send(message)
                until = self.now() + wait
                while self.now() < until:
                    yield self.pause(until - self.now())

    times = []

    class Sink(Component):
        def main(self):
            while not self.stopping():
                for message in self.inbox:
                    times.append((message, round(self.now(), 6)))
                yield self.pause()

    run_coroutine(Pipeline(Source(), Batch(100, 1.0), Sink()).run_async())
    assert times == [(["a", "b", "c"], 1.0), (["d"], 2.2), (["e"], 4.2)]


def test_count():
    """One number, at the end."""
    assert run(Count(), "abc")["outbox"] == [3]
    assert run(Count(), [])["outbox"] == [0]


@pytest.mark.parametrize("make", [lambda: FirstOnly(-1), lambda: Batch(0), lambda: Batch(1, -1.0)])
def test_figures_that_make_no_sense(make):
    """They are refused when the component is made."""
    with pytest.raises(ValueError, match="cannot be"):
        make()


def test_tee(tmp_path):
    """Everything goes on, and everything is in the file."""
    got = []
    Pipeline(DataSource("abc"), Tee(LineWriter(tmp_path / "copy")), DataSink(got)).run()
    assert got == ["a", "b", "c"]
    assert (tmp_path / "copy").read_text() == "a\nb\nc\n"


def test_a_tee_whose_receiver_has_enough():
    """When the receiver ends early, a side that is slow still gets what was sent on."""

    class Slow(DataSink):
        def main(self):
            for _ in range(50):
                yield
            yield from super().main()

    got, slow = [], Slow()
    Pipeline(DataSource(range(10)), Tee(slow), FirstOnly(2), DataSink(got)).run()
    assert got == [0, 1]
    assert slow.messages == list(range(10))


def test_a_tee_whose_side_fails():
    """A side that cannot write fails the tee, and with it the pipeline."""
    with pytest.raises(ComponentFailed, match="the disk that holds it is full"):
        Pipeline(DataSource([b"x"] * 5000), Tee(FileWriter("/dev/full")), DataSink()).run()
