"""`kamesh record` and `kamesh replay`: what is kept, what is played, and each mistake in a sentence."""

import asyncio
import json
import threading
from dataclasses import replace

import pytest
from conftest import NODE, FakeFeed, FakeTap

from kamesh.codec import encode, standin
from kamesh.components.files import FileError
from kamesh.components.journal import Info, JournalWriter, open_journal
from kamesh.components.journal.format import record_of
from kamesh.deploy.cli.progress import Progress
from kamesh.deploy.cli.spool import Spool
from kamesh.deploy.exits import Exit
from kamesh.errors import Ended
from kamesh.nodes.client import NoAnswer

BOX = "studio/CAMERA.outbox"


def held(path):
    """Give the messages of a journal, and the reader."""
    with open_journal(path) as journal:
        return [m for r in journal for m in standin.decode(r.payload, r.buffers)], journal


@pytest.fixture
def journal(tmp_path):
    """A journal of two boxes, four messages, a tenth of a second."""
    path = tmp_path / "two.kj"
    with JournalWriter(path, Info(1.5e9, (BOX, "wall/SCREEN.outbox"))) as out:
        for number in range(4):
            out.write(number / 40, [number], box=number % 2)
        out.missed(0.08, 3)
        out.close(0.1)
    return path


class TestRecord:
    def test_what_comes_is_kept(self, terminal, run, tmp_path):
        """Every message is in the journal, with the whole name of its box; a summary says so."""
        messages = ["one", {"n": 3}, (1, 2), bytes(30_000)]
        terminal.client.messages = messages
        assert terminal("record", "CAMERA.outbox", "x.kj") == Exit.OK
        assert terminal.err.startswith("recorded 4 messages in 0.")
        assert "into x.kj (29.5 KiB)" in terminal.err
        assert terminal.out == ""
        found, reader = held("x.kj")
        assert found == messages
        assert reader.info.boxes == (BOX,)
        assert reader.ended
        assert terminal.client.asked == [("tap", BOX)]

    def test_as_json(self, terminal, run):
        """What was recorded is one object."""
        terminal.client.messages = [1, 2, 3]
        assert terminal("record", BOX, "x.kj", "--json") == Exit.OK
        told = json.loads(terminal.out)
        assert told.pop("seconds") >= 0
        assert told.pop("bytes") > 0
        assert told == {"file": "x.kj", "messages": 3, "missed": 0, "boxes": {BOX: 3}}

    def test_records_that_are_not_known_here(self, terminal, run):
        """Stand-ins are recorded as what they stand for."""
        terminal.client.messages = [standin.StandIn("there:Reading", (("celsius", 3),))]
        assert terminal("record", BOX, "x.kj") == Exit.OK
        assert held("x.kj")[0] == terminal.client.messages

    def test_it_ends_after_a_count(self, terminal, run):
        """No message more is kept."""
        terminal.client.messages = list(range(1000))
        assert terminal("record", BOX, "x.kj", "--count", "300") == Exit.OK
        assert held("x.kj")[0] == list(range(300))

    def test_it_ends_after_a_time(self, terminal, run):
        """A box that is silent is recorded as silent."""

        class Silent(FakeTap):
            async def __aiter__(self):
                yield "first"
                await asyncio.sleep(3600)

        terminal.client.tap = lambda box, policy: Silent(terminal.client, box, policy)
        assert terminal("record", BOX, "x.kj", "--seconds", "0.05") == Exit.OK
        found, reader = held("x.kj")
        assert found == ["first"]
        assert reader.length >= 0.05

    def test_a_node_that_goes_ends_it_well(self, terminal, run):
        """What came before is kept and counted; then the trouble is told."""

        class Breaks(FakeTap):
            async def __aiter__(self):
                yield "first"
                raise NoAnswer(f"{self.box} is seen no more: gone")

        terminal.client.tap = lambda box, policy: Breaks(terminal.client, box, policy)
        assert terminal("record", BOX, "x.kj") == Exit.NO_ANSWER
        assert terminal.err.endswith(f"kamesh: {BOX} is seen no more: gone\n")
        assert "recorded 1 message in" in terminal.err
        assert held("x.kj")[1].ended

    def test_mistakes(self, terminal, run, tmp_path):
        """Each is one sentence, and no file is made or changed by it."""
        (tmp_path / "mine").write_text("mine")
        for words, sentence in (
            (("CAMERA.outbox", "mine"), "mine exists already: give another name, or --force"),
            (("CAMERA.outbo", "x.kj"), "studio/CAMERA has no outbox 'outbo' (did you mean 'outbox'?)"),
            (("CAMRA.outbox", "x.kj"), "nothing that runs is called 'CAMRA' (did you mean"),
            (("outbox", "x.kj"), "'outbox' is not a box: write NODE/COMPONENT.box"),
            (("B.inbox", "x.kj"), f"studio/B.inbox is an inbox, and only outboxes are recorded: it is "
             f"fed by {BOX}"),
            ((BOX, "x.kj", "--sync", "often"), '--sync often: it is "none", "each" or a number'),
            ((BOX,), "the following arguments are required: FILE"),
        ):  # fmt: skip
            assert terminal("record", *words) == Exit.MISTAKE
            assert terminal.err.startswith(f"kamesh: {sentence}")
            assert not (tmp_path / "x.kj").exists()
        assert (tmp_path / "mine").read_text() == "mine"
        assert terminal("record", BOX, "no/x.kj") == Exit.FAILED
        assert "there is no folder no" in terminal.err

    def test_the_same_name_on_two_nodes(self, terminal, run):
        """A box that is on several nodes has to be named with one of them."""
        terminal.client.reports = [NODE, replace(NODE, name="other")]
        assert terminal("record", "CAMERA.outbox", "x.kj") == Exit.MISTAKE
        assert f"write one of {BOX}, other/CAMERA.outbox" in terminal.err

    def test_written_over_when_told_to(self, terminal, run):
        """--force takes the place of what was there."""
        terminal.client.messages = ["a"]
        assert terminal("record", BOX, "x.kj") == Exit.OK
        terminal.client.messages = ["b"]
        assert terminal("record", BOX, "x.kj", "--force", "--sync", "each") == Exit.OK
        assert held("x.kj")[0] == ["b"]

    def test_a_full_disk(self, terminal, run, monkeypatch):
        """What was written stays whole; what was not is counted as missed, and the disk is named."""

        def full(self):
            raise FileError("x.kj is not complete: the disk that holds it is full")

        terminal.client.messages = list(range(10))
        real = JournalWriter.flush
        calls = []

        def flush(self):
            calls.append(self)
            return real(self) if len(calls) == 1 else full(self)

        monkeypatch.setattr(JournalWriter, "flush", flush)
        assert terminal("record", BOX, "x.kj") == Exit.FAILED
        assert "recorded 0 messages" in terminal.err
        assert "10 messages that came could not be written" in terminal.err
        assert terminal.err.endswith("kamesh: x.kj is not complete: the disk that holds it is full\n")
        assert held("x.kj")[0] == []


