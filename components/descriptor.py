"""A file descriptor that is never waited for by blocking: the console's way to live in an event loop.

Laws
1. Nothing about the descriptor is changed (it may be shared with other processes): it is asked
   before each read and each write whether that would block.
2. A duplicate is used, so that several may watch one descriptor and nobody closes it for another.
3. What cannot be watched, a file on a disk, is always ready.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from types import TracebackType

__all__ = ["PIECE", "Descriptor"]

PIECE = 4096  # bytes (PIPE_BUF): what a pipe or a terminal that says it is writable takes at once
CHUNK = 65536  # bytes to read at a time


class Descriptor:
    """Reads and writes without blocking, and calls when it can; a context manager.

    Example:
        with Descriptor(0) as console:
            data = console.read()           # None: nothing there now; b"": the end
            console.when_readable(wake)     # called once, in the running event loop
    """

    def __init__(self, number: int) -> None:
        """Duplicate descriptor `number`; OSError if it is closed."""
        self._number = os.dup(number)
        self._readable = _poll(self._number, select.POLLIN)
        self._writable = _poll(self._number, select.POLLOUT)
        self._loop: asyncio.AbstractEventLoop | None = None

    def read(self) -> bytes | None:
        """Give what has come, b"" at the end, None if nothing is there now."""
        if not self._readable.poll(0):
            return None
        try:
            return os.read(self._number, CHUNK)
        except BlockingIOError:  # whoever shares it made it so, and was faster
            return None

    def write(self, data: memoryview) -> int:
        """Write as much of `data` as goes now; give how many bytes that were, 0 for none."""
        done = 0
        while done < len(data) and self._writable.poll(0):
            try:
                done += os.write(self._number, data[done : done + PIECE])
            except BlockingIOError:
                break
        return done

    def when_readable(self, call: Callable[[], None]) -> None:
        """Have `call` called, once, when there is something to read."""
        loop = self._loop = asyncio.get_running_loop()
        loop.add_reader(self._number, self._call_back, call)

    def when_writable(self, call: Callable[[], None]) -> None:
        """Have `call` called, once, when there is room to write."""
        loop = self._loop = asyncio.get_running_loop()
        loop.add_writer(self._number, self._call_back, call)

    def _call_back(self, call: Callable[[], None]) -> None:
        self._forget()
        call()

    def _forget(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._number)
            loop.remove_writer(self._number)

    def close(self) -> None:
        """Close the duplicate; the descriptor itself stays as it is."""
        self._forget()
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    def __enter__(self) -> Descriptor:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _poll(number: int, events: int) -> select.poll:
    poll = select.poll()
    poll.register(number, events)
    return poll
