"""Components with a thread of their own: delivery, back-pressure, ends, and calls into the loop."""

import asyncio
import logging
import threading
from typing import Any

import pytest
from component_kit import (
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    ThreadEcho,
    ThreadSource,
    end,
    run,
    start,
    until,
)

from kamesh import (
    ByDemand,
    ComponentFailed,
    EmptyInbox,
    Ended,
    Graphline,
    Pipeline,
    ProducerFinished,
    Shutdown,
    ThreadedComponent,
)
from kamesh.errors import LinkageRefused
from kamesh.wiring import Dealer, link


class Small(Sleeper):
    """Holds two messages."""

    bounds = {"inbox": 2}


def test_shutdown_ends_the_loop_before_a_backlog() -> None:
    """`for` over the inbox ends at once when Shutdown has come, whatever else waits."""

    class Slow(ThreadedComponent):
        def __init__(self) -> None:
            self.messages: list[Any] = []
            self.go = threading.Event()

        def main(self):
            for message in self.inbox:
                self.messages.append(message)
                self.go.wait(10)

    async def main() -> None:
        slow, hearer = Slow(), GeneratorSink()
        link(slow.signal, hearer.inbox)
        for number in range(100):
            slow.inbox.deliver(number)
        tasks = [start(slow), start(hearer)]
        await until(lambda: slow.messages)
        slow.control.deliver(Shutdown("enough"))
        slow.go.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        assert slow.messages == [0]
        assert hearer.messages == [Shutdown("enough")]

    asyncio.run(main())


def test_finished_drains_first() -> None:
    """After ProducerFinished `for` goes on to the last message that has come."""

    async def main() -> None:
        echo, sink = ThreadEcho(), GeneratorSink()
        link(echo.outbox, sink.inbox)
        for number in range(200):
            echo.inbox.deliver(number)
        echo.control.deliver(ProducerFinished())
        await asyncio.wait_for(asyncio.gather(start(echo), start(sink)), 10)
        assert sink.messages == list(range(200))

    asyncio.run(main())


def test_its_own_messages_on_control() -> None:
    """A thread reads its own messages on control itself; Shutdown too, if it iterates over control."""

    class Commanded(ThreadedComponent):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def main(self):
            for message in self.control:
                self.heard.append(message)
                if message == Shutdown():
                    return

    async def main() -> None:
        commanded = Commanded()
        task = start(commanded)
        for message in ("louder", "softer", Shutdown()):
            commanded.control.deliver(message)
        await asyncio.wait_for(task, 10)
        assert commanded.heard == ["louder", "softer", Shutdown()]

    asyncio.run(main())


def test_each_outbox_waits_for_its_own_room() -> None:
    """A message for one box does not wait behind those for another that is full."""

    class Two(ThreadedComponent):
        outboxes = {"outbox": "much", "other": "little"}

        def main(self):
            for number in range(10):
                self.send(number)
            self.send("now", "other")
            self.recv(timeout=10.0)

    async def main() -> None:
        two, stuck, other = Two(), Small(), GeneratorSink()
        task = start(
            Graphline(
                {("T", "outbox"): ("S", "inbox"), ("T", "other"): ("O", "inbox")},
                T=two, S=stuck, O=other,
            )
        )
        await until(lambda: other.messages)
        assert len(stuck.inbox) == 2
        two.inbox.deliver("go on")
        stuck.open()
        await asyncio.wait_for(task, 10)
        assert stuck.messages == list(range(10))

    asyncio.run(main())


def test_what_was_sent_before_a_failure_is_delivered() -> None:
    """A thread that raises fails after what it had sent has arrived, however late there is room."""

    class Breaks(ThreadedComponent):
        def main(self):
            self.send_all(range(20))
            raise ValueError("no more")

    async def main() -> None:
        breaks, small = Breaks(), Small()
        link(breaks.outbox, small.inbox)
        tasks = [start(breaks), start(small)]
        await until(lambda: len(small.inbox) == 2)
        small.open()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert "ValueError: no more" in str(results[0])
        assert small.messages == list(range(20))
        assert small.inbox.failure is not None

    asyncio.run(main())


