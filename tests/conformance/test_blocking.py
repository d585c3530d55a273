"""Blocking components, which have a thread of their own: behaviours 45 to 51."""

import asyncio
import threading

import pytest
from component_kit import (
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    ThreadEcho,
    ThreadSink,
    ThreadSource,
    end,
    run,
    start,
    until,
)

from kamesh import ComponentFailed, EmptyInbox, Graphline, Pipeline, ThreadedComponent


def test_45_off_the_scheduler_thread() -> None:
    """`main` runs in a thread of its own: while it blocks, the others run."""
    seen: list[int] = []

    class Where(ThreadedComponent):
        def main(self):
            seen.append(threading.get_ident())
            while not others.messages:
                released.wait(0.01)

    released = threading.Event()
    others = GeneratorSink()
    graph = Graphline(
        {("A", "outbox"): ("B", "inbox")}, W=Where(), A=GeneratorSource(range(3)), B=others
    )
    run(graph)
    assert seen != [threading.get_ident()]
    assert others.messages == [0, 1, 2]


def test_46_same_rules() -> None:
    """Threads send and receive by the same rules as the others: order, end, unknown and empty boxes."""

    class Curious(ThreadedComponent):
        def main(self):
            with pytest.raises(EmptyInbox):
                self.recv("control")
            with pytest.raises(LookupError, match="'outbax'"):
                self.send("x", "outbax")
            for message in self.inbox:
                self.send(message)
            assert self.inbox.ended

    sink = GeneratorSink()
    run(Pipeline(GeneratorSource(range(500)), ThreadEcho(), Curious(), GeneratorEcho(), sink))
    assert sink.messages == list(range(500))


def test_47_boxes_and_links_are_changed_in_the_loop() -> None:
    """A thread's calls to add boxes and links are carried out between two turns, in the loop."""
    loop_thread = threading.get_ident()
    where: list[int] = []

    class Grower(ThreadedComponent):
        def __init__(self, other):
            self.other = other

        def main(self):
            self._strand.in_loop(lambda: where.append(threading.get_ident()))
            names = [self.add_outbox("more"), self.add_outbox("more")]
            for name in names:
                self.link(("", name), (self.other, "inbox"))
                self.send(name, name)
            self._strand.wait_until_sent_on(self._outbox("more"))
            assert self.unlink(self.other) == 2
            self.send("unheard", "more")

    sink = GeneratorSink()
    run(Graphline({("G", "outbox"): ("S", "inbox")}, G=Grower(sink), S=sink))
    assert sorted(sink.messages) == ["more", "more-2"]
    assert where == [loop_thread]


def test_48_output_before_the_end_is_delivered() -> None:
    """What a thread sent before it ended is delivered, however late there is room for it."""

    class Small(Sleeper):
        bounds = {"inbox": 2}

    async def main() -> None:
        source, small = ThreadSource(range(20)), Small()
        task = start(Pipeline(source, small))
        await until(lambda: len(small.inbox) == 2 and not source._strand.thread.is_alive())
        assert source.state != "ended"
        small.open()
        await asyncio.wait_for(task, 10)
        assert small.messages == list(range(20))

    asyncio.run(main())


def test_49_they_end_with_unread_input() -> None:
    """A thread that returns has ended even if there is input that it has not read."""

    class Impatient(ThreadedComponent):
        def main(self):
            assert self.recv(timeout=10.0) == 0

    source, impatient = GeneratorSource(range(100)), Impatient()
    run(Pipeline(source, impatient))
    assert impatient.state == "ended"
    figures = impatient.inbox.statistics()
    assert (figures.taken, figures.level) == (1, 0)
    assert figures.taken + figures.dropped == source.outbox.sent


def test_50_timed_waits_wake_early() -> None:
    """A wait with a time limit ends as soon as something arrives."""

    class Waiter(ThreadedComponent):
        def main(self):
            self.pause(60.0)
            assert self.recv() == "first"
            assert self.recv(timeout=60.0) == "second"
            with pytest.raises(EmptyInbox):
                self.recv("control", timeout=0.01)

    async def main() -> None:
        waiter = Waiter()
        idler = Idler()
        task = start(Graphline({("I", "outbox"): ("W", "inbox")}, W=waiter, I=idler))
        for message in ("first", "second"):
            await until(lambda: waiter._strand._idle)
            waiter.inbox.deliver(message)
            await until(lambda: not waiter.inbox.queue)
        await until(lambda: waiter.state == "ended")
        await end(task)

    asyncio.run(main())


def test_51_the_text_of_an_exception_survives() -> None:
    """What a thread raises arrives with its text and its type."""

    class Unlucky(ThreadedComponent):
        def main(self):
            raise KeyError("no such key", 7)

    with pytest.raises(ComponentFailed, match=r"Unlucky failed with KeyError: .*no such key.* 7"):
        run(Pipeline(ThreadSource("abc"), Unlucky(), ThreadSink()))
