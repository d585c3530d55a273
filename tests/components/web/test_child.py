"""A component that is run for one connection, and spoken with by its boxes: without any network."""

import asyncio
import logging

import pytest

from kamesh import Component, ThreadedComponent
from kamesh.components.web.child import Children
from kamesh.errors import Ended, NotSuitable
from kamesh.runtime import run_strand
from kamesh.testing import run_coroutine


class Echo(Component):
    """Sends back what it is sent."""

    async def main(self):
        async for message in self.inbox:
            await self.send(message)


class Turns(Component):
    """The same as a generator."""

    def main(self):
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()


class Blocking(ThreadedComponent):
    """The same in a thread."""

    def main(self):
        for message in self.inbox:
            self.send(message)


class Stubborn(Component):
    """Does not end when it is told to."""

    async def main(self):
        await asyncio.Event().wait()


class Broken(Component):
    """Raises when it is sent something."""

    async def main(self):
        async for _ in self.inbox:
            raise RuntimeError("broken on purpose")


def hosting(test, clock=run_coroutine):
    """Run `test(children)` within a component."""

    class Host(Component):
        async def main(self):
            await test(Children(self))

    async def main():
        await run_strand(Host()._strand)

    clock(main())


@pytest.mark.parametrize("kind", [Echo, Turns, Blocking])
def test_what_is_put_in_comes_out_and_then_the_end(kind):
    """For each kind of component; its path is below that of who runs it."""

    async def test(children):
        child = children.start(kind())
        assert child.component.path == f"Host/{kind.__name__}-1"
        for number in range(3):
            assert await child.put(number)
        child.finish()
        assert [await child.get() for _ in range(3)] == [0, 1, 2]
        with pytest.raises(Ended):
            await child.get()
        assert child.over
        assert not child.failed
        assert not children.running
        assert not await child.put(4)

    hosting(test, asyncio.run if kind is Blocking else run_coroutine)


def test_who_does_not_get_holds_up_who_puts():
    """Everything between the two ends is bounded."""

    class Narrow(Echo):
        bounds = {"inbox": 2}

    async def test(children):
        child = children.start(Narrow())
        put = []

        async def put_all():
            while await child.put(len(put)):
                put.append(len(put))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(put_all(), 10)
        assert len(put) <= 2 + 16 + 2
        assert await child.get() == 0
        await child.end()

    hosting(test)


def test_its_failure_is_logged_and_is_its_own(caplog):
    """Who runs it goes on."""
    caplog.set_level(logging.ERROR, "kamesh")

    async def test(children):
        child = children.start(Broken())
        await child.put(1)
        with pytest.raises(Ended):
            await child.get()
        assert child.failed
        other = children.start(Echo())
        await other.put("fine")
        assert await other.get() == "fine"
        await other.end()

    hosting(test)
    assert "Host/Broken-1 failed with RuntimeError: broken on purpose" in caplog.text


def test_one_that_does_not_end_is_ended(caplog):
    """Five seconds after it was told to, which the log says."""

    async def test(children):
        clock = asyncio.get_running_loop().time
        child = children.start(Stubborn())
        before = clock()
        await child.end()
        assert child.over
        assert 5 <= clock() - before < 6

    hosting(test)
    assert "did not end when it was told to" in caplog.text


def test_they_end_no_later_than_who_runs_them():
    """However that ends."""
    kept = []

    async def test(children):
        kept.append(children.start(Stubborn()))

    hosting(test)
    assert kept[0].over


def test_what_is_no_fresh_component_is_refused():
    """In a sentence."""

    async def test(children):
        with pytest.raises(NotSuitable, match="is no component"):
            children.start(Echo)
        once = Echo()
        child = children.start(once)
        with pytest.raises(NotSuitable, match="has run already"):
            children.start(once)
        await child.end()

    hosting(test)
