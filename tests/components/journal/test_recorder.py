"""Recorder and Replayer: what passes, with its time, and the same again."""

import itertools
import os
from dataclasses import dataclass

import pytest

from kamesh import (
    Component,
    ComponentFailed,
    Graphline,
    Pipeline,
    ProducerFinished,
    Shutdown,
    register,
)
from kamesh.codec import standin
from kamesh.components.journal import (
    Info,
    JournalWriter,
    Kind,
    Pace,
    Record,
    Recorder,
    Replayer,
    open_journal,
)
from kamesh.components.journal import format as form
from kamesh.components.sources import DataSink, DataSource
from kamesh.components.ticker import Ticker
from kamesh.nodes.flatten import dissolves, leaves
from kamesh.testing import keeps_promises, run

TIMES = [0.0, 0.25, 0.25, 1.5, 10.125, 360.0]


class Script(Component):
    """Sends each message at its time, and ends at the last."""

    inboxes = {"control": "told here to stop"}

    def __init__(self, *steps):
        self.steps = steps

    def main(self):
        began = self.now()
        for at, message in self.steps:
            while (wait := began + at - self.now()) > 0:
                yield self.pause(wait)
            self.send(message)
            yield


class Clock(Component):
    """Sends on (time, message) for what comes, the time since it started."""

    def main(self):
        began = self.now()
        while not self.stopping():
            for message in self.inbox:
                self.send((self.now() - began, message))
            yield self.pause()


@pytest.fixture
def recorded(tmp_path):
    """A journal of six messages at odd times, which ends at 400 seconds."""
    path = tmp_path / "x.kj"
    with JournalWriter(path, Info(1.0, ("a/B.outbox", "a/C.outbox"))) as journal:
        for number, at in enumerate(TIMES):
            journal.write(at, [number], box=number % 2)
        journal.close(400.0)
    return path


def held(path):
    """Give (seconds, messages) of a journal, and the reader."""
    with open_journal(path) as journal:
        return [(r.seconds, r.messages()) for r in journal], journal


def failure(call, *arguments):
    """Give the kind and the sentence with which a run fails."""
    with pytest.raises(ComponentFailed) as raised:
        call(*arguments)
    return raised.value.failure.error, raised.value.failure.message


