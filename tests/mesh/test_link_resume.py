"""After a reconnect: who knows what, who says what again, and what is never lost or doubled."""

from __future__ import annotations

import pytest
from link_pair import ConnectionPair

from kamesh.link import LinkLimits, events
from kamesh.link.framing import unpack
from kamesh.link.records import Data, Open

SPLIT = pytest.mark.parametrize("split", [False, True], ids=["whole", "record by record"])


def flowing(*, limits: LinkLimits | None = None, split: bool = False) -> tuple[ConnectionPair, int]:
    """Two links, one linkage: 1-3 consumed and acknowledged, 4-6 delivered, 7-9 only sent."""
    pair = ConnectionPair(limits=limits, split=split)
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    pair.a.send(number, [1, 2, 3], pair.now)
    pair.settle()
    pair.consume("b", number)
    pair.pass_time(0.01)
    pair.a.send(number, [4, 5, 6], pair.now)
    pair.settle()
    pair.a.send(number, [7, 8, 9], pair.now)
    pair.a.take_frames()  # and they get lost on the way
    assert pair.messages("b", number) == [1, 2, 3, 4, 5, 6]
    return pair, number


@SPLIT
def test_a_cut_costs_nothing(split: bool) -> None:
    """Both live: exactly the lost ones are sent again, none comes twice, none is marked."""
    pair, number = flowing(split=split)
    pair.cut()
    pair.connect()
    assert pair.messages("b", number) == list(range(1, 10))
    assert sum(e.maybe_duplicate for e in pair.said("b", events.Delivered)) == 0
    assert pair.a.statistics().counters.messages_resent == 3
    assert pair.b.statistics().counters.duplicates_dropped == 0
    assert len(pair.said("b", events.Offered)) == 1
    assert len(pair.said("a", events.Opened)) == 1


@SPLIT
def test_a_receiver_that_restarted_gets_all_that_was_not_acknowledged_marked(split: bool) -> None:
    """4-9 come again, all of them marked; what follows is not; nobody is told of a loss."""
    pair, number = flowing(split=split)
    pair.restart("b")
    pair.connect()
    (established,) = pair.said("a", events.Established)[1:]
    assert established.restarted
    assert pair.said("b", events.Offered)[-1].resumed
    after = [e for e in pair.said("b", events.Delivered) if e.first_seq > 3][-2:]
    assert [m for e in after for m in e.messages] == [4, 5, 6, 7, 8, 9]
    assert sum(e.maybe_duplicate for e in after) == 6
    pair.a.send(number, [10], pair.now)
    pair.settle()
    last = pair.said("b", events.Delivered)[-1]
    assert (last.first_seq, last.messages, last.maybe_duplicate) == (10, [10], 0)


@SPLIT
def test_a_sender_that_restarted_is_a_session_lost(split: bool) -> None:
    """The receiver is told once, and the same number is offered for something new."""
    pair, number = flowing(split=split)
    pair.restart("a")
    again = pair.a.open("NEW.outbox", "Y.inbox", now=pair.now)
    assert again == number
    pair.connect()
    assert pair.said("b", events.SessionLost) == [events.SessionLost(number)]
    assert pair.said("b", events.Offered)[-1] == events.Offered(
        number, "NEW.outbox", "Y.inbox", resumed=False
    )
    pair.a.send(number, ["new"], pair.now)
    pair.settle()
    last = pair.said("b", events.Delivered)[-1]
    assert (last.first_seq, last.messages, last.maybe_duplicate) == (1, ["new"], 0)


def test_when_both_restarted_nothing_is_known_and_nothing_is_reported() -> None:
    """Two new incarnations owe each other nothing."""
    pair, _ = flowing()
    pair.restart("a")
    pair.restart("b")
    pair.log.clear()
    pair.connect()
    assert [type(event) for _, event in pair.log] == [events.Established, events.Established]
    assert not any(event.restarted for event in pair.said("a", events.Established))


