"""Ends: what is open is closed before a run is over, and the last message is heard."""

import asyncio
import logging

import pytest

from kamesh import Component, Pipeline, ProducerFinished, Shutdown, ThreadedComponent
from kamesh import runtime as runtime_module
from kamesh.testing import run, run_coroutine


class Holder(Component):
    """Has something open that takes a while to close."""

    def __init__(self, seconds: float) -> None:
        """Take how long it takes."""
        super().__init__()
        self.seconds = seconds
        self.open = False

    async def main(self):
        self.open = True
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self.seconds)
            self.open = False


async def stopped(component: Component, whole: Component) -> None:
    """Run, and stop from outside."""
    running = asyncio.ensure_future(whole.run_async())
    await asyncio.sleep(1.0)
    assert component.open
    whole.stop()
    await running


@pytest.mark.parametrize("inside", [False, True])
def test_a_run_is_over_when_all_is_closed(inside):
    """Whether the coroutine is run by itself or within a chassis."""
    holder = Holder(2.0)
    run_coroutine(stopped(holder, Pipeline(holder) if inside else holder))
    assert not holder.open


def test_a_cancelled_run_closes_too():
    """What is cancelled waits for its components to close."""
    holder = Holder(2.0)

    async def main():
        running = asyncio.ensure_future(holder.run_async())
        await asyncio.sleep(1.0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not holder.open

    run_coroutine(main())


def test_nobody_is_waited_for_for_ever(caplog):
    """One that does not come to an end is named, and left."""
    holder = Holder(1000.0)
    with caplog.at_level(logging.WARNING, "kamesh"):
        run_coroutine(stopped(holder, holder))
    assert f"Holder was stopped, and still closes after {runtime_module.CLOSING:g} s" in caplog.text


class Late(ThreadedComponent):
    """Sends what it has kept after its stream is over."""

    def main(self):
        kept = list(self.inbox)
        self.pause(0.01)
        self.send(tuple(kept))


class LateTurns(Component):
    """The same, in turns."""

    def main(self):
        kept = []
        while not self.stopping():
            kept += self.inbox
            yield self.pause()
        yield self.pause(1.0)
        self.send(tuple(kept))


@pytest.mark.parametrize("kind", [Late, LateTurns])
def test_what_is_sent_after_a_producer_finished_is_heard(kind):
    """Whoever is told to finish tells the next when it has finished, behind its last message."""
    given = {"inbox": [1, 2], "control": [ProducerFinished("me")]}
    assert run(Pipeline(kind(), str), given)["outbox"] == ["(1, 2)"]


class Once(Component):
    """Ends as soon as something comes on control, which it does not read."""

    def main(self):
        while not self.data_ready("control"):
            yield self.pause()


class Deaf(Component):
    """Ends only when it is told to."""

    def main(self):
        while not self._strand.told():
            yield self.pause()


def test_a_shutdown_that_came_too_late_to_be_read_is_passed_on():
    """Who ends with a Shutdown unread leaves it to those behind it."""
    assert run(Pipeline(Once(), Deaf()), {"control": [Shutdown("now")]})["outbox"] == []
