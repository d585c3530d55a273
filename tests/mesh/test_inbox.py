"""Inboxes: what they keep, what they count, when they have ended."""

import asyncio
from collections import deque

import pytest
from component_kit import AsyncEcho, GeneratorEcho, Idler, ThreadEcho, end, idle, scene, start

from kamesh import Component, EmptyInbox, Policy
from kamesh.errors import NotSuitable
from kamesh.inbox import _NOTHING
from kamesh.messages import Failure
from kamesh.wiring import link, unlink


def test_an_idle_inbox_has_no_queue_of_its_own() -> None:
    """Until something is linked or arrives an inbox shares one empty queue with all others."""
    one, two = Idler(), Idler()
    assert one.inbox.queue is two.inbox.queue is _NOTHING
    one.inbox.deliver("x")
    assert isinstance(one.inbox.queue, deque)
    assert one.inbox.queue is not _NOTHING
    assert len(two.inbox) == 0


def test_an_inbox_is_true() -> None:
    """`if self.inbox` asks whether there is an inbox, not whether it holds something."""
    assert Idler().inbox


def test_iterating_takes_what_is_there() -> None:
    """A `for` takes what has arrived, oldest first, and leaves nothing."""
    echo = GeneratorEcho()
    for number in range(5):
        echo.inbox.deliver(number)
    assert list(echo.inbox) == [0, 1, 2, 3, 4]
    assert list(echo.inbox) == []


def test_a_break_leaves_the_rest() -> None:
    """A `for` that is left early has taken what it was handed, and no more."""
    echo = GeneratorEcho()
    for number in range(5):
        echo.inbox.deliver(number)
    for number in echo.inbox:
        if number == 1:
            break
    assert list(echo.inbox.queue) == [2, 3, 4]
    assert echo.recv() == 2
    assert list(echo.inbox) == [3, 4]


def test_recv_within_a_for() -> None:
    """`recv` in the middle of a `for` takes the next one from it."""
    echo = GeneratorEcho()
    for number in range(6):
        echo.inbox.deliver(number)
    assert [(number, echo.recv()) for number in echo.inbox] == [(0, 1), (2, 3), (4, 5)]


def test_iterating_stops_at_the_room_there_is() -> None:
    """A `for` hands out no more than can be answered one for one."""

    class Narrow(Idler):
        bounds = {"inbox": 3}

    echo, narrow = GeneratorEcho(), Narrow()
    link(echo.outbox, narrow.inbox)
    for number in range(10):
        echo.inbox.deliver(number)
    assert list(echo.inbox) == [0, 1, 2]
    narrow.inbox.deliver("x")
    assert list(echo.inbox) == [3, 4]


def test_control_is_read_without_room() -> None:
    """`for` over control takes everything, though there is no room to answer."""

    class Narrow(Idler):
        bounds = {"inbox": 1}

    echo, narrow = GeneratorEcho(), Narrow()
    link(echo.outbox, narrow.inbox)
    narrow.inbox.deliver("full")
    for word in ("one", "two"):
        echo.inbox.deliver(word)
        echo.control.deliver(word)
    assert list(echo.inbox) == []
    assert list(echo.control) == ["one", "two"]


@pytest.mark.parametrize("kind", [GeneratorEcho, AsyncEcho, ThreadEcho])
def test_recv_of_nothing(kind: type[Component]) -> None:
    """To take from an empty inbox is refused, with its name."""
    with pytest.raises(EmptyInbox, match=r"Echo\.inbox"):
        kind().recv()


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_that_holds_nothing(bound: int) -> None:
    """A bound below 1 is refused: nothing could ever come through."""
    with pytest.raises(NotSuitable, match="a bound is 1 or more, or None"):
        Idler().inbox.bound = bound
    with pytest.raises(NotSuitable, match="1 or more"):
        type("Shut", (Idler,), {"bounds": {"inbox": bound}})
    with pytest.raises(NotSuitable, match="1 or more"):
        Idler().add_inbox("more", bound)


def test_async_for_is_for_coroutines() -> None:
    """`async for` in a component that is no coroutine is refused with the word to write."""
    with pytest.raises(NotSuitable, match="write `for` here"):
        Idler().inbox.__aiter__()


def test_ended() -> None:
    """An inbox has ended when something fed it, all of that has ended, and it is empty."""
    one, two, reader = Idler(), Idler(), Idler()
    assert not reader.inbox.ended
    link(one.outbox, reader.inbox)
    link(two.outbox, reader.inbox)
    reader.inbox.deliver("last")
    one.outbox.finish()
    assert not reader.inbox.ended
    two.outbox.finish()
    assert not reader.inbox.ended
    reader.recv()
    assert reader.inbox.ended


def test_unlinked_is_not_ended() -> None:
    """To be unlinked is not the end; when the others have ended it is the end of the rest."""
    one, two, reader = Idler(), Idler(), Idler()
    first = link(one.outbox, reader.inbox)
    unlink(first)
    assert not reader.inbox.ended
    first, second = link(one.outbox, reader.inbox), link(two.outbox, reader.inbox)
    one.outbox.finish()
    assert not reader.inbox.ended
    unlink(second)
    assert reader.inbox.ended
    unlink(first)


