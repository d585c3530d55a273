"""Windows and acknowledgement: never too much in flight, nothing forgotten before it was consumed."""

from __future__ import annotations

import pytest
from link_pair import ConnectionPair

from kamesh.link import LinkLimits, LocalProtocolError, events
from kamesh.link.framing import unpack
from kamesh.link.records import Ack


def opened(pair: ConnectionPair) -> int:
    """Connect and open one linkage."""
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    return number


# --- windows ---


def test_room_is_the_window_minus_what_is_in_flight() -> None:
    """Room falls with each send, to nothing, and grows as the other side consumes."""
    pair = ConnectionPair(limits=LinkLimits(window_messages=10))
    number = opened(pair)
    pair.a.send(number, list(range(7)), pair.now)
    assert pair.a.room(number) == 3
    pair.a.send(number, list(range(3)), pair.now)
    assert pair.a.room(number) == 0
    pair.settle()
    assert pair.said("a", events.Room) == []
    pair.b.consumed(number, 3, pair.now)
    pair.settle()
    assert pair.said("a", events.Room) == [events.Room(number)]
    assert pair.a.room(number) == 3


def test_the_window_is_known_once_it_is_given() -> None:
    """Nothing before the peer has answered, then what it said, however much is in flight."""
    pair = ConnectionPair(limits=LinkLimits(window_messages=10))
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    assert pair.a.window(number) == 0
    pair.settle()
    pair.a.send(number, list(range(7)), pair.now)
    assert (pair.a.window(number), pair.a.room(number)) == (10, 3)


def test_more_than_room_is_refused_and_nothing_is_taken() -> None:
    """The caller's mistake is a sentence, and the linkage is as it was."""
    pair = ConnectionPair(limits=LinkLimits(window_messages=10))
    number = opened(pair)
    with pytest.raises(LocalProtocolError, match="has room for 10"):
        pair.a.send(number, list(range(11)), pair.now)
    pair.a.send(number, list(range(10)), pair.now)
    pair.settle()
    assert pair.messages("b", number) == list(range(10))


def test_bytes_are_a_window_too() -> None:
    """Never more bytes in flight than the receiver granted, whatever the caller's guess was."""
    limits = LinkLimits(window_bytes=10_000, batch_bytes=2_000)
    pair = ConnectionPair(limits=limits)
    number = opened(pair)
    pair.a.send(number, ["x" * 900] * pair.a.room(number), pair.now)
    sent = 0
    while room := pair.a.room(number):
        pair.a.send(number, ["x" * 900] * room, pair.now)
        sent += room
    pair.settle()
    assert 9 <= len(pair.messages("b", number)) <= 11
    assert pair.said("b", events.CloseConnection) == []


def test_one_message_larger_than_the_window_goes_alone() -> None:
    """A window never blocks for ever: what is too large for it waits until it is alone."""
    limits = LinkLimits(window_bytes=10_000, batch_bytes=2_000)
    pair = ConnectionPair(limits=limits)
    number = opened(pair)
    pair.a.send(number, ["small"], pair.now)
    pair.a.send(number, ["x" * 50_000, "small again"], pair.now)
    assert pair.a.room(number) == 0
    pair.settle()
    assert len(pair.messages("b", number)) == 1
    pair.consume("b", number)
    pair.pass_time(0.01)
    assert len(pair.messages("b", number)) == 2
    pair.consume("b", number)
    pair.pass_time(0.01)
    assert pair.messages("b", number)[2] == "small again"
    assert pair.said("b", events.CloseConnection) == []


def test_a_window_of_nothing_cannot_be_granted() -> None:
    """A receiver that takes nothing says so by refusing."""
    pair = ConnectionPair()
    pair.accepts = False
    number = opened(pair)
    with pytest.raises(LocalProtocolError, match="takes nothing"):
        pair.b.accept(number, window_messages=0, now=0.0)
    pair.b.accept(number, window_messages=1, now=0.0)
    pair.settle()
    assert pair.a.room(number) == 1


