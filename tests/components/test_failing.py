"""A failure is told to whoever is linked to hear of it, or fails the component: never lost."""

import asyncio
import logging

import pytest

from kamesh import Component, ComponentFailed, Graphline, Shutdown, ThreadedComponent
from kamesh.components.failing import Unheard, tell_failure
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import run


class Turns(Component):
    """Fails at each message, as a generator."""

    outboxes = {"outbox": "nothing", "errors": "what came", "signal": "of control"}

    def main(self):
        while not self.stopping():
            for message in self.inbox:
                tell_failure(self, f"{message} will not do", ValueError(message))
            yield self.pause()


class Asynchronous(Turns):
    """The same as a coroutine."""

    async def main(self):
        async for message in self.inbox:
            await tell_failure(self, f"{message} will not do", ValueError(message))


class Threaded(ThreadedComponent):
    """The same in a thread."""

    outboxes = Turns.outboxes

    def main(self):
        for message in self.inbox:
            tell_failure(self, f"{message} will not do", ValueError(message))


@pytest.mark.parametrize("kind", [Turns, Asynchronous, Threaded])
def test_who_is_linked_hears_of_it(kind):
    """Each failure is a message, and the rest goes on."""
    got = []
    Graphline(
        FROM=DataSource([1, 2]),
        FAILS=kind(),
        TO=DataSink(got),
        linkages={("FROM", "outbox"): ("FAILS", "inbox"), ("FAILS", "errors"): ("TO", "inbox")},
    ).run()
    assert got == ["1 will not do", "2 will not do"]


@pytest.mark.parametrize("kind", [Turns, Asynchronous, Threaded])
def test_where_nobody_hears_of_it_the_component_fails(kind):
    """With the sentence, how to go on, and what has caused it."""
    failing = kind()
    graph = Graphline(
        FROM=DataSource([1, 2]),
        FAILS=failing,
        linkages={("FROM", "outbox"): ("FAILS", "inbox")},
    )
    with pytest.raises(ComponentFailed, match=r'1 will not do \(link "errors" to hear of it and'):
        graph.run()
    assert isinstance(failing._strand.error, Unheard)
    assert isinstance(failing._strand.error.__cause__, ValueError)


def test_who_was_told_to_stop_logs_it(caplog):
    """A stop is no reason to fail for what it has left undone."""
    caplog.set_level(logging.WARNING, "kamesh")

    class Stopped(Component):
        outboxes = Turns.outboxes

        async def main(self):
            while not self.stopping():
                await self.wait()
            await asyncio.sleep(0)
            await tell_failure(self, "half of it is left")

    stopped = Stopped()
    stopped.control.deliver(Shutdown())
    Graphline(STOPPED=stopped, linkages={}).run()
    assert "STOPPED was told to stop: half of it is left" in caplog.text
    assert run(Turns(), ["x"])["errors"] == ["x will not do"]