def test_waiting_to_deliver_sets_no_timer() -> None:
    """A thread that has ended and whose messages wait for room costs nothing until there is some."""

    async def main() -> None:
        source, small = ThreadSource(range(10)), Small()
        task = start(Pipeline(source, small))
        await until(lambda: len(small.inbox) == 2 and not source._strand.thread.is_alive())
        await asyncio.sleep(0.01)
        assert asyncio.get_running_loop()._scheduled == []
        small.open()
        await asyncio.wait_for(task, 10)

    asyncio.run(main())


def test_outgoing_bounds_what_is_on_its_way() -> None:
    """`outgoing` is how many messages a thread may have sent that no inbox has taken."""

    class Frugal(ThreadedComponent):
        outgoing = 1
        sent = 0

        def main(self):
            for number in range(50):
                self.send(number)
                self.sent += 1

    async def main() -> None:
        frugal, small = Frugal(), Small()
        task = start(Pipeline(frugal, small))
        await until(lambda: frugal.sent == 3)
        await asyncio.sleep(0.02)
        assert frugal.sent == 3
        small.open()
        await asyncio.wait_for(task, 10)
        assert small.messages == list(range(50))

    asyncio.run(main())


def test_one_outbox_ends_after_what_was_sent_by_it() -> None:
    """`finish` in a thread waits until all that was sent before is delivered; the others go on."""

    class Two(ThreadedComponent):
        outboxes = {"outbox": "numbers", "video": "frames"}

        def main(self):
            self.send_all(range(30), "video")
            self.finish("video")
            self.send("late")

    video, sink = GeneratorSink(), GeneratorSink()
    run(
        Graphline(
            {("T", "video"): ("V", "inbox"), ("T", "outbox"): ("S", "inbox")},
            T=Two(), V=video, S=sink,
        )
    )
    assert video.messages == list(range(30))
    assert sink.messages == ["late"]


