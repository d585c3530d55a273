"""WatchFolder: what changes is told of once, when it is quiet."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import ComponentFailed, EmptyInbox, ProducerFinished, Shutdown
from kamesh.codec import decode, encode
from kamesh.components.files import FileChanged, FileError, WatchFolder
from kamesh.components.files.settling import Settling, merged

SOON = 10.0  # seconds: generous, only so that a failing test ends
CHANGES = ("added", "modified", "removed")


class TestSettling:
    def test_quiet_for_long_enough(self):
        """A change is given when the file has been quiet, each anew held back by another."""
        settling = Settling(2.0)
        settling.note("film", "added", 10.0)
        settling.note("film", "modified", 11.0)
        assert settling.due(12.9) == []
        assert settling.due(13.0) == [("film", "added")]
        assert settling.due(99.0) == []

    def test_in_the_order_in_which_they_became_quiet(self):
        """The restless one comes later, though it was first."""
        settling = Settling(1.0)
        for path, now in (("a", 0.0), ("b", 0.1), ("a", 0.5)):
            settling.note(path, "modified", now)
        assert settling.due(1.2) == [("b", "modified")]
        assert settling.due(1.5) == [("a", "modified")]

    @pytest.mark.parametrize(
        ("changes", "one"),
        [
            (["added", "modified", "modified"], "added"),
            (["added", "removed"], None),
            (["modified", "removed"], "removed"),
            (["removed", "added"], "modified"),
            (["removed", "added", "removed"], "removed"),
        ],
    )
    def test_several_are_one(self, changes, one):
        """What happened to a file meanwhile is one change, or none."""
        settling = Settling(1.0)
        for now, change in enumerate(changes):
            settling.note("film", change, now / 10)
        assert settling.due(99.0) == ([("film", one)] if one else [])

    @given(st.lists(st.booleans(), max_size=8), st.booleans())
    def test_it_is_the_difference_of_before_and_after(self, there, before):
        """Whatever happened, what is told agrees with whether the file was there and is there."""
        change, was = None, before
        for now in there:
            step = {(False, True): "added", (True, True): "modified", (True, False): "removed"}
            if (was, now) != (False, False):
                change = merged(change, step[was, now])
            was = now
        if before == was:
            assert change in (None, "modified")
        else:
            assert change == ("added" if was else "removed")

    def test_bounded(self):
        """More restless files than it may hold are said."""
        settling = Settling(1.0, most=2)
        settling.note("a", "added", 0.0)
        settling.note("b", "added", 0.0)
        with pytest.raises(FileError, match="more than 2 files have changed and are not quiet"):
            settling.note("c", "added", 0.0)


def test_it_travels():
    """A change crosses to another process as it is."""
    message = FileChanged(Path("a/b"), "added")
    encoded = encode([message])
    assert decode(encoded.payload, encoded.buffers) == [message]


pytest.importorskip("watchfiles", reason="the extra 'watch' is not installed")


@pytest.fixture
def folder(tmp_path):
    """Give a folder to be watched."""
    path = tmp_path / "drop"
    path.mkdir()
    return path


class Watching:
    """A WatchFolder that runs and has begun to watch."""

    def __init__(self, folder, *arguments, **options):
        self.folder = folder
        (folder / "probe-begun").touch()
        patterns = arguments[0] if arguments else "*"
        patterns = (patterns, "probe-*") if isinstance(patterns, str) else (*patterns, "probe-*")
        self.watch = WatchFolder(folder, patterns, *arguments[1:], existing=True, **options)

    def __enter__(self):
        self.handle = self.watch.background()
        self.until_told("probe-begun")
        return self

    def until_told(self, name):
        """Wait for a file; give what came before."""
        before = []
        while (changed := self.handle.get(timeout=SOON)).path != self.folder / name:
            before.append((changed.path.relative_to(self.folder).as_posix(), changed.change))
        return before

    def one(self):
        """Wait for a change."""
        changed = self.handle.get(timeout=SOON)
        return changed.path.relative_to(self.folder).as_posix(), changed.change

    def __exit__(self, kind, error, traceback):
        self.handle.stop()
        assert self.handle.wait(SOON)


@pytest.mark.parametrize("polling", [False, True])
def test_added_modified_removed(folder, polling):
    """Each is told of, in folders within too, and of files that do not fit nothing is said."""
    with Watching(folder, "*.ts", 0.15, polling=polling) as watch:
        (folder / "a.txt").write_text("x")
        (folder / "a.ts").write_text("x")
        assert watch.one() == ("a.ts", "added")
        (folder / "a.ts").write_text("longer")
        os.utime(folder / "a.ts", (2e9, 2e9))  # polling sees whole seconds
        assert watch.one() == ("a.ts", "modified")
        (folder / "a.ts").unlink()
        assert watch.one() == ("a.ts", "removed")
        (folder / "in" / "deep").mkdir(parents=True)
        (folder / "in" / "deep" / "b.ts").write_text("x")
        assert watch.one() == ("in/deep/b.ts", "added")


def test_a_name_that_begins_with_two_dots(folder):
    """It is one as any other, and no way out of the folder."""
    with Watching(folder, "*", 0.15) as watch:
        (folder / "..film").write_text("x")
        assert watch.one() == ("..film", "added")


def test_a_folder_that_comes_with_files(folder, tmp_path):
    """A folder that is moved in brings its files."""
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "deep" / "c").write_text("x")
    with Watching(folder, "*", 0.15) as watch:
        (tmp_path / "other").rename(folder / "moved")
        assert watch.one() == ("moved/deep/c", "added")


def test_a_file_that_is_still_being_copied(folder):
    """With `settled` it is told of once, when it has been quiet; what came and went is not."""
    with Watching(folder, "*", 0.8) as watch:
        (folder / "passing").touch()
        with (folder / "film.ts").open("wb") as out:
            for _ in range(5):
                out.write(b"x" * 1000)
                out.flush()
                with pytest.raises(EmptyInbox):
                    watch.handle.get(timeout=0.05)
                (folder / "passing").unlink(missing_ok=True)
        assert watch.one() == ("film.ts", "added")
        assert (folder / "film.ts").stat().st_size == 5000
        (folder / "probe-end").touch()
        assert watch.until_told("probe-end") == []


def test_what_is_there_at_the_start(folder):
    """With `existing` it is told of as added."""
    for name in ("b", "a"):
        (folder / name).touch()
    with WatchFolder(folder, "*", 0.1, existing=True).background() as watch:
        changed = [watch.get(timeout=SOON) for _ in range(2)]
        watch.stop()
    assert changed == [FileChanged(folder / "a", "added"), FileChanged(folder / "b", "added")]


def test_the_path_as_it_was_given(folder, monkeypatch):
    """Paths begin with the folder as the user wrote it, also where that is relative or a link."""
    monkeypatch.chdir(folder.parent)
    os.symlink(folder, "link")
    (folder / "a").touch()
    for given_ in ("drop", "link"):
        with WatchFolder(given_, existing=True).background() as watch:
            assert str(watch.get(timeout=SOON).path) == f"{given_}/a"
            watch.stop()


@pytest.mark.parametrize("told", [Shutdown(), ProducerFinished()])
def test_told_to_end(folder, told):
    """It ends when it is told to."""
    with WatchFolder(folder).background() as watch:
        watch.put(told, "control")
        assert watch.wait(SOON)


def test_a_folder_that_vanishes(folder):
    """It is said."""
    watch = WatchFolder(folder).background()
    shutil.rmtree(folder)
    with pytest.raises(ComponentFailed, match=r"the folder is gone|it is not there"):
        watch.wait(SOON)


def test_a_folder_that_is_not_there(folder):
    """It is said, and so is a file where a folder should be."""
    (folder / "file").touch()
    for path, words in ((folder / "no", "it is not there"), (folder / "file", "it is no folder")):
        with pytest.raises(ComponentFailed, match=f"cannot be watched: {words}"):
            WatchFolder(path).run()


def test_refused_at_once():
    """No pattern, and less than no time."""
    with pytest.raises(ValueError, match="is no pattern"):
        WatchFolder("drop", "../*")
    with pytest.raises(ValueError, match="quiet cannot be -1: it is 0 or more"):
        WatchFolder("drop", settled=-1)
