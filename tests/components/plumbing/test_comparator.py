"""Comparator: two streams, pair by pair."""

import pytest
from timed import At, When

from kamesh import ComponentFailed, Graphline, ProducerFinished
from kamesh.components.plumbing import Comparator, Difference
from kamesh.testing import keeps_promises, run, run_coroutine


def test_promises():
    """With one stream alone, all of it is different; else as any component."""
    assert keeps_promises(Comparator, [1, 2], inbox="inA") == [False, False]
    assert keeps_promises(Comparator, [1], inbox="inB", outbox="differences") == [
        Difference(1, None, 1, "inA")
    ]


def test_the_same():
    """True for each pair, and no difference."""
    compare = Comparator()
    sent = run(compare, {"inA": range(3000), "inB": range(3000)})
    assert sent["outbox"] == [True] * 3000
    assert (sent["differences"], compare.first_difference) == ([], None)
    assert compare.details() == {"compared": 3000, "different": 0, "first": None}


@pytest.mark.parametrize(("a", "b"), [("abcd", "axc"), ("axc", "abcd")])
def test_differences(a, b):
    """Each with its number and what each had; what one has more is different."""
    compare = Comparator()
    sent = run(compare, {"inA": a, "inB": b})
    assert sent["outbox"] == [True, False, True, False]
    more = Difference(4, "d", None, "inB") if len(a) > len(b) else Difference(4, None, "d", "inA")
    assert sent["differences"] == [Difference(2, a[1], b[1]), more]
    assert compare.first_difference == sent["differences"][0]
    assert compare.details() == {"compared": 4, "different": 2, "first": 2}


def test_what_counts_as_the_same_may_be_said():
    """Any function of two; if it raises, the comparator fails with its line."""
    near = Comparator(lambda a, b: abs(a - b) < 0.5)
    assert run(near, {"inA": [1, 2], "inB": [1.2, 3]})["outbox"] == [True, False]
    with pytest.raises(ComponentFailed, match=r"at .*lambda a, b: a < b"):
        run(Comparator(lambda a, b: a < b), {"inA": [1], "inB": ["1"]})


def compare_in_time(part, ours, theirs):
    """Compare what is sent at given times; give when what came of it."""
    when = When()
    graph = Graphline(
        A=ours,
        B=theirs,
        COMPARE=part,
        WHEN=when,
        linkages={
            ("A", "outbox"): ("COMPARE", "inA"),
            ("B", "outbox"): ("COMPARE", "inB"),
            ("COMPARE", "outbox"): ("WHEN", "inbox"),
        },
    )
    run_coroutine(graph.run_async())
    return when.notes


def test_pairs_are_by_number_not_by_time():
    """The stream that is ahead waits, up to what its inbox holds."""
    part = Comparator()
    part.inA.bound = 2
    came = compare_in_time(
        part,
        At(*((0.0, n) for n in range(5))),
        At(*((float(n), n) for n in range(4)), until=9.0),
    )
    assert came == [(0.0, True), (1.0, True), (2.0, True), (3.0, True), (9.0, False)]


def test_told_to_finish():
    """After ProducerFinished it waits for neither: what has no other is different."""
    part = Comparator()

    class Late(At):
        def main(self):
            yield from self.sleep(1.0)
            part.control.deliver(ProducerFinished())
            yield from self.sleep(5.0)

    assert compare_in_time(part, At((0.0, "a"), until=9.0), Late()) == [(1.0, False)]
