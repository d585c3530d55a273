"""What readers of the code found: races and double ends, each with the case that shows it."""

import asyncio

import pytest

from kamesh import Component, ComponentFailed, Graphline, Pipeline, ThreadedComponent
from kamesh.testing import Collector, run_coroutine
from kamesh.wiring import link


def test_dropping_the_oldest_races_with_no_thread():
    """A thread may take the last message between the look and the drop; the writer goes on."""

    class Racing(list):
        """A queue that is emptied by somebody else after it was found to hold something."""

        def popleft(self):
            raise IndexError("pop from an empty deque")

        def __bool__(self):
            return True

    collector = Collector()
    inbox = collector.inbox
    inbox.open()
    inbox.queue = Racing()
    inbox.discard(3)
    assert inbox.dropped == 0


def test_a_thread_that_is_stopped_while_it_delivers_ends_once():
    """What it had sent and nobody took is counted, and its end is told a single time."""

    class Sends(ThreadedComponent):
        def main(self):
            for number in range(20):
                self.send(number)

    class Stuck(Component):
        bounds = {"inbox": 2}

        def main(self):
            while not self.control.queue:
                yield self.pause()

    async def main():
        sends, stuck, ends = Sends(), Stuck(), []
        link(sends.outbox, stuck.inbox)
        top = Graphline(STUCK=stuck)
        running = asyncio.ensure_future(top.run_async())
        await asyncio.sleep(0)
        sends._strand.on_end = lambda strand, error: ends.append(error)
        sends._strand.start(top._strand.runtime)
        await asyncio.to_thread(sends._strand.thread.join, 10)
        await asyncio.sleep(0.05)
        sends.stop()
        top.stop()
        await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return ends, sends.outbox.sent + sends.outbox.unheard

    ends, accounted = asyncio.run(main())
    assert ends == [None]
    assert accounted == 20


def test_a_cancelled_future_that_a_coroutine_awaits_is_its_failure():
    """Only a component that is itself cancelled has been stopped."""

    class Waits(Component):
        async def main(self):
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    async def main():
        await Pipeline(Waits()).run_async()

    with pytest.raises(ComponentFailed, match="CancelledError"):
        run_coroutine(main())
