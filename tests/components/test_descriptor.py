"""A descriptor that is never waited for by blocking."""

import asyncio
import contextlib
import os

import pytest

from kamesh.components.descriptor import Descriptor

SOON = 10.0  # seconds: generous, only so that a failing test ends


@pytest.fixture
def ends():
    """Give the two ends of a pipe."""
    there, here = os.pipe()
    yield there, here
    for end in (there, here):
        with contextlib.suppress(OSError):  # the test has closed it
            os.close(end)


def test_reading_never_blocks(ends):
    """What has come is given, None while nothing has, and b"" at the end."""
    there, here = ends
    with Descriptor(there) as descriptor:
        assert descriptor.read() is None
        os.write(here, b"hello")
        assert descriptor.read() == b"hello"
        assert descriptor.read() is None
        os.close(here)
        assert descriptor.read() == b""


def test_writing_never_blocks(ends):
    """As much as fits is written, and what is left is the caller's."""
    there, here = ends
    with Descriptor(here) as descriptor:
        data = memoryview(bytes(1 << 20))
        written = descriptor.write(data)
        assert 0 < written < len(data)
        assert descriptor.write(data) == 0
        assert len(os.read(there, written)) == written
        assert descriptor.write(data) > 0


def test_nobody_reads(ends):
    """Writing for nobody is a broken pipe, as ever."""
    there, here = ends
    os.close(there)
    with Descriptor(here) as descriptor, pytest.raises(BrokenPipeError):
        descriptor.write(memoryview(b"x"))


def test_it_calls_once_when_there_is_something(ends):
    """`when_readable` calls at the first byte and not again; two watch one descriptor."""
    there, here = ends
    calls = []

    async def main():
        both = asyncio.Event()

        def called(who):
            calls.append(who)
            if len(calls) == 2:
                both.set()

        with Descriptor(there) as one, Descriptor(there) as two:
            one.when_readable(lambda: called("one"))
            two.when_readable(lambda: called("two"))
            os.write(here, b"x")
            async with asyncio.timeout(SOON):
                await both.wait()
            await asyncio.sleep(0)

    asyncio.run(main())
    assert sorted(calls) == ["one", "two"]


def test_it_calls_when_there_is_room(ends):
    """`when_writable` calls when somebody has read."""
    there, here = ends

    async def main():
        room = asyncio.Event()
        with Descriptor(here) as descriptor:
            while descriptor.write(memoryview(bytes(4096))):
                pass
            descriptor.when_writable(room.set)
            os.read(there, 65536)
            async with asyncio.timeout(SOON):
                await room.wait()

    asyncio.run(main())


def test_a_file_is_always_ready(tmp_path):
    """What cannot be watched is read and written at once."""
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    with path.open("r+b") as file, Descriptor(file.fileno()) as descriptor:
        assert descriptor.read() == b"hello"
        assert descriptor.write(memoryview(b" you")) == 4
        assert descriptor.read() == b""
    assert path.read_bytes() == b"hello you"


def test_the_descriptor_stays_open(ends):
    """Closing closes the duplicate only, and may be done after its loop is gone."""
    there, here = ends
    descriptor = Descriptor(there)

    async def main():
        descriptor.when_readable(lambda: None)

    asyncio.run(main())
    descriptor.close()
    descriptor.close()
    os.write(here, b"x")
    assert os.read(there, 1) == b"x"


def test_a_closed_descriptor_is_an_error():
    """There is nothing to watch."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        Descriptor(9999)
