"""Runtimes and running: what comes out of `run`, and what is left when it has come back."""

import asyncio
import gc
import logging
import signal
import sys
import threading
import weakref
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
    end,
    idle,
    run,
    runtime,
    scene,
    start,
    until,
)

from kamesh import Chassis, Component, ComponentFailed, Ended, Graphline, Pipeline
from kamesh import runtime as runtimes
from kamesh.errors import KameshError, UnknownName
from kamesh.running import take_over
from kamesh.runtime import current_runtime
from kamesh.strand import Strand


class Bad(Component):
    """Fails at once."""

    def main(self):
        """Fail."""
        yield
        raise ValueError("no")


def test_two_runs_in_a_row() -> None:
    """One program may run one graph after the other; each has an event loop of its own."""
    for _ in range(3):
        sink = GeneratorSink()
        Pipeline(GeneratorSource(range(10)), AsyncEcho(), sink).run()
        assert sink.messages == list(range(10))


def test_runs_in_several_threads() -> None:
    """Each thread may run a graph of its own at the same time."""
    sinks = [GeneratorSink() for _ in range(4)]
    threads = [
        threading.Thread(target=Pipeline(GeneratorSource(range(500)), GeneratorEcho(), sink).run)
        for sink in sinks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [sink.messages for sink in sinks] == [list(range(500))] * 4


def test_run_within_a_running_loop() -> None:
    """`run()` where an event loop runs already is refused, with what to write instead."""

    async def main() -> None:
        with pytest.raises(Ended, match=r"inside a running event loop; `await .*run_async\(\)`"):
            Pipeline(Idler()).run()

    asyncio.run(main())


def test_run_async_within_a_program() -> None:
    """A graph may run beside a program's own tasks, and more than one at once."""

    async def main() -> None:
        sinks = [GeneratorSink(), GeneratorSink()]
        async with asyncio.TaskGroup() as group:
            for sink in sinks:
                group.create_task(Pipeline(GeneratorSource(range(9)), sink).run_async())
        assert [sink.messages for sink in sinks] == [list(range(9))] * 2
        assert runtime().running == {}

    asyncio.run(main())


def test_a_failure_comes_out() -> None:
    """What a component raises comes out of `run` as ComponentFailed, with the original behind it."""
    with pytest.raises(ComponentFailed) as caught:
        Bad().run()
    assert isinstance(caught.value.__cause__, ValueError)
    assert isinstance(caught.value, KameshError)
    assert str(caught.value) == (
        f"Bad failed with ValueError: no at {__file__}:{caught.value.failure.line}: "
        f'`raise ValueError("no")`'
    )


def test_cancelling_ends_the_components() -> None:
    """When the wait for a graph is cancelled its components are ended, of every kind."""

    async def main() -> None:
        parts = [ECHOES[kind]() for kind in KINDS]
        task = start(Graphline(**{f"P{n}": part for n, part in enumerate(parts)}))
        await until(lambda: all(part.state == "asleep" for part in parts))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {part.state for part in parts} == {"ended"}
        assert runtime().running == {}

    asyncio.run(main())


def test_a_timeout_round_a_graph() -> None:
    """A graph under `asyncio.timeout` is ended when the time is over."""

    async def main() -> None:
        idler = Idler()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await idler.run_async()
        assert idler.state == "ended"

    scene(main())


def test_ctrl_c_ends_the_components() -> None:
    """An interrupt ends all components, runs their `finally`, and comes out of `run`."""
    left: list[str] = []

    class Interrupted(Component):
        def main(self):
            try:
                yield self.pause(0.01)
                signal.raise_signal(signal.SIGINT)
                while True:
                    yield self.pause()
            finally:
                left.append(self.name)

    class Held(Component):
        async def main(self):
            try:
                await asyncio.sleep(1000)
            finally:
                left.append(self.name)

    held = Held()
    graph = Graphline(A=Interrupted(), B=held, C=ThreadEcho(), D=GeneratorEcho())
    with pytest.raises(KeyboardInterrupt):
        graph.run()
    assert sorted(left) == ["A", "B"]
    assert {part.state for part in graph.parts.values()} == {"ended"}


class Leaves(Component):
    """Leaves the program."""

    def main(self):
        """Leave."""
        yield
        sys.exit(7)


class LeavesAsync(Component):
    """Leaves the program."""

    async def main(self):
        """Leave."""
        await asyncio.sleep(0)
        sys.exit(7)


@pytest.mark.parametrize("kind", [Leaves, LeavesAsync])
def test_an_exit_in_a_component_ends_the_program(kind: type[Component]) -> None:
    """`sys.exit()` in a component ends all the others, and comes out of `run` with its code."""
    left: list[str] = []

    class Other(Component):
        def main(self):
            try:
                while True:
                    yield self.pause()
            finally:
                left.append("other")

    other = Other()
    with pytest.raises(SystemExit) as caught:
        Graphline(L=kind(), O=other).run()
    assert caught.value.code == 7
    assert (left, other.state) == (["other"], "ended")


def test_nothing_is_left_of_a_run() -> None:
    """After a run neither its event loop nor its components are kept alive."""
    remains: list[Any] = []

    async def main(component: Component) -> None:
        remains.append(weakref.ref(asyncio.get_running_loop()))
        await component.run_async()

    for _ in range(2):  # the next run lets go of what the one before has used
        graph = Pipeline(GeneratorSource("ab"), AsyncEcho(), GeneratorSink())
        remains.append(weakref.ref(graph))
        asyncio.run(main(graph))
        del graph
    gc.collect()
    assert [one() is None for one in remains] == [True, True, True, False]
    assert sum(loop.is_closed() for loop in runtimes._RUNTIMES) <= 1


def test_a_failure_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A component that was started by itself, and fails, is not silent."""

    async def main() -> None:
        bad = Bad()
        bad._strand.start(current_runtime())
        await idle()
        assert bad.state == "ended"

    with caplog.at_level(logging.ERROR, "kamesh"):
        scene(main())
    assert "Bad failed with ValueError: no" in caplog.text


def test_who_listens_hears_of_starts_and_ends() -> None:
    """`on_change` is told of every component that starts and ends, in that order."""
    heard: list[tuple[str, str]] = []

    def hear(what: str, strand: Strand) -> None:
        heard.append((what, strand.name))

    async def main() -> None:
        runtime().on_change.append(hear)
        await Pipeline(GeneratorSource("a"), GeneratorSink()).run_async()

    scene(main())
    names = ["Pipeline", "GeneratorSource", "GeneratorSink"]
    assert heard[:3] == [("started", name) for name in names]
    assert sorted(heard[3:]) == sorted(("ended", name) for name in names)


def test_one_runtime_for_one_loop() -> None:
    """All components of an event loop share one runtime, which tells its time."""

    async def main() -> None:
        here = runtime()
        idler = Idler()
        task = start(idler)
        await idle(5)
        assert current_runtime() is here
        assert idler.now() == here.now() == 5.0
        await end(task)

    scene(main())


def test_a_call_from_another_thread() -> None:
    """`call` runs in the loop's thread, gives its result and raises what it raised."""
    threads: list[int] = []

    def work() -> str:
        threads.append(threading.get_ident())
        return "done"

    async def main() -> None:
        here = runtime()
        assert here.call(work) == "done"
        assert await asyncio.to_thread(here.call, work) == "done"
        assert threads == [here.thread] * 2
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(here.call, lambda: 1 // 0)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(here.call, _late)
        kept.append(here)

    kept: list[Any] = []
    asyncio.run(main())
    with pytest.raises(Ended, match="the event loop has ended"):
        _in_thread(lambda: kept[0].call(work))


def _late() -> None:
    raise TimeoutError("its own")


def _in_thread(function: Any) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    if raised:
        raise raised[0]


def test_a_launcher_takes_over() -> None:
    """While a launcher has taken over, `run` gives it the component and runs nothing."""
    given: list[Strand] = []
    idler = Idler()
    take_over(given.append)
    try:
        idler.run()
    finally:
        take_over(None)
    assert given == [idler._strand]
    assert idler.state == "new"
    Pipeline().run()


def test_a_service_of_nobody() -> None:
    """A service stands for a component; anything else is refused by its name."""

    async def main() -> None:
        with pytest.raises(UnknownName, match="nobody has no inbox 'inbox'"):
            runtime().services.register("x", type("N", (), {"path": "nobody"})(), "inbox")

    scene(main())


def test_a_watcher_is_woken_when_a_service_comes_and_goes() -> None:
    """Who watches a name is woken by its coming and its going, and by nothing else."""

    async def main() -> None:
        services, idler, other = runtime().services, Idler(), Idler()
        tasks = [start(idler), start(other)]
        await idle()
        assert services.watch("store", idler._strand) is None
        for act in (
            lambda: services.register("store", other._strand, "inbox"),
            lambda: services.deregister("store"),
        ):
            before = idler.turns
            act()
            await idle()
            assert idler.turns == before + 1
        services.register("else", other._strand, "inbox")
        before = idler.turns
        await idle()
        assert idler.turns == before
        await end(*tasks)

    scene(main())


def test_nothing_to_run() -> None:
    """With nothing to run, or a component that returns at once, `run` returns at once."""

    class Empty(Component):
        def main(self):
            return

    Empty().run()
    Chassis().run()
    run(Empty())
