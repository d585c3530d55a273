"""How linkages end: finished, reset, stopped; connected or not; each word lost once."""

from __future__ import annotations

import pytest
from link_pair import ConnectionPair

from kamesh.link import LocalProtocolError, events

SPLIT = pytest.mark.parametrize("split", [False, True], ids=["whole", "record by record"])


def opened(pair: ConnectionPair) -> int:
    """Connect and open one linkage."""
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    return number


def nothing_left(pair: ConnectionPair) -> bool:
    """Return whether neither side remembers any linkage."""
    found = [pair.a.statistics(), pair.b.statistics()]
    return not any(side.sending or side.receiving for side in found)


# --- finishing ---


@SPLIT
def test_the_end_comes_after_all_data_and_is_acknowledged_when_consumed(split: bool) -> None:
    """Finished follows the last message; FinishAcknowledged follows the last consumption."""
    pair = ConnectionPair(split=split)
    number = opened(pair)
    pair.a.send(number, [1, 2, 3], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.settle()
    kinds = [type(event) for who, event in pair.log if who == "b"][-2:]
    assert kinds == [events.Delivered, events.Finished]
    assert pair.said("a", events.FinishAcknowledged) == []
    pair.b.consumed(number, 2, pair.now)
    pair.pass_time(0.1)
    assert pair.said("a", events.FinishAcknowledged) == []
    assert pair.a.statistics().sending[0].acknowledged == 2
    pair.b.consumed(number, 3, pair.now)
    pair.settle()
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]
    assert nothing_left(pair)


def test_an_empty_stream_ends_too() -> None:
    """No data, no consumption, and still an end on both sides."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.finish(number, None, pair.now)
    pair.settle()
    assert pair.said("b", events.Finished) == [events.Finished(number, None)]
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]
    assert nothing_left(pair)


def test_a_failure_travels_with_the_end() -> None:
    """How a stream broke arrives as it was sent, behind all that it had sent before."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1], pair.now)
    pair.a.finish(number, {"component": "Upper", "line": 17}, pair.now)
    pair.settle()
    assert pair.said("b", events.Finished) == [
        events.Finished(number, {"component": "Upper", "line": 17})
    ]


def test_a_failure_that_cannot_travel_is_refused_and_the_stream_still_open() -> None:
    """The shell can say it in other words."""
    pair = ConnectionPair()
    number = opened(pair)
    with pytest.raises(TypeError):
        pair.a.finish(number, object(), pair.now)
    pair.a.send(number, [1], pair.now)
    pair.a.finish(number, "in other words", pair.now)
    pair.settle()
    assert pair.said("b", events.Finished) == [events.Finished(number, "in other words")]


def test_finish_follows_data_that_has_not_been_sent_yet() -> None:
    """What was given is given: FIN waits behind it, for the window and for a connection."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.cut()
    pair.a.send(number, [1, 2], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.connect()
    assert pair.messages("b", number) == [1, 2]
    assert pair.said("b", events.Finished) == [events.Finished(number)]


def test_finish_before_there_ever_was_a_connection() -> None:
    """An empty stream to a node that comes later ends there all the same."""
    pair = ConnectionPair()
    number = pair.a.open("X", "Y", now=0.0)
    pair.a.finish(number, None, pair.now)
    pair.connect()
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]


def test_after_finish_nothing_more_is_taken() -> None:
    """Sending or finishing again is the caller's mistake."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.finish(number, None, pair.now)
    assert pair.a.room(number) == 0
    with pytest.raises(LocalProtocolError, match="finishing"):
        pair.a.send(number, [1], pair.now)
    with pytest.raises(LocalProtocolError, match="finishing"):
        pair.a.finish(number, None, pair.now)


