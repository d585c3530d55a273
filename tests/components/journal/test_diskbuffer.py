"""DiskBuffer: a slow receiver, a full disk, a restart, a kill, and no message lost."""

import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from kamesh import Component, ComponentFailed, Pipeline, Shutdown
from kamesh.components.files import FileError
from kamesh.components.journal import DiskBuffer, Segments, diskbuffer
from kamesh.components.journal import writing as module
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run

SOON = 20.0  # seconds: generous, only so that a failing test ends


class Gate(Component):
    """Takes nothing until it is opened, then everything; `count` of them, if that is given."""

    bounds = {"inbox": 4}

    def __init__(self, count=None):
        self.opened = threading.Event()
        self.left = count
        self.messages = []

    def main(self):
        while not self.opened.is_set():
            if self.stopping():
                return
            yield self.pause(0.01)
        while not self.stopping():
            while self.data_ready() and self.left != 0:
                self.messages.append(self.recv())
                self.left = None if self.left is None else self.left - 1
            if self.left == 0:
                return
            yield self.pause()


class Given(Component):
    """Sends messages as there is room, and then waits to be told to stop."""

    def __init__(self, messages):
        self.messages, self.sent = messages, 0

    def main(self):
        for message in self.messages:
            while self.room("outbox") <= 0:
                yield
            self.send(message)
            self.sent += 1
        while not self.stopping():
            yield self.pause()


def until(true, what):
    """Wait until something holds."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.fixture
def disk(monkeypatch):
    """A disk whose `room` can be set, in bytes."""
    real = os.writev

    class Disk:
        room = 10**12

        def __call__(self, file, pieces):
            data = b"".join(pieces)[: max(0, self.room)]
            if not data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= len(data)
            return real(file, [data])

    disk = Disk()
    monkeypatch.setattr(module.os, "writev", disk)
    monkeypatch.setattr(diskbuffer, "AGAIN", 0.05)
    return disk


@pytest.mark.parametrize("keep", [False, True])
def test_it_keeps_the_promises_of_a_component(tmp_path, keep):
    """It ends with its stream and when told, and is bounded."""
    number = itertools.count()

    def make():
        return DiskBuffer(tmp_path / str(next(number)), most_messages=100, keep=keep)

    assert keeps_promises(make, [1, "two", (3,)]) == [1, "two", (3,)]


@pytest.mark.parametrize("keep", [False, True])
def test_a_slow_receiver_gets_all_in_order(tmp_path, keep):
    """The source ends long before the receiver begins; what waits is on disk, and all arrives."""
    source, gate = Given(range(6_000)), Gate()
    buffer = DiskBuffer(tmp_path / "spool", keep=keep)
    with Pipeline(source, buffer, gate).background() as handle:
        until(lambda: source.sent == 6_000, "the buffer takes all")
        assert buffer.details()["bytes"] > 0
        assert gate.messages == []
        gate.opened.set()
        until(lambda: len(gate.messages) == 6_000, "all have arrived")
        handle.stop()
    assert gate.messages == list(range(6_000))


def test_while_the_receiver_keeps_up_nothing_is_written(tmp_path, disk):
    """Messages pass as they are, the same objects, and the folder is empty at the end."""
    thing = object()  # which no disk could take
    held = []
    disk.room = 0
    Pipeline(DataSource([1, thing, 2]), DiskBuffer(tmp_path / "spool"), DataSink(held)).run()
    assert held == [1, thing, 2]
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("bound", [{"most_messages": 1000}, {"most_bytes": 5_000}])
def test_it_holds_no_more_than_it_may(tmp_path, bound):
    """Beyond its bound the source waits, and goes on when there is room."""
    source, gate = Given(range(8_000)), Gate()
    buffer = DiskBuffer(tmp_path / "spool", keep=True, **bound)
    with Pipeline(source, buffer, gate).background() as handle:
        until(lambda: buffer.details()["waiting"] > 0, "it holds something")
        before = -1
        while before != source.sent:
            before = source.sent
            time.sleep(0.05)
        assert source.sent < 3_000
        size = sum(each.stat().st_size for each in (tmp_path / "spool").glob("*.kj"))
        assert size < bound.get("most_bytes", 10**6) + 2_000
        gate.opened.set()
        until(lambda: len(gate.messages) == 8_000, "all have arrived")
        handle.stop()
    assert gate.messages == list(range(8_000))


def test_the_smallest_bound(tmp_path):
    """A buffer of one byte holds one record at a time, and lets all through."""
    assert run(DiskBuffer(tmp_path, most_bytes=1, keep=True), range(300))["outbox"] == [*range(300)]


def test_what_was_not_taken_is_there_again(tmp_path):
    """A receiver that goes after 100 of 1000 messages leaves 900 for the next run."""
    source, gate = Given(range(1000)), Gate(count=100)
    pipeline = Pipeline(source, DiskBuffer(tmp_path / "spool", keep=True), gate)
    with pipeline.background() as handle:
        until(lambda: source.sent == 1000, "the buffer takes all")
        gate.opened.set()
        assert handle.wait(SOON)
    assert gate.messages == list(range(100))
    held = []
    Pipeline(DataSource(["new"]), DiskBuffer(tmp_path / "spool", keep=True), DataSink(held)).run()
    assert held == [*range(100, 1000), "new"]
    held = []
    Pipeline(DataSource([]), DiskBuffer(tmp_path / "spool", keep=True), DataSink(held)).run()
    assert held == []


def test_told_to_stop_it_stops(tmp_path):
    """At a Shutdown it ends at once; without `keep` nothing is left of it."""
    for keep in (True, False):
        folder = tmp_path / f"{keep}"
        buffer = DiskBuffer(folder, keep=keep)
        with buffer.background() as handle:
            for number in range(5000):
                handle.put(number)
            handle.put(Shutdown(), "control")
            assert handle.wait(SOON)
        assert bool(list(folder.iterdir())) == keep


@pytest.mark.parametrize("keep", [False, True])
def test_a_full_disk_is_said_once_and_loses_nothing(tmp_path, disk, caplog, keep):
    """The source waits, one sentence is logged, and when there is room all goes on in order."""
    source, gate = Given(range(6_000)), Gate()
    disk.room = 2_000
    buffer = DiskBuffer(tmp_path / "spool", keep=keep)
    with Pipeline(source, buffer, gate).background() as handle:
        until(lambda: "trouble" in buffer.details(), "the disk is full")
        assert "is not complete: the disk that holds it is full" in buffer.details()["trouble"]
        disk.room = 10**12
        until(lambda: source.sent == 6_000, "it goes on by itself")
        assert "trouble" not in buffer.details()
        gate.opened.set()
        until(lambda: len(gate.messages) == 6_000, "all have arrived")
        handle.stop()
    assert gate.messages == list(range(6_000))
    said = [r.getMessage() for r in caplog.records if "full; its source waits" in r.getMessage()]
    assert len(said) == 1


def test_a_disk_that_stays_full_lets_through_what_it_can(tmp_path, disk):
    """Without `keep` the receiver is served from memory while nothing can be written."""
    source, gate = Given(range(3_000)), Gate()
    disk.room = 1_000
    buffer = DiskBuffer(tmp_path / "spool")
    with Pipeline(source, buffer, gate).background() as handle:
        until(lambda: "trouble" in buffer.details(), "the disk is full")
        gate.opened.set()
        until(lambda: len(gate.messages) == 3_000, "all have arrived")
        handle.stop()
    assert gate.messages == list(range(3_000))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_real_full_disk(tmp_path, monkeypatch):
    """A file system of 64 KiB: nothing is lost, and what was put aside makes room."""
    monkeypatch.setattr(diskbuffer, "AGAIN", 0.05)
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True
    )
    if made.returncode:
        pytest.skip("this root may not mount")
    try:
        source, gate = Given([bytes([n % 256]) * 1000 for n in range(500)]), Gate()
        buffer = DiskBuffer(small / "spool", keep=True, most_bytes=10**9)
        buffer.most_bytes = 64_000  # small segments, and a bound that the disk does not reach
        with Pipeline(source, buffer, gate).background() as handle:
            until(lambda: buffer.details()["waiting"] > 0, "it holds something")
            gate.opened.set()
            until(lambda: len(gate.messages) == 500, "all have arrived")
            handle.stop()
        assert gate.messages == source.messages
        with pytest.raises(FileError, match="is full"), Segments(small / "other") as queue:
            queue.append([bytes(60_000)] * 2)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


KILLED = """
import itertools, sys
from kamesh import Component, Pipeline
from kamesh.components.journal import DiskBuffer
from kamesh.components.sources import DataSource

