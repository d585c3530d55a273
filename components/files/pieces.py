"""A file in pieces, whatever it is: also a named pipe that nobody writes to yet is no reason to hang.

Laws
1. Nothing waits for longer than A_LOOK without asking whether it is to stop.
2. A file on a disk is read as fast as it can be: only what may keep one waiting is asked first.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Generator
from pathlib import Path

__all__ = ["pieces_of"]

A_LOOK = 100  # milliseconds between two looks at whether it is to stop


def pieces_of(path: Path, size: int, stop: Callable[[], bool]) -> Generator[bytes, None, None]:
    """Give what `path` holds, at most `size` bytes at a time, to its end or until `stop` says so.

    A named pipe ends when all who wrote to it have closed it. OSError as the system raises it.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        ready = stat.S_ISREG(mode) or stat.S_ISDIR(mode)  # to read a folder is refused by name
        while not stop():
            if not (ready or poll.poll(A_LOOK)):
                continue
            try:
                data = os.read(handle, size)
            except BlockingIOError:  # somebody else was faster
                continue
            if not data:
                return
            yield data
    finally:
        os.close(handle)
