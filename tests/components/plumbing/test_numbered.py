"""Annotator and RecoverOrder: what went in in order comes out in order."""

import pytest
from timed import timed

from kamesh import ComponentFailed, Pipeline
from kamesh.components.plumbing import Annotator, Gap, Numbered, RecoverOrder
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run


def test_promises():
    """Both keep what every component promises."""
    assert keeps_promises(Annotator, "ab") == [Numbered(1, "a"), Numbered(2, "b")]
    numbered = [Numbered(2, "b"), Numbered(1, "a"), Numbered(5, "e")]
    assert keeps_promises(RecoverOrder, numbered) == ["a", "b", "e"]


def test_there_and_back():
    """One after the other they change nothing."""
    got = []
    Pipeline(DataSource(range(3000)), Annotator(7), RecoverOrder(first=7), DataSink(got)).run()
    assert got == list(range(3000))


def test_what_is_missing_is_reported():
    """On "gaps", by its numbers; and in the figures."""
    part = RecoverOrder(size=1)
    out = run(part, [Numbered(n, n) for n in (1, 3, 2, 5, 7, 7)])
    assert out["outbox"] == [1, 2, 3, 5, 7]
    assert out["gaps"] == [Gap(4, 4), Gap(6, 6)]
    assert part.details() == {"waiting": 0, "lost": 2, "dropped": 1}


def test_patience():
    """What is missing is waited for as long as that, and no longer."""
    events = [(0.0, 1), (0.5, 3), (1.1, 4), (1.4, 5), (1.6, 2), (5.0, 7)]
    numbered = [(when, Numbered(number, number)) for when, number in events]
    came = timed(RecoverOrder(patience=1.0), *numbered, until=9.0)
    assert came == [(0.0, 1), (1.5, 3), (1.5, 4), (1.5, 5), (6.0, 7)]


def test_a_message_without_a_number():
    """It fails the component, in a sentence."""
    with pytest.raises(ComponentFailed, match="was sent 'x': it takes Numbered messages"):
        run(RecoverOrder(), ["x"])


def test_much_is_released_at_once_as_there_is_room():
    """When the missing one comes, the reader's inbox is still not overfilled by what waited."""
    most = 0

    class Slow(DataSink):
        bounds = {"inbox": 4}

        def main(self):
            nonlocal most
            while not self.stopping():
                most = max(most, len(self.inbox))
                for message in self.inbox:
                    self.messages.append(message)
                yield self.pause()

    sink = Slow()
    numbered = [Numbered(n, n) for n in (*range(2, 60), 1)]
    Pipeline(DataSource(numbered), RecoverOrder(size=64), sink).run()
    assert sink.messages == list(range(1, 60))
    assert most <= 4