def test_what_was_missed_is_told(terminal, run):
    """What the tap counts as missed is in the summary, in the JSON and in the journal."""
    terminal.client.messages = [1, 2, 3]
    terminal.client.dropped = (7, "")
    assert terminal("record", BOX, "x.kj", "--json") == Exit.OK
    told = json.loads(terminal.out)
    assert (told["messages"], told["missed"], told["boxes"]) == (3, 7, {BOX: 3})
    assert "7 messages missed: this recorder or its disk was too slow (drop_oldest)" in terminal.err
    assert held("x.kj")[1].missed == 7


def test_what_cannot_be_recorded_is_told(terminal, run):
    """Messages that cannot travel are missed, with the reason."""
    terminal.client.messages = [1]
    terminal.client.dropped = (1, "is a Thing; register it")
    assert terminal("record", BOX, "x.kj") == Exit.OK
    assert f"some of what {BOX} sent cannot be recorded: it is a Thing; register it" in terminal.err


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "block"])
def test_the_policy_is_the_taps_too(terminal, run, policy, monkeypatch):
    """What is missed is decided where the messages are sent."""
    taps = []
    real = terminal.client.tap
    monkeypatch.setattr(terminal.client, "tap", lambda *words: taps.append(words) or real(*words))
    assert terminal("record", BOX, "x.kj", "--policy", policy) == Exit.OK
    assert taps == [(BOX, policy)]


def test_a_disk_that_is_waited_for(terminal, run, monkeypatch):
    """Under "block" a spool that is full makes the tap wait, and all that comes is kept."""
    monkeypatch.setattr(Spool.__init__, "__defaults__", (1, *Spool.__init__.__defaults__[1:]))
    terminal.client.messages = list(range(5000))
    assert terminal("record", BOX, "x.kj", "--policy", "block", "--json") == Exit.OK
    assert json.loads(terminal.out)["missed"] == 0
    assert held("x.kj")[0] == list(range(5000))


