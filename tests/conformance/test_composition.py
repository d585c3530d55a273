"""Shutdown and composition: behaviours 56 to 60."""

import gc
import weakref

import pytest
from component_kit import (
    ECHOES,
    IN_THE_LOOP,
    GeneratorEcho,
    GeneratorSink,
    Idler,
    Sleeper,
    end,
    idle,
    scene,
    start,
)

from kamesh import (
    Carousel,
    Chassis,
    Component,
    Graphline,
    Pipeline,
    ProducerFinished,
    Shutdown,
)
from kamesh.wiring import link


class Asked(Component):
    """Takes one message an hour; notes what its control says."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[object] = []

    def main(self):
        """Take one an hour."""
        while not self.stopping():
            if self.data_ready():
                self.messages.append(self.recv())
            self.pause(3600)
            yield


@pytest.mark.parametrize("kind", IN_THE_LOOP)
def test_56_finished_drains_and_stop_does_not(kind: str) -> None:
    """ProducerFinished is obeyed after all that has come is taken, Shutdown at once; both go on."""

    async def main(note: object, expected: int) -> None:
        echo, sink, signals = ECHOES[kind](), GeneratorSink(), GeneratorSink()
        link(echo.outbox, sink.inbox)
        link(echo.signal, signals.inbox)
        for number in range(10):
            echo.inbox.deliver(number)
        echo.control.deliver(note)
        tasks = [start(each) for each in (echo, sink, signals)]
        await idle()
        assert echo.state == "ended"
        assert len(sink.messages) == expected
        assert signals.messages == [note]
        await end(*tasks)

    scene(main(ProducerFinished("test"), 10))
    scene(main(Shutdown("test"), 0))


def test_57_pipeline() -> None:
    """A Pipeline starts its parts when it starts, wires data and stop, shows its ends, ends with all."""

    async def main() -> None:
        parts = [GeneratorEcho() for _ in range(3)]
        sink, signals = GeneratorSink(), GeneratorSink()
        row = Pipeline(*parts)
        assert [part.state for part in parts] == ["new"] * 3
        link(row.outbox, sink.inbox)
        link(row.signal, signals.inbox)
        row.inbox.deliver("through all")
        tasks = [start(each) for each in (row, sink, signals)]
        await idle()
        assert sink.messages == ["through all"]
        assert [part.state for part in parts] == ["asleep"] * 3
        note = Shutdown("enough")
        row.control.deliver(note)
        await idle()
        assert [part.state for part in (*parts, row)] == ["ended"] * 4
        assert signals.messages == [note]
        assert sink.inbox.ended
        await end(*tasks)

    scene(main())


def test_58_graphline() -> None:
    """A stop reaches each part with no control link of its own; one end is signalled; no shared boxes."""

    async def main(wired: bool) -> list[object]:
        parts = {"A": Idler(), "B": Idler(), "C": Idler()}
        linkages = {("A", "signal"): ("B", "control"), ("", "extra"): ("C", "inbox")}
        if wired:
            linkages["C", "signal"] = ("", "signal")
        graph, signals = Graphline(linkages, **parts), GeneratorSink()
        link(graph.signal, signals.inbox)
        tasks = [start(each) for each in (graph, signals)]
        await idle()
        graph.control.deliver(Shutdown("enough"))
        await idle()
        assert [part.state for part in parts.values()] == ["ended"] * 3
        assert "extra" not in Graphline().statistics().sent
        assert [box.name for box in Graphline().statistics().inboxes] == ["inbox", "control"]
        await end(*tasks)
        return signals.messages

    assert scene(main(wired=False)) == [ProducerFinished("Graphline", at_end=True)]
    assert scene(main(wired=True)) == [Shutdown("enough")]


def test_59_carousel() -> None:
    """The next waits for the current one; finishing does all that was asked for, stopping drops it."""

    class Said(Component):
        def __init__(self, word: str) -> None:
            self.word = word

        def main(self):
            self.send(f"{self.word} begins")
            yield self.pause(10)
            if not self.stopping():
                self.pause(10)
                yield
            self.send(f"{self.word} ends")

    async def main(note: object) -> tuple[list[str], list[str], list[object]]:
        carousel = Carousel(Said)
        out, asked, signals = GeneratorSink(), GeneratorSink(), GeneratorSink()
        link(carousel.outbox, out.inbox)
        link(carousel._outbox("request_next"), asked.inbox)
        link(carousel.signal, signals.inbox)
        tasks = [start(each) for each in (carousel, out, asked, signals)]
        carousel._inbox("next").deliver("one")
        await idle(30)
        assert out.messages == ["one begins", "one ends"]
        assert asked.messages == ["next"]
        for word in ("two", "three"):
            carousel._inbox("next").deliver(word)
        carousel.control.deliver(note)
        await idle(100)
        assert carousel.state == "ended"
        await end(*tasks)
        return out.messages[2:], asked.messages, signals.messages

    out, _, signals = scene(main(ProducerFinished("test")))
    assert out == ["two begins", "two ends", "three begins", "three ends"]
    assert signals == [ProducerFinished("Carousel")]
    out, _, signals = scene(main(Shutdown("test")))
    assert "three begins" not in out
    assert signals == [Shutdown("test")]


def test_60_splitter() -> None:
    """Sinks added and removed while all runs disturb no other, and leave no reference behind."""

    class Beat(Component):
        def main(self):
            beat = 0
            while not self.stopping():
                self.send(beat)
                beat += 1
                yield self.pause(10)

    async def main() -> None:
        chassis, steady = Chassis(), GeneratorSink()
        chassis.add(Beat(), "BEAT")
        chassis.add(steady, "STEADY")
        chassis.link(("BEAT", "outbox"), [("STEADY", "inbox")])
        task = start(chassis)
        await idle(5)
        remains: list[weakref.ref[Component]] = []
        for number in range(10):
            guest = Sleeper() if number % 2 else GeneratorSink()
            chassis.add(guest, "GUEST")
            chassis.link(("BEAT", "outbox"), [("GUEST", "inbox")])
            await idle(10)
            assert len(guest.messages) + len(guest.inbox) == 1
            chassis.remove("GUEST")
            remains.append(weakref.ref(guest))
            del guest
        await idle(1)
        gc.collect()
        assert [one() for one in remains] == [None] * 10
        assert steady.messages == list(range(len(steady.messages)))
        assert len(steady.messages) == 11
        await end(task)

    scene(main())
