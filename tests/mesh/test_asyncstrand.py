"""Components that are coroutines: waiting, ending, being stopped."""

import asyncio
import logging
from typing import Any

import pytest
from component_kit import (
    AsyncEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    end,
    idle,
    run,
    scene,
    start,
)

from kamesh import Component, ComponentFailed, Graphline, Pipeline, ProducerFinished, Shutdown
from kamesh.wiring import link


class Patient(Component):
    """Waits with `wait()` and takes what is there."""

    inboxes = {"inbox": "one", "other": "two"}

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[Any] = []
        self.wakes = 0

    async def main(self):
        """Wait and take."""
        while not self.stopping():
            for name in ("inbox", "other"):
                while self.data_ready(name):
                    self.messages.append(self.recv(name))
                    await asyncio.sleep(1)  # meanwhile something may arrive at the other
            await self.wait()
            self.wakes += 1


def test_wait_forgets_nothing() -> None:
    """What arrives while the coroutine awaits something else ends its next `wait()` at once."""

    async def main() -> None:
        patient = Patient()
        task = start(patient)
        await idle()
        patient._inbox("other").deliver("first")
        await idle(0.5)
        patient.inbox.deliver("second")  # looked at already in this round
        await idle(10)
        assert patient.messages == ["first", "second"]
        wakes = patient.wakes
        await idle(100)
        assert patient.wakes == wakes
        await end(task)

    scene(main())


def test_waiting_leaves_nothing_behind() -> None:
    """However often a coroutine waits or gives up waiting, its boxes hold no old futures."""

    class Fickle(Component):
        async def main(self):
            for _ in range(50):
                for wait in (self.wait(), anext(self.inbox.__aiter__())):
                    try:
                        await asyncio.wait_for(wait, 1)
                    except TimeoutError:
                        continue

    async def main() -> None:
        fickle = Fickle()
        task = start(fickle)
        await idle(60)
        assert len(fickle.inbox.waiters.futures) + len(fickle._strand._waiters.futures) <= 1
        await task
        assert fickle.inbox.waiters.futures == fickle._strand._waiters.futures == []

    scene(main())


def test_a_plain_for_frees_room() -> None:
    """A plain `for` in a coroutine takes what has arrived, and who waited for room goes on."""

    class Batches(Component):
        bounds = {"inbox": 2}

        def __init__(self) -> None:
            self.batches: list[list[int]] = []

        async def main(self):
            while not self.stopping():
                batch = list(self.inbox)
                if batch:
                    self.batches.append(batch)
                await self.wait()

    batches = Batches()
    run(Pipeline(GeneratorSource(range(20)), batches))
    assert [message for batch in batches.batches for message in batch] == list(range(20))
    assert batches.inbox.statistics().taken == 20


def test_shutdown_ends_the_loop_before_a_backlog() -> None:
    """`async for` ends at once when Shutdown has come, whatever else waits."""

    class Slow(Component):
        taken = 0

        async def main(self):
            async for _ in self.inbox:
                self.taken += 1
                await asyncio.sleep(1)

    async def main() -> None:
        slow, hearer = Slow(), GeneratorSink()
        link(slow.signal, hearer.inbox)
        for number in range(100):
            slow.inbox.deliver(number)
        tasks = [start(slow), start(hearer)]
        await idle(2.5)
        slow.control.deliver(Shutdown("enough"))
        await asyncio.gather(*tasks)
        assert slow.taken == 3
        assert hearer.messages == [Shutdown("enough")]

    scene(main())


def test_finished_drains_first() -> None:
    """After ProducerFinished `async for` goes on to the last message that has come."""

    async def main() -> None:
        echo, sink = AsyncEcho(), GeneratorSink()
        link(echo.outbox, sink.inbox)
        for number in range(100):
            echo.inbox.deliver(number)
        echo.control.deliver(ProducerFinished())
        await asyncio.gather(start(echo), start(sink))
        assert sink.messages == list(range(100))

    scene(main())


def test_its_own_messages_on_control() -> None:
    """A coroutine may read control itself; what is for it alone does not end `async for`."""

    class Tuned(Component):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        async def main(self):
            async for message in self.inbox:
                while self.data_ready("control"):
                    self.heard.append(self.recv("control"))
                await self.send(message)

    class Commanded(Component):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        async def main(self):
            async for message in self.control:
                self.heard.append(message)
                if message == Shutdown():
                    return

    async def main() -> None:
        tuned, sink = Tuned(), GeneratorSink()
        link(tuned.outbox, sink.inbox)
        tasks = [start(tuned), start(sink)]
        await idle()
        for number in range(3):
            tuned.control.deliver(("volume", number))
        await idle()
        tuned.inbox.deliver("on it goes")
        await idle()
        assert tuned.heard == [("volume", number) for number in range(3)]
        assert sink.messages == ["on it goes"]
        await end(*tasks)
        commanded = Commanded()
        for message in ("louder", Shutdown()):
            commanded.control.deliver(message)
        await start(commanded)
        assert commanded.heard == ["louder", Shutdown()]

    scene(main())


def test_two_tasks_in_one_component() -> None:
    """Two loops over two boxes of one component each get their own messages and both end."""

    class Double(Component):
        inboxes = {"inbox": "one", "other": "two"}

        def __init__(self) -> None:
            self.messages: dict[str, list[int]] = {"inbox": [], "other": []}

        async def main(self):
            async with asyncio.TaskGroup() as group:
                for name, kept in self.messages.items():
                    group.create_task(self.keep(name, kept))

        async def keep(self, name: str, kept: list[int]) -> None:
            async for message in self._inbox(name):
                kept.append(message)

    double = Double()
    scene(
        Graphline(
            {("A", "outbox"): ("D", "inbox"), ("B", "outbox"): ("D", "other")},
            A=GeneratorSource(range(2000)), B=GeneratorSource(range(500)), D=double,
        ).run_async()
    )
    assert double.messages == {"inbox": list(range(2000)), "other": list(range(500))}


