"""Strands: turns, pauses, blocking, ends; and that the accounts are right whoever ends whom when."""

import asyncio
import gc
import logging
import threading
import weakref
from time import monotonic
from typing import Any

import pytest
from component_kit import (
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    end,
    idle,
    run,
    runtime,
    scene,
    start,
)

from kamesh import (
    Chassis,
    Component,
    ComponentFailed,
    Graphline,
    Pipeline,
    ProducerFinished,
    Shutdown,
    ThreadedComponent,
    WaitComplete,
)
from kamesh.errors import BadYield, Ended, NotSuitable
from kamesh.inbox import Inbox
from kamesh.wiring import link


def accounts(component: Component) -> tuple[int, int, int, int]:
    """Give what has arrived at `inbox`, been taken, waits, and was dropped."""
    figures = component.inbox.statistics()
    return figures.arrived, figures.taken, figures.level, figures.dropped


# -- pauses


def test_a_pause_sleeps_until_something_arrives() -> None:
    """`pause()` without a limit ends with a message, and with nothing else."""

    async def main() -> None:
        idler = Idler()
        task = start(idler)
        await idle(10**6)
        assert idler.turns == 1
        idler.inbox.deliver("x")
        await idle()
        assert idler.turns == 2
        await end(task)

    scene(main())


def test_a_pause_with_a_limit() -> None:
    """`pause(5)` lasts 5 seconds; a message ends it earlier, and the old limit is void then."""

    class Clocked(Component):
        def __init__(self) -> None:
            self.times: list[float] = []

        def main(self):
            while not self.stopping():
                list(self.inbox)
                self.times.append(self.now())
                yield self.pause(5 if len(self.times) < 4 else None)

    async def main() -> None:
        clocked = Clocked()
        task = start(clocked)
        await idle(7)
        clocked.inbox.deliver("x")
        await idle(100)
        assert clocked.times == [0, 5, 7, 12]
        await end(task)

    scene(main())


def test_a_pause_takes_back_the_limit_of_the_one_before() -> None:
    """A pause without a limit is not cut short by the limit of an earlier pause."""

    class Twice(Component):
        turns = 0

        def main(self):
            self.turns += 1
            list(self.inbox)
            yield self.pause(5)
            while not self.stopping():
                self.turns += 1
                self.recv() if self.data_ready() else None
                yield self.pause(5) if self.data_ready() else self.pause()

    async def main() -> None:
        twice = Twice()
        task = start(twice)
        await idle(1)
        for message in "abc":
            twice.inbox.deliver(message)
        await idle(1)
        turns = twice.turns
        await idle(100)
        assert twice.turns == turns
        assert asyncio.get_running_loop()._scheduled == []
        await end(task)

    scene(main())


@pytest.mark.parametrize("elsewhere", [False, True])
def test_wake_ends_a_pause(elsewhere: bool) -> None:
    """`wake()` ends a pause, once, from the event loop and from any thread; what was sent is heard of."""

    class Called(Component):
        turns = 0

        def main(self):
            while not self.stopping():
                self.turns += 1
                yield self.pause()

    async def main() -> None:
        called, sink = Called(), GeneratorSink()
        link(called.outbox, sink.inbox)
        called.wake()  # has not begun: nothing to wake
        tasks = [start(called), start(sink)]
        await idle()
        turns = called.turns

        def call_back() -> None:
            called.send("news")
            called.wake()

        if elsewhere:
            called.send("news")
            thread = threading.Thread(target=called.wake)
            thread.start()
            thread.join()
        else:
            call_back()
        await idle()
        assert called.turns == turns + 1
        assert sink.messages == ["news"]
        await end(*tasks)
        called.wake()  # has ended: nothing happens

    scene(main())


