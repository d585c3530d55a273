"""Annotator and RecoverOrder: what went in in order comes out in order."""

import pytest

from kamesh import Component, ComponentFailed, Pipeline
from kamesh.components.plumbing import Annotator, Gap, Numbered, RecoverOrder
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run, run_coroutine


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
    times = []

    class Source(Component):
        def main(self):
            for number, wait in [(1, 0.5), (3, 0.6), (4, 0.3), (5, 0.1), (2, 4.0), (7, 5.0)]:
                self.send(Numbered(number, number))
                until = self.now() + wait
                while self.now() < until:
                    yield self.pause(until - self.now())

    class Sink(Component):
        def main(self):
            while not self.stopping():
                times.extend((round(self.now(), 6), message) for message in self.inbox)
                yield self.pause()

    run_coroutine(Pipeline(Source(), RecoverOrder(patience=1.0), Sink()).run_async())
    assert times == [(0.0, 1), (1.5, 3), (1.5, 4), (1.5, 5), (6.5, 7)]


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
