"""The test kit itself: virtual time, components run with what they are given, and stalls."""

import asyncio
import threading
import time
from typing import Any

import pytest
from component_kit import (
    ECHOES,
    KINDS,
    AsyncEcho,
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    ThreadEcho,
)

from kamesh import Component, ComponentFailed, Ended, Graphline, Pipeline, ThreadedComponent
from kamesh.errors import UnknownBox
from kamesh.testing import Collector, Feeder, Stalled, VirtualClockLoop, run, run_coroutine


class Ticker(Component):
    """Sends the time, every so often."""

    def __init__(self, seconds: float, count: int) -> None:
        """Take how often and how many."""
        self.seconds, self.count = seconds, count

    def main(self):
        """Send it."""
        for _ in range(self.count):
            self.send(self.now())
            yield self.pause(self.seconds)


def test_a_virtual_day_passes_at_once() -> None:
    """A component that ticks each minute for a day takes no real time worth speaking of."""
    begun = time.monotonic()
    times = run(Ticker(60, 1440), limit=100_000)["outbox"]
    assert times == [60.0 * n for n in range(1440)]
    assert time.monotonic() - begun < 10


def test_time_is_exact_after_a_century() -> None:
    """Deadlines far away are met exactly, and the clock never stands still before one."""

    async def main() -> list[float]:
        loop, met = asyncio.get_running_loop(), []
        for when in (0.1, 86400.5, 3.2e9, 3.2e9 + 0.25, 3.2e9 + 0.250001):
            await asyncio.sleep(when - loop.time())
            met.append(loop.time() - when)
        return met

    assert all(abs(late) < 1e-5 for late in run_coroutine(main()))


def test_a_deadline_is_met_however_near() -> None:
    """Who waits until a time is there when it comes back, if only a rounding error was missing."""

    class Exact(Component):
        def main(self):
            for until in (0.1 + 0.2, 0.3 + 1e-10, 1e-15 + 0.7, 1e6, 1e6 + 1e-9, 1e9 + 1e-6):
                while self.now() < until:
                    yield self.pause(until - self.now())
                self.send(self.now() - until)

    assert run(Exact(), limit=1e10)["outbox"] == [0] * 6


def test_the_clock_stands_while_something_is_ready() -> None:
    """Time passes only when everything waits: work, however much, takes none."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await Pipeline(GeneratorSource(range(5000)), AsyncEcho(), GeneratorSink()).run_async()
        assert loop.time() == 0

    run_coroutine(main())


@pytest.mark.parametrize("kind", KINDS)
def test_run_gives_what_was_sent(kind: str) -> None:
    """A list is for `inbox`; every outbox has its list in the result."""
    sent = run(ECHOES[kind](), range(2000))
    assert sent["outbox"] == list(range(2000))
    assert len(sent["signal"]) == 1


def test_run_with_several_inboxes() -> None:
    """A mapping names the inboxes; one that is not named is fed by nobody."""

    class Sums(Component):
        inboxes = {"left": "a", "right": "b", "never": "c"}
        outboxes = {"sum": "a + b"}

        def main(self):
            while not self.stopping():
                while self.data_ready("left") and self.data_ready("right"):
                    self.send(self.recv("left") + self.recv("right"), "sum")
                yield self.pause()

    assert run(Sums(), {"left": [1, 2], "right": [10, 20]})["sum"] == [11, 22]
    with pytest.raises(UnknownBox, match="no inbox 'middle'"):
        run(Sums(), {"middle": [1]})


def test_run_raises_what_it_fails_with() -> None:
    """A failure comes out as from `run()`."""

    def half(number: int) -> float:
        return 1 / number

    with pytest.raises(ComponentFailed, match="half failed with ZeroDivisionError"):
        run(Pipeline(half), [1, 0])


def test_a_run_that_takes_too_long() -> None:
    """A component that still runs after `limit` virtual seconds is an error that says so."""
    with pytest.raises(Ended, match="Ticker still runs after 100 virtual seconds"):
        run(Ticker(1, 10**9), limit=100)


def test_a_run_that_can_never_end() -> None:
    """A graph in which all wait for each other is reported, with who waits and how."""

    class Full(Idler):
        bounds = {"inbox": 1}

    graph = Graphline(
        {("A", "outbox"): ("B", "inbox")}, A=GeneratorSource("abc"), B=Full(), C=AsyncEcho()
    )
    with pytest.raises(Stalled) as caught:
        run_coroutine(graph.run_async())
    text = str(caught.value)
    assert "everything waits, there is no deadline, and nothing can arrive" in text
    for who in ("Graphline/A is blocked", "Graphline/B is asleep", "Graphline/C is asleep"):
        assert who in text


def test_a_stall_of_no_component() -> None:
    """A coroutine that waits for nothing is reported too."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stalled, match="no component runs"):
        run_coroutine(main())


def test_threads_are_waited_for() -> None:
    """The clock does not jump while a thread is at work; real time is given to it."""

    class Works(ThreadedComponent):
        def main(self):
            for message in self.inbox:
                threading.Event().wait(0.02)
                self.send((message, self.now()))

    assert run(Pipeline(Ticker(60, 3), Works()))["outbox"] == [(0, 0), (60, 60), (120, 120)]

    async def main() -> list[Any]:
        echo, sink = ThreadEcho(), GeneratorSink()
        await Pipeline(GeneratorSource(range(50)), echo, sink).run_async()
        return sink.messages

    assert run_coroutine(main()) == list(range(50))

    async def late() -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        threading.Timer(0.02, loop.call_soon_threadsafe, [future.set_result, "late"]).start()
        return await future

    assert run_coroutine(late()) == "late"


def test_the_loop_by_itself() -> None:
    """The loop can be given to asyncio's own Runner; its clock starts at 0."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        assert runner.get_loop().time() == 0
        runner.run(asyncio.sleep(1000))
        assert runner.get_loop().time() == 1000


def test_feeder_and_collector() -> None:
    """A Feeder sends all it is given and ends; a Collector keeps what comes and ends with it."""
    collector = Collector()
    run_coroutine(Pipeline(Feeder(range(5000)), GeneratorEcho(), collector).run_async())
    assert collector.messages == list(range(5000))
