"""Capacity: behaviours 17 to 24. A full box is not an error of the sender: the sender is not run (17)."""

import asyncio

import pytest
from component_kit import (
    IN_THE_LOOP,
    KINDS,
    SOURCES,
    GeneratorSource,
    Idler,
    Sleeper,
    end,
    idle,
    run,
    scene,
    start,
    until,
)

from kamesh import Component, Graphline, Pipeline, ThreadedComponent
from kamesh.threadstrand import OUTGOING
from kamesh.wiring import link, unlink


class Small(Sleeper):
    """A sleeper that holds three messages."""

    bounds = {"inbox": 3}


@pytest.mark.parametrize("kind", IN_THE_LOOP)
def test_17_a_box_of_n_holds_n(kind: str) -> None:
    """A box of size n takes n; who sends more is not run until there is room, and it shows."""

    async def main() -> None:
        source, small = SOURCES[kind](range(10)), Small()
        task = start(Pipeline(source, small))
        await idle()
        figures = small.inbox.statistics()
        assert (figures.level, figures.bound, figures.arrived) == (3, 3, 3)
        assert source.state == ("blocked" if kind == "generator" else "asleep")
        small.open()
        await task
        assert small.messages == list(range(10))

    scene(main())


@pytest.mark.parametrize("kind", IN_THE_LOOP)
def test_18_taking_k_frees_k(kind: str) -> None:
    """When k messages are taken, exactly k more come in."""

    async def main() -> None:
        small = Small()
        task = start(Pipeline(SOURCES[kind](range(20)), small))
        await idle()
        for taken in (1, 2, 3):
            before = small.inbox.arrived
            small.open(taken)
            await idle()
            assert small.inbox.arrived - before == taken
            assert len(small.inbox) == 3
        small.open()
        await task

    scene(main())


def test_19_limits_in_mid_chain() -> None:
    """The limit of a box in mid-chain has no effect until that box is the end of the chain."""

    async def main() -> None:
        source, middle, last = GeneratorSource(range(20)), Small(), Sleeper()
        link(source.outbox, middle.inbox)
        onward = link(middle.inbox, last.inbox)
        tasks = [start(one) for one in (source, middle, last)]
        await idle()
        assert len(last.inbox) == 20
        await end(*tasks)

        source, middle, last = GeneratorSource(range(20)), Small(), Sleeper()
        link(source.outbox, middle.inbox)
        onward = link(middle.inbox, last.inbox)
        unlink(onward)
        tasks = [start(one) for one in (source, middle, last)]
        await idle()
        assert (len(middle.inbox), len(last.inbox)) == (3, 0)
        await end(*tasks)

    scene(main())


@pytest.mark.parametrize("kind", IN_THE_LOOP)
def test_20_none_lifts_a_limit(kind: str) -> None:
    """A bound of None lifts the limit, at any time; who waited goes on."""

    async def main() -> None:
        small = Small()
        task = start(Pipeline(SOURCES[kind](range(50)), small))
        await idle()
        assert len(small.inbox) == 3
        small.inbox.bound = None
        await idle()
        assert len(small.inbox) == 50
        small.open()
        await task

    scene(main())


def test_21_all_producers_see_the_same() -> None:
    """All producers of one input see the same fullness."""

    async def main() -> None:
        small, one, two = Small(), Idler(), Idler()
        link(one.outbox, small.inbox)
        link(two.outbox, small.inbox)
        assert one.room("outbox") == two.room("outbox") == 3
        small.inbox.deliver("x")
        assert one.room("outbox") == two.room("outbox") == 2
        small.inbox.deliver("x")
        small.inbox.deliver("x")
        assert one.room("outbox") == two.room("outbox") == 0
        small.recv()
        assert one.room("outbox") == two.room("outbox") == 1

    scene(main())


@pytest.mark.parametrize("kind", KINDS)
def test_22_room_wakes_who_waits(kind: str) -> None:
    """A producer that waits is woken when there is room, each time."""

    async def main() -> None:
        small = Small()
        task = start(Pipeline(SOURCES[kind](range(12)), small))
        for taken in range(1, 13):
            await until(lambda: len(small.inbox) == 3 or small.inbox.arrived == 12)
            small.open(1)
            await until(lambda most=taken: len(small.messages) == most)
        await asyncio.wait_for(task, 10)
        assert small.messages == list(range(12))

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_23_full_is_not_the_end(kind: str) -> None:
    """A box of one between a fast producer and a slow consumer ends nothing and loses nothing."""

    class Narrow(Component):
        bounds = {"inbox": 1}
        got = 0

        def main(self):
            while not self.stopping():
                if self.data_ready():
                    assert self.recv() == self.got
                    self.got += 1
                yield self.pause()

    narrow = Narrow()
    run(Pipeline(SOURCES[kind](range(300)), narrow))
    assert narrow.got == 300


def test_24_what_a_thread_may_have_sent() -> None:
    """At most its queue and the box are in flight from a thread; then it waits, and loses nothing."""

    class Eager(ThreadedComponent):
        sent = 0

        def main(self):
            for number in range(1000):
                self.send(number)
                self.sent += 1

    async def main() -> None:
        eager, small = Eager(), Small()
        task = start(Graphline({("A", "outbox"): ("B", "inbox")}, A=eager, B=small))
        await until(lambda: eager.sent == OUTGOING + 3)
        await asyncio.sleep(0.02)
        assert (eager.sent, len(small.inbox)) == (OUTGOING + 3, 3)
        small.open()
        await asyncio.wait_for(task, 10)
        assert small.messages == list(range(1000))

    asyncio.run(main())
