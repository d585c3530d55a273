"""Files moved and removed: whole in one place or the other, and nothing replaced unasked."""

import errno
import os

import pytest

from kamesh import ComponentFailed, Pipeline
from kamesh.codec import decode, encode
from kamesh.components.files import FileFailed, MoveFile, RemoveFile
from kamesh.components.sources import DataSource
from kamesh.testing import run


@pytest.fixture
def files(tmp_path):
    """Give two files."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    return [tmp_path / "a", tmp_path / "b"]


def test_moved(files, tmp_path):
    """Each is in the folder under its own name, and no longer where it was."""
    done = tmp_path / "made" / "done"
    assert run(MoveFile(done), [str(files[0]), files[1]])["outbox"] == [done / "a", done / "b"]
    assert [each.read_text() for each in sorted(done.iterdir())] == ["a", "b"]
    assert not any(file.exists() for file in files)


def test_what_is_there_already(files, tmp_path):
    """It stays, and so does the file, unless it is to be replaced."""
    done = tmp_path / "done"
    done.mkdir()
    (done / "a").write_text("old")
    sent = run(MoveFile(done), files)
    assert sent["outbox"] == [done / "b"]
    reason = f"{files[0]} stays where it is: {done / 'a'} exists already"
    assert sent["errors"] == [FileFailed(files[0], reason)]
    assert decode(encode(sent["errors"]).payload) == sent["errors"]
    assert (done / "a").read_text() == "old"
    assert run(MoveFile(done, "replace"), files[:1])["outbox"] == [done / "a"]
    assert (done / "a").read_text() == "a"


@pytest.mark.parametrize("mode", ["new", "replace"])
def test_to_another_disk(files, tmp_path, monkeypatch, mode):
    """Where a file cannot change its folder in one step it is copied as a whole, and then removed."""

    def refuse(*_, **__):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("pathlib.Path.rename", refuse)
    files[0].chmod(0o640)
    done = tmp_path / "done"
    assert run(MoveFile(done, mode), files)["outbox"] == [done / "a", done / "b"]
    assert (done / "a").read_text() == "a"
    assert (done / "a").stat().st_mode & 0o777 == 0o640
    assert not files[0].exists()
    files[0].write_text("anew")
    if mode == "new":
        assert "exists already" in run(MoveFile(done, mode), files[:1])["errors"][0].reason
        assert files[0].exists()


def test_removed(files):
    """Each is gone."""
    assert run(RemoveFile(), files)["outbox"] == files
    assert not any(file.exists() for file in files)


@pytest.mark.parametrize("make", [lambda folder: MoveFile(folder / "done"), lambda _: RemoveFile()])
def test_what_cannot_be_done(files, tmp_path, make):
    """A file that is not there and a folder are said, and the rest goes on; unheard, it fails."""
    (tmp_path / "folder").mkdir()
    sent = run(make(tmp_path), [tmp_path / "no", tmp_path / "folder", files[0]])
    assert len(sent["outbox"]) == 1
    assert sent["errors"][0].reason.startswith(f"there is no file {tmp_path / 'no'}")
    assert sent["errors"][1].reason.endswith("it is a folder")
    assert (tmp_path / "folder").is_dir()
    with pytest.raises(ComponentFailed, match='link "errors" to hear of it and go on'):
        Pipeline(DataSource([tmp_path / "no"]), make(tmp_path)).run()
    with pytest.raises(
        ComponentFailed, match="takes paths, and was sent a message of the type int"
    ):
        Pipeline(DataSource([3]), make(tmp_path)).run()


def test_refused_at_once():
    """A mode there is not."""
    with pytest.raises(ValueError, match="it is new or replace"):
        MoveFile("done", "append")
