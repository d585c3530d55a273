"""Files: bytes in, bytes out, and a sentence for whatever goes wrong."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from kamesh import Component, ComponentFailed, Pipeline, ProducerFinished, Shutdown
from kamesh.components.files import FileError, FileReader, FileWriter, sentence
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises

SOON = 10.0  # seconds: generous, only so that a failing test ends


def read(path, *chunk):
    """Read a file; give the messages."""
    messages = []
    Pipeline(FileReader(path, *chunk), DataSink(messages)).run()
    return messages


def write(messages, *arguments):
    """Write messages to a file."""
    Pipeline(DataSource(messages), FileWriter(*arguments)).run()


def failure(call, *arguments):
    """Give the sentence with which something fails."""
    with pytest.raises(ComponentFailed) as raised:
        call(*arguments)
    assert raised.value.failure.error == "FileError"
    return raised.value.failure.message


class Broken(Component):
    """Sends one message and raises."""

    def main(self):
        self.send(b"half of it")
        yield
        raise RuntimeError("out of paper")


class TestReader:
    def test_a_file_comes_as_it_is(self, tmp_path):
        """All bytes arrive in order, in messages of at most `chunk`."""
        data = os.urandom(300_000)
        (tmp_path / "data").write_bytes(data)
        messages = read(tmp_path / "data", 1000)
        assert b"".join(messages) == data
        assert max(map(len, messages)) == 1000

    def test_an_empty_file_is_an_empty_stream(self, tmp_path):
        """Nothing is sent for an empty file, and the stream ends well."""
        (tmp_path / "empty").touch()
        assert read(tmp_path / "empty") == []

    def test_it_opens_the_file_when_it_starts(self, tmp_path):
        """To make a reader touches nothing: the file may come later."""
        messages = []
        pipeline = Pipeline(FileReader(tmp_path / "late"), DataSink(messages))
        (tmp_path / "late").write_bytes(b"here")
        pipeline.run()
        assert messages == [b"here"]

    def test_a_file_that_is_missing(self, tmp_path):
        """The sentence names the file, and one beside it with nearly that name."""
        (tmp_path / "names.txt").touch()
        path = tmp_path / "name.txt"
        assert failure(read, path) == f"there is no file {path} (did you mean 'names.txt'?)"

    def test_a_folder(self, tmp_path):
        """A folder is not a file."""
        assert failure(read, tmp_path) == f"{tmp_path} cannot be read: it is a folder"

    def test_it_keeps_its_promises(self, tmp_path):
        """As any source: to its end, told to stop, and never ahead of a slow reader."""
        (tmp_path / "data").write_bytes(b"x" * 200)
        assert b"".join(keeps_promises(lambda: FileReader(tmp_path / "data", 1))) == b"x" * 200

    def test_a_chunk_of_nothing(self):
        """Chunks of less than a byte are refused when the component is made."""
        with pytest.raises(ValueError, match="at least 1 byte, not 0"):
            FileReader("x", 0)

    def test_told_shutdown_it_stops_in_the_middle(self):
        """A Shutdown ends it though the file goes on for ever."""

        class Enough(Component):
            def main(self):
                while not self.inbox.queue:
                    yield self.pause()

        reader = FileReader("/dev/zero")
        Pipeline(reader, Enough()).run()
        assert reader.state == "ended"

    def test_told_to_finish_it_sends_the_rest(self, tmp_path):
        """ProducerFinished means that no more is asked for: the file is still sent to its end."""
        (tmp_path / "data").write_bytes(b"x" * 50_000)
        messages = []
        pipeline = Pipeline(FileReader(tmp_path / "data", 100), DataSink(messages))
        pipeline.control.deliver(ProducerFinished())
        pipeline.run()
        assert sum(map(len, messages)) == 50_000

    def test_a_named_pipe_holds_up_nobody(self, tmp_path):
        """A reader of a pipe that nobody writes to waits alone: it can be cancelled at once."""
        path = tmp_path / "pipe"
        os.mkfifo(path)
        pipeline = Pipeline(FileReader(path), DataSink())

        async def main():
            running = asyncio.ensure_future(pipeline.run_async())
            await asyncio.sleep(0)
            running.cancel()
            async with asyncio.timeout(SOON):
                await asyncio.wait([running])

        asyncio.run(main())
        assert pipeline.state == "ended"
        with path.open("wb"):  # lets go the thread that waits for a writer
            pass


class TestWriter:
    def test_bytes_and_text_are_written_as_they_are(self, tmp_path):
        """bytes, bytearray and memoryview unchanged, str in UTF-8, nothing between them."""
        path = tmp_path / "out"
        write([b"one", bytearray(b"two"), memoryview(b"three"), "vier \N{SNOWMAN}"], path)
        assert path.read_text(encoding="utf-8") == "onetwothreevier \N{SNOWMAN}"

    def test_a_copy_is_the_same(self, tmp_path):
        """A file copied through a pipeline is equal to itself."""
        data = os.urandom(1_000_000)
        (tmp_path / "a").write_bytes(data)
        Pipeline(FileReader(tmp_path / "a"), FileWriter(tmp_path / "b", "whole")).run()
        assert (tmp_path / "b").read_bytes() == data

    @pytest.mark.parametrize(
        ("mode", "result"), [("replace", b"new"), ("append", b"oldnew"), ("whole", b"new")]
    )
    def test_modes(self, tmp_path, mode, result):
        """What happens to what the file held is the mode's to say; nothing else is left behind."""
        path = tmp_path / "out"
        path.write_bytes(b"old")
        write([b"new"], path, mode)
        assert path.read_bytes() == result
        assert list(tmp_path.iterdir()) == [path]

    def test_new_refuses_what_is_there(self, tmp_path):
        """Mode "new" leaves a file that exists alone."""
        path = tmp_path / "out"
        write([b"one"], path, "new")
        assert failure(write, [b"two"], path, "new") == (
            f"{path} exists already, and it was asked for as new"
        )
        assert path.read_bytes() == b"one"

    def test_whole_or_not_at_all(self, tmp_path):
        """If the stream breaks the old file stays, and the sentence says where the rest is."""
        path = tmp_path / "out"
        path.write_bytes(b"old")
        writer = FileWriter(path, "whole")
        with pytest.raises(ComponentFailed, match="out of paper"):
            Pipeline(Broken(), writer).run()
        assert path.read_bytes() == b"old"
        assert (tmp_path / "out.part").read_bytes() == b"half of it"
        assert "is left as it was" in writer.failure.message

    def test_a_shutdown_does_not_make_it_whole(self, tmp_path):
        """Told to stop in the middle, mode "whole" leaves the old file in its place."""
        path = tmp_path / "out"
        path.write_bytes(b"old")

        class Impatient(Component):
            def main(self):
                self.send(b"half")
                self.send(Shutdown(), "signal")
                while not self.stopping():
                    yield self.pause()

        source, writer = Impatient(), FileWriter(path, "whole")
        pipeline = Pipeline(source, writer)

        async def main():
            running = asyncio.ensure_future(pipeline.run_async())
            async with asyncio.timeout(SOON):
                while writer.state != "ended":  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.001)
                await running

        asyncio.run(main())
        assert path.read_bytes() == b"old"

    def test_what_it_has_is_written_while_it_waits(self, tmp_path):
        """With nothing more to take, all that came is in the file: it can be watched."""
        path = tmp_path / "out"

        class Watcher(Component):
            def main(self):
                self.send(b"first")
                until = self.now() + SOON
                while not (path.exists() and path.read_bytes() == b"first"):
                    assert self.now() < until
                    yield self.pause(0.001)

        Pipeline(Watcher(), FileWriter(path)).run()

    def test_what_does_not_go_into_a_file(self, tmp_path):
        """A message that is neither bytes nor str is refused by its type, with the way out."""
        assert failure(write, [3], tmp_path / "out") == (
            f"{tmp_path / 'out'} was to be written with a int: only bytes and str go into a file "
            f"as they are (LineWriter writes anything, one a line)"
        )

    def test_a_full_disk(self):
        """A disk that is full is said, and the pipeline ends."""
        assert failure(write, [b"x"], "/dev/full") == (
            "/dev/full is not complete: the disk that holds it is full"
        )

    @pytest.mark.parametrize("mode", ["replace", "append", "whole"])
    def test_it_keeps_its_promises(self, tmp_path, mode):
        """As any sink: to the end of its stream, also one without a message, and told to stop."""
        keeps_promises(lambda: FileWriter(tmp_path / "out", mode), [b"one", "two"])

    @pytest.mark.parametrize("mode", ["replace", "whole"])
    def test_a_name_that_is_too_long(self, tmp_path, mode):
        """It is said, and not at length."""
        text = failure(write, [b"x"], tmp_path / ("x" * 300), mode)
        assert text.endswith("the name is too long")
        assert len(text) < 200

    def test_whole_keeps_the_permissions_and_the_link(self, tmp_path):
        """The new file has the permissions of the old, and a symbolic link stays one."""
        (tmp_path / "real").write_bytes(b"old")
        (tmp_path / "real").chmod(0o640)
        (tmp_path / "link").symlink_to("real")
        write([b"new"], tmp_path / "link", "whole")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_bytes() == b"new"
        assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640

    def test_no_such_folder(self, tmp_path):
        """A folder that is missing is named."""
        path = tmp_path / "no" / "out"
        assert failure(write, [], path) == (
            f"{path} cannot be written: there is no folder {path.parent}"
        )

    def test_a_mode_there_is_not(self):
        """A wrong mode is refused at once, with those there are."""
        with pytest.raises(
            ValueError, match=r"did you mean 'append'.*replace, append, new or whole"
        ):
            FileWriter("x", "apend")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "a/b cannot be read: this user has no permission to"),
        (errno.EROFS, "a/b cannot be written: a can only be read"),
        (errno.ENOSPC, "a/b is not complete: the disk that holds it is full"),
        (errno.ENOTDIR, "a/b cannot be read: there is no folder a"),
        (errno.EIO, "a/b cannot be read: Input/output error"),
    ],
)
def test_what_the_system_says_in_a_sentence(number, words):
    """Each of the system's usual errors has a sentence of its own, the rest the system's words."""
    assert sentence(OSError(number, os.strerror(number)), Path("a/b"), "read") == words


def test_the_error_is_both_ours_and_the_systems():
    """Who catches OSError and who catches KameshError both get it."""
    assert issubclass(FileError, OSError)
