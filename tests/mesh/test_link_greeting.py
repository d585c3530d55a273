"""First and last words: versions, meshes, names, restarts, both at once, silence, goodbye."""

from __future__ import annotations

import re

import pytest
from link_pair import ConnectionPair, PlainCodec

from kamesh.link import (
    Link,
    LinkState,
    LocalProtocolError,
    events,
    keeps_own_dial,
    read_greeting,
)
from kamesh.link.framing import pack, unpack
from kamesh.link.records import Bye, Data, Hello, Ping, Refuse, Welcome

ID = bytes(16)


def link(node: str = "b", peer: str | None = None, mesh: str = "mesh") -> Link:
    """Make one side of a link."""
    return Link(node=node, peer=peer, incarnation=node.encode() * 16, mesh=mesh,
                codec=PlainCodec(), capabilities={"shm": "/dev/shm"})  # fmt: skip


def meet(one: Link, other: Link) -> None:
    """Carry whatever both have to say, until neither has any."""
    moved = True
    while moved:
        moved = False
        for source, target in ((one, other), (other, one)):
            for message in source.take_frames():
                target.received(message, 0.0)
                moved = True


def test_the_dialer_greets_and_the_other_answers() -> None:
    """Each learns name, incarnation, version and capabilities; a name not known is set."""
    a, b = link("a", None), link("b", None)
    a.connected(0.0, dialed=True)
    b.connected(0.0, dialed=False)
    assert b.take_frames() == []
    meet(a, b)
    assert a.take_events() == [
        events.Established("b", b"b" * 16, False, 1, {"shm": "/dev/shm"}),
    ]
    assert b.take_events() == [
        events.Established("a", b"a" * 16, False, 1, {"shm": "/dev/shm"}),
    ]
    assert (a.peer, b.peer) == ("b", "a")


def test_both_may_greet_at_once() -> None:
    """Two that both dialed take each other's HELLO for an answer."""
    a, b = link("a"), link("b")
    a.connected(0.0, dialed=True)
    b.connected(0.0, dialed=True)
    meet(a, b)
    assert a.state is b.state is LinkState.ESTABLISHED
    number = a.open("X", "Y", now=0.0)
    meet(a, b)
    assert events.Offered(number, "X", "Y", resumed=False) in b.take_events()


def test_a_shell_may_have_greeted_already() -> None:
    """A connection dialed to an unknown node is handed to the link of whoever answered."""
    provisional, known, b = link("a"), link("a", "b"), link("b")
    provisional.connected(0.0, dialed=True)
    b.connected(0.0, dialed=False)
    (hello,) = provisional.take_frames()
    b.received(hello, 0.0)
    (welcome,) = b.take_frames()
    greeting = read_greeting(welcome)
    assert isinstance(greeting, Welcome)
    assert greeting.node == "b"
    known.connected(0.0, dialed=True, greeted=True)
    known.received(welcome, 0.0)
    meet(known, b)
    assert known.state is b.state is LinkState.ESTABLISHED


@pytest.mark.parametrize(
    ("theirs", "agreed"),
    [((1, 1), 1), ((0, 1), 1), ((1, 9), 1), ((0, 9), 1), ((2, 9), None), ((0, 0), None)],
)
def test_versions_overlap_or_refuse_each_other(theirs: tuple[int, int], agreed: int | None) -> None:
    """The highest version both speak; if there is none, both ranges are in the sentence."""
    b = link("b")
    b.connected(0.0, dialed=False)
    b.received(pack([Hello(*theirs, "mesh", "a", ID, {})])[0], 0.0)
    said = b.take_events()
    if agreed is not None:
        assert isinstance(said[0], events.Established)
        assert said[0].version == agreed
        return
    assert isinstance(said[0], events.Refused)
    assert isinstance(said[1], events.CloseConnection)
    assert "speaks versions 1 to 1" in said[0].reason
    assert f"speaks {theirs[0]} to {theirs[1]}" in said[0].reason
    (message,) = b.take_frames()
    assert unpack(message, b.limits) == [Refuse(said[0].reason)]