def test_a_receiver_whose_messages_had_never_gone_out_marks_none() -> None:
    """What was given while the peer was away cannot be a duplicate."""
    pair = ConnectionPair()
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.cut()
    pair.a.send(number, [1, 2], pair.now)
    pair.restart("b")
    pair.connect()
    assert pair.messages("b", number) == [1, 2]
    assert not any(e.maybe_duplicate for e in pair.said("b", events.Delivered))
    assert not pair.said("b", events.Offered)[-1].resumed


def test_part_of_a_batch_is_marked_when_only_part_had_gone_out() -> None:
    """The mark is a count of the first so many messages."""
    pair, number = flowing()
    pair.restart("b")
    pair.a.send(number, [10, 11], pair.now)
    pair.connect()
    marks = {e.first_seq: e.maybe_duplicate for e in pair.said("b", events.Delivered)[2:]}
    assert sum(marks.values()) == 6
    assert pair.messages("b", number)[-8:] == [4, 5, 6, 7, 8, 9, 10, 11]


def test_a_batch_that_was_partly_acknowledged_is_sliced() -> None:
    """A restarted receiver does not see again what its forerunner acknowledged."""
    pair = ConnectionPair()
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.a.send(number, ["x"] * 2, pair.now)
    pair.settle()
    pair.log.clear()
    pair.a.send(number, list(range(3, 13)), pair.now)
    pair.settle()
    pair.b.consumed(number, 7, pair.now)
    pair.pass_time(0.01)
    pair.restart("b")
    pair.connect()
    (_, delivered) = pair.said("b", events.Delivered)
    assert (delivered.first_seq, delivered.messages) == (8, [8, 9, 10, 11, 12])
    assert delivered.maybe_duplicate == 5
    assert pair.b.statistics().counters.duplicates_dropped == 5


def test_an_acknowledgement_that_was_lost_is_said_again() -> None:
    """The receiver names what it has consumed when the linkage is resumed."""
    pair, number = flowing()
    pair.consume("b", number)
    pair.cut()
    assert pair.a.statistics().sending[0].acknowledged == 3
    pair.connect()
    assert pair.a.statistics().sending[0].acknowledged == 6


def test_a_restarted_receiver_with_a_smaller_window_gets_smaller_batches() -> None:
    """Batches encoded for the old window are cut again; the new window is never exceeded."""
    pair = ConnectionPair(limits=LinkLimits(window_messages=100))
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.a.send(number, ["x"] * 2, pair.now)
    pair.a.send(number, list(range(98)), pair.now)
    pair.cut()
    pair.accepts = False
    pair.restart("b")
    pair.connect()
    pair.b.accept(number, window_messages=7, window_bytes=200, now=pair.now)
    pair.settle()
    got = 0
    for _ in range(50):
        have = len(pair.messages("b", number))
        assert have - got <= 7
        got = have
        pair.consume("b", number)
        pair.pass_time(0.01)
    assert pair.messages("b", number) == ["x", "x", *range(98)]
    assert pair.said("b", events.CloseConnection) == []


def test_a_cut_before_accept_offers_only_once() -> None:
    """The caller answers one offer, however many connections it took."""
    pair = ConnectionPair()
    pair.accepts = False
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.cut()
    pair.connect()
    pair.cut()
    pair.b.accept(number, now=pair.now)
    pair.connect()
    assert len(pair.said("b", events.Offered)) == 1
    assert pair.said("a", events.Opened) == [events.Opened(number)]


def test_a_refusal_that_was_lost_is_asked_for_again() -> None:
    """The offer comes again, and again the caller decides."""
    pair = ConnectionPair()
    pair.accepts = False
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.b.refuse(number, "no", pair.now)
    pair.cut()
    pair.connect()
    assert len(pair.said("b", events.Offered)) == 2
    pair.b.refuse(number, "no", pair.now)
    pair.settle()
    assert pair.said("a", events.LinkageRefused) == [events.LinkageRefused(number, "no")]


