"""Writing journals: whole records only, whatever the disk does; and when it is synced."""

import errno
import math
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh.codec import Unsendable
from kamesh.components.files import FileError
from kamesh.components.journal import Info, JournalWriter, open_journal
from kamesh.components.journal import writing as module
from kamesh.components.journal.syncing import Syncing
from kamesh.components.journal.writing import records_of

INFO = Info(1.0, ("a/B.outbox",))


def contents(path):
    """Give the messages of a journal with their seconds, and the reader."""
    with open_journal(path) as journal:
        return [(r.seconds, m) for r in journal for m in r.messages()], journal


class Disk:
    """Stands for `os.writev`: takes `room` bytes in all, at most `bite` at a time."""

    def __init__(self, room=math.inf, bite=math.inf):
        self.room, self.bite, self.calls = room, bite, 0

    def __call__(self, file, pieces):
        self.calls += 1
        data = b"".join(pieces)
        count = int(min(len(data), self.room, self.bite))
        if count == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= count
        return os.write(file, data[:count])


@pytest.fixture
def disk(monkeypatch):
    """Put another disk in the place of the real one."""

    def put(**how):
        disk = Disk(**how)
        monkeypatch.setattr(module.os, "writev", disk)
        return disk

    return put


def test_messages_come_back_with_their_times(tmp_path):
    """What was written is read with its time, and the end with its own."""
    with JournalWriter(tmp_path / "x.kj", INFO) as journal:
        journal.write(0.1, ["one", {"two": 2}])
        journal.missed(0.15, 7)
        journal.write(0.2, [bytes(100_000)])
        journal.close(0.5)
    found, reader = contents(tmp_path / "x.kj")
    assert found == [(0.1, "one"), (0.1, {"two": 2}), (0.2, bytes(100_000))]
    assert (reader.info, reader.ended, reader.length, reader.missed) == (INFO, True, 0.5, 7)
    assert journal.bytes == (tmp_path / "x.kj").stat().st_size
    assert journal.messages == 3


@given(st.lists(st.integers(0, 40_000), max_size=12), st.integers(1, 9_000))
@settings(max_examples=30, deadline=None)
def test_a_disk_that_takes_little_at_a_time(tmp_path_factory, sizes, bite):
    """However little one write takes, the journal is the same."""
    path = tmp_path_factory.mktemp("bite") / "x.kj"
    messages = [bytes([n % 256]) * size for n, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.os, "writev", Disk(bite=bite))
        with JournalWriter(path, INFO) as journal:
            for message in messages:
                journal.write(1.0, [message])
    assert [m for _, m in contents(path)[0]] == messages


def test_a_full_disk_leaves_whole_records_and_keeps_the_rest(tmp_path, disk):
    """For every amount of room: whole records are in the file, and all the rest goes once there is room."""
    head = len(module.file_head(INFO))
    for room in range(head, head + 140):
        path = tmp_path / f"{room}.kj"
        full = disk(room=room)
        journal = JournalWriter(path, INFO)
        for number in range(4):
            journal.write(number, [number])
        with pytest.raises(FileError, match="the disk that holds it is full"):
            journal.flush()
        found, reader = contents(path)
        assert found == [(float(n), n) for n in range(len(found))]
        assert reader.torn == 0
        assert path.stat().st_size == journal.bytes <= room
        full.room = math.inf
        journal.close()
        assert contents(path)[0] == [(float(n), n) for n in range(4)]


def test_what_is_abandoned_is_not_counted(tmp_path, disk):
    """After a full disk the figures are those of what is in the file."""
    disk(room=len(module.file_head(INFO)) + 80)
    journal = JournalWriter(tmp_path / "x.kj", INFO)
    for number in range(5):
        journal.write(number, [number])
    with pytest.raises(FileError, match="full"):
        journal.flush()
    journal.abandon()
    assert journal.messages == len(contents(tmp_path / "x.kj")[0]) == 2


def test_a_real_limit_of_the_system(tmp_path):
    """A process that may write no more gets the same: a sentence, and a journal that is whole."""
    program = f"""
import resource
from kamesh.components.files import FileError
from kamesh.components.journal import Info, JournalWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with JournalWriter({str(tmp_path / "x.kj")!r}, Info(1.0, ("a",))) as journal:
        for number in range(10):
            journal.write(number, [bytes(20_000)])
            journal.flush()
except FileError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / 'x.kj'} is not complete: ")
    found, reader = contents(tmp_path / "x.kj")
    assert (len(found), reader.torn) == (2, 0)


def test_large_buffers_are_written_from_where_they_are(tmp_path, monkeypatch):
    """The sender's own buffer is handed to the system."""
    handed = []
    real = os.writev

    def writev(file, pieces):
        handed.extend(pieces)
        return real(file, pieces)

    monkeypatch.setattr(module.os, "writev", writev)
    big = bytearray(100_000)
    with JournalWriter(tmp_path / "x.kj", INFO) as journal:
        journal.write(0, ["x", big])
    assert any(piece is big for piece in handed)