def test_wake_does_not_run_one_that_has_no_room() -> None:
    """A component that is blocked stays so, and is run when there is room."""

    class Called(Component):
        turns = 0

        def main(self):
            while not self.stopping():
                self.turns += 1
                if self.turns < 3:
                    self.send(self.turns)
                yield self.pause()

    class Full(Idler):
        bounds = {"inbox": 1}

    async def main() -> None:
        called, full = Called(), Full()
        link(called.outbox, full.inbox)
        tasks = [start(called), start(full)]
        await idle()
        assert (called.turns, called.state) == (1, "blocked")
        for _ in range(5):
            called.wake()
            await idle()
        assert called.turns == 1
        full.recv()
        full.inbox.took()
        await idle()
        assert called.turns == 2
        await end(*tasks)

    scene(main())


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_wake_ends_the_waiting_of_other_kinds(kind: str) -> None:
    """A coroutine's `wait()` and a thread's `pause()` end by `wake()`, or the next one does."""
    went_on = []

    class Coroutine(Component):
        async def main(self):
            for number in range(3):
                await self.wait()
                went_on.append(number)

    class Thread(ThreadedComponent):
        def main(self):
            for number in range(3):
                self.pause(20)
                went_on.append(number)

    async def main() -> None:
        waiting = {"async": Coroutine, "thread": Thread}[kind]()
        task = start(waiting)
        while waiting.state != "ended":
            await asyncio.sleep(0.01)
            waiting.wake()
        await task

    began = monotonic()
    asyncio.run(main())
    assert went_on == [0, 1, 2]
    assert monotonic() - began < 20


def test_a_bare_yield_goes_on() -> None:
    """`yield`, `yield 1` and `yield 0` ask to be run again at once."""

    class Busy(Component):
        def main(self):
            yield
            yield 1
            yield 0
            yield None
            assert self.now() == 0

    busy = Busy()
    scene(busy.run_async())
    assert busy.statistics().turns == 4


def test_one_message_a_wake_loses_no_wake() -> None:
    """Who takes one message and pauses is run again until nothing is left."""

    class OneAtATime(Component):
        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while not self.stopping():
                if self.data_ready():
                    self.messages.append(self.recv())
                yield self.pause()

    reader = OneAtATime()
    scene(Pipeline(GeneratorSource(range(3000)), GeneratorEcho(), reader).run_async())
    assert reader.messages == list(range(3000))


def test_one_message_of_either_of_two_boxes_a_wake() -> None:
    """The same with two inboxes of which it takes one message in all."""

    class Either(Component):
        inboxes = {"inbox": "a", "other": "b"}

        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while not self.stopping():
                for name in ("inbox", "other"):
                    if self.data_ready(name):
                        self.messages.append(self.recv(name))
                        break
                yield self.pause()

    either = Either()
    scene(
        Graphline(
            {("A", "outbox"): ("E", "inbox"), ("B", "outbox"): ("E", "other")},
            A=GeneratorSource(range(100)), B=GeneratorSource(range(100, 200)), E=either,
        ).run_async()
    )
    assert sorted(either.messages) == list(range(200))


def test_a_yield_between_taking_and_pausing() -> None:
    """Who takes one message, yields, and then pauses is run again for those that it left."""

    class Unhurried(Component):
        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while not self.stopping():
                if self.data_ready():
                    self.messages.append(self.recv())
                    yield
                yield self.pause()

    reader = Unhurried()
    scene(Pipeline(GeneratorSource(range(100)), reader).run_async())
    assert reader.messages == list(range(100))


def test_what_comes_during_a_for_that_yields() -> None:
    """What arrives, or ends, while a `for` with a `yield` in it goes on is not slept on."""

    class Unhurried(Component):
        inboxes = {"inbox": "one", "other": "two"}

        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while not self.stopping():
                for box in (self.inbox, self.other):
                    for message in box:
                        self.messages.append(message)
                        yield
                yield self.pause()

    reader = Unhurried()
    scene(
        Graphline(
            {("A", "outbox"): ("R", "inbox"), ("B", "outbox"): ("R", "other")},
            A=GeneratorSource(range(50)), B=GeneratorSource(range(50, 80)), R=reader,
        ).run_async()
    )
    assert sorted(reader.messages) == list(range(80))


def test_what_a_nested_generator_had_no_room_for() -> None:
    """What an inner generator could not take for want of room is not slept on by the outer one."""

    class Small(Sleeper):
        bounds = {"inbox": 1}

    class Outer(Component):
        def main(self):
            while not self.stopping():
                yield WaitComplete(self.some())
                yield WaitComplete(self.nothing())
                yield self.pause()

        def some(self):
            for message in self.inbox:
                self.send(message)
                yield self.pause(0.01)

        def nothing(self):
            if False:
                yield

    async def main() -> None:
        outer, small = Outer(), Small()
        for number in range(10):
            outer.inbox.deliver(number)
        link(outer.outbox, small.inbox)
        tasks = [start(outer), start(small)]
        for number in range(10):
            await idle()
            assert list(small.inbox.queue) == [number]
            small.open(1)
        await idle()
        assert small.messages == list(range(10))
        await end(*tasks)

    scene(main())


