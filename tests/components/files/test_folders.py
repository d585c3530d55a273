"""Whole folders: listed, read, and written elsewhere, with nothing outside ever touched."""

import os

import pytest

from kamesh import Component, ComponentFailed, Graphline, Pipeline, ProducerFinished, Shutdown
from kamesh.components.files import (
    FileError,
    FileFailed,
    FilePart,
    ListFolder,
    ReadFolder,
    WriteFolder,
)
from kamesh.components.files.folders import walk
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run


@pytest.fixture
def tree(tmp_path):
    """Give a folder with files in folders."""
    folder = tmp_path / "tree"
    for name in ("b.ts", "a.ts", "notes", "old/c.ts", "old/deep/d.ts", "zz/e"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def listed(folder, *arguments, **options):
    """List a folder; give the paths in it."""
    paths = run(ListFolder(folder, *arguments, **options))["outbox"]
    return [path.relative_to(folder).as_posix() for path in paths]


def failure(component, kind="FileError"):
    """Give the sentence with which a component fails."""
    with pytest.raises(ComponentFailed) as raised:
        component.run()
    assert raised.value.failure.error == kind
    return raised.value.failure.message


def written(folder, messages):
    """Write a folder; give what was whole and the troubles."""
    sent = run(WriteFolder(folder), messages)
    return sent["outbox"], [each.reason for each in sent["errors"]]


class TestList:
    def test_in_order(self, tree):
        """All files, by name and folder by folder."""
        assert listed(tree) == ["a.ts", "b.ts", "notes", "old/c.ts", "old/deep/d.ts", "zz/e"]

    def test_patterns(self, tree):
        """One pattern or several say which."""
        assert listed(tree, "*.ts") == ["a.ts", "b.ts", "old/c.ts", "old/deep/d.ts"]
        assert listed(tree, ("old/*", "notes")) == ["notes", "old/c.ts"]

    def test_links(self, tree, tmp_path):
        """Symbolic links are left out unless they are asked for; circles of them come to an end."""
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "f").touch()
        (tree / "away").symlink_to(tmp_path / "outside")
        (tree / "old" / "up").symlink_to(tree)
        (tree / "link").symlink_to(tree / "notes")
        (tree / "broken").symlink_to("nowhere")
        assert "away/f" not in listed(tree)
        assert "link" not in listed(tree)
        with_links = listed(tree, links=True)
        assert "away/f" in with_links
        assert "link" in with_links
        assert len(with_links) < 20

    def test_too_deep_a_folder_is_said(self, tmp_path, monkeypatch):
        """What is too deep to be looked into is told of, and not left out unseen."""
        monkeypatch.setattr("kamesh.components.files.folders.DEEPEST", 3)
        deep = tmp_path / "a" / "b" / "c"
        deep.mkdir(parents=True)
        for each in (tmp_path / "a" / "b" / "f", deep / "g"):
            each.touch()
        told = []
        paths = walk(tmp_path, lambda _: True, lambda error, path: told.append((str(error), path)))
        assert list(paths) == ["a/b/f"]
        assert told == [(f"{deep} is not looked into: it is 3 folders deep", deep)]

    def test_a_large_folder_is_walked_as_it_is_wanted(self, tree):
        """Nothing is looked at before it is asked for."""
        paths = walk(tree, lambda _: True, lambda error, path: pytest.fail(f"{error} {path}"))
        assert next(paths) == "a.ts"
        (tree / "old" / "c.ts").unlink()
        assert list(paths) == ["b.ts", "notes", "old/deep/d.ts", "zz/e"]

    def test_it_keeps_its_promises(self, tree):
        """As any source: to its end, told to stop, and never ahead of a slow reader."""
        assert len(keeps_promises(lambda: ListFolder(tree))) == 6
        assert len(keeps_promises(lambda: ReadFolder(tree, chunk=1))) > 20

    def test_a_folder_that_is_not_there(self, tmp_path):
        """It is said."""
        assert failure(ListFolder(tmp_path / "no")).endswith("cannot be listed: it is not there")
        (tmp_path / "file").touch()
        assert failure(ReadFolder(tmp_path / "file")).endswith("cannot be listed: it is no folder")

    def test_what_cannot_be_read(self, tree, monkeypatch):
        """It is said on "errors" and the rest goes on; with nothing linked there it fails."""
        really = os.scandir

        def scandir(folder):
            if str(folder).endswith("old"):
                raise PermissionError(13, "Permission denied")
            return really(folder)

        monkeypatch.setattr(os, "scandir", scandir)
        sent = run(ListFolder(tree))
        assert [path.name for path in sent["outbox"]] == ["a.ts", "b.ts", "notes", "e"]
        reason = f"{tree / 'old'} cannot be read: this user has no permission to"
        assert sent["errors"] == [FileFailed(tree / "old", reason)]
        assert '(link "errors" to hear of it and go on)' in failure(ListFolder(tree), "Unheard")


