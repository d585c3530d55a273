"""Small parts for the middle of a pipeline."""

import itertools

import pytest

from kamesh import ComponentFailed, Pipeline, Shutdown
from kamesh.components.files import FileWriter, LineWriter
from kamesh.components.plumbing import Count, Filter, FirstOnly, PassThrough, Tee
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run


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


def test_count():
    """One number, at the end."""
    assert run(Count(), "abc")["outbox"] == [3]
    assert run(Count(), [])["outbox"] == [0]


def test_a_figure_that_makes_no_sense():
    """It is refused when the component is made."""
    with pytest.raises(ValueError, match="cannot be -1: it is 0 or more"):
        FirstOnly(-1)


@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (PassThrough, [1, 2, 3]),
        (lambda: Filter(bool), [1, 2, 3]),
        (lambda: FirstOnly(2), [1, 2]),
        (Count, [3]),
        (lambda: Tee(DataSink()), [1, 2, 3]),
    ],
)
def test_promises(make, sent):
    """They end with the stream and when told, and a reader that does not read holds them back."""
    assert keeps_promises(make, [1, 2, 3]) == sent


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


def test_tee_passes_a_shutdown_on():
    """What follows is told to stop as well: one that reads nothing would otherwise never end."""
    side = DataSink()
    assert run(Tee(side), {"inbox": "ab", "control": [Shutdown("now")]})["signal"] == [Shutdown("now")]
