"""Names that no file can have, pipes that nobody writes to, and texts that no file can hold."""

import os
import threading

import pytest

from kamesh import ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components.files import (
    AtomicWrite,
    FileReader,
    FileWriter,
    LineReader,
    MoveFile,
    RecordReader,
    RecordWriter,
    RemoveFile,
    Tail,
    WriteFolder,
)
from kamesh.components.sources import DataSink, DataSource

SECONDS = 10.0  # for what takes none


def done_with(component, messages):
    """Send `messages` to a component; give what it sent on "outbox", and on "errors" as text."""
    good, bad = DataSink(), DataSink()
    Graphline(
        SOURCE=DataSource(messages), DEED=component, GOOD=good, BAD=bad,
        linkages={
            ("SOURCE", "outbox"): ("DEED", "inbox"),
            ("DEED", "outbox"): ("GOOD", "inbox"),
            ("DEED", "errors"): ("BAD", "inbox"),
        },
    ).run()  # fmt: skip
    return good.messages, [str(each) for each in bad.messages]


@pytest.mark.parametrize("make", [RemoveFile, lambda: MoveFile("done")])
def test_a_name_that_no_file_has_costs_only_itself(make, tmp_path, monkeypatch):
    """A zero byte, half a character, a name that is too long: each a sentence, and the rest goes on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film").write_text("x")
    good, bad = done_with(make(), ["a\0b", "\ud800", "x" * 5000, "..", "film"])
    assert [path.name for path in good] == ["film"]
    assert len(bad) == 4
    assert bad[0] == "'a\\x00b' cannot be the name of a file: there is a zero byte in it"
    assert bad[1] == "'\\ud800' cannot be the name of a file: it is no text"


def test_what_cannot_go_into_a_folder_costs_only_itself(tmp_path):
    """Neither the names nor the texts that a peer sends end a WriteFolder."""
    pairs = [("\ud800", "x"), ("a\0b", "x"), ("half", "\ud800"), ("good", "x")]
    good, bad = done_with(WriteFolder(tmp_path), pairs)
    assert [path.name for path in good] == ["good"]
    assert len(bad) == 3
    assert "half was to be written with a text that has no form in UTF-8: '\\ud800'" in bad[2]
    assert os.listdir(tmp_path) == ["good"]


@pytest.mark.parametrize("kind", [FileReader, LineReader, FileWriter, AtomicWrite, Tail])
@pytest.mark.parametrize("path", ["a\0b", "\ud800", None, 5, b"bytes"])
def test_a_path_that_is_none_is_refused_at_once(kind, path):
    """Where the component is made, in a sentence."""
    with pytest.raises(ValueError, match=r"cannot be the name of a file|is text or a Path"):
        kind(path)


@pytest.mark.parametrize("kind", [FileWriter, AtomicWrite])
def test_a_text_that_no_file_can_hold(kind, tmp_path):
    """It fails with a sentence that has the file's name and the character in it."""
    with pytest.raises(ComponentFailed, match=r"no form in UTF-8: '\\ud800' is half a character"):
        Pipeline(DataSource(["\ud800"]), kind(tmp_path / "film")).run()


def test_bytes_that_do_not_lie_side_by_side(tmp_path):
    """A memoryview of any form is written as the bytes it holds."""
    path = tmp_path / "film"
    Pipeline(DataSource([memoryview(b"o.n.e.")[::2]]), FileWriter(path)).run()
    assert path.read_bytes() == b"one"


def test_records_of_what():
    """Anything else than a size or a component that frames is refused in a sentence."""
    for kind, framing in ((RecordReader, "split-json"), (RecordWriter, None)):
        with pytest.raises(ValueError, match="records are of so many bytes, or what a component"):
            kind("film", framing)


def test_a_pipe_that_nobody_writes_to_keeps_nobody_from_stopping(tmp_path):
    """A FileReader that waits for one, or for more from one, stops when it is told to."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    waiting = FileReader(pipe).background()
    waiting.put(Shutdown(), "control")
    assert waiting.wait(SECONDS)
    reading = FileReader(pipe).background()
    with pipe.open("wb", buffering=0) as out:
        out.write(b"one")
        assert reading.get(timeout=SECONDS) == b"one"
        reading.put(Shutdown(), "control")
        assert reading.wait(SECONDS)


def test_a_pipe_is_read_to_its_end(tmp_path):
    """It may be opened before anybody writes; it ends when all who write have closed it."""
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)

    def write():
        for text in (b"one", b"two" * 100_000):
            with pipe.open("ab", buffering=0) as out, pipe.open("ab", buffering=0):
                out.write(text)
                if text == b"one":
                    kept.append(pipe.open("ab", buffering=0))
        kept.pop().close()

    kept = []
    writer = threading.Thread(target=write)
    writer.start()
    Pipeline(FileReader(pipe), DataSink(got)).run()
    writer.join(SECONDS)
    assert b"".join(got) == b"one" + b"two" * 100_000


def test_what_is_no_file_on_a_disk_is_not_followed(tmp_path):
    """A pipe and a device are said by their names, and are not waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/null"):
        with pytest.raises(ComponentFailed, match=f"{path} cannot be followed: it is no file on a"):
            Tail(path, last=None).run()


def test_a_pipe_does_not_go_to_another_disk(tmp_path, monkeypatch):
    """What can only be copied, and has no end, stays where it is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def another_disk(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", another_disk)
    good, bad = done_with(MoveFile(tmp_path / "done"), [str(pipe)])
    assert good == []
    assert bad == [f"{pipe} stays where it is: it is no file that could go to another disk"]


def test_a_file_that_cannot_leave_is_not_there_twice(tmp_path, monkeypatch):
    """Where its name cannot be removed it stays, and only there."""
    film = tmp_path / "film"
    film.write_text("x")
    real = os.unlink

    def kept(path, **options):
        if os.fspath(path) == str(film):
            raise PermissionError(1, "Operation not permitted")
        real(path, **options)

    monkeypatch.setattr(os, "unlink", kept)
    good, bad = done_with(MoveFile(tmp_path / "done"), [film])
    assert (good, os.listdir(tmp_path / "done")) == ([], [])
    assert bad == [f"{film} cannot be moved: this user has no permission to"]
