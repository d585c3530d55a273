"""Carousel, Seq and Par: who runs when, and that nothing is lost between two."""

import asyncio
import gc
import logging
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
    end,
    idle,
    run,
    scene,
    start,
)

from kamesh import (
    Carousel,
    Component,
    ComponentFailed,
    Graphline,
    Par,
    Pipeline,
    ProducerFinished,
    Seq,
    Shutdown,
    ThreadedComponent,
    testing,
)
from kamesh.errors import NotSuitable
from kamesh.wiring import link


class Takes(Component):
    """Sends on some messages under its name, and ends."""

    def __init__(self, name: str, count: int) -> None:
        """Take the name and how many."""
        super().__init__(name=name)
        self.count = count

    def main(self):
        """Send them on."""
        while self.count:
            if self.data_ready():
                self.send((self.name, self.recv()))
                self.count -= 1
            else:
                if self.stopping():
                    return
                yield self.pause()


class Says(Component):
    """Says a word, after some seconds."""

    def __init__(self, word: str, seconds: float = 0) -> None:
        """Take the word and the seconds."""
        self.word, self.seconds = word, seconds

    def main(self):
        """Say it."""
        due = self.now() + self.seconds
        while self.now() < due:
            yield self.pause(due - self.now())
        self.send(f"{self.word}@{self.now():g}")
        yield


class Bad(Component):
    """Fails at once."""

    def main(self):
        """Fail."""
        yield
        raise ValueError("no")


# -- Seq


def test_seq_runs_one_after_the_other() -> None:
    """Each part begins when the one before has ended; at no time do two run."""
    assert testing.run(Seq(Says("one", 5), Says("two", 10), Says("three")))["outbox"] == [
        "one@5", "two@15", "three@15"
    ]


def test_seq_hands_on_what_a_part_leaves_unread() -> None:
    """Messages that one part has not read are read by the next, in order, none lost."""
    parts = [Takes(name, count) for name, count in (("A", 2), ("B", 3), ("C", 10**9))]
    sent = testing.run(Seq(*parts), range(10))["outbox"]
    assert sent == [
        *[("A", n) for n in range(2)], *[("B", n) for n in range(2, 5)],
        *[("C", n) for n in range(5, 10)],
    ]
    assert parts[0].inbox.dropped == parts[1].inbox.dropped == 0


def test_seq_hands_on_what_a_part_made_of_others_leaves_unread() -> None:
    """However deeply it is nested, what the part that reads leaves unread is read by the next one."""

    def nested() -> list[Any]:
        return [
            Takes("A", 2),
            Pipeline(Takes("A", 2), lambda pair: pair),
            Pipeline(Pipeline(Takes("A", 2), lambda pair: pair), lambda pair: pair),
            Seq(Pipeline(Takes("A", 1)), Takes("A", 1)),
            Graphline(A=Takes("A", 2), linkages={
                ("", "inbox"): ("A", "inbox"), ("A", "outbox"): ("", "outbox"),
            }),
        ]  # fmt: skip

    for number in range(len(nested())):
        sent = testing.run(Seq(nested()[number], Takes("B", 10**9)), range(5))["outbox"]
        pairs = [pair for pair in sent if isinstance(pair, tuple)]
        assert pairs == [("A", 0), ("A", 1), ("B", 2), ("B", 3), ("B", 4)], number


def test_seq_hands_on_what_the_last_of_several_readers_leaves() -> None:
    """Of copies to several parts the next gets what the last of them to end has not read, once."""
    sent = testing.run(Seq(Par(Takes("A", 1), Takes("B", 3)), Takes("C", 10**9)), range(5))["outbox"]
    assert sorted(sent) == [("A", 0), *[("B", n) for n in range(3)], ("C", 3), ("C", 4)]