class TestRecorder:
    def test_the_times_are_those_of_arrival(self, tmp_path):
        """By the virtual clock to the nanosecond; the end of the stream is noted too."""
        script = Script(*zip(TIMES, "abcdef", strict=True), (400.0, "last"))
        run(Pipeline(script, Recorder(tmp_path / "x.kj")))
        found, journal = held(tmp_path / "x.kj")
        times = [at for at, messages in found for _ in messages]
        assert times == [*TIMES, 400.0]
        assert [m for _, messages in found for m in messages] == [*"abcdef", "last"]
        assert (journal.ended, journal.length, journal.missed) == (True, 400.0, 0)

    def test_it_says_what_it_recorded(self, tmp_path):
        """The outboxes that feed it, unless it is told what to say."""
        recorder = Recorder(tmp_path / "x.kj")
        Graphline(
            LEFT=DataSource([1]), RIGHT=DataSource([2]), REC=recorder,
            linkages={("LEFT", "outbox"): ("REC", "inbox"), ("RIGHT", "outbox"): ("REC", "inbox")},
        ).run()
        assert held(tmp_path / "x.kj")[1].info.boxes == (
            "Graphline/LEFT.outbox, Graphline/RIGHT.outbox",
        )
        Pipeline(DataSource([1]), Recorder(tmp_path / "y.kj", box="CAMERA.outbox")).run()
        assert held(tmp_path / "y.kj")[1].info.boxes == ("CAMERA.outbox",)
        assert recorder.details() == {
            "messages": 2, "bytes": (tmp_path / "x.kj").stat().st_size, "missed": 0
        }

    def test_it_keeps_the_promises_of_a_component(self, tmp_path):
        """It passes on what it has recorded, ends when it should, and holds no more than it may."""
        number = itertools.count()
        sent = keeps_promises(lambda: Recorder(tmp_path / f"{next(number)}.kj"), [1, "two", [3]])
        assert sent == [1, "two", [3]]

    @pytest.mark.parametrize("told", [Shutdown(), ProducerFinished()])
    def test_told_to_end_the_journal_is_complete(self, tmp_path, told):
        """Whatever it is told, what it had taken is in the journal, with its end."""
        recorder = Recorder(tmp_path / "x.kj")
        with recorder.background() as handle:
            handle.put("one")
            assert handle.get(timeout=10) == "one"
            handle.put(told, "control")
            assert handle.wait(10)
        found, journal = held(tmp_path / "x.kj")
        assert [m for _, ms in found for m in ms] == ["one"]
        assert journal.ended

    def test_what_a_policy_drops_is_noted(self, tmp_path):
        """A linkage that does not block loses what there is no room for, and the journal says how many."""
        pipeline = Graphline(
            FAST=DataSource(range(5000)), REC=Recorder(tmp_path / "x.kj"),
            linkages={("FAST", "outbox"): ("REC", "inbox")},
            policies={("FAST", "outbox"): "drop_oldest"},
        )
        run(pipeline)
        found, journal = held(tmp_path / "x.kj")
        kept = [m for _, ms in found for m in ms]
        assert journal.missed + len(kept) == 5000
        assert journal.missed > 0
        assert kept == sorted(kept)

    def test_a_file_that_is_there_is_left_alone(self, tmp_path):
        """It refuses to write over a file unless it was told to."""
        (tmp_path / "x.kj").write_text("mine")
        kind, sentence = failure(Pipeline(DataSource([1]), Recorder(tmp_path / "x.kj")).run)
        assert kind == "FileError"
        assert "x.kj exists already" in sentence
        Pipeline(DataSource([1]), Recorder(tmp_path / "x.kj", "replace")).run()
        assert [ms for _, ms in held(tmp_path / "x.kj")[0]] == [[1]]

    def test_what_cannot_be_kept(self, tmp_path):
        """A message that cannot travel fails it, and all before it is in the journal."""
        pipeline = Pipeline(DataSource([1, 2, object(), 3]), Recorder(tmp_path / "x.kj"))
        kind, sentence = failure(pipeline.run)
        assert kind == "NotRecordable"
        assert "x.kj cannot keep what came at" in sentence
        assert [m for _, ms in held(tmp_path / "x.kj")[0] for m in ms] == [1, 2]

    def test_mistakes_are_refused_at_once(self, tmp_path):
        """A mode or a sync that there is not is refused when it is made; no file is."""
        with pytest.raises(ValueError, match="did you mean 'replace'"):
            Recorder(tmp_path / "x.kj", "replaced")
        with pytest.raises(ValueError, match="a number of seconds"):
            Recorder(tmp_path / "x.kj", sync="sometimes")
        Recorder(tmp_path / "x.kj")
        assert list(tmp_path.iterdir()) == []

    def test_synced_in_time(self, tmp_path, monkeypatch):
        """What was written is synced when it is so old, though nothing more comes."""
        count = []
        monkeypatch.setattr(os, "fsync", count.append)
        with Recorder(tmp_path / "x.kj", sync=0.05).background() as handle:
            handle.put("one")
            assert handle.get(timeout=10) == "one"
            for _ in range(1000):
                if count:
                    break
                handle.wait(0.01)
            assert count