class Slow:
    """Stands for a journal whose disk takes nothing until it is told to."""

    def __init__(self):
        self.path, self.may, self.taken, self.gaps = "x.kj", threading.Event(), [], []
        self.began = threading.Event()

    def wait(self):
        return None

    def add(self, record):
        self.began.set()
        self.may.wait(20)
        self.taken += record.messages()

    def missed(self, seconds, count, box):
        self.gaps.append((box, count))

    def flush(self):
        pass

    def close(self, seconds):
        self.end = seconds


def test_a_spool_that_blocks():
    """Under "block" it drops nothing, says when it is full, and tells when it no longer is."""
    disk, freed = Slow(), threading.Event()
    records = [record_of(n, encode([n])) for n in range(10)]
    spool = Spool(disk, "block", failed=lambda: None, most=2 * records[0].bytes, freed=freed.set)
    spool.put(records[0])
    assert disk.began.wait(20)
    fullness = []
    for record in records[1:]:
        fullness.append(spool.full)
        spool.put(record)
    assert fullness == [False, False, *[True] * 7]
    assert not freed.is_set()
    disk.may.set()
    assert freed.wait(20)
    spool.close(3.0)
    assert disk.taken == list(range(10))
    assert not spool.full


@pytest.mark.parametrize(
    ("policy", "kept"), [("drop_oldest", [0, 8, 9]), ("drop_newest", [0, 1, 2])]
)
def test_a_slow_disk(policy, kept):
    """What has no room is dropped as the policy says, counted, and noted where it is missing."""
    disk = Slow()
    records = [record_of(n, encode([n])) for n in range(10)]
    spool = Spool(disk, policy, failed=lambda: None, most=2 * records[0].bytes)
    spool.put(records[0])
    assert disk.began.wait(20)
    for record in records[1:]:
        spool.put(record)
    spool.missed(1, 5)
    disk.may.set()
    spool.close(3.0)
    assert disk.taken == kept
    assert spool.dropped == {0: 7}
    assert sorted(disk.gaps) == [(0, 7), (1, 5)]
    assert disk.end == 3.0


