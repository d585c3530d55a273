"""Valve: open, or shut, as it is told meanwhile."""

import pytest
from timed import At, When

from kamesh import ComponentFailed, Graphline
from kamesh.components.plumbing import Valve, WrongFigure
from kamesh.testing import keeps_promises, run, run_coroutine


def through(valve, stream, switch):
    """Let a stream through a valve that is switched at given times; give when what came."""
    when = When()
    graph = Graphline(
        STREAM=stream,
        SWITCH=switch,
        VALVE=valve,
        WHEN=when,
        linkages={
            ("STREAM", "outbox"): ("VALVE", "inbox"),
            ("SWITCH", "outbox"): ("VALVE", "switch"),
            ("VALVE", "outbox"): ("WHEN", "inbox"),
        },
    )
    run_coroutine(graph.run_async())
    return when.notes


def test_promises():
    """Open, it does as any component does; dropping, it ends as any."""
    assert keeps_promises(Valve, [1, 2]) == [1, 2]
    assert keeps_promises(lambda: Valve("shut", when_shut="drop"), [1]) == []


def test_shut_it_holds():
    """What comes while it is shut waits, and goes in order when it is opened."""
    came = through(
        Valve(), At(*((t, t) for t in range(6))), At((1.5, False), (3.5, True), until=9.0)
    )
    assert came == [(0, 0), (1, 1), (3.5, 2), (3.5, 3), (4, 4), (5, 5)]


def test_shut_it_drops_if_told_to():
    """What comes while it is shut is dropped, and counted."""
    valve = Valve(when_shut="drop")
    came = through(valve, At(*((t, t) for t in range(6))), At((1.5, False), (3.5, True), until=9.0))
    assert came == [(0, 0), (1, 1), (4, 4), (5, 5)]
    assert valve.details() == {"open": True, "dropped": 2}


def test_shut_it_makes_the_source_wait():
    """It takes nothing, so no more than the inbox holds has come."""
    valve = Valve("shut")
    valve.inbox.bound = 4
    levels = []

    class Look(At):
        def main(self):
            yield from self.sleep(5.0)
            levels.append(len(valve.inbox))
            self.send(True)
            yield from self.sleep(6.0)

    came = through(valve, At(*((0.0, n) for n in range(100))), Look())
    assert levels[0] <= 4 + 1
    assert [message for _, message in came] == list(range(100))


def test_it_ends_with_its_stream_whatever_the_switch_does():
    """A switch that is never done does not keep it."""
    valve, ended = Valve(), []

    class Switch(At):
        def main(self):
            yield from self.sleep(10.0)
            ended.append(valve.state)

    assert through(valve, At((0.0, 1)), Switch()) == [(0.0, 1)]
    assert ended == ["ended"]


def test_shut_for_good():
    """When nothing can open it any more it ends, and what it held is counted as dropped."""
    valve = Valve()
    assert run(valve, {"inbox": [], "switch": [False]})["outbox"] == []
    valve = Valve("shut")
    assert run(valve, [1, 2, 3])["outbox"] == []
    assert valve.inbox.dropped == 3


def test_mistakes():
    """Refused in a sentence: at construction, and on the switch."""
    with pytest.raises(WrongFigure, match="begins 'open' or 'shut', not 'closed'"):
        Valve("closed")
    with pytest.raises(WrongFigure, match="does 'hold' or 'drop', not 'lose'"):
        Valve(when_shut="lose")
    with pytest.raises(ComponentFailed, match="was sent 'open' on its switch: True opens it"):
        run(Valve(), {"switch": ["open"], "inbox": [1]})
