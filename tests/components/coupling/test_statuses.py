"""Statuses: who is reached, who is waited for, and when it is over."""

from kamesh.components.coupling.messages import Status
from kamesh.components.coupling.statuses import STRANGERS, Statuses


def status(who, number=1, peers=(), counts=None, published=0, ended=False):
    """Make one."""
    return Status(who, number, tuple(peers), counts or {}, published, ended)


def chain(window=4):
    """Give those of a in a-b-c."""
    statuses = Statuses("a", window, patience=10.0)
    statuses.say(("b",), {}, 0, ended=False)
    statuses.heard(status("b", peers="ac"))
    return statuses


def test_only_the_newest_counts_and_reach_goes_over_all_couplings():
    """An older one and one's own come to nothing; whom nobody is coupled with is not reached."""
    statuses = chain()
    assert statuses.reached() == {"a", "b", "c"}
    assert not statuses.heard(status("b", peers="a"))
    assert not statuses.heard(status("a", 9))
    assert statuses.heard(status("b", 2, peers="a"))
    assert statuses.reached() == {"a", "b"}
    assert statuses.heard(status("d"))
    assert statuses.known() == {"a", "b", "d"}


def test_a_publisher_waits_for_the_slowest_but_not_for_ever():
    """It is a window ahead at most; who does not get on is passed over until it does."""
    statuses = chain()
    assert statuses.may_publish(3, {"b": 0}, 0.0)
    assert not statuses.may_publish(4, {"b": 3}, 0.0), "c has nothing yet"
    assert list(statuses.deadlines(0.0)) == [10.0]
    statuses.heard(status("c", counts={"a": 1}))
    assert statuses.may_publish(4, {"b": 3}, 1.0)
    assert not statuses.may_publish(5, {"b": 3}, 100.0), "the waiting begins when it is needed"
    assert not statuses.may_publish(5, {"b": 3}, 109.0)
    assert statuses.may_publish(5, {"b": 3}, 110.0)
    assert statuses.may_publish(6, {"b": 3}, 111.0), "it is not waited for again"
    assert not statuses.may_publish(7, {"b": 3}, 111.0), "b is"
    statuses.heard(status("c", 2, counts={"a": 2}))
    assert not statuses.may_publish(6, {"b": 4}, 112.0), "now it gets on"


def test_something_is_said_when_it_matters():
    """A quarter of a window, other peers, an end; not each message."""
    statuses = chain(window=8)
    number = statuses.own.number
    assert not statuses.say(("b",), {"c": 1}, 0, ended=False)
    assert statuses.say(("b",), {"c": 2}, 0, ended=False)
    assert statuses.say(("b", "d"), {"c": 3}, 0, ended=False)
    assert statuses.say(("b", "d"), {"c": 3}, 5, ended=True)
    assert not statuses.say(("b", "d"), {"c": 3}, 5, ended=True)
    assert statuses.own.number == number + 3


def test_it_is_over_when_all_have_ended_and_all_is_here():
    """Not before the status of each has come, nor before its last message has."""
    statuses = chain()
    statuses.say(("b",), {}, 2, ended=True)
    statuses.heard(status("b", 2, "ac", published=1, ended=True))
    assert not statuses.over({"a": 2, "b": 1}), "nothing was heard of c"
    statuses.heard(status("c", 1, "b", published=3, ended=True))
    assert not statuses.over({"a": 2, "b": 1, "c": 2})
    assert statuses.over({"a": 2, "b": 1, "c": 3})


def test_strangers_are_few():
    """Statuses of those who cannot be reached are kept up to a number."""
    statuses = chain()
    for number in range(2 * STRANGERS):
        statuses.heard(status(f"s{number}"))
        statuses.reached()
    assert len(statuses.newest) <= STRANGERS + 3
