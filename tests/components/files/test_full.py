"""A disk that fills: one sentence, the old files as they were, and the rest goes on."""

import subprocess
import sys

import pytest

from kamesh import ComponentFailed, Graphline, Pipeline
from kamesh.components.files import AtomicWrite, FileWriter, LineWriter, WriteFolder
from kamesh.components.sources import DataSink, DataSource

ROOM = 128 * 1024  # bytes of the disk
TOO_MUCH = [b"x" * 10_000] * 50


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """Give a folder on a disk of its own, which is nearly full from the beginning."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", folder]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if made.returncode:
        pytest.skip(f"no disk can be made here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def disk(small_disk):
    """Give the folder with nothing in it."""
    for each in small_disk.iterdir():
        each.unlink()
    return small_disk


def failure(pipeline):
    """Give the sentence with which a pipeline fails."""
    with pytest.raises(ComponentFailed) as raised:
        pipeline.run()
    return raised.value.failure.message


@pytest.mark.parametrize("kind", [FileWriter, LineWriter])
def test_a_file_that_is_written(disk, kind):
    """It is not complete, and that is said; what went in is there."""
    path = disk / "film"
    text = failure(Pipeline(DataSource(TOO_MUCH), kind(path)))
    assert text == f"{path} is not complete: the disk that holds it is full"
    assert path.stat().st_size > 0


def test_a_file_that_is_written_as_a_whole(disk):
    """The old one stays, and the room that the new one took is given back."""
    path = disk / "film"
    path.write_bytes(b"old")
    text = failure(Pipeline(DataSource(TOO_MUCH), FileWriter(path, mode="whole")))
    assert text == f"{path} is left as it was: the disk that holds it is full"
    assert path.read_bytes() == b"old"
    assert list(disk.iterdir()) == [path]


def test_a_file_that_is_replaced(disk):
    """The message before stays."""
    path = disk / "status"
    text = failure(Pipeline(DataSource([b"fits", b"x" * ROOM * 2]), AtomicWrite(path)))
    assert text == f"{path} is left as it was: the disk that holds it is full"
    assert path.read_bytes() == b"fits"
    assert list(disk.iterdir()) == [path]


def test_a_folder_that_is_written(disk):
    """The file that does not fit is said and leaves nothing; those after it are written."""
    done, troubles = DataSink(), DataSink()
    Graphline(
        FILES=DataSource([("one", b"1"), ("film", b"x" * ROOM * 2), ("two", b"2")]),
        WRITE=WriteFolder(disk),
        DONE=done,
        TROUBLES=troubles,
        linkages={
            ("FILES", "outbox"): ("WRITE", "inbox"),
            ("WRITE", "outbox"): ("DONE", "inbox"),
            ("WRITE", "errors"): ("TROUBLES", "inbox"),
        },
    ).run()
    assert done.messages == [disk / "one", disk / "two"]
    assert [str(each) for each in troubles.messages] == [
        f"{disk / 'film'} is left as it was: the disk that holds it is full"
    ]
    assert sorted(each.name for each in disk.iterdir()) == ["one", "two"]


def test_a_file_that_may_grow_no_further(tmp_path):
    """A limit on the size of files is said as such."""
    script = (
        "import resource, sys\n"
        "from kamesh import ComponentFailed, Pipeline\n"
        "from kamesh.components.files import FileWriter\n"
        "from kamesh.components.sources import DataSource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    Pipeline(DataSource([b'x' * 10_000] * 10), FileWriter(sys.argv[1])).run()\n"
        "except ComponentFailed as error:\n"
        "    print(error.failure.message)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "film"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert made.stdout == (
        f"{tmp_path / 'film'} is not complete: it would be larger than a file may be here\n"
    )
