"""Sending many in turns: as there is room, and broken off by a Shutdown only."""

import itertools

from kamesh import Component, Pipeline, ProducerFinished, Shutdown
from kamesh.components.sending import TURN, sending, shut_down, stopped_within, tell
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