class TestReplayer:
    def test_the_times_are_those_of_the_recording(self, recorded):
        """Exactly, by the virtual clock."""
        got = run(Pipeline(Replayer(recorded), Clock()), limit=10_000)["outbox"]
        assert got == list(zip(TIMES, range(6), strict=True))

    def test_recorded_again_it_is_the_same(self, recorded, tmp_path):
        """A replay that is recorded gives the same messages at the same times, the end too."""
        run(Pipeline(Replayer(recorded), Recorder(tmp_path / "y.kj")), limit=10_000)
        assert [(at, m) for at, ms in held(tmp_path / "y.kj")[0] for m in ms] == [
            (at, m) for at, ms in held(recorded)[0] for m in ms
        ]
        assert held(tmp_path / "y.kj")[1].length == 400.0

    @pytest.mark.parametrize(
        ("how", "expected"),
        [
            ({"speed": 2.0}, [(at / 2, n) for n, at in enumerate(TIMES)]),
            ({"speed": 0}, [(0.0, n) for n in range(6)]),
            ({"speed": None}, [(0.0, n) for n in range(6)]),
            ({"start": 1.0}, [(0.5, 3), (9.125, 4), (359.0, 5)]),
            ({"until": 1.5}, [(0.0, 0), (0.25, 1), (0.25, 2)]),
            ({"start": 0.25, "until": 11.0, "speed": 0.5},
             [(0.0, 1), (0.0, 2), (2.5, 3), (19.75, 4)]),
            ({"box": "a/C.outbox"}, [(0.25, 1), (1.5, 3), (360.0, 5)]),
        ],
    )  # fmt: skip
    def test_part_of_it_at_another_speed(self, recorded, how, expected):
        """Speed, beginning, end and box do what they say, and keep the timing."""
        assert run(Pipeline(Replayer(recorded, **how), Clock()), limit=10_000)["outbox"] == expected

    def test_in_a_loop(self, recorded):
        """A lap takes as long as the recording did, with the silence at its end, and does not drift."""
        take = Take(12)
        got = run(Pipeline(Replayer(recorded, loop=True), Clock(), take), limit=10_000)["outbox"]
        assert got == [(at + lap * 400.0, n) for lap in range(2) for n, at in enumerate(TIMES)]

    def test_it_keeps_the_promises_of_a_component(self, recorded):
        """It ends, when told too, and is held back by a reader that does not read."""
        assert keeps_promises(lambda: Replayer(recorded)) == list(range(6))

    @pytest.mark.parametrize("told", [Shutdown(), ProducerFinished()])
    def test_told_to_end(self, recorded, told):
        """Shutdown ends it at once; ProducerFinished lets it play to the end, and ends a loop."""
        replayer = Replayer(recorded, loop=True)
        later = Script((12.0, told))
        got = run(
            Graphline(
                PLAY=replayer, LATER=later, CLOCK=Clock(),
                linkages={
                    ("LATER", "outbox"): ("PLAY", "control"), ("PLAY", "outbox"): ("CLOCK", "inbox"),
                    ("CLOCK", "outbox"): ("", "outbox"),
                },
            ),
            limit=50_000,
        )["outbox"]
        played = [n for _, n in got]
        if isinstance(told, Shutdown):
            assert played == list(range(5))
        else:
            assert played[:6] == list(range(6))
            assert len(played) % 6 == 0

    def test_a_slow_receiver_loses_nothing(self, tmp_path):
        """Ten thousand messages through a reader of one at a time, in order."""
        Pipeline(DataSource(range(10_000)), Recorder(tmp_path / "x.kj")).run()
        assert run(Pipeline(Replayer(tmp_path / "x.kj", 0), Narrow()))["outbox"] == list(range(10_000))

    def test_a_torn_journal_is_played_up_to_the_tear(self, recorded, caplog):
        """What is whole is played, and what is not is said."""
        data = recorded.read_bytes()
        recorded.write_bytes(data[:-40])
        assert run(Replayer(recorded, 0))["outbox"] == list(range(5))
        assert "its end is torn off: the last" in caplog.text
        assert "5 messages before them are all there" in caplog.text

    def test_what_cannot_be_played_is_said(self, tmp_path, recorded):
        """No such file, no journal, no such box, no such class: a sentence each."""
        text = tmp_path / "text"
        text.write_text("hello")
        for replayer, kind, part in (
            (Replayer(tmp_path / "no.kj"), "FileError", "there is no file"),
            (Replayer(text), "NotAJournal", "text is no journal of kamesh"),
            (Replayer(recorded, box="a/B.outbo"), "NotAJournal", "did you mean 'a/B.outbox'?"),
        ):
            failed = failure(Pipeline(replayer, DataSink()).run)
            assert failed[0] == kind
            assert part in failed[1]
        stranger = standin.encode([standin.StandIn("there:Reading", (("celsius", 3),))])
        path = tmp_path / "s.kj"
        with JournalWriter(path, Info(1.0, ("a",))) as journal:
            journal.add(form.record_of(0, stranger))
        kind, sentence = failure(Pipeline(Replayer(path), DataSink()).run)
        assert kind == "NotAJournal"
        assert "'there:Reading', and no such class is registered here" in sentence

    def test_mistakes_are_refused_at_once(self, tmp_path):
        """Speeds and times that make no sense are refused when it is made."""
        for how in ({"speed": -1.0}, {"start": -1.0}, {"start": 2.0, "until": 1.0}):
            with pytest.raises(ValueError):
                Replayer(tmp_path / "x.kj", **how)