class TestRead:
    def test_files_in_parts(self, tree):
        """Each file comes in order, in parts of at most `chunk`, the last marked."""
        parts = run(ReadFolder(tree, "*.ts", chunk=3))["outbox"]
        assert parts[:2] == [FilePart("a.ts", b"a.t", 0, False), FilePart("a.ts", b"s", 3, True)]
        whole = {}
        for part in parts:
            assert len(whole.get(part.path, b"")) == part.offset
            whole[part.path] = whole.get(part.path, b"") + part.data
        assert whole == {name: name.encode() for name in listed(tree, "*.ts")}

    def test_an_empty_file_is_a_part(self, tmp_path):
        """It comes as a part of no bytes, which is the last."""
        (tmp_path / "empty").touch()
        assert run(ReadFolder(tmp_path))["outbox"] == [FilePart("empty", b"", 0, True)]

    def test_a_copy_is_the_same(self, tree, tmp_path):
        """What is read is written elsewhere as it was, large files too."""
        (tree / "large").write_bytes(os.urandom(300_000))
        Pipeline(ReadFolder(tree), WriteFolder(tmp_path / "copy")).run()
        assert listed(tmp_path / "copy") == listed(tree)
        for name in listed(tree):
            assert (tmp_path / "copy" / name).read_bytes() == (tree / name).read_bytes()

    def test_a_file_that_vanishes(self, tree, monkeypatch):
        """It is said, and the rest goes on."""
        reader = ReadFolder(tree, "*.ts")
        found = reader._found

        def vanish(path):
            if path == "b.ts":
                (tree / path).unlink()
            found(path)

        monkeypatch.setattr(reader, "_found", vanish)
        sent = run(reader)
        assert [part.path for part in sent["outbox"]] == ["a.ts", "old/c.ts", "old/deep/d.ts"]
        (failed,) = sent["errors"]
        assert failed.path == tree / "b.ts"
        assert failed.reason.startswith(f"there is no file {tree / 'b.ts'}")