class Slow(Component):
    bounds = {"inbox": 4}
    def main(self):
        while not self.stopping():
            if self.data_ready():
                print(self.recv(), flush=True)
            yield self.pause(0.0005)

Pipeline(DataSource(range(5_000)), DiskBuffer(sys.argv[1], keep=True), Slow()).run()
"""


def test_killed_in_the_middle(tmp_path):
    """After kill -9 all that was not taken is there: no gap, in order, and few that come twice."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    )
    try:
        taken = [int(line) for line in itertools.islice(process.stdout, 300)]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(SOON)
        taken += [int(line) for line in process.stdout if line.endswith("\n")]
        process.stdout.close()
    held = []
    Pipeline(DataSource([]), DiskBuffer(tmp_path / "spool", keep=True), DataSink(held)).run()
    assert held == list(range(held[0], held[-1] + 1))
    assert held[0] <= taken[-1] + 1
    assert held[-1] > taken[-1]


def test_what_is_wrong_is_said(tmp_path):
    """A folder that is in use, one that cannot be, a message that no disk takes, and nonsense."""
    with pytest.raises(ValueError, match="cannot be 0: it is 1 or more"):
        DiskBuffer(tmp_path, most_bytes=0)
    for figure in (2.5, "10", float("nan")):
        with pytest.raises(ValueError, match="it is a whole number"):
            DiskBuffer(tmp_path, most_messages=figure)
    with pytest.raises(ValueError, match="a number of seconds"):
        DiskBuffer(tmp_path, sync="now")
    with Segments(tmp_path / "q"), pytest.raises(ComponentFailed, match="is in use"):
        run(DiskBuffer(tmp_path / "q"), [1])
    (tmp_path / "file").touch()
    with pytest.raises(ComponentFailed, match="cannot be written"):
        run(DiskBuffer(tmp_path / "file"), [1])
    with pytest.raises(ComponentFailed, match="cannot keep a object on disk"):
        run(DiskBuffer(tmp_path / "o", keep=True), [object()])