def test_another_mesh_another_name_and_our_own_name_are_refused() -> None:
    """Both sides are told both sides of it."""
    for dialer, answerer, why in (
        (link("a", mesh="home"), link("b", mesh="work"), "'work'.*'home'"),
        (link("a", "c"), link("b"), "expected to talk to 'c'"),
        (link("a"), link("b", "c"), "expected to talk to 'c'"),
        (link("b"), link("b"), "both nodes are called 'b'"),
    ):
        dialer.connected(0.0, dialed=True)
        answerer.connected(0.0, dialed=False)
        meet(dialer, answerer)
        for side in (dialer, answerer):
            said = side.take_events()
            refused = [event for event in said if isinstance(event, events.Refused)]
            assert len(refused) == 1
            assert re.search(why, refused[0].reason), refused[0].reason
            assert isinstance(said[-1], events.CloseConnection)
            assert side.state is LinkState.CLOSING


def test_a_restart_is_noticed_and_a_reconnect_is_none() -> None:
    """The same incarnation again is the same peer; another one has forgotten everything."""
    pair = ConnectionPair()
    pair.connect()
    pair.cut()
    pair.connect()
    pair.restart("b")
    pair.connect()
    assert [e.restarted for e in pair.said("a", events.Established)] == [False, False, True]
    assert [e.restarted for e in pair.said("b", events.Established)] == [False, False, False]
    assert pair.a.statistics().counters.restarts == 1


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b"GET / HTTP/1.1\r\n\r\n"], "not a MessagePack array"),
        ([b"\x16\x03\x01\x02\x00\x01"], "not a MessagePack array"),
        ([], "without frames"),
        (pack([Ping(1)])[0], "PING came before any greeting"),
        (pack([Data(1, 1, 1, b"x")])[0], "DATA came before any greeting"),
    ],
)
def test_garbage_instead_of_a_greeting_is_answered_once_and_closed(
    frames: list[bytes], why: str
) -> None:
    """One sentence to whoever it was, counted, and not another word listened to."""
    b = link("b")
    b.connected(0.0, dialed=False)
    b.received(frames, 0.0)
    b.received(frames, 0.0)
    (said,) = b.take_events()
    assert isinstance(said, events.CloseConnection)
    assert why in said.reason
    (message,) = b.take_frames()
    (answer,) = unpack(message, b.limits)
    assert isinstance(answer, Refuse)
    assert b.statistics().counters.violations == 1
    assert b.statistics().counters.stale == 1


def test_a_second_greeting_is_a_violation() -> None:
    """Nobody changes who they are on a connection."""
    pair = ConnectionPair()
    pair.connect()
    pair.inject("b", pack([Hello(1, 1, "mesh", "a", ID, {})])[0])
    (close,) = pair.said("b", events.CloseConnection)
    assert "second greeting" in close.reason


def test_a_shell_may_turn_away_whoever_greets() -> None:
    """A name that is taken, a node that is banned: one sentence, and the connection is closed."""
    a, b = link("a"), link("b")
    a.connected(0.0, dialed=True)
    b.connected(0.0, dialed=False)
    b.decline("the name 'a' is taken", 0.0)
    assert b.take_events() == [events.CloseConnection("the name 'a' is taken")]
    meet(a, b)
    assert a.take_events() == [
        events.Refused("the name 'a' is taken"),
        events.CloseConnection("the name 'a' is taken"),
    ]
    b.decline("and again", 0.0)
    assert b.take_frames() == []


def test_a_peer_that_does_not_greet_is_not_waited_for() -> None:
    """Two seconds, then the connection is closed; the deadline is known beforehand."""
    for dialed in (True, False):
        a = link("a")
        a.connected(10.0, dialed=dialed)
        a.take_frames()
        assert a.next_deadline() == 12.0
        a.tick(11.9)
        assert a.take_events() == []
        a.tick(12.0)
        (close,) = a.take_events()
        assert isinstance(close, events.CloseConnection)
        assert "did not greet within 2 seconds" in close.reason
        a.disconnected(12.0)
        assert a.next_deadline() is None


