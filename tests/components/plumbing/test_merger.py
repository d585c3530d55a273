"""Merger and OrderedMerger: several streams into one."""

from heapq import merge

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timed import At, When

from kamesh import Graphline, ProducerFinished
from kamesh.components.plumbing import Filter, Merger, OrderedMerger, WrongFigure
from kamesh.components.sources import DataSink, DataSource
from kamesh.errors import NameTaken
from kamesh.testing import keeps_promises, run, run_coroutine


@pytest.mark.parametrize("kind", [Merger, OrderedMerger])
def test_promises(kind):
    """In a row, with nothing linked to the others, each does as any component."""
    assert keeps_promises(lambda: kind(["inbox", "aside"]), [1, 2, 3]) == [1, 2, 3]


def test_turns():
    """Those that have something take turns; a long one keeps out nobody."""
    sent = run(Merger(3), {"1": "aaaa", "2": "bb", "3": "c"})["outbox"]
    assert "".join(sent) == "abcabaa"


def test_a_busy_stream_starves_nobody():
    """Beside a long one, and with a reader of little room, a short one is through soon."""
    got = DataSink()
    got.inbox.bound = 1
    Graphline(
        BUSY=DataSource(range(3000)),
        SHORT=DataSource("xyz"),
        MERGE=Merger(["busy", "short"]),
        SINK=got,
        linkages={
            ("BUSY", "outbox"): ("MERGE", "busy"),
            ("SHORT", "outbox"): ("MERGE", "short"),
            ("MERGE", "outbox"): ("SINK", "inbox"),
        },
    ).run()
    assert {"x", "y", "z"} < set(got.messages[:8])
    assert [n for n in got.messages if n not in ("x", "y", "z")] == list(range(3000))


@pytest.mark.parametrize("kind", [Merger, OrderedMerger])
def test_it_ends_when_all_have_ended(kind):
    """One stream's end is not the end, and one that nothing feeds is not waited for."""
    sent = run(kind(["a", "b", "unused"]), {"a": [], "b": [1, 2]})
    assert sent["outbox"] == [1, 2]


@settings(max_examples=60, deadline=None)
@given(
    streams=st.lists(st.lists(st.integers(0, 50)), min_size=1, max_size=4), room=st.integers(1, 5)
)
def test_sorted_streams_make_a_sorted_one(streams, room):
    """All of it, in order, of equals that of the earlier inbox first; nothing is late."""
    streams = [sorted(stream) for stream in streams]
    tagged = [[(n, place) for n in stream] for place, stream in enumerate(streams)]
    part = OrderedMerger(len(streams), key=lambda pair: pair[0])
    for place in range(len(streams)):
        part._inbox(str(place + 1)).bound = room
    sent = run(part, {str(place + 1): stream for place, stream in enumerate(tagged)})
    assert sent["outbox"] == list(merge(*tagged, key=lambda pair: pair[0]))
    assert (sent["late"], part.details()) == ([], {"late": 0})


def test_what_is_not_in_order_goes_aside():
    """Out of "outbox" comes what is sorted; the rest is on "late"."""
    part = OrderedMerger(["a", "b"])
    sent = run(part, {"a": [1, 5, 3, 6], "b": [2, 4]})
    assert sent["outbox"] == [1, 2, 4, 5, 6]
    assert (sent["late"], part.details()) == ([3], {"late": 1})


def merged_in_time(part, ours, theirs):
    """Merge what is sent at given times; give when what came, and what came late."""
    when, late = When(), DataSink()
    graph = Graphline(
        A=ours,
        B=theirs,
        MERGE=part,
        WHEN=when,
        LATE=late,
        linkages={
            ("A", "outbox"): ("MERGE", "a"),
            ("B", "outbox"): ("MERGE", "b"),
            ("MERGE", "outbox"): ("WHEN", "inbox"),
            ("MERGE", "late"): ("LATE", "inbox"),
        },
    )
    run_coroutine(graph.run_async())
    return when.notes, late.messages


def test_it_waits_for_all():
    """What comes first waits until the other stream has shown what is next there."""
    came, late = merged_in_time(
        OrderedMerger(["a", "b"]), At((0.0, 1), (0.0, 5)), At((3.0, 2), until=7.0)
    )
    assert (came, late) == ([(3.0, 1), (3.0, 2), (7.0, 5)], [])


def test_patience():
    """A silent stream is waited for once, until it speaks; what it then says too late goes aside."""
    came, late = merged_in_time(
        OrderedMerger(["a", "b"], patience=1.0),
        At((0.0, 10), (0.5, 20), (2.0, 30), until=9.0),
        At((3.0, 15), (3.0, 40), until=9.0),
    )
    assert came == [(1.0, 10), (1.0, 20), (2.0, 30), (4.0, 40)]
    assert late == [15]


def test_parts_of_one_stream():
    """One that rarely has anything does not stop the source for ever, where there is patience."""
    got = DataSink()
    part = OrderedMerger(["all", "some"], patience=0.1)
    part._inbox("all").bound = 4
    graph = Graphline(
        SOURCE=DataSource(range(500)),
        SOME=Filter(lambda n: n % 100 == 99),
        MERGE=part,
        LATE=DataSink(got.messages),
        SINK=got,
        linkages={
            ("SOURCE", "outbox"): [("MERGE", "all"), ("SOME", "inbox")],
            ("SOME", "outbox"): ("MERGE", "some"),
            ("MERGE", "outbox"): ("SINK", "inbox"),
            ("MERGE", "late"): ("LATE", "inbox"),
        },
    )
    run_coroutine(graph.run_async())
    assert sorted(got.messages) == sorted([*range(500), *range(99, 500, 100)])


def test_told_to_finish_it_waits_no_more():
    """After ProducerFinished what has come is sent, though another stream is still open."""
    part = OrderedMerger(["a", "b"])

    class Open(At):
        def main(self):
            yield from self.sleep(2.0)
            part.control.deliver(ProducerFinished())
            yield from self.sleep(5.0)

    came, _ = merged_in_time(part, At((0.0, 1), (1.0, 2), until=9.0), Open())
    assert came == [(2.0, 1), (2.0, 2)]


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Merger(["a", "a"]), NameTaken, "cannot have a second box named 'a'"),
        (lambda: Merger(["control"]), NameTaken, "cannot have a second box named 'control'"),
        (lambda: Merger([]), WrongFigure, "a Merger needs the names of its boxes, or how many"),
        (lambda: Merger(0), WrongFigure, "needs the names of its boxes"),
        (lambda: Merger(["a", 2]), WrongFigure, "list of names for its boxes; 2 is none"),
        (lambda: Merger("ab"), WrongFigure, "list of names for its boxes, or how many; not 'ab'"),
        (lambda: OrderedMerger(2, patience=-1), WrongFigure, "cannot be -1: it is 0 or more"),
    ],
)
def test_mistakes(make, error, sentence):
    """They are refused when it is made, in a sentence."""
    with pytest.raises(error, match=sentence):
        make()