def test_fin_is_said_again_after_a_reconnect_and_told_once() -> None:
    """A FIN that was lost is repeated; one that was heard is not told twice."""
    for lost in (True, False):
        pair = ConnectionPair()
        number = opened(pair)
        pair.a.send(number, [1], pair.now)
        pair.a.finish(number, None, pair.now)
        if not lost:
            pair.settle()
        pair.cut()
        pair.connect()
        assert pair.said("b", events.Finished) == [events.Finished(number)]
        pair.b.consumed(number, 1, pair.now)
        pair.settle()
        assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]
        assert nothing_left(pair)


@SPLIT
def test_a_finack_that_was_lost_is_said_again(split: bool) -> None:
    """The receiver remembers a linkage that is done until its sender knows."""
    pair = ConnectionPair(split=split)
    number = opened(pair)
    pair.a.send(number, [1], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.settle()
    pair.b.consumed(number, 1, pair.now)
    pair.b.take_frames()  # lost
    pair.cut()
    assert pair.b.statistics().receiving[0].state == "done"
    pair.connect()
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]
    assert pair.said("b", events.Finished) == [events.Finished(number)]
    assert nothing_left(pair)


def test_a_forget_that_was_lost_is_made_up_for_by_what_is_not_named() -> None:
    """After a reconnect the sender does not name it, and so the receiver forgets it."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.finish(number, None, pair.now)
    pair.flush()
    pair.deliver("b")
    pair.flush()
    pair.deliver("a")
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]
    pair.a.take_frames()  # FORGET is lost
    pair.cut()
    assert pair.b.statistics().receiving[0].state == "done"
    pair.connect()
    assert nothing_left(pair)
    assert pair.said("b", events.Reset) == []


def test_consuming_while_disconnected_counts() -> None:
    """The end is acknowledged when the two meet again."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.settle()
    pair.cut()
    pair.b.consumed(number, 1, pair.now)
    pair.connect()
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]


def test_a_finished_sender_that_restarts_leaves_the_rest_to_be_consumed() -> None:
    """Nothing was lost: the receiver is told that it had everything."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1, 2], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.settle()
    pair.restart("a")
    pair.connect()
    assert pair.said("b", events.SessionLost) == [events.SessionLost(number, complete=True)]
    pair.b.consumed(number, 2, pair.now)


def test_a_receiver_that_restarts_before_consuming_gets_all_and_the_end_again() -> None:
    """The sender waits for consumption, not for delivery."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1, 2], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.settle()
    pair.restart("b")
    pair.connect()
    assert pair.messages("b", number) == [1, 2, 1, 2]
    assert pair.said("b", events.Delivered)[-1].maybe_duplicate > 0
    assert len(pair.said("b", events.Finished)) == 2
    pair.b.consumed(number, 2, pair.now)
    pair.settle()
    assert pair.said("a", events.FinishAcknowledged) == [events.FinishAcknowledged(number)]


# --- reset by the sender ---


def test_a_reset_is_told_over_there_and_counted_here() -> None:
    """The receiver hears why; our caller hears how many may not have been consumed."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1, 2, 3], pair.now)
    pair.settle()
    pair.a.reset(number, "the graph has changed", pair.now)
    pair.settle()
    assert pair.said("a", events.Undelivered) == [
        events.Undelivered(number, 3, "the graph has changed")
    ]
    assert pair.said("b", events.Reset) == [events.Reset(number, "the graph has changed")]
    assert nothing_left(pair)
    pair.b.consumed(number, 3, pair.now)  # the component had not heard yet
    assert pair.a.statistics().counters.undelivered == 3


def test_a_reset_without_a_connection_is_told_when_there_is_one() -> None:
    """The reason is kept; without one to keep, the linkage is simply not named any more."""
    pair = ConnectionPair()
    number = opened(pair)
    other = pair.a.open("X2", "Y2", now=0.0)
    pair.settle()
    pair.a.reset(other, "lost on the way", pair.now)
    pair.a.take_frames()
    pair.cut()
    pair.a.reset(number, "waited 30 s", pair.now)
    pair.connect()
    assert sorted((e.number, e.reason) for e in pair.said("b", events.Reset)) == [
        (number, "waited 30 s"),
        (other, "its sender gave it up while there was no connection to say so"),
    ]
    assert nothing_left(pair)


def test_a_reset_to_a_peer_that_restarted_says_nothing() -> None:
    """The new incarnation has never heard of it."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.cut()
    pair.a.reset(number, "waited 30 s", pair.now)
    pair.restart("b")
    pair.connect()
    assert pair.said("b", events.Reset) == []
    assert nothing_left(pair)