class Take(Component):
    """Sends on so many messages, and ends."""

    def __init__(self, count):
        self.left = count

    def main(self):
        while self.left and not self.stopping():
            while self.left and self.data_ready():
                self.send(self.recv())
                self.left -= 1
            yield self.pause()


class Narrow(Component):
    """Sends on one message at a time."""

    bounds = {"inbox": 1}

    def main(self):
        while not self.stopping():
            if self.data_ready():
                self.send(self.recv())
            yield self.pause()


@register(name="test_recorder:Reading")
@dataclass(frozen=True)
class Reading:
    """A record of the user's own."""

    sensor: str
    celsius: float


def test_what_comes_back_is_of_the_same_kind(tmp_path):
    """Tuples, sets, large buffers and the user's own records come back as they were."""
    messages = [(1, "a"), {2, 3}, bytes(50_000), bytearray(20_000), Reading("a", 2.5), None, 2**80]
    Pipeline(DataSource(messages), Recorder(tmp_path / "x.kj")).run()
    got = run(Replayer(tmp_path / "x.kj"))["outbox"]
    assert got == messages
    assert [type(one) for one in got] == [type(one) for one in messages]


def test_ticks(tmp_path):
    """Real time, as a user meets it: what goes on for a quarter of a second is recorded as about one."""
    Pipeline(Ticker(0.05, count=5), Recorder(tmp_path / "x.kj")).run()
    found, journal = held(tmp_path / "x.kj")
    times = [at for at, _ in found]
    assert times == sorted(times)
    assert [ms for _, ms in found][-1] == [5]
    assert 0.2 <= journal.length < 10.0


def test_each_stays_on_one_node(tmp_path):
    """However a graph is dealt out to nodes, the parts of a recorder are not torn apart."""
    assert list(leaves(Pipeline(DataSource([1]), Recorder(tmp_path / "x"), name="P"))) == [
        "DataSource", "Recorder",
    ]  # fmt: skip
    assert not dissolves(Replayer(tmp_path / "x"))


def test_pace():
    """When a message is due, which are played, and how long a lap is."""
    pace = Pace(2.0, start=10.0, until=20.0)
    assert pace.due(13.0) == 1.5
    assert [pace.played(at) for at in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]
    assert (pace.lap(100.0), pace.lap(15.0), pace.lap(5.0)) == (10.0, 5.0, 0.0)
    assert Pace(None).due(99.0) == Pace(0).due(99.0) == 0.0
    assert Record(0, Kind.END, 0, 0).messages() == []
    for figures in ({"speed": "2"}, {"start": None}, {"start": "1"}, {"until": "9"}):
        with pytest.raises(ValueError, match="it is a number"):
            Pace(**figures)
