"""Requests, answers, gossip: answered exactly once, bounded, and never sent twice."""

from __future__ import annotations

import pytest
from link_pair import ConnectionPair

from kamesh.link import LinkLimits, LocalProtocolError, events
from kamesh.link.framing import pack
from kamesh.link.records import Reply, Request


def test_a_request_is_answered() -> None:
    """Verb and arguments arrive; the answer comes back under the id that was given."""
    pair = ConnectionPair()
    pair.connect()
    first = pair.a.request("ps", {"all": True}, pair.now)
    second = pair.a.request("nonsense", None, pair.now)
    pair.settle()
    asked = pair.said("b", events.Requested)
    assert [(e.verb, e.arguments) for e in asked] == [("ps", {"all": True}), ("nonsense", None)]
    pair.b.reply(asked[1].id, False, "no such verb", pair.now)
    pair.b.reply(asked[0].id, True, ["A", "B"], pair.now)
    pair.settle()
    assert pair.said("a", events.Replied) == [
        events.Replied(second, False, "no such verb"),
        events.Replied(first, True, ["A", "B"]),
    ]
    assert pair.a.next_deadline() != 30.0


def test_a_reply_is_given_once() -> None:
    """A second answer goes nowhere; an answer to nothing is a mistake."""
    pair = ConnectionPair()
    pair.connect()
    pair.a.request("ps", None, pair.now)
    pair.settle()
    (asked,) = pair.said("b", events.Requested)
    pair.b.reply(asked.id, True, 1, pair.now)
    pair.b.reply(asked.id, True, 2, pair.now)
    pair.settle()
    assert [e.value for e in pair.said("a", events.Replied)] == [1]
    with pytest.raises(LocalProtocolError, match="never was a request"):
        pair.b.reply(99, True, None, pair.now)


def test_without_a_connection_a_request_fails_at_once() -> None:
    """It is never kept for later: the asker knows better what to do."""
    pair = ConnectionPair()
    number = pair.a.request("ps", None, pair.now)
    assert pair.a.take_events() == [
        events.Replied(number, False, "there is no connection to this node")
    ]
    pair.connect()
    assert pair.said("b", events.Requested) == []


def test_a_lost_connection_answers_what_was_open_and_nothing_is_asked_twice() -> None:
    """Requests are not resent, and an answer that is late finds nobody."""
    pair = ConnectionPair()
    pair.connect()
    number = pair.a.request("ps", None, pair.now)
    pair.settle()
    pair.cut()
    pair.connect()
    assert pair.said("a", events.Replied) == [
        events.Replied(number, False, "the connection with it was lost before it answered")
    ]
    (asked,) = pair.said("b", events.Requested)
    later = pair.a.request("ps", None, pair.now)
    pair.settle()
    pair.b.reply(asked.id, True, "late", pair.now)
    pair.settle()
    assert len(pair.said("a", events.Replied)) == 1
    pair.b.reply(pair.said("b", events.Requested)[-1].id, True, "in time", pair.now)
    pair.settle()
    assert pair.said("a", events.Replied)[-1] == events.Replied(later, True, "in time")


def test_an_answer_to_a_forerunner_never_answers_a_new_incarnation() -> None:
    """A restarted peer counts from 1 again; what its forerunner asked is forgotten."""
    pair = ConnectionPair()
    pair.connect()
    pair.a.request("old", None, pair.now)
    pair.settle()
    pair.restart("a")
    pair.connect()
    pair.a.request("new", None, pair.now)
    pair.settle()
    old, new = pair.said("b", events.Requested)
    pair.b.reply(old.id, True, "to the old one", pair.now)
    pair.b.reply(new.id, True, "to the new one", pair.now)
    pair.settle()
    assert [e.value for e in pair.said("a", events.Replied)] == ["to the new one"]


def test_a_request_without_an_answer_fails_after_its_time() -> None:
    """30 seconds by default; a late answer is dropped and no violation."""
    pair = ConnectionPair(limits=LinkLimits(request_seconds=0.3))
    pair.connect()
    first = pair.a.request("ps", None, pair.now)
    pair.pass_time(0.2)
    second = pair.a.request("ps", None, pair.now)
    pair.pass_time(0.15)
    assert pair.said("a", events.Replied) == [
        events.Replied(first, False, "no answer within 0.3 seconds")
    ]
    pair.b.reply(pair.said("b", events.Requested)[0].id, True, "late", pair.now)
    pair.b.reply(pair.said("b", events.Requested)[1].id, True, "in time", pair.now)
    pair.settle()
    assert pair.said("a", events.Replied)[1:] == [events.Replied(second, True, "in time")]


def test_open_requests_are_bounded_both_ways() -> None:
    """Our own limit raises; a peer that ignores its limit loses the link."""
    pair = ConnectionPair(limits=LinkLimits(requests=3))
    pair.connect()
    for _ in range(3):
        pair.a.request("ps", None, pair.now)
    with pytest.raises(LocalProtocolError, match="3 requests to this node wait"):
        pair.a.request("ps", None, pair.now)
    pair.settle()
    assert len(pair.said("b", events.Requested)) == 3
    pair.inject("b", pack([Request(9, "ps", b"\x91\xc0")])[0])
    (close,) = pair.said("b", events.CloseConnection)
    assert "more than 3 requests" in close.reason


def test_an_answer_to_what_was_never_asked_is_a_violation() -> None:
    """Nobody invents answers."""
    pair = ConnectionPair()
    pair.connect()
    pair.inject("a", pack([Reply(1, True, b"\x91\xc0")])[0])
    (close,) = pair.said("a", events.CloseConnection)
    assert "never made" in close.reason


def test_what_cannot_travel_is_refused_and_changes_nothing() -> None:
    """Arguments, answers and gossip are checked before anything is counted."""
    pair = ConnectionPair()
    pair.connect()
    pair.a.request("ps", None, pair.now)
    pair.settle()
    (asked,) = pair.said("b", events.Requested)
    with pytest.raises(TypeError):
        pair.b.reply(asked.id, True, object(), pair.now)
    pair.b.reply(asked.id, False, "it cannot be said", pair.now)
    with pytest.raises(TypeError):
        pair.a.request("ps", object(), pair.now)
    with pytest.raises(LocalProtocolError, match="verb"):
        pair.a.request("", None, pair.now)
    pair.settle()
    assert [e.value for e in pair.said("a", events.Replied)] == ["it cannot be said"]


def test_gossip_arrives_or_is_counted() -> None:
    """It goes when it can; nobody waits for it and nobody repeats it."""
    pair = ConnectionPair(limits=LinkLimits(requests=5))
    pair.a.gossip({"alive": "c"}, pair.now)
    assert pair.a.statistics().counters.gossip_dropped == 1
    pair.connect()
    for n in range(8):
        pair.a.gossip({"n": n}, pair.now)
    pair.settle()
    assert [e.payload for e in pair.said("b", events.Gossiped)] == [{"n": n} for n in range(5)]
    assert pair.a.statistics().counters.gossip_dropped == 4
