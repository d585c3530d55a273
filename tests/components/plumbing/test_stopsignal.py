"""StopOnSignal: a stream that ends in good order when the process is asked to stop."""

import signal
import subprocess
import sys
import threading
from itertools import count

import pytest

from kamesh import Component, ComponentFailed, Graphline, Pipeline, ProducerFinished, Shutdown
from kamesh.components.plumbing import Count, StopOnSignal, WrongFigure
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run


@pytest.fixture(autouse=True)
def handlers():
    """See to it that every handler is what it was before."""
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {which: signal.getsignal(which) for which in before} == before


class Raising(Component):
    """Passes on numbers, and raises signals when it comes to some of them."""

    def __init__(self, *at, which=signal.SIGTERM):
        super().__init__()
        self.at = at
        self.which = which

    def main(self):
        """Pass on."""
        while not self.stopping():
            for number in self.inbox:
                if number in self.at:
                    signal.raise_signal(self.which)
                self.send(number)
            yield self.pause()


def test_promises():
    """Where no signal comes it does as any component does."""
    assert keeps_promises(StopOnSignal, [1, 2]) == [1, 2]


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_pipeline_ends_in_good_order(which):
    """The endless source is told to stop; what has come is passed on, and what counts counts it."""
    kept, counted = DataSink(), DataSink()
    kept_too = Pipeline(Count(), counted)
    graph = Graphline(
        STREAM=Pipeline(DataSource(count()), Raising(5000, which=which), StopOnSignal()),
        KEPT=kept,
        COUNTED=kept_too,
        linkages={("STREAM", "outbox"): [("KEPT", "inbox"), ("COUNTED", "inbox")]},
    )
    graph.run()
    assert kept.messages == list(range(len(kept.messages)))
    assert counted.messages == [len(kept.messages)]
    assert len(kept.messages) > 5000


@pytest.mark.parametrize(("tell", "told"), [("finish", ProducerFinished), ("stop", Shutdown)])
def test_what_it_tells(tell, told):
    """On "signal" goes ProducerFinished, or what was asked for; Shutdown passes on nothing more."""

    class Quick(StopOnSignal):
        """Gets the signal when it has taken the first messages."""

        def stopping(self):
            if not self.heard and len(self.inbox) >= 3:
                signal.raise_signal(signal.SIGTERM)
            return super().stopping()

    sent = run(Quick(tell=tell), range(3))
    assert [type(note) for note in sent["signal"]] == [told]
    assert sent["outbox"] == [0, 1, 2]


def test_standing_apart_in_a_graphline():
    """What its signal is linked to stops; and it ends itself when the work is done without a signal."""
    for source in (Pipeline(DataSource(count()), Raising(3000)), DataSource(range(10))):
        sink = DataSink()
        Graphline(
            SOURCE=source,
            SINK=sink,
            STOP=StopOnSignal(tell="stop"),
            linkages={
                ("SOURCE", "outbox"): ("SINK", "inbox"),
                ("STOP", "signal"): ("SOURCE", "control"),
                ("SINK", "signal"): ("STOP", "control"),
            },
        ).run()
        assert sink.messages == list(range(len(sink.messages)))


def test_several_hear_the_same_signal():
    """Each stream ends, and each that still runs hears."""
    sinks = [DataSink(), DataSink()]
    Graphline(
        A=Pipeline(DataSource(count()), StopOnSignal(), sinks[0]),
        B=Pipeline(DataSource(count()), Raising(4000), StopOnSignal(), sinks[1]),
        linkages={},
    ).run()
    assert all(sink.messages == list(range(len(sink.messages))) for sink in sinks)
    assert len(sinks[1].messages) > 4000


def test_a_second_signal_ends_it_at_once():
    """While what waits cannot be passed on: no more of it is."""
    stop = StopOnSignal()

    class Deaf(DataSink):
        """Reads nothing; raises the second signal when the first has been heard for a while."""

        bounds = {"inbox": 4}

        def main(self):
            while len(self.inbox) < 4:
                yield self.pause(0.1)
            signal.raise_signal(signal.SIGTERM)
            yield self.pause(1.0)
            while self.now() < 1.0:
                yield self.pause(1.0 - self.now())
            assert stop.state == "blocked"
            signal.raise_signal(signal.SIGTERM)
            while stop.state != "ended":
                yield self.pause(0.1)
            self.messages.extend(self.inbox)

    sink = Deaf()
    run(Pipeline(DataSource(count()), stop, sink))
    assert sink.messages == [0, 1, 2, 3]
    assert stop.heard == [signal.SIGTERM, signal.SIGTERM]


def test_a_handler_of_the_users_own_is_put_back():
    """It hears again after the run, and not while StopOnSignal does."""
    mine = []
    before = signal.signal(signal.SIGUSR1, lambda *_: mine.append("mine"))
    try:
        source = DataSource(count())
        raising = Raising(3000, which=signal.SIGUSR1)
        Pipeline(source, raising, StopOnSignal(["SIGUSR1"]), DataSink()).run()
        assert mine == []
        signal.raise_signal(signal.SIGUSR1)
        assert mine == ["mine"]
    finally:
        signal.signal(signal.SIGUSR1, before)


SCRIPT = """
from kamesh import Component, Pipeline
from kamesh.components.files import LineWriter
from kamesh.components.plumbing import StopOnSignal

class Counting(Component):
    def main(self):
        for number in range(5):
            self.send(f"{number}")
        yield self.pause(0.05)
        print("ready", flush=True)
        while not self.stopping():
            yield self.pause()

Pipeline(Counting(), StopOnSignal(), LineWriter("out.txt")).run()
print("done")
"""


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_told_to_stop(which, tmp_path):
    """While all sleeps, a signal from outside ends the run; files are whole, and the program goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(which)
            said, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (said, process.returncode) == ("done\n", 0)
    assert (tmp_path / "out.txt").read_text() == "0\n1\n2\n3\n4\n"


def test_where_it_cannot_hear():
    """In another thread it fails, in a sentence."""
    raised = []

    def elsewhere():
        with pytest.raises(
            ComponentFailed, match="would hear no signal: they come to the program's"
        ):
            StopOnSignal().run()
        raised.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert raised


def test_mistakes():
    """A signal that nothing can hear, and one that is none, are refused."""
    with pytest.raises(WrongFigure, match="SIGKILL stops a program without asking"):
        StopOnSignal([signal.SIGKILL])
    with pytest.raises(WrongFigure, match="this system has no signal 999"):
        StopOnSignal([999])
    with pytest.raises(WrongFigure, match="this system has no signal 'SIGNONE'"):
        StopOnSignal(["SIGNONE"])
    with pytest.raises(WrongFigure, match="needs a signal to stop on"):
        StopOnSignal([])
    with pytest.raises(WrongFigure, match="'finish' or to 'stop', not 'die'"):
        StopOnSignal(tell="die")
