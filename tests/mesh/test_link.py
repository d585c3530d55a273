"""Two links over a fake wire: opening, delivery, our caller's mistakes, the clock, the counts."""

from __future__ import annotations

import pytest
from link_pair import ConnectionPair, PlainCodec

from kamesh.link import Link, LinkLimits, LinkState, LocalProtocolError, TooLarge, events
from kamesh.link.framing import unpack
from kamesh.link.records import Data

SPLIT = pytest.mark.parametrize("split", [False, True], ids=["whole", "record by record"])


def opened(pair: ConnectionPair) -> int:
    """Connect and open one linkage."""
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    return number


# --- opening ---


@SPLIT
def test_a_linkage_is_offered_accepted_and_opened(split: bool) -> None:
    """The offer names both boxes and the policy; the sender hears that it may send."""
    pair = ConnectionPair(split=split)
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now, policy="latest")
    assert pair.a.room(number) == 0
    pair.settle()
    assert pair.said("b", events.Offered) == [
        events.Offered(number, "X.outbox", "Y.inbox", resumed=False, policy="latest")
    ]
    assert pair.said("a", events.Opened) == [events.Opened(number)]
    assert pair.a.room(number) > 0


def test_a_linkage_opened_before_there_is_a_connection_is_offered_when_there_is() -> None:
    """Whoever wires a graph need not know who is up already."""
    pair = ConnectionPair()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.connect()
    assert pair.said("a", events.Opened) == [events.Opened(number)]


def test_both_sides_number_their_own_linkages() -> None:
    """Direction and number together name a linkage: both may have a number 1."""
    pair = ConnectionPair()
    assert opened(pair) == pair.b.open("Z.outbox", "W.inbox", now=pair.now) == 1
    pair.settle()
    pair.a.send(1, ["from a"], pair.now)
    pair.b.send(1, ["from b"], pair.now)
    pair.settle()
    assert pair.messages("b", 1) == ["from a"]
    assert pair.messages("a", 1) == ["from b"]


def test_a_refused_linkage_can_be_reopened_or_reset() -> None:
    """The reason arrives; nothing else is said until the caller has decided."""
    pair = ConnectionPair()
    pair.accepts = False
    number = opened(pair)
    pair.b.refuse(number, "Y has no box 'inbox'", pair.now)
    pair.settle()
    assert pair.said("a", events.LinkageRefused) == [
        events.LinkageRefused(number, "Y has no box 'inbox'")
    ]
    with pytest.raises(LocalProtocolError, match="refused"):
        pair.a.send(number, [1], pair.now)
    pair.accepts = True
    pair.a.reopen(number, pair.now)
    pair.settle()
    assert pair.said("a", events.Opened) == [events.Opened(number)]
    with pytest.raises(LocalProtocolError, match="reopen is not possible"):
        pair.a.reopen(number, pair.now)


def test_too_many_linkages_are_refused_by_both_ends_and_cost_nothing_else() -> None:
    """Our own limit raises; the peer's refuses the one offer and keeps the link."""
    pair = ConnectionPair()
    small = ConnectionPair(limits=LinkLimits(linkages=2))
    number = opened(small)
    small.a.open("X", "Y", now=0.0)
    with pytest.raises(LocalProtocolError, match="linkages lead to this node already"):
        small.a.open("X", "Y", now=0.0)
    pair.b = Link(
        node="b", peer="a", incarnation=bytes(16), mesh="mesh", codec=PlainCodec(),
        limits=LinkLimits(linkages=1),
    )  # fmt: skip
    number = opened(pair)
    second = pair.a.open("X2", "Y2", now=0.0)
    pair.settle()
    (refused,) = pair.said("a", events.LinkageRefused)
    assert refused.number == second
    assert "that is the limit" in refused.reason
    pair.a.send(number, [1], pair.now)
    pair.settle()
    assert pair.messages("b", number) == [1]
    assert pair.b.statistics().counters.offers_refused == 1


