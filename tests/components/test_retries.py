"""When something is tried again: decided without a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh.components.refusing import WrongFigure
from kamesh.components.retries import Retries


def test_how_long_to_wait_and_when_to_leave_off():
    """It doubles up to the longest, less a random half; a success begins anew."""
    retries = Retries(tries=5, first=1.0, longest=4.0)
    assert [retries.wait(chance=1.0) for _ in range(5)] == [1.0, 2.0, 4.0, 4.0, None]
    retries.succeeded()
    assert retries.wait(chance=0.0) == 0.5
    assert retries.wait(at_least=3.0, chance=0.0) == 3.0
    assert retries.wait(at_least=99.0) == 4.0


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"tries": 0}, "1 or more"),
        ({"tries": -1}, "1 or more"),
        ({"tries": True}, "a whole number, 1 or more"),
        ({"tries": 2.5}, "a whole number, 1 or more"),
        ({"first": 0}, "more than 0"),
        ({"first": "1"}, "a number, more than 0"),
        ({"longest": float("nan")}, "more than 0"),
        ({"first": 2, "longest": 1}, "the first wait of 2 seconds is longer than the longest, 1"),
    ],
)
def test_figures_that_make_no_sense(figures, sentence):
    """They are refused in a sentence, as everywhere."""
    with pytest.raises(WrongFigure, match=sentence):
        Retries(**figures)


def test_for_ever_is_for_ever():
    """With no limit it never leaves off, and the wait stays at its longest."""
    retries = Retries(None, first=1.0, longest=30.0)
    assert [retries.wait(chance=1.0) for _ in range(2000)][-1] == 30.0
    assert (retries.once, Retries(1).once, Retries(2).once) == (False, True, False)
    assert Retries(1).wait() is None


@given(st.integers(1, 50), st.floats(0.001, 10), st.floats(10, 100), st.floats(0, 1))
def test_it_always_leaves_off_and_never_waits_too_long(tries, first, longest, chance):
    """Whatever it is told: so many tries, none further apart than the longest wait."""
    retries = Retries(tries, first, longest)
    waits = []
    while (wait := retries.wait(at_least=1e9 if chance < 0.5 else 0.0, chance=chance)) is not None:
        waits.append(wait)
    assert len(waits) == tries - 1
    assert all(0 < wait <= longest for wait in waits)


def test_failures_are_told_of_each_time_that_they_are_twice_as_many():
    """The first at once, then ever more seldom; after a success the first at once again."""
    retries = Retries(None)
    told = []
    for number in range(1, 101):
        retries.wait()
        if retries.to_be_told:
            told.append(number)
    assert told == [1, 2, 4, 8, 16, 32, 64]
    retries.succeeded()
    assert not retries.to_be_told
    retries.wait()
    assert retries.to_be_told
