"""LikeFile: a component as a file object, for code that knows nothing of components."""

import csv
import io
import shutil
import threading
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import Component, ComponentFailed, Pipeline, ThreadedComponent
from kamesh.components.plumbing import LikeFile, LikeFileTimeout, PassThrough
from kamesh.components.sources import DataSink, DataSource
from kamesh.errors import NotSuitable

LIMIT = 10.0  # seconds that nothing here takes


def source_of(*pieces):
    """Open what sends `pieces`."""
    return LikeFile(DataSource(pieces), LIMIT)


def write_much(file, times=1000, done=None):
    """Write more than fits; note in `done` each piece that went in."""
    for _ in range(times):
        file.write(b"x")
        if done is not None:
            done.append(b"x")


class Silent(Component):
    """Reads nothing and sends nothing until it is told to stop."""

    bounds = {"inbox": 2}

    def main(self):
        """Wait."""
        while not self._strand.told():
            yield self.pause()


def test_reading():
    """By size, by line, to the end: the bytes, wherever the messages' bounds were."""
    with source_of(b"on", b"", b"e\ntw", bytearray(b"o\nthree")) as file:
        assert file.read(1) == b"o"
        assert file.readline() == b"ne\n"
        assert file.peek()[:2] == b"tw"
        assert list(file) == [b"two\n", b"three"]
        assert (file.read(), file.read(5)) == (b"", b"")


def test_reading_all():
    """`read()` waits for the end."""
    pieces = [bytes([n % 256]) * (n % 700) for n in range(3000)]
    with LikeFile(DataSource(pieces), LIMIT) as file:
        assert file.read() == b"".join(pieces)


def test_writing():
    """All of it arrives, large pieces in messages of 64 KiB at most, in order."""
    kept = DataSink()
    data = bytes(range(256)) * 1000
    with LikeFile(kept, LIMIT) as file:
        assert not file.readable()
        assert file.write(data) == len(data)
        assert file.write(memoryview(b"end")) == 3
    assert b"".join(kept.messages) == data + b"end"
    assert max(map(len, kept.messages)) == 65536


def test_there_and_back():
    """What is written is read, and after finish() the end can be waited for."""
    with LikeFile(Pipeline(bytes.upper), LIMIT) as file:
        file.write(b"one\n")
        assert file.readline() == b"ONE\n"
        file.write(b"two")
        file.finish()
        assert not file.writable()
        assert file.read() == b"TWO"
    assert file.closed


def test_under_the_standard_wrappers():
    """BufferedRWPair, BufferedReader and TextIOWrapper, and what takes these."""
    with LikeFile(Pipeline(bytes.upper), LIMIT) as file:
        pair = io.BufferedRWPair(file, file)
        pair.write(b"hello ")
        pair.write(b"there\n")
        pair.flush()
        assert pair.read(12) == b"HELLO THERE\n"
    text = io.TextIOWrapper(
        io.BufferedReader(source_of("größe,1\nb".encode()[:3], "größe,1\nb".encode()[3:]))
    )
    with text:
        assert list(csv.reader(text)) == [["größe", "1"], ["b"]]
    target = io.BytesIO()
    with source_of(b"a" * 100_000, b"b") as file:
        shutil.copyfileobj(file, target)
    assert target.getvalue() == b"a" * 100_000 + b"b"