def test_before_anything_was_weighed_room_is_modest() -> None:
    """A thousand large frames are not taken in on a guess that they are small."""
    pair = ConnectionPair()
    number = opened(pair)
    first = pair.a.room(number)
    assert 0 < first <= 128
    pair.a.send(number, ["tiny"] * first, pair.now)
    assert pair.a.room(number) == pair.limits.window_messages - first


# --- acknowledgement ---


def acks(pair: ConnectionPair, name: str) -> list[Ack]:
    """Return the ACKs that one side would send now."""
    link = pair.a if name == "a" else pair.b
    return [r for m in link.take_frames() for r in unpack(m, pair.limits) if isinstance(r, Ack)]


def test_nothing_is_acknowledged_before_it_was_consumed() -> None:
    """Delivery is not consumption: the sender keeps everything until the component came back."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, list(range(100)), pair.now)
    pair.settle()
    pair.pass_time(0.4)
    (sending,) = pair.a.statistics().sending
    assert (sending.accepted, sending.sent, sending.acknowledged) == (100, 100, 0)
    assert sending.held_bytes > 0


def test_an_acknowledgement_waits_five_milliseconds_for_company() -> None:
    """One ACK for all that was consumed in between, and then none."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, list(range(100)), pair.now)
    pair.settle()
    for seq in range(1, 50):
        pair.b.consumed(number, seq, pair.now)
    assert acks(pair, "b") == []
    assert pair.b.next_deadline() == pair.now + 0.005
    pair.now += 0.005
    pair.b.tick(pair.now)
    (ack,) = acks(pair, "b")
    assert ack.upto == 49
    pair.now += 0.005
    pair.b.tick(pair.now)
    assert acks(pair, "b") == []


@pytest.mark.parametrize(("consumed", "at_once"), [(24, False), (25, True), (100, True)])
def test_a_quarter_of_the_window_is_acknowledged_at_once(consumed: int, at_once: bool) -> None:
    """A sender in full flow never waits for a timer."""
    pair = ConnectionPair(limits=LinkLimits(window_messages=100))
    number = opened(pair)
    pair.a.send(number, list(range(100)), pair.now)
    pair.settle()
    pair.b.consumed(number, consumed, pair.now)
    assert bool(acks(pair, "b")) is at_once


def test_a_quarter_of_the_bytes_counts_as_well() -> None:
    """Large messages are acknowledged by weight."""
    pair = ConnectionPair(limits=LinkLimits(window_bytes=100_000, batch_bytes=1000))
    number = opened(pair)
    pair.a.send(number, ["x" * 30_000], pair.now)
    pair.settle()
    pair.b.consumed(number, 1, pair.now)
    assert len(acks(pair, "b")) == 1


def test_an_acknowledgement_travels_with_whatever_else_goes() -> None:
    """Data the other way takes it along, and the timer has nothing left to do."""
    pair = ConnectionPair()
    number = opened(pair)
    back = pair.b.open("B", "A", now=0.0)
    pair.settle()
    pair.a.send(number, [1], pair.now)
    pair.settle()
    pair.b.consumed(number, 1, pair.now)
    pair.b.send(back, ["answer"], pair.now)
    assert [ack.upto for ack in acks(pair, "b")] == [1]
    assert pair.b.next_deadline() is not None
    assert pair.b.next_deadline() != pair.now + 0.005


def test_ack_seconds_zero_acknowledges_at_once() -> None:
    """Whoever wants no delay at all has none."""
    pair = ConnectionPair(limits=LinkLimits(ack_seconds=0))
    number = opened(pair)
    pair.a.send(number, [1], pair.now)
    pair.settle()
    pair.b.consumed(number, 1, pair.now)
    assert len(acks(pair, "b")) == 1


def test_consuming_what_was_not_delivered_is_a_mistake_and_less_is_nothing() -> None:
    """The shell cannot acknowledge by accident, nor take back."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1, 2, 3], pair.now)
    pair.settle()
    with pytest.raises(LocalProtocolError, match="3 have been delivered"):
        pair.b.consumed(number, 4, pair.now)
    pair.b.consumed(number, 3, pair.now)
    pair.b.consumed(number, 1, pair.now)
    pair.pass_time(0.01)
    assert pair.a.statistics().sending[0].acknowledged == 3
