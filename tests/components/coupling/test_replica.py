"""The replica and its peers: sessions that survive losses, and the bounds that they keep."""

from contextlib import suppress
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh.components.coupling import last
from kamesh.components.coupling.keep import keeping
from kamesh.components.coupling.messages import (
    Ack,
    Again,
    Copy,
    Cut,
    Hello,
    Probe,
    Start,
    Status,
    Told,
)
from kamesh.components.coupling.peer import RETRY, WINDOW, CouplingRefused
from kamesh.components.coupling.replica import GONE, Replica


def pair(**options):
    """Give two replicas and the two ends of their coupling."""
    here, there = Replica("a", number=1, **options), Replica("b", number=2, **options)
    return here, there, here.attach(0.0), there.attach(0.0)


def turn(one, peer, now=0.0, room=1000):
    """Deliver and give what is to be sent."""
    one.advance(1000, now)
    one.tend(now)
    return peer.outgoing(room, now)


def talk(here, there, left, right, now=0.0, times=6):
    """Have them talk until they have nothing to say; give all that was said, by both."""
    said = []
    for _ in range(times):
        for one, end, other in ((here, left, right), (there, right, left)):
            for message in turn(one, end, now):
                said.append(message)
                other.receive(message, now)
    return said


def names(messages):
    """Give what sort each is, statuses left out."""
    return [type(one).__name__ for one in messages if not isinstance(one, Status)]


def coupled(**options):
    """Give a pair that has met, and is open."""
    four = pair(**options)
    talk(*four)
    assert four[0].may_open(0.0)
    assert four[1].may_open(0.0)
    return four


def test_they_meet():
    """Each asks, each begins, each acknowledges; nothing is said that need not be."""
    assert sorted(names(talk(*pair()))) == ["Ack", "Ack", "Copy", "Copy", "Hello", "Hello"]


def test_what_is_published_comes_once():
    """A message and an acknowledgement; not back to where it came from."""
    here, there, left, right = coupled()
    here.publish("x")
    assert names(talk(here, there, left, right)) == ["Told", "Ack"]
    assert list(there.out) == ["x"]


def test_what_is_lost_is_noticed_by_what_follows():
    """A gap in a session's numbers: ask anew, get the rest, nothing twice."""
    here, there, left, right = coupled()
    here.publish("lost")
    assert names(turn(here, left)) == ["Told"]
    here.publish("comes")
    assert names(talk(here, there, left, right)) == ["Told", "Hello", "Start", "Told", "Told", "Ack"]
    assert list(there.out) == ["lost", "comes"]


def test_what_came_before_a_gap_is_taken():
    """Of ten that come together without the eighth, seven are delivered, and the rest is asked for."""
    here, there, left, right = coupled()
    for number in range(10):
        here.publish(number)
    for message in (one for one in turn(here, left) if getattr(one, "seq", 0) != 8):
        right.receive(message, 0.0)
    assert right.deadline() is None  # nothing to do before these are taken
    assert names(turn(there, right)) == ["Hello"]
    assert list(there.out) == list(range(7))
    talk(here, there, left, right, now=RETRY)
    assert list(there.out) == list(range(10))


def test_what_is_lost_at_the_end_is_noticed_in_time():
    """Nothing follows: after a while a probe says how many there were."""
    here, there, left, right = coupled()
    here.publish("lost")
    turn(here, left)
    assert talk(here, there, left, right, now=RETRY / 2) == []
    assert left.deadline() == RETRY
    assert names(talk(here, there, left, right, now=RETRY))[:2] == ["Probe", "Hello"]
    assert list(there.out) == ["lost"]


def test_an_unanswered_question_is_asked_again_ever_more_slowly():
    """After 2, 4, 8, 16, 30, 30 seconds."""
    alone = Replica("a", number=1)
    peer, now, waits = alone.attach(0.0), 0.0, []
    assert names(peer.outgoing(10, now)) == ["Hello"]
    for _ in range(6):
        due = peer.deadline()
        assert peer.outgoing(10, due - 0.1) == []
        assert names(peer.outgoing(10, due)) == ["Hello"]
        waits.append(due - now)
        now = due
    assert waits == [2, 4, 8, 16, 30, 30]


def test_leftovers_of_other_sessions_mean_nothing():
    """What another run was sent, or this one before it asked anew, is dropped; so is a repeat."""
    here, there, left, right = coupled()
    here.publish("x")
    [told] = (one for one in turn(here, left) if isinstance(one, Told))
    stale = Told(told.session + 1, 0, "c#1", 1, "never")
    for message in (stale, told, told, Ack(77, 5), Probe(77, 5), Again(77), Start(77, 0)):
        right.receive(message, 0.0)
    assert names(turn(there, right)) == ["Ack"]
    assert list(there.out) == ["x"]


