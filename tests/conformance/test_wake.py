"""Wake and sleep: behaviours 25 to 35."""

import asyncio

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

from kamesh import Chassis, Component, Graphline, Pipeline, Shutdown, ThreadedComponent
from kamesh.wiring import link, unlink


def test_25_asleep_is_not_run() -> None:
    """A component that is asleep is not run."""

    async def main() -> None:
        idler = Idler()
        task = start(idler)
        await idle()
        turns = idler.turns
        await idle(86400)
        assert idler.turns == turns
        await end(task)

    scene(main())


def test_26_delivery_wakes_the_receiver_only() -> None:
    """A delivery wakes the component that it is for, and no other."""

    async def main() -> None:
        one, two = Idler(), Idler()
        tasks = [start(one), start(two)]
        await idle()
        before = (one.turns, two.turns)
        one.inbox.deliver("x")
        await idle()
        assert (one.turns - before[0], two.turns - before[1]) == (1, 0)
        await end(*tasks)

    scene(main())


def test_27_taking_wakes_those_upstream() -> None:
    """Taking a message wakes those who wait to send to that box, and not others."""

    class Tight(Sleeper):
        bounds = {"inbox": 1}

    class Counting(GeneratorSource):
        turns = 0

        def main(self):
            for message in self.messages:
                self.turns += 1
                self.send(message)
                yield

    async def main() -> None:
        here, there = Tight(), Tight()
        one, two, other = Counting(range(5)), Counting(range(5)), Counting(range(5))
        link(one.outbox, here.inbox)
        link(two.outbox, here.inbox)
        link(other.outbox, there.inbox)
        tasks = [start(each) for each in (here, there, one, two, other)]
        await idle()
        waiting = [each for each in (one, two) if each.state == "blocked"]
        before = sum(each.turns for each in waiting), other.turns
        here.open(2)
        await idle()
        assert sum(each.turns for each in waiting) > before[0]
        assert other.turns == before[1]
        await end(*tasks)

    scene(main())


def test_28_only_the_final_owner_wakes() -> None:
    """In a chain that passes on, a delivery wakes only the owner of the last box."""

    async def main() -> None:
        middle, last = Idler(), Idler()
        link(middle.inbox, last.inbox)
        tasks = [start(middle), start(last)]
        await idle()
        before = (middle.turns, last.turns)
        middle.inbox.deliver("x")
        await idle()
        assert (middle.turns - before[0], last.turns - before[1]) == (0, 1)
        await end(*tasks)

    scene(main())


def test_29_a_broken_link_does_not_wake() -> None:
    """Who was linked is not woken after the link is undone, and is again when it is re-made."""

    class Beat(Component):
        def main(self):
            while not self.stopping():
                self.send("beat")
                yield self.pause(10)

    async def main() -> None:
        beat, idler = Beat(), Idler()
        linkage = link(beat.outbox, idler.inbox)
        tasks = [start(idler), start(beat)]
        await idle(5)
        assert unlink(linkage)
        before = idler.turns
        await idle(100)
        assert idler.turns == before
        link(beat.outbox, idler.inbox)
        await idle(20)
        assert idler.turns > before
        await end(*tasks)

    scene(main())


def test_30_a_childs_end_wakes_its_parent() -> None:
    """When a child ends its parent runs, at once."""

    class Parent(Chassis):
        ends: list[tuple[str, float]]

        def part_ended(self, child):
            self.ends.append((child.name, self.now()))

    class After(Component):
        def __init__(self, seconds: float) -> None:
            self.seconds = seconds

        def main(self):
            self.pause(self.seconds)
            yield

    async def main() -> None:
        parent = Parent()
        parent.ends = []
        parent.add(After(1), "A")
        parent.add(After(2), "B")
        await parent.run_async()
        assert parent.ends == [("A", 1.0), ("B", 2.0)]

    scene(main())


def test_31_waking_the_awake() -> None:
    """To wake one that is awake, to wake one that has ended, to sleep twice: all do nothing."""

    async def main() -> None:
        idler = Idler()
        task = start(idler)
        await idle()
        before = idler.turns
        for _ in range(10):
            idler._strand.wake()
        await idle()
        assert idler.turns == before + 1
        idler.stop()
        idler._strand.wake()
        await task
        assert idler.turns == before + 1

    scene(main())


def test_32_wakes_from_threads_are_not_lost() -> None:
    """What other threads send wakes the receiver, every time."""

    class Answer(ThreadedComponent):
        """Sends one, and the next only when the one before has come back."""

        bounds = {"inbox": 1}

        def main(self):
            for number in range(500):
                self.send(number)
                assert self.recv(timeout=10.0) == number

    run(
        Graphline(
            {("A", "outbox"): ("B", "inbox"), ("B", "outbox"): ("A", "inbox")},
            A=Answer(), B=GeneratorEcho(),
        )
    )


def test_33_a_wake_in_the_turn_is_kept() -> None:
    """A component that is woken in the very turn in which it goes to sleep runs again."""

    async def main() -> None:
        class Selfish(Component):
            turns = 0

            def main(self):
                while not self.stopping():
                    self.turns += 1
                    if self.turns == 1:
                        self._strand.wake()
                    yield self.pause()

        selfish = Selfish()
        task = start(selfish)
        await idle()
        assert selfish.turns == 2
        await end(task)

    scene(main())


def test_34_all_asleep_costs_nothing() -> None:
    """While all sleep no turn is run and no timer is set, and a wake is prompt all the same."""

    async def main() -> None:
        idlers = [Idler() for _ in range(1000)]
        chassis = Chassis()
        for each in idlers:
            chassis.add(each)
        task = asyncio.create_task(chassis.run_async())
        scheduler = None
        while scheduler is None or scheduler.turns < 1001:
            await asyncio.sleep(0)
            scheduler = runtime().scheduler
        turns = scheduler.turns
        assert asyncio.get_running_loop()._scheduled == []
        await asyncio.sleep(0.05)
        assert scheduler.turns == turns
        idlers[500].control.deliver(Shutdown())
        for _ in range(5):
            await asyncio.sleep(0)
        assert idlers[500].state == "ended"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_35_idle_ones_do_not_slow_others() -> None:
    """A stream takes as many turns beside a thousand idle components as it does alone."""

    async def turns(idlers: int) -> int:
        sink = GeneratorSink()
        others = [start(Idler()) for _ in range(idlers)]
        await idle()
        before = runtime().scheduler.turns
        await Pipeline(GeneratorSource(range(2000)), GeneratorEcho(), sink).run_async()
        took = runtime().scheduler.turns - before
        assert sink.messages == list(range(2000))
        await end(*others)
        return took

    assert scene(turns(0)) == scene(turns(1000))