def test_seq_hands_on_what_comes_while_the_rest_of_a_part_is_at_work() -> None:
    """What arrives after the reading part has ended, and before the whole has, waits for the next."""

    class Slow(Component):
        def main(self):
            for number in range(6):
                while not self.room():
                    yield
                self.send(number)
                yield self.pause(1.0)

    class Closing(Component):
        def main(self):
            while not self.stopping():
                self.send_all(self.inbox)
                yield self.pause()
            yield self.pause(3.5)

    late = Pipeline(Slow(), Seq(Pipeline(Takes("A", 2), Closing()), Takes("B", 10**9)))
    assert testing.run(late)["outbox"] == [
        ("A", 0), ("A", 1), *[("B", n) for n in range(2, 6)]
    ]


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_seq_hands_on_what_comes_while_a_part_closes(kind: str) -> None:
    """What arrives while a part is busy with its end is not lost either."""

    class AsyncTakes(Component):
        async def main(self):
            count = 0
            async for message in self.inbox:
                await self.send(message)
                count += 1
                if count == 5:
                    break
            await asyncio.sleep(0.01)

    class ThreadTakes(ThreadedComponent):
        def main(self):
            for count, message in enumerate(self.inbox, 1):
                self.send(message)
                if count == 5:
                    break
            threading.Event().wait(0.01)

    made = {"async": AsyncTakes, "thread": ThreadTakes}[kind]
    sink = GeneratorSink()
    run(Pipeline(GeneratorSource(range(100)), Seq(*[made() for _ in range(20)]), sink))
    assert sink.messages == list(range(100))


def test_seq_of_plain_mains() -> None:
    """Parts that are over at once, and what they send, have their place in the sequence."""

    class Once(Component):
        def __init__(self, word: str) -> None:
            self.word = word

        def main(self):
            self.send(self.word)

    assert testing.run(Seq(Once("a"), Says("b"), Once("c"), Once("d")))["outbox"] == [
        "a", "b@0", "c", "d"
    ]


def test_seq_stopped_and_finished() -> None:
    """Shutdown ends the current part and drops the rest; ProducerFinished is told to each."""

    async def main(note: Any) -> tuple[list[str], list[Any]]:
        seq = Seq(*[GeneratorEcho() for _ in range(3)])
        out, signals = GeneratorSink(), GeneratorSink()
        link(seq.outbox, out.inbox)
        link(seq.signal, signals.inbox)
        tasks = [start(each) for each in (seq, out, signals)]
        await idle()
        seq.inbox.deliver("x")
        await idle()
        seq.control.deliver(note)
        await asyncio.gather(*tasks)
        return out.messages, signals.messages

    assert scene(main(Shutdown("enough"))) == (["x"], [Shutdown("enough")])
    out, signals = scene(main(ProducerFinished("test")))
    assert out == ["x"]
    assert [type(note) for note in signals] == [ProducerFinished]


def test_seq_of_nothing() -> None:
    """A Seq, Par or Carousel with nothing to do ends at once."""
    for empty in (Seq(), Par(), Carousel(Says)):
        assert testing.run(empty, {box: [] for box in empty.inboxes if box != "control"})