def test_a_pause_that_took_nothing_sleeps_though_something_waits() -> None:
    """Who leaves a message on purpose is not run again for it until something new arrives."""

    class Picky(Component):
        turns = 0

        def main(self):
            while not self.stopping():
                self.turns += 1
                if len(self.inbox) >= 3:
                    list(self.inbox)
                yield self.pause()

    async def main() -> None:
        picky = Picky()
        task = start(picky)
        await idle()
        for expected in (2, 3):
            picky.inbox.deliver("x")
            await idle(100)
            assert picky.turns == expected
        picky.inbox.deliver("x")
        await idle(100)
        assert accounts(picky) == (3, 3, 0, 0)
        await end(task)

    scene(main())


# -- blocked


def test_a_timer_does_not_run_one_that_is_blocked() -> None:
    """A component whose outbox is full is not run when its pause is over: its reader stays bounded."""

    class Ticker(Component):
        def main(self):
            while not self.stopping():
                self.send(self.now())
                yield self.pause(1)

    class Small(Sleeper):
        bounds = {"inbox": 3}

    async def main() -> None:
        ticker, small = Ticker(), Small()
        link(ticker.outbox, small.inbox)
        tasks = [start(ticker), start(small)]
        await idle(1000)
        assert list(small.inbox.queue) == [0, 1, 2]
        assert ticker.state == "blocked"
        small.open(1)
        await idle(0.5)
        assert list(small.inbox.queue) == [1, 2, 1000]
        await end(*tasks)

    scene(main())


def test_room_does_not_cut_a_pause_short() -> None:
    """A component that pauses and whose reader is quick keeps to its pause, whatever the bound."""

    class Ticker(Component):
        def main(self):
            for _ in range(5):
                self.send(self.now())
                yield self.pause(10)

    class One(GeneratorSink):
        bounds = {"inbox": 1}

    one = One()
    scene(Pipeline(Ticker(), one).run_async())
    assert one.messages == [0, 10, 20, 30, 40]


def test_what_arrives_while_blocked_is_read_when_there_is_room() -> None:
    """A component that was blocked and paused is run, when there is room, for what came meanwhile."""

    class Small(Sleeper):
        bounds = {"inbox": 1}

    async def main() -> None:
        echo, small = GeneratorEcho(), Small()
        link(echo.outbox, small.inbox)
        tasks = [start(echo), start(small)]
        echo.inbox.deliver(1)
        await idle()
        assert echo.state == "blocked"
        echo.inbox.deliver(2)
        echo.inbox.deliver(3)
        await idle()
        small.open(1)
        await idle()
        assert list(small.inbox.queue) == [2]
        small.open()
        await idle()
        assert small.messages == [1, 2, 3]
        await end(*tasks)

    scene(main())


def test_what_it_had_no_room_for_is_read_when_there_is() -> None:
    """Messages that came in the very turn that filled the outbox are not forgotten."""

    class Small(Sleeper):
        bounds = {"inbox": 2}

    async def main() -> None:
        source, echo, small = GeneratorSource(range(100)), GeneratorEcho(), Small()
        echo.inbox.bound = 2
        task = start(Pipeline(source, echo, small))
        for _ in range(100):
            await idle()
            small.open(1)
        await task
        assert small.messages == list(range(100))

    scene(main())


def test_a_blocked_component_reads_control_of_its_own() -> None:
    """Its own messages on control reach it in a `for`, one by one or all, while it is blocked."""

    class Small(Sleeper):
        bounds = {"inbox": 1}

    class Tuned(Component):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def main(self):
            while True:
                for message in self.control:
                    self.heard.append(message)
                    break
                for message in self.inbox:
                    self.send(message)
                yield self.pause()

    async def main() -> None:
        tuned, small = Tuned(), Small()
        link(tuned.outbox, small.inbox)
        tasks = [start(tuned), start(small)]
        for number in range(3):
            tuned.inbox.deliver(number)
        await idle()
        assert tuned.state == "blocked"
        for number in range(5):
            tuned.control.deliver(number)
        await idle()
        assert tuned.heard == [0, 1, 2, 3, 4]
        assert len(small.inbox) == 1
        await end(*tasks)

    scene(main())


# -- the end


