"""Segments: a queue of messages in a folder, over restarts, kills and full disks."""

import errno
import fcntl
import os
import random

import pytest

from kamesh.codec import Unsendable
from kamesh.components.files import FileError
from kamesh.components.journal import Info, JournalWriter, Segments
from kamesh.components.journal import writing as module


def files(folder):
    """Name the segments of a folder."""
    return sorted(each.name for each in folder.glob("*.kj"))


def drained(queue):
    """Take all there is."""
    found = []
    while more := queue.take():
        found += more
    return found


def test_in_order_through_many_files(tmp_path):
    """What was appended comes out in order, whatever the sizes; what is done with is removed."""
    rng = random.Random(7)
    with Segments(tmp_path / "q", "A.outbox", large=2000) as queue:
        sent, taken = 0, []
        for _ in range(300):
            batch = list(range(sent, sent + rng.randrange(1, 20)))
            queue.append(batch)
            sent += len(batch)
            for _ in range(rng.randrange(2)):
                taken += queue.take()
            queue.acknowledge(max(0, len(taken) - 5))
        most = len(files(tmp_path / "q"))
        assert most > 2
        taken += drained(queue)
        assert taken == list(range(sent))
        assert (queue.next, queue.after) == (sent, sent)
        queue.acknowledge(sent)
        assert len(files(tmp_path / "q")) <= 1
        assert queue.first == sent


def test_what_is_not_acknowledged_is_there_again(tmp_path):
    """Taking is not being done with: only what was acknowledged is forgotten."""
    with Segments(tmp_path) as queue:
        queue.append(["a", "b", "c"])
        queue.append(["d"])
        assert queue.take() == ["a", "b", "c"]
        queue.acknowledge(2)
    with Segments(tmp_path) as queue:
        assert (queue.first, queue.next, queue.after) == (2, 2, 4)
        queue.append(["e"])
        assert drained(queue) == ["c", "d", "e"]
        queue.acknowledge(99)
        assert queue.first == 5
    with Segments(tmp_path) as queue:
        assert (drained(queue), queue.first) == ([], 5)
        queue.append(["f"])
        assert drained(queue) == ["f"]


def test_when_all_is_done_with_no_file_is_left(tmp_path):
    """A queue that is empty takes no room on the disk, and its numbers go on."""
    with Segments(tmp_path) as queue:
        queue.append(["a", "b"])
        queue.take()
        queue.acknowledge(2)
    assert files(tmp_path) == []
    with Segments(tmp_path) as queue:
        assert queue.after == 2