@pytest.mark.parametrize("name", ["", "x" * 1025, "\ud800", 7, None])
def test_a_name_that_cannot_travel_is_refused_at_once(name: object) -> None:
    """A bad name is the caller's mistake, not a broken connection."""
    pair = ConnectionPair()
    with pytest.raises(LocalProtocolError, match="must be text"):
        pair.a.open(name, "Y", now=0.0)  # type: ignore[arg-type]
    assert pair.a.open("X", "Y", now=0.0) == 1


# --- delivery ---


@SPLIT
def test_messages_arrive_in_order_each_once(split: bool) -> None:
    """Many sends, one stream; numbers begin at 1 and have no gaps."""
    pair = ConnectionPair(split=split)
    number = opened(pair)
    sent = [{"n": n} for n in range(1000)]
    given = 0
    while given < len(sent):
        room = min(pair.a.room(number), 90)
        assert room > 0
        pair.a.send(number, sent[given : given + room], pair.now)
        given = min(len(sent), given + room)
        if given % 180 == 0:
            pair.settle()
    pair.settle()
    assert pair.messages("b", number) == sent
    following = 1
    for event in pair.said("b", events.Delivered):
        assert event.first_seq == following
        assert event.maybe_duplicate == 0
        following += len(event.messages)


def test_all_that_waits_goes_in_one_message() -> None:
    """One transport message a flush, whatever was sent, on however many linkages."""
    pair = ConnectionPair()
    pair.connect()
    numbers = [pair.a.open(f"X{i}", f"Y{i}", now=0.0) for i in range(20)]
    pair.settle()
    for number in numbers:
        pair.a.send(number, ["one"], pair.now)
        pair.a.send(number, ["two"], pair.now)
    pair.a.request("ps", None, pair.now)
    (message,) = pair.a.take_frames()
    assert len(message) == 1
    assert len(unpack(message, pair.limits)) == 41
    assert pair.a.take_frames() == []


def test_a_bulk_linkage_does_not_starve_a_small_one() -> None:
    """The small one's message is on the wire after at most one flush_bytes of the bulk."""
    pair = ConnectionPair(codec=PlainCodec(large=16384))
    pair.connect()
    bulk = pair.a.open("BULK", "Y", now=0.0)
    small = pair.a.open("SMALL", "Z", now=0.0)
    pair.settle()
    while pair.a.room(bulk):
        pair.a.send(bulk, [bytes(100_000)] * pair.a.room(bulk), pair.now)
    pair.a.send(small, ["me too"], pair.now)
    before = 0
    for message in pair.a.take_frames():
        for record in unpack(message, pair.limits):
            if isinstance(record, Data) and record.number == small:
                assert before <= pair.limits.flush_bytes + 100_100
                return
            before += record.size if isinstance(record, Data) else 0
    raise AssertionError("it never came")


def test_large_buffers_are_handed_over_and_not_copied() -> None:
    """The frame that goes to the transport is the very object that was sent."""
    pair = ConnectionPair(codec=PlainCodec(large=16384))
    number = opened(pair)
    frame = bytes(300_000)
    pair.a.send(number, [frame], pair.now)
    (message,) = pair.a.take_frames()
    assert message[1] is frame


def test_requests_and_acknowledgements_go_before_data() -> None:
    """What is short and urgent never waits behind bulk."""
    pair = ConnectionPair()
    number = opened(pair)
    back = pair.b.open("B", "A", now=0.0)
    pair.settle()
    pair.b.send(back, [1], pair.now)
    pair.settle()
    pair.a.consumed(back, 1, pair.now)
    pair.a.send(number, ["x" * 1000] * 50, pair.now)
    pair.a.request("ps", None, pair.now)
    kinds = [type(r).__name__ for m in pair.a.take_frames() for r in unpack(m, pair.limits)]
    assert kinds.index("Request") < kinds.index("Ack") < kinds.index("Data")


# --- mistakes of our own caller ---