def test_an_unlinked_feeder_wakes_who_waits_for_the_end() -> None:
    """A reader that sleeps hears that the last living feeder of its inbox was unlinked."""

    async def main() -> None:
        one, two, reader = Idler(), Idler(), GeneratorEcho()
        link(one.outbox, reader.inbox)
        second = link(two.outbox, reader.inbox)
        task = start(reader)
        await idle()
        one.outbox.finish()
        await idle()
        assert reader.state == "asleep"
        unlink(second)
        await task
        assert reader.state == "ended"

    scene(main())


def test_a_feeder_that_comes_late() -> None:
    """A new feeder of an inbox whose others have ended keeps it open; one that has ended ends it."""

    async def main() -> None:
        one, two, three, reader = Idler(), Idler(), Idler(), GeneratorEcho()
        three.outbox.finish(Failure("Three", "ValueError", "no"))
        link(one.outbox, reader.inbox)
        one.outbox.finish()
        late = link(two.outbox, reader.inbox)
        assert not reader.inbox.ended
        task = start(reader)
        await idle()
        assert reader.state == "asleep"
        link(three.outbox, reader.inbox)
        await idle()
        assert reader.state == "asleep"
        unlink(late)
        await task
        assert reader.inbox.failure == Failure("Three", "ValueError", "no")

    scene(main())


def test_a_stream_linked_after_its_end_ends_its_reader() -> None:
    """A reader that sleeps hears the end of a stream that had ended before it was linked."""

    async def main() -> None:
        one, reader = Idler(), GeneratorEcho()
        one.outbox.finish()
        task = start(reader)
        await idle()
        assert reader.state == "asleep"
        link(one.outbox, reader.inbox)
        await task

    scene(main())


def test_closing_counts_what_is_unread() -> None:
    """What an ended component has not read counts as dropped, and so does what comes after."""

    async def main() -> None:
        idler = Idler()
        other = Idler()
        link(other.outbox, idler.inbox)
        task = start(idler)
        for number in range(3):
            idler.inbox.deliver(number)
        await idle()
        idler.stop()
        await task
        idler.inbox.deliver("late")
        other.send("later")
        figures = idler.inbox.statistics()
        assert (figures.arrived, figures.taken, figures.level, figures.dropped) == (3, 0, 0, 5)

    scene(main())


def test_a_for_over_a_queue_that_is_dropped_from() -> None:
    """A `for` under way when a policy drops from the queue goes on with what is left."""

    class Loop(Component):
        bounds = {"inbox": 4}

        def __init__(self) -> None:
            self.seen: list[int] = []

        def main(self):
            for number in self.inbox:
                self.seen.append(number)
                if number == 0:
                    self.send(10)
                yield
            self.seen.extend(self.inbox)
            yield self.pause()

    async def main(policy: Policy) -> tuple[list[int], Component]:
        loop = Loop()
        for number in range(4):
            loop.inbox.deliver(number)
        link(loop.outbox, loop.inbox, policy=policy)
        task = start(loop)
        await idle()
        await end(task)
        return loop.seen, loop

    seen, loop = scene(main(Policy.LATEST))
    assert (seen, loop.inbox.dropped) == ([0, 10], 3)
    seen, loop = scene(main(Policy.DROP_OLDEST))
    assert (seen, loop.inbox.dropped) == ([0, 1, 2, 3, 10], 0)


def test_emptied_in_the_middle_of_a_for() -> None:
    """An inbox that is linked onward during a `for` hands out nothing more here."""

    class Giver(Component):
        def __init__(self, other: Component) -> None:
            self.other = other
            self.seen: list[int] = []

        def main(self):
            for number in self.inbox:
                self.seen.append(number)
                if number == 1:
                    self.link(("", "inbox"), (self.other, "inbox"))
            yield self.pause()

    async def main() -> None:
        other = Idler()
        giver = Giver(other)
        for number in range(5):
            giver.inbox.deliver(number)
        tasks = [start(giver), start(other)]
        await idle()
        assert giver.seen == [0, 1]
        assert list(other.inbox.queue) == [2, 3, 4]
        assert (giver.inbox.taken, giver.inbox.level, giver.inbox.arrived) == (2, 0, 2)
        await end(*tasks)

    scene(main())


def test_hearers_are_told_what_is_consumed() -> None:
    """Who listens is told how many messages have left, once the reader is back from its turn."""

    async def main() -> None:
        heard: list[int] = []
        echo = GeneratorEcho()
        echo.inbox.hearers += (heard.append,)
        task = start(echo)
        for number in range(3):
            echo.inbox.deliver(number)
        await idle()
        echo.inbox.deliver("x")
        await idle()
        assert heard == [3, 4]
        await end(task)

    scene(main())


def test_a_reader_that_fails_has_consumed_nothing() -> None:
    """What a component took in the turn in which it raised does not count as consumed."""

    class Picky(Component):
        def main(self):
            while not self.stopping():
                for message in self.inbox:
                    assert message != "bad"
                yield self.pause()

    async def main() -> None:
        heard: list[int] = []
        picky = Picky()
        picky.inbox.hearers += (heard.append,)
        picky.inbox.deliver("good")
        task = start(picky)
        await idle()
        picky.inbox.deliver("good")
        picky.inbox.deliver("bad")
        await asyncio.gather(task, return_exceptions=True)
        assert heard == [1]

    scene(main())