def test_read_greeting_reads_greetings_only() -> None:
    """Whatever else it is given, it says None and leaves the verdict to the link."""
    greeting = read_greeting(pack([Hello(1, 1, "mesh", "a", ID, {})])[0])
    assert greeting is not None
    assert greeting.node == "a"
    assert read_greeting(pack([Ping(1)])[0]) is None
    assert read_greeting([b"garbage"]) is None
    assert read_greeting([]) is None


def test_of_two_connections_dialed_at_once_both_keep_the_same() -> None:
    """Exactly one of the two says that it keeps its own."""
    assert keeps_own_dial("a", "b")
    assert not keeps_own_dial("b", "a")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"node": ""}, "as node"),
        ({"node": "x" * 256}, "as node"),
        ({"mesh": ""}, "as mesh"),
        ({"peer": ""}, "as peer"),
        ({"incarnation": b"short"}, "as incarnation"),
        ({"capabilities": {"x": [1]}}, "as capabilities"),
    ],
)
def test_who_we_are_is_checked_when_the_link_is_made(change: dict[str, object], why: str) -> None:
    """A bad name is found here, not by every peer."""
    given: dict[str, object] = {"node": "a", "peer": None, "incarnation": ID, "mesh": "m"}
    with pytest.raises(LocalProtocolError, match=why):
        Link(**(given | change))  # type: ignore[arg-type]


def test_connecting_twice_is_the_shells_mistake() -> None:
    """One connection at a time: say `disconnected` first."""
    a = link("a")
    a.connected(0.0, dialed=True)
    with pytest.raises(LocalProtocolError, match="connected is not possible"):
        a.connected(0.0, dialed=True)


# --- goodbye ---


def test_goodbye_is_the_last_word_behind_everything_else() -> None:
    """Data, ends and acknowledgements that can go, go first; then the connection is closed."""
    pair = ConnectionPair()
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    pair.a.send(number, [1, 2], pair.now)
    pair.a.finish(number, None, pair.now)
    pair.a.goodbye("SIGTERM", pair.now)
    assert pair.a.state is LinkState.CLOSING
    messages = pair.a.take_frames()
    records = [record for message in messages for record in unpack(message, pair.limits)]
    assert records[-1] == Bye("SIGTERM", fault=False)
    for message in messages:
        pair.inject("b", message)
    assert pair.messages("b", number) == [1, 2]
    kinds = [type(event) for who, event in pair.log if who == "b"][-3:]
    assert kinds == [events.Finished, events.Bye, events.CloseConnection]
    pair.note("a")
    assert pair.said("a", events.CloseConnection) == [events.CloseConnection("we said goodbye")]
    assert pair.a.take_frames() == []


def test_goodbye_is_not_the_end_of_what_is_kept() -> None:
    """Whoever says goodbye and comes back, as the same incarnation, goes on."""
    pair = ConnectionPair()
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()
    pair.a.send(number, [1, 2], pair.now)
    pair.b.goodbye("a moment", pair.now)
    pair.settle()
    assert pair.messages("b", number) == []
    pair.cut()
    pair.connect()
    assert pair.messages("b", number) == [1, 2]


def test_goodbye_without_a_connection_is_nothing() -> None:
    """There is nobody to say it to, and it may be said twice."""
    pair = ConnectionPair()
    pair.a.goodbye("bye", pair.now)
    assert pair.a.take_frames() == []
    assert pair.a.take_events() == []
    pair.connect()
    pair.a.goodbye("bye", pair.now)
    pair.a.goodbye("bye", pair.now)
    pair.note("a")
    assert len(pair.said("a", events.CloseConnection)) == 1
