"""Splitter: receivers come and go, and nobody else notices."""

import gc
import weakref

import pytest

from kamesh import ComponentFailed, Graphline, Policy, Shutdown
from kamesh.chassis import Chassis
from kamesh.components.plumbing import AddSink, RemoveSink, Splitter
from kamesh.components.sources import DataSink
from kamesh.errors import UnknownBox
from kamesh.testing import run_coroutine


class Scene(Chassis):
    """A splitter and sinks that a script adds, removes and feeds, one step a turn."""

    def __init__(self, script):
        super().__init__()
        self.splitter = self.add(Splitter())
        self.script = script

    def main(self):
        for child in self._strand.children:
            child.start(self._strand.runtime)
        for _ in self.script(self):
            for _ in range(4):  # everybody has had a turn
                yield
        self.splitter.control.deliver(Shutdown())
        while self.splitter.state != "ended":
            yield

    def sink(self, **bounds):
        """Add a sink that runs."""
        return self.add(Sink(**bounds))

    def feed(self, *messages):
        """Give the splitter messages."""
        for message in messages:
            self.splitter.inbox.deliver(message)


class Sink(DataSink):
    """A sink that can be made deaf by a bound it never empties."""

    def __init__(self, bound=None):
        super().__init__()
        self.deaf = bound is not None
        if bound is not None:
            self.inbox.bound = bound

    def main(self):
        while self.deaf:
            yield self.pause()
        yield from super().main()


def play(script):
    """Play a script to its end."""
    run_coroutine(Scene(script).run_async())


def test_everyone_gets_a_copy():
    """All sinks get every message, in order, and the very objects."""
    left, right = DataSink(), DataSink()
    thing = object()

    class Source(Splitter):
        def main(self):
            self.send_all([thing, 2, 3])
            yield

    Graphline(
        SOURCE=Source(),
        SPLIT=Splitter(left, right),
        LEFT=left,
        RIGHT=right,
        linkages={("SOURCE", "outbox"): ("SPLIT", "inbox")},
    ).run()
    assert left.messages == right.messages == [thing, 2, 3]


@pytest.mark.parametrize("how", ["by method", "by message"])
def test_coming_and_going_changes_nothing_for_others(how):
    """A sink gets what is sent between its coming and its going; the others get everything."""
    got = {}

    def script(scene):
        def add(sink):
            if how == "by method":
                scene.splitter.add_sink(sink)
            else:
                scene.splitter.control.deliver(AddSink(sink))

        def remove(sink):
            if how == "by method":
                scene.splitter.remove_sink(sink)
            else:
                scene.splitter.control.deliver(RemoveSink(sink))

        stays, goes = scene.sink(), scene.sink()
        add(stays)
        yield
        scene.feed(1, 2)
        yield
        add(goes)
        yield
        scene.feed(3, 4)
        yield
        remove(goes)
        yield
        scene.feed(5, 6)
        yield
        got.update(stays=list(stays.messages), goes=list(goes.messages))
        assert goes.state == "asleep"  # to be removed is not to end
        goes.stop()

    play(script)
    assert got == {"stays": [1, 2, 3, 4, 5, 6], "goes": [3, 4]}


def test_twice_is_once_and_unknown_is_nothing():
    """To add what is there and to remove what is not changes nothing."""

    def script(scene):
        one, stranger = scene.sink(), scene.sink()
        scene.splitter.add_sink(one)
        scene.splitter.add_sink(one)
        scene.splitter.remove_sink(stranger)
        yield
        scene.feed(1)
        yield
        assert one.messages == [1]
        assert scene.splitter.details() == {"sinks": 1}

    play(script)


def test_one_that_reads_nothing_can_be_removed():
    """A sink that is full holds the others; a message on control takes it out, nothing is lost."""

    def script(scene):
        deaf, other = scene.sink(bound=2), scene.sink()
        scene.splitter.add_sink(deaf)
        scene.splitter.add_sink(other)
        yield
        scene.feed(*range(10))
        yield
        assert scene.splitter.state == "blocked"
        held = len(other.messages)
        assert held < 10
        scene.splitter.control.deliver(RemoveSink(deaf))
        yield
        assert other.messages == list(range(10))
        deaf.stop()

    play(script)


def test_a_slow_one_need_not_hold_the_others():
    """With another policy a sink that reads nothing loses messages, counted, and holds nobody."""

    def script(scene):
        deaf, other = scene.sink(bound=2), scene.sink()
        scene.splitter.add_sink(deaf, policy=Policy.DROP_OLDEST)
        scene.splitter.add_sink(other)
        yield
        scene.feed(*range(10))
        yield
        assert other.messages == list(range(10))
        assert list(deaf.inbox.queue) == [8, 9]
        assert deaf.inbox.dropped == 8
        deaf.stop()

    play(script)


def test_who_is_removed_is_forgotten():
    """Nothing in the splitter holds on to a sink that was removed, or that has ended by itself."""

    def script(scene):
        gone, ended = scene.sink(), scene.sink()
        watched = [weakref.ref(gone), weakref.ref(ended)]
        scene.splitter.add_sink(gone)
        scene.splitter.add_sink(ended)
        yield
        scene.feed(1)
        yield
        scene.splitter.remove_sink(gone)
        scene.remove(gone.name)
        ended.stop()
        yield
        del scene.parts[ended.name]
        scene.feed(2)
        yield
        assert scene.splitter.details() == {"sinks": 0}
        assert scene.splitter.outbox.feeds == ()
        del gone, ended
        scene._strand.just_ended.clear()
        gc.collect()
        assert [ref() for ref in watched] == [None, None]

    play(script)


def test_the_end_is_everyones_end():
    """When its inbox has ended, so has the stream of all who are plugged in."""
    sink = DataSink()

    class Nothing(Splitter):
        def main(self):
            yield

    Graphline(
        SOURCE=Nothing(),
        SPLIT=Splitter(sink),
        SINK=sink,
        linkages={("SOURCE", "outbox"): ("SPLIT", "inbox")},
    ).run()
    assert sink.state == "ended"
    assert sink.inbox.ended


def test_mistakes():
    """A box that is not there and a message that means nothing are refused in a sentence."""
    splitter = Splitter()
    with pytest.raises(UnknownBox, match="has no inbox 'nbox'"):
        splitter.add_sink(DataSink(), "nbox")
    splitter.control.deliver("louder")
    with pytest.raises(
        ComponentFailed, match=r"was sent 'louder' on its control: it takes AddSink"
    ):
        splitter.run()