def test_numbers_that_never_were_are_mistakes() -> None:
    """A typo is found at once; a linkage that is over is not a typo."""
    pair = ConnectionPair()
    number = opened(pair)
    link, now = pair.a, pair.now
    for call in (
        lambda: link.send(9, [1], now),
        lambda: link.room(9),
        lambda: link.finish(9, None, now),
        lambda: link.reset(9, "", now),
        lambda: link.reopen(9, now),
        lambda: link.accept(9, now=now),
        lambda: link.refuse(9, "", now),
        lambda: link.consumed(9, 1, now),
        lambda: link.stop_receiving(9, "", now),
        lambda: link.reply(9, True, None, now),
    ):
        with pytest.raises(LocalProtocolError, match="ever"):
            call()
    link.reset(number, "over", now)
    link.finish(number, None, now)
    link.reset(number, "again", now)
    link.reopen(number, now)
    assert link.room(number) == 0
    with pytest.raises(LocalProtocolError, match="is over"):
        link.send(number, [1], now)


def test_an_unsendable_message_takes_none_of_its_batch() -> None:
    """Nothing has changed, and the next send is as if nothing had been."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, ["before"], pair.now)
    before = pair.a.statistics()
    with pytest.raises(TypeError):
        pair.a.send(number, ["fine", object()], pair.now)
    assert pair.a.statistics() == before
    pair.a.send(number, ["after"], pair.now)
    pair.settle()
    assert pair.messages("b", number) == ["before", "after"]


def test_a_message_larger_than_a_link_carries_is_named() -> None:
    """It is refused here, with its place, instead of costing the link over there."""
    limits = LinkLimits(largest_message=1_000_000)
    pair = ConnectionPair(limits=limits, codec=PlainCodec(large=16384))
    number = opened(pair)
    with pytest.raises(
        TooLarge, match=r"message 2 cannot be sent: it has 1,100,\d+ bytes"
    ) as caught:
        pair.a.send(number, ["fine", "fine", bytes(1_100_000)], pair.now)
    assert caught.value.index == 2
    assert pair.a.statistics().sending[0].accepted == 0


def test_sending_nothing_is_nothing() -> None:
    """An empty list is not a batch."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [], pair.now)
    assert pair.a.take_frames() == []


# --- the clock, and the counts ---


def test_an_idle_link_pings_twice_a_second_and_is_never_suspected() -> None:
    """A minute of nothing: alive, and no more than one question per half second."""
    pair = ConnectionPair()
    opened(pair)
    pair.pass_time(60.0)
    assert pair.said("a", events.Suspect) == pair.said("b", events.Suspect) == []
    assert pair.a.state is LinkState.ESTABLISHED


def test_a_peer_that_hangs_is_suspected_then_dead_and_its_connection_closed() -> None:
    """The heartbeat is answered by the core: a program that does not run it does not answer."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1, 2], pair.now)
    for _ in range(100):
        pair.now += 0.1
        pair.a.tick(pair.now)
        pair.a.take_frames()
        pair.note("a")
    assert len(pair.said("a", events.Suspect)) == 1
    (dead,) = pair.said("a", events.Dead)
    assert "'b'" in dead.reason
    (undelivered,) = pair.said("a", events.Undelivered)
    assert (undelivered.number, undelivered.count, undelivered.kept) == (number, 2, True)
    assert len(pair.said("a", events.CloseConnection)) == 1
    assert pair.a.state is LinkState.CLOSING


def test_a_dead_peer_that_comes_back_gets_everything() -> None:
    """What was reported as undelivered but kept is delivered after all."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.cut()
    pair.a.send(number, [1, 2], pair.now)
    pair.pass_time(10.0)
    assert len(pair.said("a", events.Dead)) == 1
    assert pair.said("a", events.CloseConnection) == []
    pair.connect()
    assert len(pair.said("a", events.Recovered)) == 1
    assert pair.messages("b", number) == [1, 2]


def test_statistics_are_a_snapshot() -> None:
    """They count what happened, and do not change behind one's back."""
    pair = ConnectionPair()
    number = opened(pair)
    before = pair.a.statistics()
    pair.a.send(number, [1, 2, 3], pair.now)
    pair.settle()
    assert before.counters.messages_sent == 0
    after = pair.a.statistics()
    assert after.counters.messages_sent == 3
    assert pair.b.statistics().counters.messages_received == 3
    assert after.sending[0].source == "X.outbox"
    assert pair.b.statistics().receiving[0].received == 3
    assert after.health == "alive"