def test_finish_is_heard_with_the_last_message() -> None:
    """ProducerFinished that is read before the last message is taken is obeyed after it."""

    async def main() -> None:
        echo, sink = GeneratorEcho(), GeneratorSink()
        link(echo.outbox, sink.inbox)
        task, other = start(echo), start(sink)
        await idle()
        echo.inbox.deliver("last")
        echo.control.deliver(ProducerFinished())
        await task
        await other
        assert sink.messages == ["last"]

    scene(main())


def test_at_end_is_no_order_while_others_feed() -> None:
    """That one of two feeders has ended does not end who is still fed by the other."""

    async def main() -> None:
        first, second, sink = GeneratorSource("ab"), Idler(), GeneratorSink()
        link(first.outbox, sink.inbox)
        link(first.signal, sink.control)
        link(second.outbox, sink.inbox)
        link(second.signal, sink.control)
        tasks = [start(each) for each in (first, second, sink)]
        await idle()
        assert (first.state, sink.state) == ("ended", "asleep")
        second.control.deliver(Shutdown("enough"))
        await asyncio.gather(*tasks)
        assert sink.messages == ["a", "b"]

    scene(main())


def test_at_end_ends_who_is_fed_by_nobody() -> None:
    """Who is only linked by control ends when the one that signals to it does."""

    async def main() -> None:
        first, second = GeneratorSource(""), Idler()
        link(first.signal, second.control)
        await asyncio.gather(start(second), start(first))

    scene(main())


def test_a_failure_on_control_ends_who_is_fed_by_nobody() -> None:
    """Who is only linked by control ends when the one that signals to it fails."""

    class Bad(Component):
        def main(self):
            yield
            raise ValueError("no")

    async def main() -> None:
        bad, second = Bad(), Idler()
        link(bad.signal, second.control)
        results = await asyncio.gather(start(second), start(bad), return_exceptions=True)
        assert results[0] is None

    scene(main())


def test_finished_is_said_once() -> None:
    """An end is signalled by kamesh only if nothing has been signalled, and only once."""

    class Speaks(Component):
        def main(self):
            self.send("my own words", "signal")
            yield

    async def main(component: Component) -> list[Any]:
        hearer = GeneratorSink()
        link(component.signal, hearer.inbox)
        await asyncio.gather(start(component), start(hearer))
        return hearer.messages

    assert scene(main(Speaks())) == ["my own words"]
    assert scene(main(GeneratorSource("x"))) == [ProducerFinished("GeneratorSource", at_end=True)]
    nested = Pipeline(Pipeline(GeneratorSource("x")))
    assert scene(main(nested)) == [ProducerFinished("Pipeline/Pipeline/GeneratorSource", at_end=True)]


def test_a_component_that_ignores_control_ends_with_its_stream() -> None:
    """Who never looks at control is not disturbed by it, and nothing waits for it to look."""

    class Deaf(Component):
        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while not self.inbox.ended:
                self.messages.extend(self.inbox)
                yield self.pause()

    async def main() -> None:
        deaf, source = Deaf(), Sleeper()
        link(source.outbox, deaf.inbox)
        tasks = [start(deaf), start(source)]
        for _ in range(10):
            deaf.control.deliver(Shutdown())
        await idle()
        assert deaf.state == "asleep"
        source.control.deliver(Shutdown())
        await asyncio.gather(*tasks)
        assert deaf.control.dropped == 10

    scene(main())


@pytest.mark.parametrize("bad", ["text", 1.5, (1,), True, ["box"]])
def test_a_bad_yield(bad: object) -> None:
    """A yield of something that is no request is refused, with the user's own file and line."""

    class Bad(Component):
        def main(self):
            try:
                yield
                yield bad
            finally:
                closed.append(True)

    closed: list[bool] = []
    with pytest.raises(ComponentFailed, match=r"Bad yielded .* only `self.pause\(\)`") as caught:
        scene(Bad().run_async())
    failure = caught.value.failure
    assert (failure.file, failure.text) == (__file__, "yield bad")
    assert isinstance(caught.value.__cause__, BadYield)
    assert closed == [True]


@pytest.mark.parametrize("bad", ["text", 5, object])
def test_a_main_that_returns_something(bad: object) -> None:
    """A `main` that is neither a generator nor done is refused, with what to write instead."""

    class Bad(Component):
        def main(self):
            return bad

    with pytest.raises(ComponentFailed, match="write it as a generator"):
        scene(Bad().run_async())


