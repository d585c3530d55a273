"""Sources and sinks: no faster than they are read, and ended when they should be."""

import itertools

from kamesh import Component, Pipeline, ProducerFinished, Shutdown
from kamesh.components.sending import TURN
from kamesh.components.sources import DataSink, DataSource, NullSink, OneShot
from kamesh.testing import run


class TakesOne(Component):
    """Takes one message a turn, and ends after `count`."""

    bounds = {"inbox": 4}

    def __init__(self, count):
        self.count = count

    def main(self):
        while self.count:
            if self.data_ready():
                self.recv()
                self.count -= 1
            yield


def test_messages_arrive_in_order_as_they_are():
    """Any iterable will do; what is sent is the very object, None included."""
    thing = object()
    assert run(DataSource([thing, None, ()]), {})["outbox"] == [thing, None, ()]
    assert run(DataSource(n * n for n in range(4)), {})["outbox"] == [0, 1, 4, 9]
    assert run(DataSource([]), {})["outbox"] == []


def test_no_faster_than_it_is_read():
    """Of an endless iterable no more is taken than was read, what waits, and one turn's worth."""
    numbers = itertools.count()
    Pipeline(DataSource(numbers), TakesOne(10)).run()
    assert next(numbers) <= 10 + 4 + TURN


def test_nobody_listens():
    """With nothing linked to it an endless source still lets others run, and can be stopped."""
    source = DataSource(itertools.count())

    class Stopper(Component):
        def main(self):
            source._strand.start(self._strand.runtime)
            for _ in range(3):
                yield
            source.control.deliver(Shutdown())
            while source.state != "ended":
                yield

    Stopper().run()
    assert source.outbox.unheard > 0


def test_told_to_finish_it_sends_the_rest():
    """ProducerFinished does not cut short what it has; Shutdown does."""
    source = DataSource(range(5000))
    source.control.deliver(ProducerFinished())
    assert run(source, {})["outbox"] == list(range(5000))
    source = DataSource(range(5000))
    source.control.deliver(Shutdown())
    assert run(source, {})["outbox"] == []


def test_one_shot():
    """One message, then the end."""
    assert run(OneShot("hello"), {})["outbox"] == ["hello"]


def test_sinks():
    """A DataSink adds to the list it is given, or to one of its own; a NullSink counts."""
    messages = [0]
    Pipeline(DataSource([1, 2]), DataSink(messages)).run()
    assert messages == [0, 1, 2]
    sink = DataSink()
    Pipeline(DataSource([1]), sink).run()
    assert sink.messages == [1]
    null = NullSink()
    Pipeline(DataSource(range(5000)), null).run()
    assert null.details() == {"count": 5000}
