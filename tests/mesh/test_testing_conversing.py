"""Protocols tested with no network: the wire in memory cuts, joins, stalls, half-closes and breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import Component, Pipeline, ThreadedComponent
from kamesh.errors import Ended, NotSuitable
from kamesh.testing import Stalled
from kamesh.testing.conversing import Wire, converse, pair


class Echo(Component):
    """Echoes; notes the pieces that it gets, and how its inbox ends."""

    def __init__(self):
        self.pieces = []

    def main(self):
        while not self.stopping():
            for piece in self.inbox:
                self.pieces.append(piece)
                self.send(piece)
            yield self.pause()


class AsyncEcho(Component):
    """Echoes as a coroutine."""

    async def main(self):
        async for piece in self.inbox:
            await self.send(piece)


class ThreadEcho(ThreadedComponent):
    """Echoes in a thread."""

    def main(self):
        for piece in self.inbox:
            self.send(piece)


class Asks(Component):
    """Says all it has, ends its half, and listens until the end."""

    outboxes = {"outbox": "questions", "signal": "", "heard": "pieces of the answer"}

    def __init__(self, *said):
        self.said = said

    def main(self):
        for piece in self.said:
            self.send(piece)
            yield
        self.finish("outbox")
        while not self.stopping():
            self.send_all(self.inbox, "heard")
            yield self.pause()


class Counts(Component):
    """Says how much it got, once the other side has said all."""

    def main(self):
        count = 0
        while not self.stopping():
            count += sum(map(len, self.inbox))
            yield self.pause()
        self.send(b"%d" % count)


@pytest.mark.parametrize(
    "make", [Echo, AsyncEcho, ThreadEcho, lambda: Pipeline(Echo(), AsyncEcho())]
)
@pytest.mark.parametrize("cuts", [None, 0, 1])
def test_any_component_may_be_spoken_with(make, cuts):
    """Generators, coroutines, threads and chassis get what is said, and their answer comes back."""
    assert converse(make(), [b"one", b"two", 1.5, b"three"], cuts=cuts) == b"onetwothree"


@given(st.lists(st.binary(max_size=200), max_size=10), st.integers(0, 1000))
def test_cuts_lose_nothing_and_keep_the_order(said, cuts):
    """Wherever it is cut and joined, the bytes are the same."""
    echo = Echo()
    assert converse(echo, said, cuts=cuts) == b"".join(said)
    assert b"".join(echo.pieces) == b"".join(said)
    assert b"" not in echo.pieces


def test_the_seed_decides_where_it_is_cut():
    """The same seed is the same run; another cuts elsewhere; without one nothing is cut."""
    said = [b"%d," % n for n in range(500)]

    def pieces(cuts):
        echo = Echo()
        converse(echo, said, cuts=cuts)
        return echo.pieces

    assert pieces(1) == pieces(1)
    assert pieces(1) != pieces(2)
    assert pieces(None) == said
    assert any(piece not in said for piece in pieces(1))


def test_one_side_may_end_before_the_other():
    """The client's end of stream has the server answer, and the answer arrives."""
    heard = pair(Asks(b"x" * 1000, b"y" * 500), Counts(), cuts=5)
    assert heard.client_said == b"x" * 1000 + b"y" * 500
    assert heard.server_said == b"1500"
    assert b"".join(heard.client_told["heard"]) == b"1500"
    assert heard.client_failure is heard.server_failure is None


def test_a_stall_is_waited_out_in_no_time():
    """Nothing moves for a minute of the virtual clock, and then all of it."""
    heard = pair(Asks(b"0123456789"), Echo(), there=Wire(stall_after=4, stall=60.0))
    assert heard.server_said == b"0123456789"
    assert 60 <= heard.seconds < 61


def test_a_reset_ends_both_with_a_failure():
    """Both streams break off, and what came before it has come."""
    echo, asks = Echo(), Asks(b"0123456789")
    heard = pair(asks, echo, there=Wire(reset_after=4), cuts=3)
    assert b"".join(echo.pieces) == b"0123"
    assert echo.inbox.failure.message == "the connection has broken off"
    assert asks.inbox.failure is not None
    assert heard.client_failure is heard.server_failure is None


def test_one_that_goes_on_when_nobody_is_there_is_ended():
    """As a server does: told to finish, and five seconds later stopped."""
    class Goes(Component):
        def main(self):
            while True:
                self.send(b"on")
                yield self.pause(1.0)

    heard = pair(Asks(b"x"), Goes(), there=Wire(reset_after=1), limit=100)
    assert heard.seconds < 100


def test_back_pressure_goes_through_the_wire():
    """One that sends without end is held back by one that reads slowly."""
    class Floods(Component):
        def main(self):
            self.turns = 0
            while not self.stopping():
                self.turns += 1
                self.send(bytes(1000))
                yield

    class Slow(Component):
        bounds = {"inbox": 1}

        async def main(self):
            for _ in range(5):
                await self.wait()
                self.recv()

    floods = Floods()
    pair(Slow(), floods, cuts=None)
    assert floods.turns < 500


def test_what_a_protocol_fails_with_is_raised():
    """converse() does not take silence for an answer."""
    class Breaks(Component):
        def main(self):
            yield self.pause()
            raise ValueError("no such command")

    with pytest.raises(Ended, match="Breaks failed with ValueError: no such command"):
        converse(Breaks(), b"x")
    assert pair(Asks(b"x"), Breaks()).server_failure.error == "ValueError"


def test_only_bytes_are_sent():
    """Text is a mistake that is named."""
    with pytest.raises(NotSuitable, match="'text' was to be sent: only bytes"):
        converse(Pipeline(bytes.decode), b"text")


def test_a_conversation_that_never_ends_is_an_error():
    """One that neither ends nor sends is found out, by the limit or at once."""
    class Deaf(Component):
        def main(self):
            while True:
                yield self.pause(1.0)

    class Dead(Component):
        def main(self):
            while True:
                yield self.pause()

    with pytest.raises(Ended, match=r"client and Deaf still runs after 100 virtual seconds"):
        converse(Deaf(), b"x", limit=100)
    with pytest.raises((Ended, Stalled)):
        converse(Dead(), b"x")


def test_a_protocol_may_end_the_conversation():
    """With half_close=False the client listens until the protocol ends."""
    class Says(Component):
        def main(self):
            self.send(b"a fortune")
            yield

    assert converse(Says(), b"", half_close=False) == b"a fortune"
