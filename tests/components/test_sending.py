"""Sending many in turns: as there is room, and broken off by a Shutdown only."""

import itertools

from kamesh import Component, Pipeline, ProducerFinished, Shutdown
from kamesh.components.sending import TURN, sending, shut_down
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
