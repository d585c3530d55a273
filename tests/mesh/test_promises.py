"""The promises every component keeps, and the sentence for each that is broken."""

import pytest

from kamesh import Component, ThreadedComponent
from kamesh.components.plumbing import Count
from kamesh.components.sources import DataSink, DataSource
from kamesh.components.ticker import Ticker
from kamesh.testing import PromiseBroken, keeps_promises


class Upper(Component):
    def main(self):
        while not self.stopping():
            for text in self.inbox:
                self.send(text.upper())
            yield self.pause()


class AsyncUpper(Component):
    async def main(self):
        async for text in self.inbox:
            await self.send(text.upper())


class ThreadUpper(ThreadedComponent):
    def main(self):
        for text in self.inbox:
            self.send(text.upper())


@pytest.mark.parametrize("make", [Upper, AsyncUpper, ThreadUpper])
def test_each_kind_keeps_them(make):
    """A plain component of any kind does, and what it sent is given."""
    assert keeps_promises(make, ["a", "b"]) == ["A", "B"]


def test_sources_sinks_and_those_that_hold_messages():
    """Parts without an inbox, without an outbox, and such as send less than they take."""
    assert keeps_promises(lambda: DataSource([1, 2])) == [1, 2]
    assert keeps_promises(lambda: Ticker(1.0, count=3)) == [1, 2, 3]
    assert keeps_promises(lambda: DataSink([]), [1, 2]) == []
    assert keeps_promises(Count, [1, 2, 3]) == [3]


class Deaf(Upper):
    def main(self):
        while not self.inbox.ended:
            for text in self.inbox:
                self.send(text.upper())
            yield self.pause()


class Eternal(Upper):
    def main(self):
        while True:
            for text in self.inbox:
                self.send(text.upper())
            yield self.pause(10.0)


class Unbounded(Upper):
    bounds = {"inbox": None}

    def main(self):
        while not self.stopping():
            for text in self.inbox:
                self.send(text.upper())
            yield self.pause()


class Forgetful(Upper):
    def main(self):
        kept = None
        while not self.stopping():
            for text in self.inbox:
                if kept is not None:
                    self.send(kept)
                kept = text.upper()
            yield self.pause()
        if self.inbox.ended:
            self.send(kept)


class Broken(Upper):
    def main(self):
        yield self.pause()
        raise ValueError("out of paper")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Deaf, "still runs .* after it was told ProducerFinished"),
        (Eternal, "still runs after"),
        (Unbounded, "still took all"),
        (Forgetful, "instead of"),
        (Broken, "out of paper"),
    ],
)
def test_what_is_broken_is_said(make, sentence):
    """Each promise that is not kept has its sentence."""
    with pytest.raises((PromiseBroken, Exception), match=sentence):
        keeps_promises(make, ["a", "b"])
