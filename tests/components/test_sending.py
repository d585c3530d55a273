"""Sending many in turns: as there is room, and broken off by a Shutdown only."""

import asyncio
import itertools

import pytest

from kamesh import Component, Pipeline, ProducerFinished, Shutdown
from kamesh.components.retries import Retries
from kamesh.components.sending import (
    TURN,
    sending,
    shut_down,
    stopped_within,
    tell,
    tell_retry,
    told_to_end,
    unless_told,
)
from kamesh.components.sources import DataSink
from kamesh.testing import run


class Sends(Component):
    """Sends messages in the way tested, and notes its turns."""

    def __init__(self, messages):
        self.messages = messages
        self.turns = 0

    def main(self):
        for _ in sending(self, self.messages):
            self.turns += 1
            yield
        self.send("over")


def test_all_are_sent_in_order():
    """However many there are and however small the inbox, all arrive, and `main` goes on."""

    class Small(DataSink):
        bounds = {"inbox": 7}

    got = []
    Pipeline(Sends(range(1000)), Small(got)).run()
    assert got == [*range(1000), "over"]


def test_few_are_sent_in_one_turn():
    """What there is room for takes no turn at all; nothing is sent for nothing."""
    sends = Sends([1, 2, 3])
    assert run(sends, {})["outbox"] == [1, 2, 3, "over"]
    assert sends.turns == 0
    assert run(Sends([]), {})["outbox"] == ["over"]


def test_a_turn_is_bounded():
    """Where there is room for ever so many, others still have their turn."""
    sends = Sends(range(3 * TURN))
    sends.run()
    assert sends.turns == 3


def test_a_shutdown_breaks_it_off():
    """An endless stream ends at a Shutdown, behind a ProducerFinished too."""
    sends = Sends(itertools.count())
    sends.control.deliver(ProducerFinished())
    sends.control.deliver(Shutdown())
    assert run(sends, {})["outbox"] == ["over"]


def test_shut_down_is_not_finished():
    """It is true of a Shutdown, stays true, and leaves everything else on control."""
    seen = []

    class Asks(Component):
        def main(self):
            seen.append(shut_down(self))
            self.control.deliver(ProducerFinished())
            seen.append(shut_down(self))
            self.control.deliver(Shutdown())
            seen.append(shut_down(self))
            seen.append(shut_down(self))
            yield

    Asks().run()
    assert seen == [False, False, True, True]


class Waits(Component):
    """Waits for ten seconds, and says what ended that, and when."""

    def __init__(self, *told):
        self.told = told

    async def main(self):
        stopped = await stopped_within(self, 10.0, *self.told)
        await self.send((stopped, self.now()))


def test_a_wait_ends_when_it_is_over_or_at_a_stop():
    """At a Shutdown at once; at a ProducerFinished only who asks for that."""
    assert run(Waits(), {})["outbox"] == [(False, 10.0)]
    for message, told, expected in [
        (Shutdown(), (), (True, 0.0)),
        (ProducerFinished(), (), (False, 10.0)),
        (ProducerFinished(), (Component.stopping,), (True, 0.0)),
    ]:
        waits = Waits(*told)
        waits.control.deliver(message)
        assert run(waits, {})["outbox"] == [expected]


def test_what_is_told_holds_up_nobody():
    """Where there is no room it is dropped, which is said."""

    class Tells(Component):
        def main(self):
            done.extend(tell(self, number) for number in range(3))
            yield

    class Full(DataSink):
        bounds = {"inbox": 2}

    done, got = [], []
    Pipeline(Tells(), Full(got)).run()
    assert done == [True, True, False]
    assert got == [0, 1]


class Works(Component):
    """Works for ever unless it is told to end, and notes how that was."""

    def __init__(self, work, *told):
        self.work, self.told, self.broken_off, self.result = work, told, 0, "none"

    async def main(self):
        self.result = await unless_told(self, self.working(), told_to_end)

    async def working(self):
        for message in self.told:
            self.control.deliver(message)
        try:
            return await self.work()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise


async def at_once():
    """Be done."""
    return "done"


async def in_vain():
    """Fail."""
    raise OSError("in vain")


async def for_ever():
    """Wait for nothing."""
    await asyncio.Event().wait()


def test_work_is_broken_off_when_its_component_is_told_to_end():
    """Done, it gives what came of it or raises; told to end before, it is broken off, and that is None."""
    done = Works(at_once)
    run(done, {})
    assert (done.result, done.broken_off) == ("done", 0)
    for message in (Shutdown("enough"), ProducerFinished("x"), ProducerFinished("x", at_end=True)):
        told = Works(for_ever, message)
        run(told, {})
        assert (told.result, told.broken_off) == (None, 1), message
    with pytest.raises(Exception, match="in vain"):
        run(Works(in_vain), {})


def test_work_that_swallows_a_cancel_is_cancelled_again():
    """What loses the first cancel, as `wait_for` may, is told a second time."""
    swallowed = []

    async def deaf():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.append(1)
        await asyncio.Event().wait()

    told = Works(deaf, Shutdown("enough"))
    run(told, {})
    assert (len(swallowed), told.broken_off) == (1, 1)


def test_the_end_of_a_stream_is_no_word_to_end():
    """A client goes on to try when what feeds it has ended: there is something to be sent."""
    told = []

    class Looks(Component):
        def main(self):
            while not self.inbox.ended:
                told.append(told_to_end(self))
                for _ in self.inbox:
                    pass
                yield self.pause()
            told.append(told_to_end(self))

    looks = Looks()
    Pipeline(Sends([1, 2, 3]), looks).run()
    assert told
    assert not any(told)


def test_a_retry_is_told_with_its_reason(caplog):
    """The first failure in full, later ones with their count, and most not at all."""
    component, retries = Sends([]), Retries(None)
    for _ in range(5):
        retries.wait()
        tell_retry(component, retries, "10.0.0.7:80 refuses")
    assert [record.getMessage() for record in caplog.records] == [
        "Sends: 10.0.0.7:80 refuses; trying again",
        "Sends: 10.0.0.7:80 refuses; trying again (2 times in vain so far)",
        "Sends: 10.0.0.7:80 refuses; trying again (4 times in vain so far)",
    ]