def test_an_async_generator_is_refused() -> None:
    """`async def main` with a `yield` in it is refused too."""

    class Bad(Component):
        async def main(self):
            yield 1

    with pytest.raises(ComponentFailed, match=r"returned <async_generator.*as `async def`"):
        scene(Bad().run_async())


def test_a_main_without_a_yield() -> None:
    """A `main` that is a plain function runs once, whole; what it sent arrives."""

    class Once(Component):
        def main(self):
            self.send_all(range(3000))

    once, sink = Once(), GeneratorSink()
    scene(Pipeline(once, sink).run_async())
    assert sink.messages == list(range(3000))
    assert accounts(sink) == (3000, 3000, 0, 0)


def test_a_main_that_raises_at_once() -> None:
    """A plain `main` that raises fails its component, like any other."""

    class Once(Component):
        def main(self):
            self.send("before")
            raise ValueError("no")

    sink = GeneratorSink()
    with pytest.raises(ComponentFailed, match="ValueError: no"):
        scene(Pipeline(Once(), sink).run_async())
    assert sink.messages == ["before"]
    assert sink.inbox.failure is not None


def test_a_wrapped_generator_is_a_generator() -> None:
    """A `main` behind a decorator that gives a generator is run as one."""

    def loud(main: Any) -> Any:
        def wrapper(self: Component) -> Any:
            self.send("loud")
            return main(self)

        return wrapper

    class Wrapped(Component):
        @loud
        def main(self):
            for number in range(3):
                self.send(number)
                yield self.pause(1)

    sink = GeneratorSink()
    scene(Pipeline(Wrapped(), sink).run_async())
    assert sink.messages == ["loud", 0, 1, 2]


# -- nested generators


def test_what_a_nested_generator_returns_and_raises() -> None:
    """`x = yield WaitComplete(g)` gives what g returned; what g raised is raised there."""

    class Nested(Component):
        def main(self):
            value = yield WaitComplete(self.inner(3))
            self.send(value)
            try:
                yield WaitComplete(self.outer())
            except ValueError as error:
                self.send(str(error))
            yield WaitComplete(self.inner(4))
            self.send((yield WaitComplete(self.empty())))

        def outer(self):
            try:
                yield WaitComplete(self.broken())
            finally:
                self.send("outer was left")

        def inner(self, number: int):
            yield self.pause(1)
            return number * 2

        def broken(self):
            yield
            raise ValueError("no")

        def empty(self):
            return "at once"
            yield

    sink = GeneratorSink()
    scene(Pipeline(Nested(), sink).run_async())
    assert sink.messages == [6, "outer was left", "no", "at once"]


def test_a_nested_failure_names_its_line() -> None:
    """What nobody catches fails the component, with the line of the innermost generator."""

    class Nested(Component):
        def main(self):
            yield WaitComplete(self.outer())

        def outer(self):
            yield WaitComplete(self.inner())

        def inner(self):
            yield
            raise KeyError("deep down")

    with pytest.raises(ComponentFailed) as caught:
        scene(Nested().run_async())
    assert caught.value.failure.text == 'raise KeyError("deep down")'
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_bad_yield_of_a_nested_generator() -> None:
    """A bad yield is blamed on the generator that made it."""

    class Nested(Component):
        def main(self):
            yield WaitComplete(self.inner())

        def inner(self):
            yield "what"

    with pytest.raises(ComponentFailed) as caught:
        scene(Nested().run_async())
    assert caught.value.failure.text == 'yield "what"'


@pytest.mark.parametrize("bad", [None, 3, len])
def test_waiting_for_no_generator(bad: object) -> None:
    """WaitComplete takes a generator, and says so."""
    with pytest.raises(NotSuitable, match="it takes a generator"):
        WaitComplete(bad)  # type: ignore[arg-type]


def test_stop_closes_nested_generators_from_the_inside() -> None:
    """A component that is stopped runs its `finally` at once, the innermost first."""
    left: list[str] = []

    class Nested(Component):
        def main(self):
            try:
                yield WaitComplete(self.inner())
            finally:
                left.append("main")

        def inner(self):
            try:
                while True:
                    yield self.pause()
            finally:
                left.append("inner")

    async def main() -> None:
        nested = Nested()
        task = start(nested)
        await idle()
        nested.stop()
        assert left == ["inner", "main"]
        await task

    scene(main())


