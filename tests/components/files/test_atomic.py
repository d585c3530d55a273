"""Files replaced as a whole: the old content or the new one, never half of one."""

import os
import threading
from pathlib import Path

import pytest

from kamesh import ComponentFailed, Pipeline, Shutdown
from kamesh.components.files import AtomicWrite, FileError, replacing
from kamesh.components.sources import DataSink, DataSource


def failure(pipeline):
    """Give the sentence with which a pipeline fails."""
    with pytest.raises(ComponentFailed) as raised:
        pipeline.run()
    return raised.value.failure.message


class TestReplacing:
    def test_the_new_content_takes_the_name(self, tmp_path):
        """Until the `with` is left the old content is there; afterwards the new, and nothing else."""
        path = tmp_path / "state"
        path.write_bytes(b"old")
        with replacing(path) as out:
            out.write(b"new")
            out.flush()
            assert path.read_bytes() == b"old"
        assert path.read_bytes() == b"new"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_mistake_leaves_the_old(self, tmp_path):
        """Whatever is raised within, the old content stays and nothing is left beside it."""
        path = tmp_path / "state"
        path.write_bytes(b"old")

        def write_half():
            with replacing(path) as out:
                out.write(b"half")
                raise RuntimeError("out of paper")

        with pytest.raises(RuntimeError, match="paper"):
            write_half()
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_permissions_stay(self, tmp_path):
        """Those of the old file are those of the new; a new one has what the process gives its files."""
        path = tmp_path / "state"
        path.write_bytes(b"old")
        path.chmod(0o640)
        for name in ("state", "other"):
            with replacing(tmp_path / name) as out:
                out.write(b"new")
        (tmp_path / "plain").touch()
        assert path.stat().st_mode & 0o777 == 0o640
        assert (tmp_path / "other").stat().st_mode == (tmp_path / "plain").stat().st_mode

    def test_a_link_stays_a_link(self, tmp_path):
        """What a symbolic link points to is replaced, not the link."""
        (tmp_path / "real").write_bytes(b"old")
        (tmp_path / "link").symlink_to("real")
        with replacing(tmp_path / "link") as out:
            out.write(b"new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_bytes() == b"new"

    @pytest.mark.parametrize("path", ["/dev/null", "/tmp"])
    def test_what_is_no_file(self, path):
        """A device or a folder is not replaced by a file."""
        with pytest.raises(FileError, match="it is no file"), replacing(Path(path)):
            pass


class TestAtomicWrite:
    def test_each_message_is_all_there_is(self, tmp_path):
        """The file holds the last message; the path is sent each time."""
        path, sent = tmp_path / "status", []
        Pipeline(DataSource(["one", b"two", "drei"]), AtomicWrite(path), DataSink(sent)).run()
        assert sent == [path] * 3
        assert path.read_text() == "drei"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_reader_never_sees_half(self, tmp_path):
        """Read over and over while it is replaced, the file holds one whole message each time."""
        path, seen, over = tmp_path / "status", set(), threading.Event()
        path.write_bytes(b"0" * 50_000)

        def look():
            while not over.is_set():
                seen.add(path.read_bytes())

        looking = threading.Thread(target=look)
        looking.start()
        try:
            Pipeline(DataSource([b"%d" % n * 50_000 for n in range(10)]), AtomicWrite(path)).run()
        finally:
            over.set()
            looking.join()
        assert seen <= {b"%d" % n * 50_000 for n in range(10)}

    def test_told_shutdown(self, tmp_path):
        """It stops at once, though messages wait."""
        writer = AtomicWrite(tmp_path / "status")
        writer.inbox.deliver(b"new")
        writer.control.deliver(Shutdown())
        writer.run()
        assert not (tmp_path / "status").exists()

    def test_no_such_folder(self, tmp_path):
        """It is said by name."""
        path = tmp_path / "no" / "status"
        text = failure(Pipeline(DataSource(["x"]), AtomicWrite(path)))
        assert text == f"{path} cannot be replaced: there is no folder {path.parent}"

    def test_a_name_that_is_too_long(self, tmp_path):
        """It is said, and not at length."""
        text = failure(Pipeline(DataSource(["x"]), AtomicWrite(tmp_path / ("x" * 300))))
        assert text.endswith("cannot be replaced: the name is too long")
        assert len(text) < 200

    def test_what_does_not_go_into_a_file(self, tmp_path):
        """A message that is neither bytes nor str is refused, and the one before stays."""
        path = tmp_path / "status"
        text = failure(Pipeline(DataSource(["one", 2]), AtomicWrite(path)))
        assert "was to be written with a int" in text
        assert path.read_text() == "one"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_no_permission(self, tmp_path):
        """It is said."""
        tmp_path.chmod(0o500)
        text = failure(Pipeline(DataSource(["x"]), AtomicWrite(tmp_path / "status")))
        assert "this user has no permission to" in text