def test_threads_and_demand_keep_the_order() -> None:
    """Threads that send to a dealer who makes room as he deals neither double nor swap a message."""
    workers = [Small(), Small()]
    for worker in workers:
        worker.take = 10**9
    run(
        Graphline(
            {
                ("A", "outbox"): [("COPY", "inbox"), ("DEAL", "inbox")],
                ("DEAL", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"), ahead=1),
            },
            A=ThreadSource(range(500)), COPY=GeneratorSink(), DEAL=ThreadEcho(),
            B=workers[0], C=workers[1],
        )
    )
    assert sorted(workers[0].messages + workers[1].messages) == list(range(500))
    for worker in workers:
        assert worker.messages == sorted(worker.messages)


def test_fan_out_from_a_thread_neither_doubles_nor_swaps() -> None:
    """A thread that feeds a dealer and a slow reader at once sends each message once to both."""

    class Trickle(Sleeper):
        bounds = {"inbox": 1}

    class Direct(ThreadSource):
        pass

    async def main() -> None:
        source, slow, quick = Direct(range(300)), Trickle(), GeneratorSink()
        graph = Graphline(
            {("A", "outbox"): [("S", "inbox"), ("D", "inbox")],
             ("D", "outbox"): ByDemand(("Q", "inbox"), ahead=1)},
            A=source, S=slow, D=GeneratorEcho(), Q=quick,
        )
        task = start(graph)
        while not task.done():
            slow.open(1)
            await asyncio.sleep(0)
        await task
        assert slow.messages == quick.messages == list(range(300))

    asyncio.run(asyncio.wait_for(main(), 20))


def test_sending_on_makes_room_for_more_of_the_same() -> None:
    """When a message sent on makes room at once, the next one waits until it has gone to all."""
    echo, worker, slow = ThreadEcho(), Idler(), Idler()
    slow.inbox.bound = 1
    dealer = Dealer("dealer", 1, ahead=100)
    link(dealer.outboxes[0], worker.inbox)
    link(echo.outbox, dealer.inbox, fanout="all")
    link(echo.outbox, slow.inbox, fanout="all")
    got = []
    echo.outbox.outgoing.extend(range(4))
    echo._strand.room_again()
    for _ in range(4):
        got.append(slow.recv())
        slow.inbox.took()
    assert got == list(worker.inbox) == [0, 1, 2, 3]


def test_control_ends_one_that_waits_for_room() -> None:
    """A thread that waits to send is let go by what comes on control, and can end by it."""

    class Stubborn(ThreadedComponent):
        outgoing = 1

        def main(self):
            while not self.stopping():
                self.send("more")

    async def main() -> None:
        stubborn, stuck = Stubborn(), Small()
        link(stubborn.outbox, stuck.inbox)
        task = start(stubborn)
        await until(lambda: len(stuck.inbox) == 2 and len(stubborn.outbox.outgoing) == 1)
        await until(lambda: stubborn._strand._idle)
        stubborn.control.deliver(Shutdown("enough"))
        await until(lambda: not stubborn._strand.thread.is_alive())
        other = start(stuck)
        stuck.open()
        await asyncio.wait_for(asyncio.gather(task, other), 10)
        assert len(stuck.messages) == 4

    asyncio.run(main())


def test_stop_is_raised_in_the_thread() -> None:
    """A stop from outside reaches the thread as Ended, at the next thing it asks; nobody else."""
    raised: list[str] = []

    class Busy(ThreadedComponent):
        def main(self):
            try:
                while True:
                    self.pause(0.001)
                    self.send("x")
            except Ended as error:
                raised.append(str(error))
                raise

    async def main() -> None:
        busy, sink = Busy(), GeneratorSink()
        link(busy.outbox, sink.inbox)
        tasks = [start(busy), start(sink)]
        await until(lambda: sink.messages)
        busy.stop()
        assert busy.state == "ended"
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        await until(lambda: not busy._strand.thread.is_alive())
        assert raised == ["Busy was stopped"]

    asyncio.run(main())


def test_stop_of_oneself() -> None:
    """A thread may stop itself: the next thing it asks raises Ended, and nothing more is sent."""
    after: list[str] = []

    class Quits(ThreadedComponent):
        def main(self):
            self.send("before")
            self._strand.wait_until_sent_on(self.outbox)
            self.stop()
            after.append(self.state)
            self.send("after")

    quits, sink = Quits(), GeneratorSink()
    run(Pipeline(quits, sink))
    quits._strand.thread.join(10)
    assert sink.messages == ["before"]
    assert after == ["ended"]


def test_stop_of_another_from_a_thread() -> None:
    """A thread may stop any other component; that happens in the loop, between two turns."""

    class Killer(ThreadedComponent):
        def __init__(self, victim: Any) -> None:
            self.victim = victim

        def main(self):
            self.victim.stop()
            assert self.victim.state == "ended"

    victim = Idler()
    run(Graphline(V=victim, K=Killer(victim)))


def test_what_a_stopped_thread_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A thread that raises something else after it was stopped is not swallowed."""

    class Clumsy(ThreadedComponent):
        def main(self):
            try:
                while True:
                    self.pause(0.001)
            finally:
                raise ValueError("cannot close")

    async def main() -> None:
        clumsy = Clumsy()
        task = start(clumsy)
        await until(lambda: clumsy.state == "asleep")
        clumsy.stop()
        await task
        await until(lambda: "cannot close" in caplog.text)

    with caplog.at_level(logging.ERROR, "kamesh"):
        asyncio.run(main())
    assert "Clumsy was stopped, and then raised" in caplog.text


def test_a_thread_that_never_asks_is_left_behind() -> None:
    """A thread that never asks anything of kamesh does not keep a run from ending."""
    free = threading.Event()

    class Deaf(ThreadedComponent):
        def main(self):
            free.wait(20)

    async def main() -> None:
        deaf = Deaf()
        task = start(deaf)
        await until(lambda: deaf.state == "asleep")
        deaf.stop()
        await asyncio.wait_for(task, 10)
        assert deaf._strand.thread.is_alive()
        assert deaf._strand.thread.daemon

    asyncio.run(main())
    free.set()


def test_a_thread_that_outlives_its_loop() -> None:
    """A thread that comes back when its event loop is gone gets Ended, and no traceback."""
    free, results = threading.Event(), []

    class Late(ThreadedComponent):
        def main(self):
            free.wait(20)
            for call in (lambda: self.send("x"), self.recv, self.pause, self.add_outbox):
                try:
                    call("x") if call == self.add_outbox else call()
                except Ended:
                    results.append("Ended")

    async def main() -> None:
        late = Late()
        task = start(late)
        await until(lambda: late.state == "asleep")
        await end(task)
        threads.append(late._strand.thread)

    threads: list[threading.Thread] = []
    asyncio.run(main())
    free.set()
    threads[0].join(10)
    assert results == ["Ended"] * 4


def test_mistakes_in_the_loop_come_back() -> None:
    """A linkage that is refused is refused to the thread that asked for it."""

    class Wrong(ThreadedComponent):
        def main(self):
            with pytest.raises(LinkageRefused, match="has no named parts"):
                self.link(("", "outbox"), ("NOBODY", "inbox"))

    run(Wrong())


def test_waits_end_with_the_stream() -> None:
    """`recv(timeout=None)` waits for a message or the end of the stream."""

    class Waits(ThreadedComponent):
        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while True:
                try:
                    self.messages.append(self.recv(timeout=None))
                except EmptyInbox:
                    return

    waits = Waits()
    run(Pipeline(GeneratorSource(range(300)), waits))
    assert waits.messages == list(range(300))


def test_acknowledged_when_the_next_is_asked_for() -> None:
    """A message counts as consumed when the thread comes back for the next, not when it takes it."""
    heard: list[int] = []
    at_work, go_on = threading.Event(), threading.Event()

    class Careful(ThreadedComponent):
        def main(self):
            for _ in self.inbox:
                at_work.set()
                go_on.wait(10)

    async def main() -> None:
        careful = Careful()
        careful.inbox.hearers += (heard.append,)
        careful.inbox.deliver(1)
        careful.inbox.deliver(2)
        task = start(careful)
        await until(at_work.is_set)
        careful.control.deliver("a word meanwhile")
        assert careful.recv("control") == "a word meanwhile"
        await asyncio.sleep(0.01)
        assert set(heard) <= {0}
        go_on.set()
        await until(lambda: heard and heard[-1] == 2)
        assert heard == sorted(heard)
        await end(task)

    asyncio.run(main())


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_exit_in_a_thread_ends_the_program(error: BaseException) -> None:
    """`sys.exit()` in a thread of ours ends the run, with its code, as it does anywhere else."""

    class Leaves(ThreadedComponent):
        def main(self):
            raise error

    idler = Idler()
    with pytest.raises(type(error)) as caught:
        Graphline(L=Leaves(), I=idler).run()
    assert caught.value is error
    assert idler.state == "ended"


def test_a_failure_names_its_line() -> None:
    """What a thread raises is told with its own line."""

    class Bad(ThreadedComponent):
        def main(self):
            for message in self.inbox:
                self.send(1 / message)

    with pytest.raises(ComponentFailed) as caught:
        run(Pipeline(GeneratorSource([1, 0]), Bad(), GeneratorSink()))
    assert (caught.value.failure.text, caught.value.failure.file) == (
        "self.send(1 / message)", __file__
    )
