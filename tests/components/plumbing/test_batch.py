"""Batch: by number, by bytes, by age; every message in exactly one."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timed import timed

from kamesh import ComponentFailed, Pipeline, Shutdown
from kamesh.components.plumbing import Batch
from kamesh.components.plumbing.measuring import byte_length
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run


def test_promises():
    """It keeps what every component promises."""
    assert keeps_promises(lambda: Batch(2), range(5)) == [(0, 1), (2, 3), (4,)]
    assert keeps_promises(lambda: Batch(9, 1.0), range(3)) == [(0, 1, 2)]
    assert keeps_promises(lambda: Batch(most_bytes=2), "abc") == [("a", "b"), ("c",)]


def test_by_number():
    """Full ones, and what is left at the end; no empty one."""
    assert run(Batch(2), range(4))["outbox"] == [(0, 1), (2, 3)]
    assert run(Batch(1), range(2))["outbox"] == [(0,), (1,)]
    assert run(Batch(2), [])["outbox"] == []


def test_by_time():
    """One that is not full goes `seconds` after its first message, and never earlier."""
    events = [(0.0, "a"), (0.4, "b"), (0.8, "c"), (1.2, "d"), (4.2, "e")]
    came = timed(Batch(100, 1.0), *events, until=4.2)
    assert came == [(1.0, ("a", "b", "c")), (2.2, ("d",)), (4.2, ("e",))]


def test_by_bytes():
    """Never more bytes than that, but for a message that alone is more; full ones go at once."""
    assert run(Batch(most_bytes=5), ["ab", "cde", "f", "toolong", "g"])["outbox"] == [
        ("ab", "cde"),
        ("f",),
        ("toolong",),
        ("g",),
    ]
    assert run(Batch(most_bytes=2), ["ab", "", "c"])["outbox"] == [("ab",), ("", "c")]
    came = timed(Batch(most_bytes=2, seconds=9.0), (0.0, "a"), (1.0, "b"), (2.0, "c"), until=3.0)
    assert came == [(1.0, ("a", "b")), (3.0, ("c",))]


def test_a_measure_of_ones_own():
    """What a message counts for may be said."""
    assert run(Batch(most_bytes=3, measure=lambda n: n), [1, 2, 3, 1])["outbox"] == [
        (1, 2),
        (3,),
        (1,),
    ]


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 12), max_size=30),
    size=st.integers(1, 5),
    most=st.one_of(st.none(), st.integers(1, 10)),
    room=st.integers(1, 3),
)
def test_laws(lengths, size, most, room):
    """All is there once, in order; no batch is empty or over a limit; the reader is not overrun."""
    sink, deepest = DataSink(), 0
    sink.inbox.bound = room

    class Watched(DataSink):
        def main(self):
            nonlocal deepest
            while not self.stopping():
                deepest = max(deepest, len(self.inbox))
                self.messages.extend(self.inbox)
                yield self.pause()

    sink = Watched()
    sink.inbox.bound = room
    messages = [bytes(n) for n in lengths]
    Pipeline(DataSource(messages), Batch(size, most_bytes=most), sink).run()
    assert [one for batch in sink.messages for one in batch] == messages
    assert all(0 < len(batch) <= size for batch in sink.messages)
    if most is not None:
        assert all(len(b) == 1 or sum(map(len, b)) <= most for b in sink.messages)
    assert deepest <= room


def test_shutdown_drops_what_it_has():
    """Told Shutdown, what is not sent yet is not sent."""
    part = Batch(5)
    assert run(part, {"inbox": [1, 2], "control": [Shutdown()]})["outbox"] == []


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Batch(0), "messages in a batch cannot be 0: it is 1 or more"),
        (lambda: Batch(1, -1.0), "seconds a batch waits cannot be -1.0"),
        (lambda: Batch(most_bytes=0), "bytes in a batch cannot be 0"),
    ],
)
def test_figures_that_make_no_sense(make, sentence):
    """They are refused when it is made."""
    with pytest.raises(ValueError, match=sentence):
        make()


def test_what_has_no_bytes():
    """A message that cannot be measured fails it, in a sentence; where none is asked for, none is."""
    with pytest.raises(ComponentFailed, match=r"7 has no length in bytes; say with measure="):
        run(Batch(most_bytes=9), [7])
    assert run(Batch(2), [7, 8])["outbox"] == [(7, 8)]


def test_bytes_are_bytes():
    """Of text those in UTF-8, of a view those it shows."""
    assert [byte_length(one) for one in (b"abc", "abc", "größe")] == [3, 3, 7]
    assert byte_length(memoryview(array("d", [1.0, 2.0]))) == 16
