"""Progress: one line on a terminal that is written over and over; elsewhere a line now and then.

Law: it goes to standard error, and leaves the terminal at the beginning of a line.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from kamesh.deploy.pictures.showing import count

__all__ = ["Progress", "counted", "interrupted"]

NOW_AND_THEN = 10.0  # seconds between two lines where there is no terminal


def counted(messages: int) -> str:
    """Write how many messages: "1 message", "1,250 messages"."""
    return f"{count(messages)} message{'' if messages == 1 else 's'}"


class Progress:
    """Shows how something stands; a context manager.

    Example: `with Progress(sys.stderr) as progress: progress.show("12 messages")`.
    """

    def __init__(self, out: TextIO) -> None:
        """Begin with nothing shown."""
        self._out = out
        self._over = out.isatty()
        self._width = 0
        self._last = time.monotonic()

    def show(self, text: str) -> None:
        """Show it instead of what was shown before."""
        if self._over:
            self._out.write(f"\r{text:<{self._width}}")
            self._out.flush()
            self._width = len(text)
        elif time.monotonic() - self._last >= NOW_AND_THEN:
            self._last = time.monotonic()
            self._out.write(f"{text}\n")
            self._out.flush()

    def __enter__(self) -> Progress:
        """Give itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave the line."""
        if self._width:
            self._out.write("\n")
            self._out.flush()


@contextmanager
def interrupted(over: asyncio.Event) -> Iterator[None]:
    """Within this, Ctrl-C and SIGTERM set `over` and raise nothing."""
    loop, taken = asyncio.get_running_loop(), []
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, over.set)
            except (ValueError, RuntimeError, NotImplementedError):  # not the main thread: nobody asks
                break
            taken.append(number)
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