def test_many_records_are_one_write(tmp_path, disk):
    """What waits is handed over together."""
    counting = disk()
    with JournalWriter(tmp_path / "x.kj", INFO) as journal:
        for number in range(400):
            journal.write(number, [number])
        journal.flush()
        assert counting.calls == 2  # the head, and all of these


def test_what_is_too_much_for_one_record_becomes_several(tmp_path):
    """The codec's limits cut a batch, and lose nothing of it."""
    many = [list(range(300_000)) for _ in range(8)]
    assert len(records_of(0.0, many)) > 1
    with JournalWriter(tmp_path / "x.kj", INFO) as journal:
        journal.write(0.0, many)
    assert [m for _, m in contents(tmp_path / "x.kj")[0]] == many


def test_what_cannot_be_kept_is_refused_whole(tmp_path):
    """One message that cannot travel refuses its batch, and the journal goes on."""
    with JournalWriter(tmp_path / "x.kj", INFO) as journal:
        with pytest.raises(Unsendable):
            journal.write(0.0, ["good", object()])
        journal.write(0.0, ["after"])
    assert contents(tmp_path / "x.kj")[0] == [(0.0, "after")]


@pytest.mark.parametrize("nothing", [[], ()])
def test_nothing_is_no_record(tmp_path, nothing):
    """An empty batch writes nothing."""
    with JournalWriter(tmp_path / "x.kj", INFO) as journal:
        size = journal.size
        journal.write(0.0, nothing)
        assert journal.size == size


def test_where_it_cannot_be_written(tmp_path):
    """Each thing that is in the way is said; nothing that exists is written over unasked."""
    (tmp_path / "x.kj").write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        JournalWriter(tmp_path / "x.kj", INFO)
    assert (tmp_path / "x.kj").read_text() == "mine"
    JournalWriter(tmp_path / "x.kj", INFO, mode="replace").close()
    assert contents(tmp_path / "x.kj")[0] == []
    with pytest.raises(FileError, match="there is no folder"):
        JournalWriter(tmp_path / "no" / "x.kj", INFO)
    with pytest.raises(FileError, match="it is a folder"):
        JournalWriter(tmp_path, INFO, mode="replace")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError):
        JournalWriter(tmp_path / "pipe", INFO, mode="replace")
    with pytest.raises(FileError, match="no file that a journal could be kept in"):
        JournalWriter("/dev/null", INFO, mode="replace")
    with pytest.raises(ValueError, match=r"mode='now' \(did you mean 'new'\?\)"):
        JournalWriter(tmp_path / "y.kj", INFO, mode="now")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A pipe that nobody writes to, or a device, is refused at once when it is to be read."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(FileError, match="is no file that a journal could be in"), open_journal(path):
            pass


def test_a_file_that_is_removed_meanwhile(tmp_path):
    """A recording that nobody will find is said to be none."""
    journal = JournalWriter(tmp_path / "a.kj", Info(0.0, ("A.outbox",)))
    journal.write(0.0, ["a"])
    (tmp_path / "a.kj").unlink()
    with pytest.raises(FileError, match=r"a\.kj was removed while it was written"):
        journal.close(1.0)
    journal.close()  # it is closed all the same


def test_after_the_end(tmp_path):
    """A journal that is closed takes nothing, and closing it again does nothing."""
    journal = JournalWriter(tmp_path / "x.kj", INFO)
    journal.close(1.0)
    journal.close(2.0)
    journal.write(0, ["late"])
    with pytest.raises(FileError, match="is closed"):
        journal.flush()
    assert contents(tmp_path / "x.kj")[1].length == 1.0


@pytest.mark.parametrize(("sync", "synced"), [("none", 0), ("each", 4), (10.0, 2)])
def test_when_it_is_synced(tmp_path, monkeypatch, sync, synced):
    """Never; at every flush; or when what was written has grown old, and at the end."""
    count, now = [], [0.0]
    monkeypatch.setattr(module.os, "fsync", count.append)
    journal = JournalWriter(tmp_path / "x.kj", INFO, sync=sync, clock=lambda: now[0])
    for at in (6.0, 12.0):
        now[0] = at
        journal.write(at, ["x"])
        journal.flush()
    journal.close()
    assert len(count) == synced


def test_syncing_decides():
    """The oldest write that is not on the disk says when it is due."""
    syncing = Syncing.of(5.0)
    assert (syncing.due(100.0), syncing.wait(100.0)) == (False, None)
    syncing.wrote(10.0)
    syncing.wrote(12.0)
    assert (syncing.due(14.9), syncing.wait(14.0), syncing.due(15.0)) == (False, 1.0, True)
    assert syncing.wait(99.0) == 0.0
    syncing.synced()
    assert not syncing.due(99.0)
    never = Syncing.of("none")
    never.wrote(0.0)
    assert (never.due(1e9), never.wait(1e9)) == (False, None)
    for word in ("often", 0, -1.0, math.inf, True, None):
        with pytest.raises(ValueError, match='it is "none", "each" or a number of seconds'):
            Syncing.of(word)
