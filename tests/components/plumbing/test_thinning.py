"""Throttle and Debounce: only the newest matters, and the last is always sent."""

import pytest
from timed import timed

from kamesh.components.plumbing import Debounce, Throttle, WrongFigure
from kamesh.testing import keeps_promises

EVENTS = [(0.0, "a"), (0.3, "b"), (0.6, "c"), (3.0, "d"), (3.1, "e"), (3.2, "f")]


@pytest.mark.parametrize("kind", [Throttle, Debounce])
def test_promises(kind):
    """They end as any component does, with the last message."""
    assert keeps_promises(lambda: kind(10.0), [1, 2, 3]) == [3]


def test_throttle():
    """The first at once; then the newest, once in that time; the last at the end."""
    part = Throttle(1.0)
    assert timed(part, *EVENTS, until=3.5) == [(0.0, "a"), (1.0, "c"), (3.0, "d"), (3.5, "f")]
    assert part.details() == {"dropped": 2}


def test_debounce():
    """The last of each burst, that long after it came; the last at the end."""
    part = Debounce(1.0)
    assert timed(part, *EVENTS, until=3.5) == [(1.6, "c"), (3.5, "f")]
    assert part.details() == {"dropped": 4}


def test_nothing_is_repeated():
    """When nothing new has come, nothing is sent."""
    assert timed(Throttle(1.0), (0.0, "a"), until=60.0) == [(0.0, "a")]
    assert timed(Debounce(1.0), (0.0, "a"), until=60.0) == [(1.0, "a")]


@pytest.mark.parametrize("kind", [Throttle, Debounce])
def test_seconds_that_make_no_sense(kind):
    """They are refused when it is made."""
    with pytest.raises(WrongFigure, match=f"seconds of a {kind.__name__} cannot be 0"):
        kind(0)