# -- stopped


def test_stop_from_another_turn_keeps_all_accounts() -> None:
    """A component stopped in the middle of another's turn: the other's figures and wakes are right."""

    class Killer(Component):
        """Takes from its inbox, sends to the victim, and stops it, all in one turn."""

        bounds = {"inbox": 2}

        def __init__(self, victim: Component) -> None:
            self.victim = victim
            self.messages: list[Any] = []

        def main(self):
            while not self.stopping():
                self.messages.extend(self.inbox)
                if len(self.messages) >= 4 and self.victim.state != "ended":
                    self.send("one")
                    self.send("two")
                    self.victim.stop()
                    self.send("three")
                yield self.pause()

    class Victim(Component):
        """Sends its last words to its killer when it is closed."""

        def main(self):
            try:
                while True:
                    yield self.pause()
            finally:
                self.send("last words")

    async def main() -> None:
        victim, source = Victim(), GeneratorSource(range(40))
        killer = Killer(victim)
        link(source.outbox, killer.inbox)
        link(victim.outbox, killer.inbox)
        link(killer.outbox, victim.inbox)
        tasks = [start(each) for each in (victim, killer, source)]
        await asyncio.gather(*tasks)
        assert [m for m in killer.messages if m != "last words"] == list(range(40))
        assert killer.messages.count("last words") == 1
        assert accounts(killer) == (41, 41, 0, 0)
        assert accounts(victim) == (2, 0, 0, 3)
        assert killer.outbox.sent == 3

    scene(main())


def test_stop_of_oneself_ends_at_the_next_yield() -> None:
    """A component may stop itself: what it sent in that turn arrives, and it is not run again."""

    class Quits(Component):
        def main(self):
            try:
                self.send("before")
                self.stop()
                self.send("after")
                yield
                self.send("never")
            finally:
                self.send("finally")

    quits, sink = Quits(), GeneratorSink()
    scene(Pipeline(quits, sink).run_async())
    assert sink.messages == ["before", "after", "finally"]
    assert accounts(sink) == (3, 3, 0, 0)
    assert quits.state == "ended"
    assert quits.failure is None


def test_stop_of_oneself_and_then_an_error() -> None:
    """What a component raises after it has stopped itself is still told."""

    class Quits(Component):
        def main(self):
            self.stop()
            raise ValueError("on the way out")
            yield

    with pytest.raises(ComponentFailed, match="on the way out"):
        scene(Quits().run_async())


def test_an_error_in_finally_is_told() -> None:
    """A component that raises while it is being stopped has failed."""

    class Clumsy(Component):
        def main(self):
            try:
                while True:
                    yield self.pause()
            finally:
                raise OSError("cannot close")

    async def main() -> None:
        clumsy = Clumsy()
        task = start(clumsy)
        await idle()
        clumsy.stop()
        with pytest.raises(ComponentFailed, match="OSError: cannot close"):
            await task

    scene(main())


def test_stopping_twice_and_before_the_start() -> None:
    """To stop what has ended does nothing; what is stopped before its start never runs."""

    async def main() -> None:
        one, two = Idler(), Idler()
        link(one.outbox, two.inbox)
        one.stop()
        one.stop()
        assert (one.state, one.turns) == ("ended", 0)
        await start(two)
        with pytest.raises(Ended, match="Idler is ended: a component runs once"):
            await start(one)

    scene(main())


def test_a_part_that_is_stopped_before_its_start() -> None:
    """A chassis does not wait for a part that was stopped before it began."""
    parts = [Idler(), GeneratorSource("ab"), GeneratorSink()]
    graph = Chassis()
    for part in parts:
        graph.add(part)
    graph.link((parts[1], "outbox"), (parts[2], "inbox"))
    parts[0].stop()
    scene(graph.run_async())
    assert parts[2].messages == ["a", "b"]


def test_fail_from_outside() -> None:
    """A strand can be failed from outside: its streams break with that failure."""

    async def main() -> None:
        idler, sink = Idler(), GeneratorSink()
        link(idler.outbox, sink.inbox)
        task, other = start(idler), start(sink)
        await idle()
        idler._strand.fail(ValueError("cannot travel"))
        with pytest.raises(ComponentFailed, match="cannot travel"):
            await task
        await other
        assert sink.inbox.failure.message == "cannot travel"

    scene(main())


