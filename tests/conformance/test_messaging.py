"""Messaging: behaviours 1 to 9."""

import asyncio

import pytest
from component_kit import (
    ECHOES,
    KINDS,
    SINKS,
    SOURCES,
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Sleeper,
    end,
    idle,
    run,
    scene,
    start,
    until,
)

from kamesh import Chassis, EmptyInbox, Graphline, Pipeline, ToAll
from kamesh.errors import LinkageRefused


@pytest.mark.parametrize("kind", KINDS)
def test_01_order(kind: str) -> None:
    """Messages on one link arrive in the order in which they were sent."""
    sink = SINKS[kind]()
    run(Pipeline(SOURCES[kind](range(3000)), ECHOES[kind](), sink))
    assert sink.messages == list(range(3000))


@pytest.mark.parametrize("kind", KINDS)
def test_02_kept_until_looked_at(kind: str) -> None:
    """A message sent before the receiver looks is kept, and none is lost."""

    async def main() -> None:
        sleeper = Sleeper()
        task = start(Pipeline(SOURCES[kind](range(100)), sleeper))
        await until(lambda: len(sleeper.inbox) == 100)
        assert sleeper.messages == []
        sleeper.open()
        await asyncio.wait_for(task, 10)
        assert sleeper.messages == list(range(100))

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_03_unconnected_output_discards(kind: str) -> None:
    """Sending on an output that is linked to nothing succeeds, discards, and is counted."""
    source = SOURCES[kind](range(5000))
    run(source)
    assert source.outbox.unheard == 5000


def test_04_linking_on_forwards_what_waits() -> None:
    """An input that already holds data forwards it, first, once it is linked to another."""

    async def main() -> None:
        sleeper, behind = Sleeper(), GeneratorSink()
        source = GeneratorSource(["one", "two"])
        graph = Graphline({("A", "outbox"): ("B", "inbox")}, A=source, B=sleeper)
        task = start(graph)
        await idle()
        assert len(sleeper.inbox) == 2
        graph.add(behind, "C")
        sleeper.link(("", "inbox"), (behind, "inbox"))
        sleeper.inbox.deliver("three")
        await idle()
        assert behind.messages == ["one", "two", "three"]
        assert len(sleeper.inbox) == 0
        await end(task)

    scene(main())


@pytest.mark.parametrize("kind", KINDS)
def test_05_many_to_one(kind: str) -> None:
    """Several outputs may feed one input; it ends when all of them have, each in its order."""
    sink = SINKS[kind]()
    run(
        Graphline(
            {(name, "outbox"): ("SINK", "inbox") for name in "ABC"},
            A=SOURCES["generator"]([("A", n) for n in range(50)]),
            B=SOURCES["async"]([("B", n) for n in range(50)]),
            C=SOURCES["thread"]([("C", n) for n in range(50)]),
            SINK=sink,
        )
    )
    for name in "ABC":
        assert [m for m in sink.messages if m[0] == name] == [(name, n) for n in range(50)]


def test_06_second_destination_is_declared() -> None:
    """An undeclared second destination is refused by name; the first link stays; ToAll declares."""
    first, second = GeneratorSink(), GeneratorSink()
    chassis = Chassis()
    chassis.add(GeneratorSource(range(3)), "A")
    chassis.add(first, "B")
    chassis.add(second, "C")
    chassis.link(("A", "outbox"), ("B", "inbox"))
    with pytest.raises(LinkageRefused, match=r"A\.outbox goes to .*B\.inbox already.*ToAll"):
        chassis.link(("A", "outbox"), ("C", "inbox"))
    chassis.remove("C")
    run(chassis)
    assert (first.messages, second.messages) == ([0, 1, 2], [])

    first, second = GeneratorSink(), GeneratorSink()
    both = {("A", "outbox"): ToAll(("B", "inbox"), ("C", "inbox"))}
    run(Graphline(both, A=GeneratorSource(range(3)), B=first, C=second))
    assert (first.messages, second.messages) == ([0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize("kind", KINDS)
def test_07_reading_an_empty_input(kind: str) -> None:
    """To read an empty input is an error of its own, at once, that names the box."""
    with pytest.raises(EmptyInbox, match=r"Echo\.inbox"):
        ECHOES[kind]().recv()


@pytest.mark.parametrize("kind", KINDS)
def test_08_anything_ready(kind: str) -> None:
    """`any_ready` is True if some input holds a message, else False; `data_ready` is for one."""
    echo = ECHOES[kind]()
    assert echo.any_ready() is False
    assert echo.data_ready() is False
    echo.control.deliver("x")
    assert echo.any_ready() is True
    assert echo.data_ready() is False
    assert echo.data_ready("control") is True
    assert echo.recv("control") == "x"
    assert echo.any_ready() is False


@pytest.mark.parametrize("kind", KINDS)
def test_09_same_object(kind: str) -> None:
    """Within a node the very object that was sent is what arrives."""
    message, sink = object(), SINKS[kind]()
    run(Pipeline(SOURCES[kind]([message]), GeneratorEcho(), ECHOES[kind](), sink))
    assert sink.messages == [message]
    assert sink.messages[0] is message