def test_a_cut_at_every_byte_of_the_last_file(tmp_path):
    """After a crash in the middle of a write, all whole records are there and the numbers go on."""
    with Segments(tmp_path / "q") as queue:
        for number in range(4):
            queue.append([number, str(number)])
    (name,) = files(tmp_path / "q")
    good = (tmp_path / "q" / name).read_bytes()
    last = 0
    for cut in range(len(good)):
        (tmp_path / "q" / name).write_bytes(good[:cut])
        for other in files(tmp_path / "q")[1:]:
            (tmp_path / "q" / other).unlink()
        with Segments(tmp_path / "q") as queue:
            whole = queue.after
            assert whole in (last, last + 2)
            last = whole
            queue.append(["new"])
            assert drained(queue) == [m for n in range(whole // 2) for m in (n, str(n))] + ["new"]
    assert last == 6


def test_a_position_that_is_torn_gives_more_and_not_less(tmp_path):
    """Where it cannot be read what was done with, messages come again."""
    with Segments(tmp_path) as queue:
        queue.append(["a", "b"])
        queue.take()
        queue.acknowledge(1)
    position = (tmp_path / "taken").read_bytes()
    for torn in (b"", position[:5], position[:-1] + b"?"):
        (tmp_path / "taken").write_bytes(torn)
        with Segments(tmp_path) as queue:
            assert queue.take() == ["a", "b"]


def test_a_file_that_is_lost_is_said(tmp_path, caplog):
    """A gap between two files is reported with its size, and the rest is given."""
    with Segments(tmp_path, large=1) as queue:
        for number in range(3):
            queue.append([number])
    (tmp_path / files(tmp_path)[1]).unlink()
    with Segments(tmp_path) as queue:
        assert drained(queue) == [0, 2]
    assert "1 messages before 00000000000000000002.kj are lost" in caplog.text


def test_a_full_disk_takes_all_or_nothing(tmp_path, monkeypatch):
    """What does not fit is not there at all; once there is room it goes in, in its place."""
    real, room = os.writev, [10**9]

    def writev(file, pieces):
        data = b"".join(pieces)[: room[0]]
        if not data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= len(data)
        return real(file, [data])

    monkeypatch.setattr(module.os, "writev", writev)
    with Segments(tmp_path) as queue:
        queue.append(["a"])
        room[0] = 20
        with pytest.raises(FileError, match="is full"):
            queue.append(["b", "c" * 100])
        assert (queue.after, queue.take(), queue.take()) == (1, ["a"], [])
        room[0] = 10**9
        queue.append(["b"])
        assert drained(queue) == ["b"]
    with Segments(tmp_path) as queue:
        assert drained(queue) == ["a", "b"]


def test_what_cannot_be_kept_changes_nothing(tmp_path):
    """A batch with a message that cannot travel is refused whole."""
    with Segments(tmp_path) as queue:
        with pytest.raises(Unsendable):
            queue.append(["a", object()])
        assert queue.after == 0
        queue.append(["b"])
        assert drained(queue) == ["b"]


def test_one_at_a_time(tmp_path):
    """A folder that is in use is refused, and can be used afterwards."""
    with Segments(tmp_path), pytest.raises(FileError, match="is in use: another buffer"):
        Segments(tmp_path)
    Segments(tmp_path).close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_what_others_keep_in_its_folder_stays(tmp_path):
    """A recording beside the queue, or anything else, is neither taken for a part of it nor removed."""
    with JournalWriter(tmp_path / "said.kj", Info(0.0, ("A.outbox",))) as journal:
        journal.write(0.0, ["mine"])
    (tmp_path / "notes.kj").write_text("none of a queue")
    with Segments(tmp_path) as queue:
        assert queue.after == 0
        queue.append(["a"])
        queue.clear()
    Segments(tmp_path).close(remove=True)
    assert files(tmp_path) == ["notes.kj", "said.kj"]


@pytest.mark.parametrize("name", ["taken", "lock"])
def test_a_file_of_somebody_elses_in_its_place(tmp_path, name):
    """A file of a name that the queue needs is not written over: the folder is refused."""
    (tmp_path / name).write_text("who has taken what, and when")
    with pytest.raises(FileError, match="belongs to something else"):
        Segments(tmp_path)
    assert (tmp_path / name).read_text() == "who has taken what, and when"


def test_a_lock_that_is_removed_while_it_is_taken(tmp_path, monkeypatch):
    """Who gets the lock of one that is just leaving, and has removed it, takes the new one."""
    real, removed = fcntl.flock, []

    def flock(file, how):
        if not removed:
            removed.append((tmp_path / "lock").unlink())
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with Segments(tmp_path), pytest.raises(FileError, match="is in use: another buffer"):
        Segments(tmp_path)


def test_a_folder_that_cannot_be(tmp_path):
    """What is in the way is said in a sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        Segments(tmp_path / "file" / "q")


def test_synced_before_it_is_acknowledged(tmp_path, monkeypatch):
    """`append` and `sync` bring it to the disk: what a durable linkage does before it acknowledges."""
    count = []
    monkeypatch.setattr(module.os, "fsync", count.append)
    with Segments(tmp_path) as queue:
        queue.append(["a"])
        assert not count
        queue.sync()
        assert len(count) == 1


def test_cleared(tmp_path, caplog):
    """What is left from before can be dropped, and that is said."""
    with Segments(tmp_path) as queue:
        queue.append(["a", "b"])
    with Segments(tmp_path) as queue:
        queue.clear()
        assert drained(queue) == []
        queue.append(["c"])
        assert drained(queue) == ["c"]
    assert "2 messages of before are dropped" in caplog.text