def test_a_component_runs_once() -> None:
    """To run a component twice, at once or again, is refused; so is to run a part by itself."""

    async def main() -> None:
        idler = Idler()
        task = start(idler)
        await idle()
        with pytest.raises(Ended, match="Idler is asleep: a component runs once"):
            await idler.run_async()
        await end(task)
        with pytest.raises(Ended, match="Idler is ended"):
            await idler.run_async()
        part = Idler()
        Pipeline(part)
        with pytest.raises(NotSuitable, match="is a part of Pipeline: run that"):
            await part.run_async()

    scene(main())


# -- what is left behind


def test_an_ended_component_leaves_no_reference() -> None:
    """When a component has ended and nobody holds it, it is gone, with its boxes and its strand."""

    async def main() -> None:
        remains = []
        for make in (lambda: GeneratorSource("abc"), Idler, Sleeper):
            component = make()
            task = start(component)
            await idle()
            component.stop()
            await task
            remains += [weakref.ref(component), weakref.ref(task)]
            del component, task
        await idle()
        gc.collect()
        assert [one() for one in remains] == [None] * 6
        assert runtime().running == {}

    scene(main())


def test_an_ended_component_holds_nobody() -> None:
    """A component that has ended, and is kept, keeps alive none of those it had linked."""

    class Patch(Component):
        def __init__(self, other: Component) -> None:
            self.link(("", "outbox"), (other, "inbox"))

        def main(self):
            yield

    async def main() -> None:
        other = Idler()
        gone = weakref.ref(other)
        patch, task = Patch(other), start(other)
        await idle()
        await start(patch)
        await end(task)
        del other, task
        gc.collect()
        assert gone() is None
        assert patch.state == "ended"

    scene(main())


def test_a_failed_component_leaves_no_reference() -> None:
    """The same after a failure, once its exception is forgotten."""

    class Bad(Component):
        def main(self):
            yield
            raise ValueError("no")

    async def main() -> None:
        bad = Bad()
        gone = weakref.ref(bad)
        task = start(bad)
        del bad
        await asyncio.wait([task])
        assert isinstance(task.exception(), ComponentFailed)
        del task
        gc.collect()
        assert gone() is None

    scene(main())


def test_deaths_while_all_runs_keep_the_rest_right(caplog: pytest.LogCaptureFixture) -> None:
    """A chain whose middle fails ends on both sides, and every message is accounted for."""
    caplog.set_level(logging.CRITICAL)

    class Fragile(Component):
        def main(self):
            while not self.stopping():
                for message in self.inbox:
                    assert message != 77
                    self.send(message)
                yield self.pause()

    source, fragile, sink = GeneratorSource(range(5000)), Fragile(), GeneratorSink()
    with pytest.raises(ComponentFailed, match="AssertionError"):
        run(Pipeline(source, fragile, sink))
    assert sink.messages == list(range(77))
    assert accounts(sink) == (77, 77, 0, 0)
    figures = fragile.inbox.statistics()
    assert source.outbox.sent == figures.taken + figures.dropped
    assert figures.level == 0


class Draining:
    """An owner that takes turns and takes what arrives at once, as a connection does."""

    path = "draining"
    in_turns = True

    def __init__(self) -> None:
        """Have one small inbox."""
        self.inbox = Inbox("inbox", self, bound=4)
        self.taken: list[Any] = []

    def arrived(self, inbox: Inbox) -> None:
        """Take all of it."""
        self.taken += inbox.queue
        inbox.queue.clear()
        inbox.took()

    def room_again(self) -> None:
        """Need no room."""

    def rewired(self) -> None:
        """Have no outbox."""

    def room(self) -> int:
        """Send nothing."""
        return 0


def test_what_is_taken_while_a_turn_is_settled_leaves_room() -> None:
    """A reader that empties its inbox as soon as it hears of it never blocks the writer."""

    async def main() -> None:
        source, sink = GeneratorSource(range(100)), Draining()
        source.main = lambda: bursts(source)  # type: ignore[method-assign]
        link(source.outbox, sink.inbox)
        await asyncio.wait_for(source.run_async(), 1)
        assert sink.taken == list(range(100))
        assert sink.inbox.statistics().taken == 100

    def bursts(source: GeneratorSource) -> Any:
        for first in range(0, 100, 10):
            for number in range(first, first + 10):
                source.send(number)
            yield

    scene(main())