def test_a_loop_over_a_box_that_nobody_feeds() -> None:
    """When all streams that feed a component are over, its loops over other boxes end too."""

    class Double(Component):
        inboxes = {"inbox": "one", "never": "two"}

        def __init__(self) -> None:
            self.messages: list[int] = []

        async def main(self):
            async with asyncio.TaskGroup() as group:
                for name in ("never", "inbox"):
                    group.create_task(self.keep(name))

        async def keep(self, name: str) -> None:
            async for message in self._inbox(name):
                self.messages.append(message)
                await asyncio.sleep(0.1)

    double = Double()
    scene(Pipeline(GeneratorSource(range(20)), double).run_async())
    assert double.messages == list(range(20))


def test_time_to_end_is_decided_once() -> None:
    """When one loop has ended for ProducerFinished, what comes afterwards does not hold up another."""

    class Double(Component):
        inboxes = {"inbox": "one", "other": "two"}

        async def main(self):
            async with asyncio.TaskGroup() as group:
                for name in ("inbox", "other"):
                    group.create_task(self.keep(name))

        async def keep(self, name: str) -> None:
            async for _ in self._inbox(name):
                await asyncio.sleep(1)

    async def main() -> None:
        double, source, other = Double(), Idler(), Idler()
        link(source.outbox, double.inbox)
        link(other.outbox, double._inbox("other"))
        task = start(double)
        await idle(0.5)
        double.inbox.deliver("keeps one loop busy")
        double.control.deliver(ProducerFinished())
        await idle(0.5)
        double._inbox("other").deliver("comes after its loop has ended")
        await asyncio.wait_for(task, 10)
        assert double._inbox("other").dropped == 1

    scene(main())


def test_stop_cancels_at_the_await() -> None:
    """A coroutine that is stopped is cancelled where it waits, and its `finally` is run."""
    left: list[str] = []

    class Held(Component):
        async def main(self):
            try:
                await asyncio.sleep(10**6)
            finally:
                left.append("held")

    async def main() -> None:
        held, reader = Held(), GeneratorSink()
        link(held.outbox, reader.inbox)
        tasks = [start(held), start(reader)]
        await idle()
        held.stop()
        assert held.state == "ended"
        await asyncio.gather(*tasks)
        assert left == ["held"]

    scene(main())


def test_stop_of_oneself() -> None:
    """A coroutine that stops itself is cancelled at its next `await`; what it sends is unheard."""

    class Quits(Component):
        async def main(self):
            await self.send("before")
            self.stop()
            await self.send("after")
            await asyncio.sleep(10)
            await self.send("never")

    quits, sink = Quits(), GeneratorSink()
    scene(Pipeline(quits, sink).run_async())
    assert sink.messages == ["before"]
    assert quits.outbox.unheard == 1


def test_a_cancellation_that_is_swallowed_ends_once(caplog: pytest.LogCaptureFixture) -> None:
    """A coroutine that catches its cancellation and goes on has still ended, once."""
    ends: list[str] = []

    class Tough(Component):
        async def main(self):
            try:
                await asyncio.sleep(10**6)
            except asyncio.CancelledError:
                await asyncio.sleep(1)

    class Rude(Component):
        async def main(self):
            try:
                await asyncio.sleep(10**6)
            finally:
                raise ValueError("on the way out")

    async def main() -> None:
        graph = Graphline(T=Tough(), R=Rude(), I=Idler())
        graph.part_ended = lambda child: ends.append(child.name)  # type: ignore[method-assign]
        task = start(graph)
        await idle()
        graph.parts["T"].stop()
        graph.parts["R"].stop()
        await idle(10)
        assert sorted(ends) == ["R", "T"]
        await end(task)

    with caplog.at_level(logging.ERROR, "kamesh"):
        scene(main())
    assert "Graphline/R was stopped, and then raised" in caplog.text


def test_a_failure_names_the_line() -> None:
    """What a coroutine raises is told with its own line, below what it awaited."""

    class Bad(Component):
        async def main(self):
            async for message in self.inbox:
                await self.send(1 / message)

    sink = GeneratorSink()
    with pytest.raises(ComponentFailed) as caught:
        scene(Pipeline(GeneratorSource([1, 2, 0, 4]), Bad(), sink).run_async())
    assert caught.value.failure.text == "await self.send(1 / message)"
    assert caught.value.failure.file == __file__
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert sink.messages == [1, 0.5]


def test_control_lets_go_who_awaits_room_once() -> None:
    """Whatever comes on control ends one wait for room; the inbox grows by no more than that."""

    class Stubborn(Component):
        async def main(self):
            while True:
                await self.send("more")

    class Small(Sleeper):
        bounds = {"inbox": 3}

    async def main() -> None:
        stubborn, small = Stubborn(), Small()
        link(stubborn.outbox, small.inbox)
        tasks = [start(stubborn), start(small)]
        await idle()
        assert len(small.inbox) == 3
        for number in range(1, 4):
            stubborn.control.deliver(Shutdown())
            await idle()
            assert len(small.inbox) == 3 + number
        await end(*tasks)

    scene(main())