def test_a_refused_linkage_is_not_offered_again_by_itself() -> None:
    """Only the caller reopens; a reconnect does not."""
    pair = ConnectionPair()
    pair.accepts = False
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    pair.b.refuse(number, "no", pair.now)
    pair.settle()
    pair.cut()
    pair.connect()
    assert len(pair.said("b", events.Offered)) == 1
    pair.cut()
    pair.a.reopen(number, pair.now)
    pair.connect()
    assert len(pair.said("b", events.Offered)) == 2


def test_a_restarted_receiver_that_refuses_leaves_the_data_with_the_sender() -> None:
    """Not ready yet is no loss: reopened later, everything comes, marked."""
    pair, number = flowing()
    pair.accepts = False
    pair.restart("b")
    pair.connect()
    pair.b.refuse(number, "not ready", pair.now)
    pair.settle()
    assert pair.said("a", events.Undelivered) == []
    pair.accepts = True
    pair.a.reopen(number, pair.now)
    pair.settle()
    assert pair.messages("b", number)[6:] == [4, 5, 6, 7, 8, 9]


def test_room_comes_back_after_a_reconnect() -> None:
    """Whoever was told that there is no room is told when there is again."""
    pair, number = flowing()
    pair.cut()
    assert pair.a.room(number) == 0
    assert pair.said("a", events.Room) == []
    pair.connect()
    assert pair.said("a", events.Room) == [events.Room(number)]
    assert pair.a.room(number) > 0


def test_everything_still_held_is_named_before_anything_else_is_said() -> None:
    """OPEN for each linkage, then LISTED: the first words after a greeting."""
    pair, number = flowing()
    second = pair.a.open("X2", "Y2", now=0.0)
    pair.settle()
    pair.cut()
    pair.a.connected(pair.now, dialed=True)
    pair.b.connected(pair.now, dialed=False)
    pair.flush()
    pair.deliver("b")
    pair.flush()
    pair.deliver("a")
    names = [r for m in pair.a.take_frames() for r in unpack(m, pair.limits)]
    assert [type(r).__name__ for r in names][:3] == ["Open", "Open", "Listed"]
    assert isinstance(names[0], Open)
    assert (names[0].number, names[0].base_seq, names[0].sent_upto) == (number, 4, 9)
    assert isinstance(names[1], Open)
    assert (names[1].number, names[1].base_seq, names[1].sent_upto) == (second, 1, 0)


def test_frames_of_an_older_connection_are_counted_and_do_nothing() -> None:
    """After `disconnected`, whatever still arrives is stale."""
    pair, number = flowing()
    pair.a.send(number, [10], pair.now)
    (old,) = pair.a.take_frames()
    assert any(isinstance(r, Data) for r in unpack(old, pair.limits))
    pair.cut()
    pair.inject("b", old)
    assert pair.b.statistics().counters.stale == 1
    pair.connect()
    assert pair.messages("b", number) == list(range(1, 11))


def test_data_of_an_older_connection_on_a_new_one_is_a_violation() -> None:
    """Nothing is believed before a greeting, and nothing on a linkage before OPEN."""
    pair, number = flowing()
    pair.a.send(number, [10], pair.now)
    (old,) = pair.a.take_frames()
    pair.cut()
    pair.b.connected(pair.now, dialed=False)
    pair.inject("b", old)
    (close,) = pair.said("b", events.CloseConnection)
    assert "DATA came before any greeting" in close.reason


def test_many_cuts_at_every_place() -> None:
    """Cut after each number of messages each way: always the same stream, once."""
    for keep in range(6):
        pair = ConnectionPair(split=True)
        pair.connect()
        number = pair.a.open("X", "Y", now=0.0)
        given = 0
        for _ in range(12):
            room = pair.a.room(number)
            if room and given < 40:
                pair.a.send(number, [given + n + 1 for n in range(5)], pair.now)
                given += 5
            pair.consume("b", number)
            pair.b.tick(pair.now)
            pair.cut(keep=keep)
            pair.connect()
            pair.now += 0.01
        pair.settle()
        assert given > 5
        assert pair.messages("b", number) == list(range(1, given + 1))