class TestReplay:
    def test_what_was_recorded_is_put_in(self, terminal, run, journal):
        """Each message goes where it was told to go; a box without a place is named."""
        assert terminal("replay", "two.kj", "--map", "CAMERA.outbox=B.inbox") == Exit.OK
        assert terminal.client.asked == [("send", "studio/B.inbox", n) for n in (0, 2)]
        assert terminal.err.splitlines() == [
            "left out, as nothing says where to: wall/SCREEN.outbox",
            "played 2 messages in 0.1 s",
        ]

    def test_boxes_apart_and_together(self, terminal, run, journal):
        """A mapping for one, and BOX for the rest."""
        words = ("replay", "two.kj", "B.inbox", "--map", f"{BOX}=CAMERA.inbox", "--speed", "0", "--json")
        assert terminal(*words) == Exit.OK
        assert [(box, n) for _, box, n in terminal.client.asked] == [
            ("studio/CAMERA.inbox", 0), ("studio/B.inbox", 1),
            ("studio/CAMERA.inbox", 2), ("studio/B.inbox", 3),
        ]  # fmt: skip
        told = json.loads(terminal.out)
        assert (told["messages"], told["late"]) == (4, 0)

    def test_its_time_and_parts_of_it(self, terminal, run, journal):
        """Speed and beginning change how long it takes and what is played."""
        for more, numbers, seconds in (
            ((), [1, 3], 0.1), (("--speed", "2"), [1, 3], 0.05), (("--start", "0.06"), [3], 0.04),
            (("--until", "0.05"), [1], 0.05),
        ):  # fmt: skip
            terminal.client.asked.clear()
            words = ("replay", "two.kj", "--map", "SCREEN.outbox=B.inbox", "--json", *more)
            assert terminal(*words) == Exit.OK
            assert [n for *_, n in terminal.client.asked] == numbers
            assert json.loads(terminal.out)["seconds"] >= seconds

    def test_an_inbox_that_ends_meanwhile(self, terminal, run, journal):
        """What was played is told, and why it went no further."""

        async def send(box, message):
            raise Ended(f"{box} takes nothing more: it has ended")

        terminal.client.send = send
        assert terminal("replay", "two.kj", "--map", f"{BOX}=B.inbox") == Exit.FAILED
        assert terminal.err.splitlines()[-2:] == [
            "played 0 messages in 0.0 s", "kamesh: studio/B.inbox takes nothing more: it has ended",
        ]  # fmt: skip

    def test_an_inbox_that_is_full_is_said_once(self, terminal, run, journal):
        """While an inbox has no room for more than a second, it is said; then all is played."""

        class Full(FakeFeed):
            async def send(self, message):
                self.waits = True
                await asyncio.sleep(2.5 if message == 0 else 0)
                self.waits = False
                await super().send(message)

        terminal.client.feed = lambda box: Full(terminal.client, box)
        assert terminal("replay", "two.kj", "--map", f"{BOX}=B.inbox", "--speed", "0") == Exit.OK
        assert terminal.err.count("studio/B.inbox is full: waiting for room") == 1
        assert [n for *_, n in terminal.client.asked] == [0, 2]

    def test_what_is_in_it(self, terminal, journal):
        """Its boxes, their messages, when, how much; and what is missing."""
        assert terminal("replay", "two.kj", "--info") == Exit.OK
        assert terminal.out.splitlines() == [
            "two.kj: 4 messages in 0.1 s, 296 bytes, recorded from 2017-07-14 02:40:00 UTC",
            "BOX                   MESSAGES     BYTES    FIRST     LAST",
            "studio/CAMERA.outbox         2  70 bytes  0.000 s  0.050 s",
            "wall/SCREEN.outbox           2  70 bytes  0.025 s  0.075 s",
            "3 messages missed by the recorder",
        ]
        assert terminal("replay", "two.kj", "--info", "--json") == Exit.OK
        told = json.loads(terminal.out)
        assert told["boxes"][BOX] == {"messages": 2, "bytes": 70, "first": 0.0, "last": 0.05}
        assert (told["complete"], told["missed"], told["torn_bytes"]) == (True, 3, 0)

    def test_a_torn_journal(self, terminal, run, journal):
        """What is whole is played, and the rest is told with its count."""
        journal.write_bytes(journal.read_bytes()[:-40])
        words = ("replay", "two.kj", "--map", f"{BOX}=B.inbox", "--speed", "0")
        assert terminal(*words) == Exit.OK
        assert "two.kj: its end is torn off: the last 24 bytes are no whole record, and the 4" in (
            terminal.err
        )
        assert terminal("replay", "two.kj", "--info") == Exit.OK
        assert "the recording was broken off" in terminal.out

    def test_mistakes(self, terminal, run, journal, tmp_path):
        """Each is one sentence."""
        (tmp_path / "text").write_text("hello")
        for words, sentence in (
            (("two.kj",), "say where to play it: `kamesh replay two.kj NODE/COMPONENT.inbox`"),
            (("two.kj", "B.inbox"), "two.kj holds 2 boxes; say with --map OLD=NEW where each goes: "),
            (("two.kj", "--map", "B.inbox"), "--map B.inbox: write OLD=NEW"),
            (("two.kj", "--map", "CAMRA.outbox=B.inbox"), "two.kj holds no box 'CAMRA.outbox' (did"),
            (("two.kj", "--map", f"{BOX}=B.inbx"), "studio/B has no inbox 'inbx' (did you mean 'inb"),
            (("two.kj", "--map", f"{BOX}={BOX}"), f"{BOX} is an outbox: only an inbox takes messages"),
            (("text", "B.inbox"), "text is no journal of kamesh"),
            (("no.kj", "B.inbox"), "there is no file no.kj"),
            (("two.kj", "B.inbox", "--speed", "-1"), "argument --speed: -1 is not from 0 to"),
            (("two.kj", "B.inbox", "--start", "2", "--until", "1"), "until=1.0 is not after start=2.0"),
        ):
            assert terminal("replay", *words) == Exit.MISTAKE, words
            assert terminal.err.startswith(f"kamesh: {sentence}"), terminal.err
        assert terminal.client.asked == []


def test_progress():
    """On a terminal one line is written over; elsewhere nothing is, for a while."""

    class Screen:
        def __init__(self, tty):
            self.tty, self.text = tty, ""

        def isatty(self):
            return self.tty

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    for tty, expected in ((True, "\r12 messages\r9 messages \n"), (False, "")):
        screen = Screen(tty)
        with Progress(screen) as progress:
            progress.show("12 messages")
            progress.show("9 messages")
        assert screen.text == expected
