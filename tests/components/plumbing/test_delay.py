"""Delay: later, and as far apart as they came."""

import pytest
from timed import At, When, timed

from kamesh import Pipeline, Shutdown
from kamesh.components.plumbing import Delay, WrongFigure
from kamesh.testing import keeps_promises, run_coroutine


def test_promises():
    """It does as any component does: told to finish, what it holds is still sent."""
    assert keeps_promises(lambda: Delay(2.0), range(4)) == list(range(4))
    assert keeps_promises(lambda: Delay(0, size=1), range(4)) == list(range(4))


def test_times_are_kept_apart():
    """Each exactly so much later, though others come meanwhile, and after the stream's end too."""
    came = timed(Delay(2.0), (0.0, "a"), (0.5, "b"), (0.5, "c"), (3.0, "d"))
    assert came == [(2.0, "a"), (2.5, "b"), (2.5, "c"), (5.0, "d")]


def test_what_it_holds_is_bounded():
    """When it is full the source waits; order and minimum are kept."""
    came = timed(Delay(1.0, size=2), *((0.0, n) for n in range(5)))
    assert came == [(1.0, 0), (1.0, 1), (2.0, 2), (2.0, 3), (3.0, 4)]


def test_shutdown():
    """What it holds is not sent then, and it ends at once."""
    part = Delay(1.0)

    class Stops(At):
        def main(self):
            self.send("a")
            yield from self.sleep(0.5)
            part.control.deliver(Shutdown())
            yield from self.sleep(0.6)
            assert part.state == "ended"

    when = When()
    run_coroutine(Pipeline(Stops(), part, when).run_async())
    assert when.notes == []


def test_figures_that_make_no_sense():
    """They are refused when it is made."""
    with pytest.raises(WrongFigure, match="seconds of a delay cannot be -1"):
        Delay(-1)
    with pytest.raises(WrongFigure, match="messages a delay holds cannot be 0"):
        Delay(1, 0)