def test_a_reset_of_something_refused_or_never_offered_is_quiet() -> None:
    """Nobody over there has to know."""
    pair = ConnectionPair()
    first = pair.a.open("X", "Y", now=0.0)
    pair.a.reset(first, "changed my mind", pair.now)
    pair.accepts = False
    second = opened(pair)
    pair.b.refuse(second, "no", pair.now)
    pair.settle()
    pair.a.reset(second, "then not", pair.now)
    pair.settle()
    assert pair.said("b", events.Reset) == []
    assert pair.said("a", events.Undelivered) == []
    assert nothing_left(pair)


def test_an_offer_that_is_reset_needs_no_answer() -> None:
    """Answering all the same is no mistake: the news had not come yet."""
    pair = ConnectionPair()
    pair.accepts = False
    number = opened(pair)
    pair.a.reset(number, "changed my mind", pair.now)
    pair.settle()
    assert pair.said("b", events.Reset) == [events.Reset(number, "changed my mind")]
    pair.b.accept(number, now=pair.now)
    pair.b.refuse(number, "no", pair.now)
    pair.b.stop_receiving(number, "no", pair.now)
    pair.settle()
    assert nothing_left(pair)


# --- stop by the receiver ---


def test_a_stop_is_told_to_the_sender_with_what_it_costs() -> None:
    """The sender's caller hears why and how many; data on the way is dropped."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.send(number, [1, 2], pair.now)
    pair.settle()
    pair.a.send(number, [3], pair.now)
    pair.b.stop_receiving(number, "Y is gone", pair.now)
    pair.settle()
    assert pair.said("a", events.Reset) == [events.Reset(number, "Y is gone", sending=True)]
    assert pair.said("a", events.Undelivered) == [events.Undelivered(number, 3, "Y is gone")]
    assert pair.messages("b", number) == [1, 2]
    assert nothing_left(pair)


def test_a_stop_that_was_lost_is_said_again() -> None:
    """A stopped linkage is remembered until its sender has understood."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.b.stop_receiving(number, "Y is gone", pair.now)
    pair.b.take_frames()
    pair.cut()
    pair.connect()
    assert pair.said("a", events.Reset) == [events.Reset(number, "Y is gone", sending=True)]
    assert nothing_left(pair)


def test_a_stop_and_a_reset_at_once_are_one_end() -> None:
    """Both say so in the same instant: each hears nothing more, and nothing is left."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.a.reset(number, "a", pair.now)
    pair.b.stop_receiving(number, "b", pair.now)
    pair.settle()
    assert pair.said("a", events.Reset) == pair.said("b", events.Reset) == []
    assert nothing_left(pair)


def test_a_refusal_after_accepting_is_a_stop() -> None:
    """Whichever word the shell uses, the sender hears it."""
    pair = ConnectionPair()
    number = opened(pair)
    pair.b.refuse(number, "not after all", pair.now)
    pair.settle()
    assert pair.said("a", events.Reset) == [events.Reset(number, "not after all", sending=True)]
    assert nothing_left(pair)


def test_a_stop_of_an_offer_is_an_answer() -> None:
    """The offer is over for the sender too."""
    pair = ConnectionPair()
    pair.accepts = False
    number = opened(pair)
    pair.b.stop_receiving(number, "never", pair.now)
    pair.settle()
    assert pair.said("a", events.Reset) == [events.Reset(number, "never", sending=True)]
    assert nothing_left(pair)
