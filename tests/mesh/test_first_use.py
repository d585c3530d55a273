"""What people who wrote their first components ran into: each was a hang, a freeze or a loss."""

import asyncio
import time

import pytest

from kamesh import Component, ComponentFailed, Par, Pipeline, Seq
from kamesh.chassis import GRACE
from kamesh.components.files import FileReader
from kamesh.components.plumbing import FirstOnly
from kamesh.components.sources import OneShot
from kamesh.testing import Collector, Feeder, run, run_coroutine


class InBursts(Component):
    """Sends 1 at once, 2 after half a second, and 3 after ten more."""

    def main(self):
        self.send(1)
        yield self.pause(0.5)
        self.send(2)
        yield self.pause(10)
        self.send(3)


def test_what_arrives_in_a_pause_for_a_time_is_seen_by_the_pause_after_it():
    """A wake that only ended an inner, timed pause is not lost to the outer one."""

    class Slow(Component):
        def main(self):
            while not self.stopping():
                for message in self.inbox:
                    self.send(message)
                until = self.now() + 1
                while self.now() < until:
                    yield self.pause(until - self.now())
                yield self.pause()

    assert run(Pipeline(InBursts(), Slow()), {})["outbox"] == [1, 2, 3]


def test_a_component_that_ignores_its_inbox_still_sleeps():
    """What it never looks at wakes it once for each arrival, not for ever."""

    class Deaf(Component):
        turns = 0

        def main(self):
            while not self.control.queue:
                self.turns += 1
                yield self.pause()

    deaf = Deaf()

    async def main():
        top = Pipeline(Feeder([1, 2, 3]), deaf)
        running = asyncio.ensure_future(top.run_async())
        await asyncio.sleep(60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_coroutine(main())
    assert deaf.turns < 10


@pytest.mark.parametrize("linked", [True, False])
def test_a_coroutine_that_only_sends_leaves_others_a_turn(linked):
    """Sending to what has ended, or to nothing, never holds up the event loop."""

    class Endless(Component):
        async def main(self):
            number = 0
            while True:
                await self.send(number)
                number += 1

    async def main():
        parts = [Endless(), FirstOnly(3)] if linked else [Endless()]
        try:
            await asyncio.wait_for(Pipeline(*parts).run_async(), 0.2)
        except TimeoutError:
            return

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun < 10 + GRACE


def test_one_that_ignores_a_shutdown_is_ended_after_a_while():
    """A source that never asks `stopping()` does not keep a pipeline from ending."""

    class Stubborn(Component):
        def main(self):
            number = 0
            while True:
                self.send(number)
                number += 1
                yield self.pause(0.5)

    sink = Collector()

    async def main():
        begun = asyncio.get_running_loop().time()
        await asyncio.wait_for(Pipeline(Stubborn(), FirstOnly(3), sink).run_async(), 60)
        return asyncio.get_running_loop().time() - begun

    assert GRACE <= run_coroutine(main()) < GRACE + 3
    assert sink.messages == [0, 1, 2]


def test_parts_without_an_inbox_or_an_outbox_fit_every_chassis():
    """Seq and Par link the boxes that are there."""
    assert run(Seq(OneShot(1), OneShot(2)), {})["outbox"] == [1, 2]
    assert sorted(run(Par(OneShot(1), OneShot(2)), {})["outbox"]) == [1, 2]


def test_a_main_without_a_yield_that_is_fed_is_refused():
    """It would be over before anything arrives; the sentence says how to write it."""

    class Forgot(Component):
        def main(self):
            for message in self.inbox:
                self.send(message)

    with pytest.raises(ComponentFailed, match=r"has no `yield`.*while not self\.stopping\(\)"):
        run(Pipeline(Feeder(["a"]), Forgot()), {})


def test_a_sentence_of_kamesh_itself_comes_without_a_place_in_its_code():
    """A missing file is told as that, not with the line of the library that found out."""
    with pytest.raises(ComponentFailed) as caught:
        FileReader("nowhere/at-all").run()
    assert str(caught.value).startswith("FileReader failed: nowhere/at-all cannot be read")
    assert ".py" not in str(caught.value)
    assert caught.value.failure.error == "FileError"
