"""A peer that breaks the protocol: counted, told why, cut off, and everything else unharmed."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest
from link_pair import ConnectionPair, PlainCodec

from kamesh.link import LinkState, events
from kamesh.link import records as wire
from kamesh.link.fields import LARGEST
from kamesh.link.framing import pack, unpack

ID = bytes(16)
ONE = b"\x91\x01"


def flowing() -> ConnectionPair:
    """Make two links with a linkage 1 each way; 3 messages delivered each way, 1 consumed."""
    pair = ConnectionPair()
    pair.connect()
    for link in (pair.a, pair.b):
        link.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    for link in (pair.a, pair.b):
        link.send(1, [1, 2], pair.now)
        link.send(1, [3], pair.now)
    pair.settle()
    for link in (pair.a, pair.b):
        link.consumed(1, 1, pair.now)
    pair.pass_time(0.01)
    return pair


def at_linkage_one(pair: ConnectionPair) -> bytes:
    """Return the session of the linkage that `a` sends on."""
    sender = ConnectionPair()  # the same incarnations, so the same sessions
    number = sender.a.open("X", "Y", now=0.0)
    sender.a.connected(0.0, dialed=True)
    sender.b.connected(0.0, dialed=False)
    sender.flush()
    sender.deliver("b")
    sender.flush()
    sender.deliver("a")
    (opening, *_) = unpack(sender.a.take_frames()[0], sender.limits)
    assert isinstance(opening, wire.Open)
    assert opening.number == number
    return opening.session


BROKEN: list[tuple[str, wire.Record, str]] = [
    ("DATA with a gap", wire.Data(1, 5, 1, ONE), "4 should have come first"),
    ("DATA of a number never opened", wire.Data(9, 1, 1, ONE), "which is not open"),
    ("DATA beyond the window", wire.Data(1, 4, 5000, ONE), "exceeds the window"),
    ("DATA of too many bytes", wire.Data(1, 4, 2, bytes(9 << 20)), "exceeds the window"),
    ("DATA beyond 64 bits", wire.Data(1, 4, LARGEST, ONE), "exceeds|last number"),
    ("DATA that is garbage", wire.Data(1, 4, 1, b"\xc1"), "cannot be decoded"),
    ("DATA with another count", wire.Data(1, 4, 2, ONE), "1 messages where 2 were announced"),
    ("FIN with a gap", wire.Fin(1, 7, False, b""), "after message 7, and 3 have come"),
    ("FIN from the past", wire.Fin(1, 2, False, b""), "after message 2, and 3 have come"),
    ("FIN of a number never opened", wire.Fin(9, 0, False, b""), "which is not open"),
    ("FIN with a garbled failure", wire.Fin(1, 3, True, b"\xc1"), "cannot be decoded"),
    ("ACK beyond what was sent", wire.Ack(1, 4, 10, 10), "of which only 3 have been sent"),
    ("ACK of 64 bits", wire.Ack(1, LARGEST, 10, 10), "of which only 3 have been sent"),
    ("ACK of a number never opened", wire.Ack(2, 0, 10, 10), "no linkage that we ever opened"),
    ("OPENED twice", wire.Opened(1, 4, 10, 10), "OPENED came for"),
    ("OPENED never opened", wire.Opened(2, 1, 10, 10), "no linkage that we ever opened"),
    ("REFUSED when open", wire.Refused(1, "no"), "REFUSED came for"),
    ("FINACK before FIN", wire.FinAck(1), "FINACK came for"),
    ("STOP never opened", wire.Stop(2, "no"), "no linkage that we ever opened"),
    ("FORGET of something live", wire.Forget(1), "FORGET came for"),
    ("OPEN twice", wire.Open(1, "X", "Y", ID, 1, "block", 0), "OPEN came twice"),
    ("PONG never asked", wire.Pong(77), "PONG for a PING that was never sent"),
    ("HELLO again", wire.Hello(1, 1, "mesh", "a", ID, {}), "a second greeting"),
    ("WELCOME again", wire.Welcome(1, 1, "mesh", "a", ID, {}), "a second greeting"),
    ("REQUEST that is garbage", wire.Request(1, "ps", b"\xc1"), "cannot be decoded"),
    ("REQUEST of two values", wire.Request(1, "ps", b"\x92\x01\x02"), "2 values instead of one"),
    ("GOSSIP that is garbage", wire.Gossip(b""), "cannot be decoded"),
]


@pytest.mark.parametrize(("record", "why"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_violation_costs_the_connection_and_nothing_else(record: wire.Record, why: str) -> None:
    """One BYE with a sentence, one CloseConnection; after a reconnect nothing is missing."""
    pair = flowing()
    pair.inject("b", pack([record])[0])
    (close,) = pair.said("b", events.CloseConnection)
    assert "node 'a' broke the link protocol" in close.reason
    assert re.search(why, close.reason), close.reason
    assert pair.b.state is LinkState.CLOSING
    assert pair.b.statistics().counters.violations == 1
    (message,) = pair.b.take_frames()
    (bye,) = unpack(message, pair.limits)
    assert isinstance(bye, wire.Bye)
    assert bye.fault
    pair.inject("a", message)
    assert pair.said("a", events.Bye) == []
    assert "closed the connection" in pair.said("a", events.CloseConnection)[0].reason
    pair.cut()
    pair.connect()
    for name, link in (("a", pair.a), ("b", pair.b)):
        link.send(1, [4], pair.now)
        pair.settle()
        other = "b" if name == "a" else "a"
        assert pair.messages(other, 1) == [1, 2, 3, 4]
        assert sum(e.maybe_duplicate for e in pair.said(other, events.Delivered)) == 0


IGNORED: list[tuple[str, wire.Record]] = [
    ("DATA that came before", wire.Data(1, 1, 3, b"\x93\x01\x02\x03")),
    ("part of it", wire.Data(1, 2, 1, ONE)),
    ("ACK that goes backwards", wire.Ack(1, 0, 1, 1)),
    ("ACK that repeats", wire.Ack(1, 1, 4096, 8 << 20)),
    ("RESET of a number never opened", wire.Reset(9, "no")),
    ("FORGET of a number never opened", wire.Forget(9)),
    ("LISTED again", wire.Listed()),
]


@pytest.mark.parametrize("record", [i[1] for i in IGNORED], ids=[i[0] for i in IGNORED])
def test_what_repeats_the_past_changes_nothing(record: wire.Record) -> None:
    """A replay is dropped and counted; the stream goes on, each message once."""
    pair = flowing()
    pair.inject("b", pack([record])[0])
    assert pair.said("b", events.CloseConnection) == []
    assert pair.b.room(1) > 1
    pair.a.send(1, [4], pair.now)
    pair.settle()
    assert pair.messages("b", 1) == [1, 2, 3, 4]
    if isinstance(record, wire.Data):
        assert pair.b.statistics().counters.duplicates_dropped == record.count


def test_a_batch_that_is_half_old_is_sliced() -> None:
    """Only what is new is delivered."""
    pair = flowing()
    pair.inject("b", pack([wire.Data(1, 2, 4, b"\x94\x02\x03\x04\x05")])[0])
    last = pair.said("b", events.Delivered)[-1]
    assert (last.first_seq, last.messages) == (4, [4, 5])


def test_a_smaller_window_is_obeyed_and_no_error() -> None:
    """A receiver may take credit back: the sender waits until it fits again."""
    pair = flowing()
    pair.inject("a", pack([wire.Ack(1, 1, 2, 8 << 20)])[0])
    assert pair.a.room(1) == 0
    pair.inject("a", pack([wire.Ack(1, 2, 2, 8 << 20)])[0])
    assert pair.a.room(1) == 1
    pair.inject("a", pack([wire.Ack(1, 3, 0, 0)])[0])
    assert pair.a.room(1) == 0
    pair.inject("a", pack([wire.Ack(1, 3, 4096, 8 << 20)])[0])
    assert pair.a.room(1) == 4096


@pytest.mark.parametrize(("expected", "fine"), [(1, False), (2, True), (4, True), (5, False)])
def test_a_resumed_linkage_goes_on_from_where_both_agree(expected: int, fine: bool) -> None:
    """1 is acknowledged and 3 were sent: to expect less or more is a lie."""
    pair = flowing()
    pair.cut()
    pair.a.connected(pair.now, dialed=True)
    pair.b.connected(pair.now, dialed=False)
    pair.a.take_frames()
    pair.inject("a", pack([wire.Welcome(1, 1, "mesh", "b", (2).to_bytes(16, "big"), {})])[0])
    pair.inject("a", pack([wire.Opened(1, expected, 100, 10_000)])[0])
    assert bool(pair.said("a", events.CloseConnection)) is not fine


def test_what_was_sent_on_an_older_connection_only_cannot_be_acknowledged() -> None:
    """After OPENED expects 2, messages 2 and 3 count as unsent until they are sent again."""
    pair = flowing()
    pair.cut()
    pair.a.connected(pair.now, dialed=True)
    pair.b.connected(pair.now, dialed=False)
    pair.a.take_frames()
    welcome = wire.Welcome(1, 1, "mesh", "b", (2).to_bytes(16, "big"), {})
    pair.inject(
        "a", pack([welcome, wire.Opened(1, 2, 100, 10_000), wire.Ack(1, 3, 100, 10_000)])[0]
    )
    assert "of which only 1 have been sent" in pair.said("a", events.CloseConnection)[0].reason


@pytest.mark.parametrize(
    ("session", "base", "why"),
    [(None, 3, "only 1 have been acknowledged"), (ID, 2, "for something else")],
)
def test_a_resumed_linkage_is_the_same_linkage(session: bytes | None, base: int, why: str) -> None:
    """Another session under a number in use, or a beginning that leaves a gap, is a violation."""
    pair = flowing()
    session = session or at_linkage_one(pair)
    pair.cut()
    pair.b.connected(pair.now, dialed=False)
    pair.inject("b", pack([wire.Hello(1, 1, "mesh", "a", (1).to_bytes(16, "big"), {})])[0])
    pair.inject("b", pack([wire.Open(1, "X", "Y", session, base, "block", 3)])[0])
    (close,) = pair.said("b", events.CloseConnection)
    assert why in close.reason


def test_data_before_the_linkage_was_accepted_is_a_violation() -> None:
    """Nobody sends before OPENED."""
    pair = ConnectionPair()
    pair.accepts = False
    pair.connect()
    pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.inject("b", pack([wire.Data(1, 1, 1, ONE)])[0])
    assert "which is offered" in pair.said("b", events.CloseConnection)[0].reason


def test_data_after_the_end_is_a_violation() -> None:
    """The end is the end."""
    pair = flowing()
    pair.a.finish(1, None, pair.now)
    pair.settle()
    pair.inject("b", pack([wire.Data(1, 4, 1, ONE)])[0])
    assert "which is ended" in pair.said("b", events.CloseConnection)[0].reason


def test_records_before_the_wrong_one_count_and_those_behind_do_not() -> None:
    """A message is judged in order; after a violation nothing more is listened to."""
    pair = flowing()
    good, bad = wire.Data(1, 4, 1, b"\x91\x04"), wire.Data(1, 9, 1, ONE)
    pair.inject("b", pack([good, bad, wire.Data(1, 5, 1, b"\x91\x05")])[0])
    assert pair.messages("b", 1) == [1, 2, 3, 4]
    pair.inject("b", pack([wire.Data(1, 5, 1, b"\x91\x05")])[0])
    assert pair.messages("b", 1) == [1, 2, 3, 4]
    assert len(pair.said("b", events.CloseConnection)) == 1


class Picky(PlainCodec):
    """A codec that cannot decode one particular message."""

    def decode(self, payload, buffers, /):  # type: ignore[no-untyped-def]
        found = super().decode(payload, buffers)
        if "poison" in found:
            raise ValueError("no such type here")
        return found


def test_a_batch_that_never_decodes_stops_its_linkage_and_not_the_link_for_ever() -> None:
    """Twice it costs the connection; the third time the linkage is stopped, and both are told."""
    pair = ConnectionPair(codec=Picky())
    pair.connect()
    poisoned = pair.a.open("BAD", "Y", now=0.0)
    healthy = pair.a.open("GOOD", "Z", now=0.0)
    pair.settle()
    pair.a.send(poisoned, ["fine"], pair.now)
    pair.settle()
    pair.consume("b", poisoned)
    pair.pass_time(0.01)
    pair.a.send(poisoned, ["poison"], pair.now)
    pair.a.send(healthy, ["hello"], pair.now)
    for attempt in (1, 2):
        pair.settle()
        assert len(pair.said("b", events.CloseConnection)) == attempt
        pair.cut()
        pair.a.connected(pair.now, dialed=True)
        pair.b.connected(pair.now, dialed=False)
    pair.settle()
    assert len(pair.said("b", events.CloseConnection)) == 2
    (told,) = pair.said("a", events.Reset)
    assert told.sending
    assert "cannot be decoded from message 2 on (ValueError: no such type here)" in told.reason
    assert [e.count for e in pair.said("a", events.Undelivered)] == [1]
    (here,) = pair.said("b", events.Reset)
    assert here.number == poisoned
    assert pair.messages("b", healthy) == ["hello"]
    assert pair.b.statistics().counters.undecodable == 3


def test_a_failure_that_never_decodes_stops_its_linkage_too() -> None:
    """The end of a stream may be poisoned like its messages."""
    pair = ConnectionPair(codec=Picky())
    pair.connect()
    number = pair.a.open("BAD", "Y", now=0.0)
    pair.settle()
    pair.a.finish(number, "poison", pair.now)
    for _ in (1, 2):
        pair.settle()
        pair.cut()
        pair.connect()
    assert len(pair.said("b", events.CloseConnection)) == 2
    assert [e.number for e in pair.said("a", events.Reset)] == [number]
    assert pair.said("b", events.Finished) == []


def test_received_never_raises_whatever_comes() -> None:
    """Seeded garbage and mutations of a real conversation, at every state of the link."""
    seed = 77
    random = Random(seed)
    talk: list[bytes] = [bytes(pack([record])[0][0]) for _, record, _ in BROKEN if
                         len(pack([record])[0]) == 1]  # fmt: skip
    prepare: list[Callable[[], ConnectionPair]] = [ConnectionPair, flowing]
    for trial in range(1500):
        pair = prepare[trial % 2]()
        if trial % 2 == 0:
            pair.b.connected(0.0, dialed=False)
        for _ in range(3):
            message = bytearray(random.choice(talk))
            for _ in range(random.randint(0, 3)):
                message[random.randrange(len(message))] = random.randrange(256)
            try:
                pair.inject("b", [bytes(message)])
            except Exception as error:
                pytest.fail(f"seed {seed}, trial {trial}, {message.hex()}: {error!r}")
        assert len(pair.said("b", events.CloseConnection)) <= 1