def test_a_new_run_at_the_other_end_is_asked_anew():
    """It never heard what the one before it was asked."""
    here, there, left, right = coupled()
    here.publish("x")
    talk(here, there, left, right)
    new = Replica("b", number=3)
    end = new.attach(0.0)
    said = names(talk(here, new, left, end))
    assert said.count("Hello") == 2
    assert new.vector == {"b#000000000003": 0, **{one: n for one, n in here.vector.items() if n}} | {
        one: 0 for one in here.vector if not here.vector[one]
    }
    here.publish("y")
    talk(here, new, left, end)
    assert list(new.out) == ["y"]


def test_no_more_than_a_window_is_on_its_way_or_pending():
    """One that delivers nothing is sent a window; what comes beyond that is refused."""
    here, _, left, right = coupled(size=10_000)
    for number in range(2000):
        here.publish(number)
    sent = turn(here, left, room=5000)
    assert names(sent).count("Told") == WINDOW
    for message in sent:
        right.receive(message, 0.0)
    assert len(right.pending) == WINDOW
    assert names(turn(here, left, room=5000)) == []


def test_the_messages_of_runs_that_are_gone_are_let_go_of():
    """Many runs come and go: the log keeps those of a few, and the floor says so."""
    here, _, left, _ = coupled(size=4)
    here.tend(0.0)
    for number in range(3, 60):
        new = Replica("b", number=number)
        end = new.attach(0.0)
        talk(here, new, left, end)
        new.publish(number)
        talk(here, new, left, end)
    gone = [one for one in here.log.origins if one not in here.statuses.reached()]
    assert len(gone) <= GONE + 1
    assert len(here.log) <= 4 * (GONE + 3)


def test_two_that_keep_other_things_are_refused():
    """In a sentence that says who keeps what; and so is what is no word of a coupling."""
    here, there = Replica("a", keeping(last(3)), number=1), Replica("b", number=2)
    left, right = here.attach(0.0), there.attach(0.0)
    [hello] = (one for one in right.outgoing(10, 0.0) if isinstance(one, Hello))
    with pytest.raises(CouplingRefused, match=r"a keeps last\(3\), and b#0+2 keeps nothing"):
        left.receive(hello, 0.0)
    with pytest.raises(CouplingRefused, match="'17' came to a coupling of a, and means nothing there"):
        left.receive(17, 0.0)


def test_one_in_the_middle_of_becoming_a_copy_begins_again_when_its_source_goes():
    """Nothing of it is left, and another one is asked."""
    source, new = Replica("a", keeping(last(2)), number=1), Replica("c", keeping(last(2)), number=3)
    source.may_open(0.0)
    for number in range(5):
        source.publish(number)
    left, right = source.attach(0.0), new.attach(0.0)
    for message in right.outgoing(10, 0.0):
        left.receive(message, 0.0)
    part = [one for one in left.outgoing(10, 0.0) if isinstance(one, Copy | Told)][:3]
    for message in part:
        right.receive(message, 0.0)
    new.advance(10, 0.0)
    assert new.filling
    assert not new.fresh()
    new.detach(right)
    assert new.fresh()
    assert new.vector == {new.who: 0}
    other, end = source.attach(1.0), new.attach(1.0)
    talk(source, new, other, end, now=1.0)
    [snapshot] = new.out
    assert snapshot.state == (3, 4)
    assert new.vector[source.who] == 5


BAD = st.sampled_from([None, -1, True, "x", 1.5, (), (1,), {}, {1: 1}, {"a": "b"}, {"a": -1}, [2]])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Hello, Start, Copy, Cut, Told, Ack, Probe, Again, Status]), st.data())
def test_whatever_comes_is_taken_or_refused_in_a_sentence(kind, data):
    """Fields of any type: the Couple is told, the backplane itself never breaks."""
    here, _, left, _ = coupled()
    sane = {"int": left.session, "str": "a", "bool": False, "Vector": {}, "tuple[str, ...]": ()}
    values = [data.draw(st.one_of(st.just(sane.get(str(f.type), 0)), BAD)) for f in fields(kind)]
    with suppress(CouplingRefused):
        left.receive(kind(*values), 0.0)
    here.advance(100, 0.0)
    here.tend(0.0)
    left.outgoing(100, 0.0)
