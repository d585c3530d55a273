"""What is kept: folds, given away as states that do not change any more."""

import pytest

from kamesh.components.coupling import last, latest_by
from kamesh.components.coupling.keep import keeping
from kamesh.components.refusing import WrongFigure
from kamesh.errors import NotSuitable


def folded(keep, messages):
    """Give the states after each message, as given away at that time."""
    keep = keeping(keep)
    state, states = keep.empty(), []
    for message in messages:
        state = keep.apply(state, message)
        states.append(keep.give(state))
    return states


def test_the_last_ones():
    """The last n, oldest first; states given before do not change."""
    assert folded(last(2), "abc") == [("a",), ("a", "b"), ("b", "c")]


def test_the_latest_of_each():
    """By key; a state that was given and taken again goes on from there."""
    keep = latest_by(lambda word: word[0])
    states = folded(keep, ["an", "be", "at"])
    assert states == [{"a": "an"}, {"a": "an", "b": "be"}, {"a": "at", "b": "be"}]
    assert keep.apply(keep.take(states[0]), "by") == {"a": "an", "b": "by"}
    assert states[0] == {"a": "an"}
    assert keep.merge({"a": 1, "b": 1}, {"b": 2, "c": 2}) == {"a": 1, "b": 1, "c": 2}


def test_ones_own():
    """A function, and an object with empty and apply, with or without merge."""

    class Sum:
        def empty(self):
            return 0

        def apply(self, state, message):
            return state + message

    class Merged(Sum):
        def merge(self, mine, theirs):
            return mine + theirs

    assert folded(lambda state, message: (state or 0) + message, [1, 2]) == [1, 3]
    assert folded(Sum(), [1, 2]) == [1, 3]
    assert keeping(Sum()).merge is None
    assert keeping(Merged()).merge(1, 2) == 3
    assert keeping(Merged()).name == "Merged"


def test_mistakes():
    """Anything else is refused in a sentence."""
    with pytest.raises(WrongFigure, match="messages that are kept cannot be 0: it is 1 or more"):
        last(0)
    for count in ("5", 2.5, None):
        with pytest.raises(WrongFigure, match="messages that are kept cannot be"):
            last(count)
    with pytest.raises(NotSuitable, match="a function that gives the key"):
        latest_by(None)
    with pytest.raises(NotSuitable, match=r"keep='all': it is last\(n\)"):
        keeping("all")
