"""Lifecycle: behaviours 36 to 44."""

import asyncio
import threading

import pytest
from component_kit import (
    ECHOES,
    IN_THE_LOOP,
    KINDS,
    SINKS,
    SOURCES,
    GeneratorSink,
    GeneratorSource,
    Idler,
    end,
    run,
    scene,
    start,
    until,
)

from kamesh import (
    Chassis,
    Component,
    ComponentFailed,
    Graphline,
    Pipeline,
    ThreadedComponent,
    WaitComplete,
)


class Broken(Component):
    """Raises when it is run."""

    def main(self):
        """Raise."""
        yield
        raise ValueError("the lamp is out")


class BrokenAsync(Component):
    """Raises when it is run."""

    async def main(self):
        """Raise."""
        raise ValueError("the lamp is out")


class BrokenThread(ThreadedComponent):
    """Raises when it is run."""

    def main(self):
        """Raise."""
        raise ValueError("the lamp is out")


BROKEN = {"generator": Broken, "async": BrokenAsync, "thread": BrokenThread}


@pytest.mark.parametrize("kind", KINDS)
def test_36_constructed_is_not_started(kind: str) -> None:
    """To construct a component, or to put it into a chassis, starts nothing."""
    threads = threading.active_count()
    source = SOURCES[kind](range(5))
    sink = GeneratorSink()
    graph = Pipeline(source, ECHOES[kind](), sink)
    assert [each.state for each in (source, sink, graph)] == ["new", "new", "new"]
    assert threading.active_count() == threads
    assert sink.messages == []
    run(graph)
    assert sink.messages == list(range(5))


def test_37_starting_is_thread_safe() -> None:
    """Components may be started from many threads at once; each runs once and whole."""
    got: dict[int, list[int]] = {}

    def work(number: int) -> None:
        sink = GeneratorSink()
        with Pipeline(GeneratorSource(range(50)), sink).background():
            pass
        got[number] = sink.messages

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert got == {number: list(range(50)) for number in range(8)}


def test_38_the_runner_returns() -> None:
    """`run` returns when all have ended, and at once when there is nothing to run."""
    Pipeline().run()
    Graphline().run()
    Chassis().run()
    sink = GeneratorSink()
    Pipeline(GeneratorSource(range(10)), sink).run()
    assert sink.messages == list(range(10))


@pytest.mark.parametrize("kind", IN_THE_LOOP)
def test_39_one_ending_ends_no_other(kind: str) -> None:
    """The end of one component does not touch those that are not linked to it."""

    async def main() -> None:
        idler = Idler()
        task = start(idler)
        await Pipeline(SOURCES[kind](range(3)), SINKS[kind]()).run_async()
        assert idler.state == "asleep"
        await end(task)

    scene(main())


def test_40_sleep_then_return_ends() -> None:
    """A component that asked to sleep and then returned has ended; nothing waits for its wake."""

    class Drowsy(Component):
        def main(self):
            self.pause()
            if False:
                yield

    drowsy = Drowsy()
    scene(drowsy.run_async())
    assert drowsy.state == "ended"


@pytest.mark.parametrize("kind", KINDS)
def test_41_stop_ends_only_one(kind: str) -> None:
    """`stop()` on one component ends that one, and nothing else."""

    async def main() -> None:
        one, two = ECHOES[kind](), ECHOES[kind]()
        chassis = Chassis()
        chassis.add(one, "ONE")
        chassis.add(two, "TWO")
        task = start(chassis)
        await until(lambda: two.state == "asleep")
        one.stop()
        await until(lambda: one.state == "ended")
        await asyncio.sleep(0.01)
        assert (two.state, chassis.state) == ("asleep", "asleep")
        await end(task)
        assert two.state == "ended"

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_42_a_crash_is_told(kind: str) -> None:
    """A crash is reported with its message, its component and its line; others go on if asked to."""
    with pytest.raises(ComponentFailed) as caught:
        run(Pipeline(BROKEN[kind](), GeneratorSink()))
    failure = caught.value.failure
    assert (failure.error, failure.message) == ("ValueError", "the lamp is out")
    assert failure.component.endswith(BROKEN[kind].__name__)
    assert failure.file == __file__
    assert failure.text == 'raise ValueError("the lamp is out")'

    sink = GeneratorSink()
    graph = Graphline(
        {("A", "outbox"): ("S", "inbox")},
        BAD=BROKEN[kind](), A=GeneratorSource(range(100)), S=sink, on_failure="continue",
    )
    run(graph)
    assert sink.messages == list(range(100))
    assert graph.parts["BAD"].failure.message == "the lamp is out"


def test_43_nested_generators_resume_their_parent() -> None:
    """`yield WaitComplete(other)` runs the other to its end and then goes on, however deep."""

    class Nested(Component):
        def main(self):
            self.send("begin")
            yield WaitComplete(self.outer())
            self.send("end")

        def outer(self):
            self.send("outer begins")
            yield WaitComplete(self.inner())
            yield
            self.send("outer ends")

        def inner(self):
            for number in range(2):
                self.send(number)
                yield self.pause(1)

    sink = GeneratorSink()
    scene(Pipeline(Nested(), sink).run_async())
    assert sink.messages == ["begin", "outer begins", 0, 1, "outer ends", "end"]


def test_44_names_are_unique() -> None:
    """No two components have one id, and no two parts of a chassis one name."""
    parts = [Idler() for _ in range(100)]
    graph = Pipeline(*parts)
    assert len({part.id for part in parts}) == 100
    assert len({part.path for part in parts}) == 100
    assert list(graph.parts) == [part.name for part in parts]
