"""`kamesh record` and `replay` with real nodes: the same messages again, Ctrl-C, kill -9, a full inbox."""

import json
import os
import signal
from pathlib import Path

import pytest
from hosts import Host, until

from kamesh.components.journal import Info, JournalWriter, open_journal

NUMBERS = """
[nodes.source]
[nodes.sink]
[components.NUMBERS]
use = "parts:Numbers"
with = {{ count = {count}, every = 0.01, burst = {burst} }}
node = "source"
[components.KEEP]
use = "parts:Keep"
with = {{ file = "kept.txt" }}
node = "sink"
[[linkages]]
from = "NUMBERS.outbox"
to = "KEEP.inbox"
"""

KEEP = """
[nodes.sink]
[components.WAIT]
use = "parts:Numbers"
with = { every = 60.0 }
node = "sink"
[components.KEEP]
use = "parts:Keep"
with = { file = "again.txt" }
node = "sink"
[components.SLOW]
use = "slowly:Slow"
node = "sink"
[components.KEEPSLOW]
use = "parts:Keep"
with = { file = "slowly.txt" }
node = "sink"
[[linkages]]
from = "SLOW.outbox"
to = "KEEPSLOW.inbox"
"""

SLOWLY = """
from kamesh import Component

class Slow(Component):
    bounds = {"inbox": 8}

    def main(self):
        while not self.stopping():
            for _ in range(min(8, len(self.inbox))):
                self.send(self.recv())
            yield self.pause(0.02)
            yield self.pause(0.02)
"""


STUCK = """
from kamesh import Component

class Stuck(Component):
    bounds = {"inbox": 8}

    def main(self):
        while not self.control.queue:
            yield self.pause()
"""


SPLIT = """
from kamesh import Pipeline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.journal import DiskBuffer, Recorder
from kamesh.components.plumbing import Count
from kamesh.components.sources import DataSource

numbers = DataSource(range(3000))
Pipeline(numbers, Recorder("x.kj"), DiskBuffer("kept", keep=True), Count(), ConsoleEchoer()).run()
"""


def up(host: Host, name: str, text: str, nodes: int) -> None:
    """Start a topology."""
    host.topology(name, text)
    assert host.kamesh("up", name).code == 0
    host.linked(nodes)


def numbers(path: Path) -> list[int]:
    """Give what is in a journal."""
    with open_journal(path) as journal:
        return [number for record in journal for number in record.messages()]


def test_recorded_in_one_run_and_played_into_another(host: Host) -> None:
    """Ctrl-C ends a recording well; played into another mesh, each message arrives once, in order.

    So it is with an inbox that is full again and again.
    """
    up(host, "live.toml", NUMBERS.format(count=10**9, burst=5), 2)
    journal = host.folder / "live.kj"
    recording = host.start("record", "NUMBERS.outbox", "live.kj", "--json")
    until(lambda: journal.exists() and journal.stat().st_size > 3000, "something is recorded")
    recording.signal(signal.SIGINT)
    ended = recording.ended()
    assert ended.code == 0, ended
    told = json.loads(ended.out)
    held = numbers(journal)
    assert told["messages"] == len(held) == told["boxes"]["source/NUMBERS.outbox"]
    assert told["missed"] == 0
    assert held == list(range(held[0], held[0] + len(held)))
    assert host.kamesh("down").code == 0

    host.write("slowly.py", SLOWLY)
    up(host, "other.toml", KEEP, 1)
    played = host.kamesh("replay", "live.kj", "KEEP.inbox", "--speed", "2", "--json")
    assert played.code == 0, played
    assert json.loads(played.out)["messages"] == len(held)
    until(lambda: len(host.read("again.txt")) >= len(held), "all have arrived")
    assert [int(line) for line in host.read("again.txt")] == held

    looping = host.start("replay", "live.kj", "KEEP.inbox", "--speed", "0", "--loop")
    until(lambda: len(host.read("again.txt")) > 3 * len(held), "it begins anew")
    looping.signal(signal.SIGINT)
    stopped = looping.ended()
    assert stopped.code == 0, stopped
    assert stopped.err.startswith("played ")

    slowly = host.kamesh("replay", "live.kj", "sink/SLOW.inbox", "--speed", "0")
    assert slowly.code == 0, slowly
    until(lambda: len(host.read("slowly.txt")) >= len(held), "a full inbox loses nothing")
    assert [int(line) for line in host.read("slowly.txt")] == held