def test_several_at_once_in_threads():
    """One writes while another reads, for several files at the same time."""
    data = [bytes([n]) * 300_000 for n in range(4)]
    read = {}

    def write(file, what):
        file.write(what)
        file.finish()

    files = [LikeFile(PassThrough(), LIMIT) for _ in data]
    threads = [threading.Thread(target=write, args=pair) for pair in zip(files, data, strict=True)]
    threads += [
        threading.Thread(target=lambda n=n: read.update({n: files[n].read()})) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()
    assert read == dict(enumerate(data))


def test_nothing_comes_in_time():
    """A TimeoutError in a sentence, and nothing is lost: it can be tried again."""
    with LikeFile(PassThrough(), 0.02) as file:
        with pytest.raises(
            LikeFileTimeout, match=r"nothing has come from PassThrough within 0\.02"
        ):
            file.read(1)
        file.timeout = LIMIT
        file.write(b"late")
        assert file.read(4) == b"late"


def test_a_component_that_takes_nothing():
    """A write waits while there is no room, so memory is bounded; then it is a TimeoutError."""
    silent = Silent()
    with LikeFile(silent, 0.02, patience=0.1) as file:
        done = []
        with pytest.raises(TimeoutError, match="Silent has taken nothing within"):
            write_much(file, done=done)
        assert len(done) <= 2 + 64 + 1
        assert file.write(b"") == 0


def test_a_component_that_fails():
    """What it raised is raised where it is read or written, and is never taken for the end."""

    class Fails(Component):
        def main(self):
            self.send(b"half")
            while not self.inbox.queue:
                yield self.pause()
            raise RuntimeError("as it must")

    file = LikeFile(Fails(), LIMIT)
    assert file.read(9) == b"half"
    file.write(b"go")
    with pytest.raises(ComponentFailed, match="as it must"):
        file.read(9)
    with pytest.raises(ComponentFailed, match="as it must"):
        write_much(file)
    with pytest.raises(ComponentFailed, match="as it must"):
        file.close()
    assert file.closed


def test_a_component_that_has_ended():
    """To read gives the end; to write is a broken pipe."""
    with LikeFile(Pipeline(DataSource([b"all"]), PassThrough()), LIMIT) as file:
        assert file.read() == b"all"
        assert not file.writable()

    class Brief(Component):
        def main(self):
            yield

    with LikeFile(Brief(), LIMIT) as file:
        assert file.read() == b""
        with pytest.raises(BrokenPipeError, match="has ended"):
            write_much(file)


def test_closing_gives_up_the_rest():
    """One that would send for ever is stopped; what it still has is given up."""

    class Endless(Component):
        def main(self):
            while not self._strand.told():
                self.send(b"x")
                yield

    file = LikeFile(Endless(), LIMIT, patience=0.1)
    assert file.read(1) == b"x"
    file.close()
    file.close()
    with pytest.raises(ValueError, match="is closed"):
        file.read(1)


def test_threaded_components_too():
    """Any kind of component will do."""

    class Double(ThreadedComponent):
        def main(self):
            for data in self.inbox:
                self.send(data * 2)

    with LikeFile(Double(), LIMIT) as file:
        file.write(b"ab")
        assert file.read(4) == b"abab"


def test_mistakes():
    """What is no file is refused, in a sentence."""
    with pytest.raises(NotSuitable, match="is not like a file: it has neither an inbox 'a'"):
        LikeFile(PassThrough(), inbox="a", outbox="b")
    with (
        LikeFile(DataSource(["text"]), LIMIT) as file,
        pytest.raises(NotSuitable, match="sent 'text', which is no bytes"),
    ):
        file.read()
    with (
        LikeFile(DataSource([b"x"]), LIMIT) as file,
        pytest.raises(io.UnsupportedOperation, match="has no inbox 'inbox' to write to"),
    ):
        file.write(b"x")


def test_closing_ends_what_heeds_nothing():
    """A component that does not stop when it is told to is ended."""
    stubborn = Stubborn()
    LikeFile(stubborn, LIMIT, patience=0.05).close()
    assert stubborn.state == "ended"


class Stubborn(Component):
    """Ends by nothing that it is told."""

    def main(self):
        """Wait for ever."""
        while True:
            yield self.pause(0.01)


@settings(max_examples=25, deadline=None)
@given(
    pieces=st.lists(st.binary(max_size=40), max_size=12),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
)
def test_bytes_are_bytes(pieces, sizes):
    """However they are written and read, they are the same bytes in the same order."""
    with LikeFile(PassThrough(), LIMIT) as file:
        for piece in pieces:
            assert file.write(piece) == len(piece)
        file.finish()
        read = b""
        for size in cycle(sizes):
            some = file.read(size)
            assert len(some) <= size
            if not some:
                break
            read += some
    assert read == b"".join(pieces)