def test_seq_fails_or_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A part that fails fails the Seq, with what it raised behind it; or is logged and passed over."""
    with pytest.raises(ComponentFailed, match=r"Seq/Bad failed with ValueError: no") as caught:
        testing.run(Seq(Says("one"), Bad(), Says("two")))
    assert isinstance(caught.value.__cause__, ValueError)
    with caplog.at_level(logging.ERROR, "kamesh"):
        sent = testing.run(Seq(Says("one"), Bad(), Says("two"), on_failure="continue"))
    assert sent["outbox"] == ["one@0", "two@0"]
    assert "Seq/Bad failed with ValueError: no" in caplog.text
    with pytest.raises(NotSuitable, match="'stop' or 'continue'"):
        Seq(on_failure="retry")


def test_seq_keeps_no_part_that_has_ended() -> None:
    """Parts that have had their time are gone."""

    async def main() -> None:
        parts: list[Component] = [Says("a"), Says("b"), Idler()]
        remains = [weakref.ref(part) for part in parts]
        seq = Seq(*parts)
        parts.clear()
        task = start(seq)
        await idle()
        gc.collect()
        assert [one() is None for one in remains] == [True, True, False]
        await end(task)

    scene(main())


# -- Carousel


def test_carousel_makes_one_after_the_other() -> None:
    """Each message on `next` makes one component, when the one before has ended."""
    sent = testing.run(Carousel(lambda word: Says(word, 1)), {"next": ["x", "y", "z"]})
    assert sent["outbox"] == ["x@1", "y@2", "z@3"]


def test_carousel_loses_nothing_at_a_boundary() -> None:
    """A stream through components that follow each other comes through whole, in order."""

    class Segment(Component):
        def __init__(self, name: str) -> None:
            super().__init__(name=name)

        async def main(self):
            async for message in self.inbox:
                await self.send((self.name, message))
            await asyncio.sleep(0.5)  # closes its file

    async def main() -> None:
        class Source(Component):
            def main(self):
                for number in range(60):
                    self.send(number)
                    self.pause(0.1)
                    yield

        source, sink = Source(), GeneratorSink()
        carousel = Carousel(Segment)
        link(source.outbox, carousel.inbox)
        link(carousel.outbox, sink.inbox)
        tasks = [start(each) for each in (source, carousel, sink)]
        for name in "ABC":
            carousel._inbox("next").deliver(name)
            await idle(2)
        carousel.control.deliver(ProducerFinished())
        await asyncio.gather(*tasks)
        assert [number for _, number in sink.messages] == list(range(60))
        assert sorted({name for name, _ in sink.messages}) == ["A", "B", "C"]

    scene(main())


def test_carousel_asks_for_more() -> None:
    """`request_next` says "next" when a component has ended by itself, and first if so told."""

    async def main() -> None:
        carousel, asked, out = Carousel(Says, ask_first=True), GeneratorSink(), GeneratorSink()
        link(carousel._outbox("request_next"), asked.inbox)
        link(carousel.outbox, out.inbox)
        tasks = [start(each) for each in (carousel, asked, out)]
        await idle()
        assert asked.messages == ["next"]
        for number, word in enumerate(("a", "b"), 2):
            carousel._inbox("next").deliver(word)
            await idle()
            assert asked.messages == ["next"] * number
        carousel.control.deliver(ProducerFinished())
        await asyncio.gather(*tasks)
        assert len(out.messages) == 2

    scene(main())


def test_carousel_fails_or_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A component, or a factory, that fails fails the Carousel; or the component is passed over."""

    def make(word: str) -> Component:
        if word == "nothing":
            raise KeyError("no such film")
        return Bad() if word == "bad" else Says(word)

    with pytest.raises(ComponentFailed, match="ValueError: no"):
        testing.run(Carousel(make), {"next": ["a", "bad", "b"]})
    with pytest.raises(ComponentFailed, match="no such film"):
        testing.run(Carousel(make), {"next": ["a", "nothing"]})
    with caplog.at_level(logging.ERROR, "kamesh"):
        sent = testing.run(
            Carousel(make, on_failure="continue"), {"next": ["a", "bad", "b"]}
        )
    assert sent["outbox"] == ["a@0", "b@0"]
    assert "Carousel/Bad failed" in caplog.text


def test_carousel_of_callables() -> None:
    """The factory may give a plain callable."""

    async def main() -> None:
        carousel, sink = Carousel(lambda suffix: lambda text: text + suffix), GeneratorSink()
        link(carousel.outbox, sink.inbox)
        tasks = [start(carousel), start(sink)]
        carousel.inbox.deliver("early")
        carousel._inbox("next").deliver("!")
        await idle()
        carousel.inbox.deliver("late")
        await idle()
        assert sink.messages == ["early!", "late!"]
        await end(*tasks)

    scene(main())


def test_carousel_told_to_stop_while_its_reader_is_stuck() -> None:
    """A Carousel whose outbox leads to a full inbox still hears what it is told."""

    class Full(Idler):
        bounds = {"inbox": 1}

    async def main() -> None:
        carousel, full = Carousel(lambda n: GeneratorSource(range(n))), Full()
        link(carousel.outbox, full.inbox)
        tasks = [start(carousel), start(full)]
        carousel._inbox("next").deliver(100)
        await idle()
        carousel.control.deliver(Shutdown())
        await idle(1)
        full.inbox.bound = None
        await tasks[0]
        await end(*tasks)

    scene(main())


# -- Par


@pytest.mark.parametrize("kind", KINDS)
def test_par_copies_to_all_and_gathers(kind: str) -> None:
    """Each part gets all that comes in; what all of them send comes out of one box."""
    sink = GeneratorSink()
    run(
        Pipeline(
            GeneratorSource(["a", "B"]), Par(str.upper, str.lower, ECHOES[kind]()), sink
        )
    )
    assert sorted(sink.messages) == ["A", "B", "B", "a", "a", "b"]


def test_par_ends_with_its_parts() -> None:
    """A Par ends when all its parts have; what it is told is told to all of them."""

    async def main() -> None:
        parts = [Idler(), AsyncEcho(), GeneratorEcho()]
        par = Par(*parts)
        task = start(par)
        await idle()
        par.control.deliver(Shutdown())
        await task
        assert {part.state for part in parts} == {"ended"}

    scene(main())