@pytest.mark.parametrize("policy", ["block", "drop_oldest", "drop_newest"])
def test_what_is_recorded_and_what_is_missed_is_what_was_sent(host: Host, policy: str) -> None:
    """To the message, of a source that is faster than its recorder; with --policy block none is missed."""
    up(host, "fast.toml", NUMBERS.format(count=10**9, burst=2000), 2)
    journal = host.folder / "fast.kj"
    recording = host.start("record", "NUMBERS.outbox", "fast.kj", "--policy", policy, "--json")
    until(lambda: journal.exists() and journal.stat().st_size > 200_000, "something is recorded")
    assert host.kamesh("down").code == 0
    ended = recording.ended()
    assert ended.code == 0, ended
    told, held = json.loads(ended.out), numbers(journal)
    last = int(host.read("kept.txt")[-1])
    assert held == sorted(set(held))
    assert len(held) + told["missed"] == last + 1 - held[0], told
    assert policy != "block" or told["missed"] == 0


def test_a_box_that_is_never_read(host: Host) -> None:
    """Ctrl-C ends a replay into a full inbox at once, and what was played is in the inbox."""
    host.write("stuck.py", STUCK)
    host.topology("stuck.toml", KEEP.replace("slowly:Slow", "stuck:Stuck"))
    assert host.kamesh("up", "stuck.toml").code == 0
    host.linked(1)
    path = host.folder / "many.kj"
    with JournalWriter(path, Info(0.0, ("a/A.outbox",))) as out:
        for number in range(5000):
            out.write(0.0, [number])
        out.close(1.0)
    replaying = host.start("replay", "many.kj", "SLOW.inbox", "--speed", "0", "--json")
    replaying.until(lambda one: "SLOW.inbox is full: waiting for room" in one.err, "it is full")
    replaying.signal(signal.SIGINT)
    ended = replaying.ended(within=5.0)
    assert ended.code == 130, ended
    assert json.loads(ended.out)["messages"] == 8
    full = host.kamesh("send", "SLOW.inbox", "more")
    assert full.code == 1
    assert "SLOW.inbox is full: 8 messages wait there" in full.err


def test_many_lines(host: Host) -> None:
    """`send -` brings each line as it comes, and the component goes on afterwards."""
    up(host, "other.toml", KEEP.replace("slowly:Slow", "parts:Through"), 1)
    sending = host.start("send", "KEEP.inbox", "-", feed=True)
    sending.feed("one\n")
    until(lambda: host.read("again.txt") == ["one"], "the first line is there")
    sending.feed("".join(f"{number}\n" for number in range(3000)))
    assert sending.ended().code == 0
    assert host.kamesh("send", "KEEP.inbox", "last").code == 0
    until(lambda: len(host.read("again.txt")) == 3002, "all are there")
    assert host.read("again.txt") == ["one", *map(str, range(3000)), "last"]


def test_killed_while_it_records(host: Host) -> None:
    """After kill -9 the journal has all that was written before, and plays; the mesh goes on."""
    up(host, "live.toml", NUMBERS.format(count=10**9, burst=20), 2)
    journal = host.folder / "live.kj"
    recording = host.start("record", "NUMBERS.outbox", "live.kj")
    until(lambda: journal.exists() and journal.stat().st_size > 3000, "something is recorded")
    os.kill(recording.pid, signal.SIGKILL)
    recording.process.wait()
    held = numbers(journal)
    assert len(held) > 100
    assert held == list(range(held[0], held[0] + len(held)))
    info = host.kamesh("replay", "live.kj", "--info")
    assert info.code == 0
    assert "the recording was broken off" in info.out
    before = len(host.read("kept.txt"))
    until(lambda: len(host.read("kept.txt")) > before + 100, "the mesh goes on")


def test_a_mesh_that_ends_ends_the_recording(host: Host) -> None:
    """When the mesh goes down in order, the journal is complete, and nothing is missed at its end."""
    up(host, "live.toml", NUMBERS.format(count=10**9, burst=10), 2)
    journal = host.folder / "live.kj"
    recording = host.start("record", "NUMBERS.outbox", "live.kj", "--json")
    until(lambda: journal.exists() and journal.stat().st_size > 3000, "something is recorded")
    assert host.kamesh("down").code == 0
    ended = recording.ended()
    assert ended.code == 0, ended
    assert json.loads(ended.out)["missed"] == 0
    held = numbers(journal)
    assert held == list(range(held[0], held[0] + len(held)))
    assert str(held[-1]) == host.read("kept.txt")[-1]
    with open_journal(journal) as read:
        assert list(read)
        assert read.ended


def test_each_in_a_process_of_its_own(host: Host) -> None:
    """A recorder and a buffer on disk work between nodes, and at the end nothing is left to take."""
    ended = host.kamesh("run", host.write("split.py", SPLIT), "--split")
    assert (ended.code, ended.out) == (0, "3000\n"), ended
    assert numbers(host.folder / "x.kj") == list(range(3000))
    with open_journal(host.folder / "x.kj") as journal:
        assert journal.info.boxes == ("data-source/DataSource.outbox",)
    assert list((host.folder / "kept").glob("*.kj")) == []