class TestWrite:
    def test_folders_are_made(self, tmp_path):
        """The folder and those in it are made; each file that is whole is told of."""
        folder = tmp_path / "new" / "there"
        done, troubles = written(folder, [("a/b/one", b"1"), ("two", "zwei"), ("a/b/one", b"11")])
        assert done == [folder / "a/b/one", folder / "two", folder / "a/b/one"]
        assert not troubles
        assert (folder / "a/b/one").read_bytes() == b"11"
        assert listed(folder) == ["a/b/one", "two"]

    @pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..", "", "a/"])
    def test_a_name_that_leads_out(self, tmp_path, name):
        """It is refused in a sentence, nothing is written, and the rest goes on."""
        folder = tmp_path / "there"
        done, troubles = written(folder, [(name, b"x"), ("fine", b"y")])
        assert done == [folder / "fine"]
        assert len(troubles) == 1
        assert sorted(each.name for each in tmp_path.rglob("*")) == ["fine", "there"]

    def test_a_link_on_the_way(self, tmp_path):
        """A symbolic link in the folder is not followed, wherever it points; the last name is replaced."""
        folder, outside = tmp_path / "there", tmp_path / "outside"
        folder.mkdir()
        outside.mkdir()
        (outside / "secret").write_bytes(b"old")
        (folder / "away").symlink_to(outside)
        (folder / "alias").symlink_to(outside / "secret")
        done, troubles = written(folder, [("away/evil", b"x"), ("alias", b"new")])
        assert troubles == [
            f"{folder / 'away/evil'} cannot be replaced: a symbolic link stands in the way"
        ]
        assert done == [folder / "alias"]
        assert (folder / "alias").read_bytes() == b"new"
        assert (outside / "secret").read_bytes() == b"old"
        assert list(outside.iterdir()) == [outside / "secret"]

    def test_what_stands_in_the_way(self, tmp_path):
        """A file where a folder should be, and a folder where the file should be, are said."""
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        _, troubles = written(tmp_path, [("file/x", b""), ("folder", b""), ("x" * 300, b"")])
        assert troubles[0] == "'file' on the way to a file is no folder but a file"
        assert troubles[1] == f"{tmp_path / 'folder'} cannot be replaced: it is a folder"
        assert troubles[2].endswith("cannot be replaced: the name is too long")
        assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]

    def test_a_file_takes_its_name_when_it_is_whole(self, tmp_path):
        """Until its last part has come the old one stays."""
        (tmp_path / "a").write_bytes(b"old")
        with WriteFolder(tmp_path).background() as writer:
            writer.put(FilePart("a", b"ne", 0, False))
            writer.put(("b", b"x"))
            assert writer.get(timeout=10) == tmp_path / "b"
            assert (tmp_path / "a").read_bytes() == b"old"
            writer.put(FilePart("a", b"w", 2, True))
            assert writer.get(timeout=10) == tmp_path / "a"
        assert (tmp_path / "a").read_bytes() == b"new"
        assert listed(tmp_path) == ["a", "b"]

    def test_a_stream_that_ends_too_soon(self, tmp_path):
        """A file that is not whole is as it was, nothing is left of it, and it is said by name."""
        (tmp_path / "a").write_bytes(b"old")
        text = failure(
            Pipeline(DataSource([FilePart("a", b"ne", 0, False)]), WriteFolder(tmp_path))
        )
        assert text == (
            f"the stream ended in the middle of 1 files (a) for {tmp_path}, which are left as they were"
        )
        assert listed(tmp_path) == ["a"]
        assert (tmp_path / "a").read_bytes() == b"old"

    def test_a_source_that_fails(self, tmp_path):
        """Nor is a file whole because its source has failed."""

        class Broken(Component):
            def main(self):
                self.send(FilePart("a", b"half", 0, False))
                yield
                raise RuntimeError("out of paper")

        with pytest.raises(ComponentFailed, match="out of paper"):
            Pipeline(Broken(), WriteFolder(tmp_path)).run()
        assert listed(tmp_path) == []

    def test_parts_that_do_not_follow(self, tmp_path):
        """A part that is missing is said once, whatever else comes of that file; others go on."""
        done, troubles = written(
            tmp_path,
            [
                FilePart("a", b"one", 0, False),
                FilePart("a", b"three", 6, False),
                FilePart("a", b"four", 11, True),
                ("b", b"x"),
                FilePart("a", b"anew", 0, True),
            ],
        )
        assert done == [tmp_path / "b", tmp_path / "a"]
        (text,) = troubles
        assert "a part of it came that begins after 6 bytes, and 3 had come" in text
        assert (tmp_path / "a").read_bytes() == b"anew"

    def test_durable(self, tmp_path):
        """Brought to the disk or not, the files are the same."""
        sent = run(WriteFolder(tmp_path, durable=True), [("a/b", b"1"), ("a/b", b"22")])
        assert sent["outbox"] == [tmp_path / "a" / "b"] * 2
        assert (tmp_path / "a" / "b").read_bytes() == b"22"

    def test_many_at_a_time(self, tmp_path):
        """No more than 64 files are under way at a time."""
        parts = [FilePart(f"{n}", b"x", 0, False) for n in range(65)]
        ends = [FilePart(f"{n}", b"y", 1, True) for n in range(65)]
        done, troubles = written(tmp_path, parts + ends)
        assert len(done) == 64
        assert troubles == [f"64 files for {tmp_path} are under way, and no more may be"]

    def test_a_shutdown_leaves_nothing(self, tmp_path):
        """Told to stop in the middle of a file, it is as if it had not begun."""
        with WriteFolder(tmp_path).background() as writer:
            writer.put(FilePart("a", b"half", 0, False))
            writer.put(("b", b"x"))
            writer.get(timeout=10)
            writer.put(Shutdown(), "control")
            assert writer.wait(10)
        assert listed(tmp_path) == ["b"]

    def test_how_it_ends(self, tmp_path):
        """With its stream, also one without a file; told to finish, after what had come."""
        assert written(tmp_path, []) == ([], [])
        writer = WriteFolder(tmp_path)
        writer.inbox.deliver(("a", "x"))
        writer.control.deliver(ProducerFinished())
        assert run(writer, {})["outbox"] == [tmp_path / "a"]

    def test_a_reader_that_does_not_read(self, tmp_path):
        """No more files are written than can be told of, until they are read."""

        class Deaf(Component):
            bounds = {"inbox": 2}

            def main(self):
                until = self.now() + 0.2
                while self.now() < until:
                    yield self.pause(0.05)

        writer = WriteFolder(tmp_path)
        Pipeline(DataSource([("a", "x")] * 1000), writer, Deaf()).run()
        assert 0 < writer.files < 200

    @pytest.mark.parametrize("message", [3, ("a", 3), ("a",), FilePart("a", "text"), (3, b"")])
    def test_what_is_no_file(self, tmp_path, message):
        """Another message is refused by its type."""
        text = failure(Pipeline(DataSource([message]), WriteFolder(tmp_path)))
        assert "was to be written with a " in text

    def test_where_nothing_hears_of_it(self, tmp_path):
        """With "errors" linked to nothing, the first trouble fails it."""
        text = failure(Pipeline(DataSource([("../x", b"")]), WriteFolder(tmp_path)), "Unheard")
        assert text == (
            "'../x' leads out of the folder and is not written (link \"errors\" to hear of it and go on)"
        )

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        """It is said."""
        (tmp_path / "file").touch()
        text = failure(WriteFolder(tmp_path / "file" / "there"))
        assert "there is no folder" in text


def test_a_graph_can_go_on(tmp_path):
    """The troubles of one go to a list of their own while the rest is copied."""
    troubles = DataSink()
    Graphline(
        FILES=DataSource([("../x", b""), ("y", b"")]),
        WRITE=WriteFolder(tmp_path),
        TROUBLES=troubles,
        linkages={
            ("FILES", "outbox"): ("WRITE", "inbox"),
            ("WRITE", "errors"): ("TROUBLES", "inbox"),
        },
    ).run()
    assert len(troubles.messages) == 1
    assert listed(tmp_path) == ["y"]
    assert issubclass(FileError, OSError)
