"""Signals: what is meant by Ctrl-C and by `kill`, for everything that `kamesh` runs in the foreground.

Laws
1. The first signal asks for an end in order, the second for an end at once, whatever the program does.
2. SIGINT ends the program as interrupted (130), SIGTERM as done (0) if all ended in order; code that
   comes after `run()` in the user's file is not gone on with.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Signals", "end_program"]

BOTH = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Which signals have come."""

    def __init__(self) -> None:
        """Begin with none."""
        self.come: list[int] = []

    @contextmanager
    def heard(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have `stop` called in the running loop for the first signal; the second breaks into anything.

        A component that never yields holds up the loop, and with it what only the loop would hear.
        """
        loop = asyncio.get_running_loop()

        def hear(number: int, frame: FrameType | None) -> None:
            self.come.append(number)
            if len(self.come) > 1:
                raise KeyboardInterrupt
            loop.call_soon_threadsafe(stop)

        if threading.current_thread() is not threading.main_thread():
            yield  # Python hears signals in its main thread only
            return
        before = {number: signal.signal(number, hear) for number in BOTH}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end_program(self) -> None:
        """End the program if a signal came."""
        if self.come:
            end_program(self.come[0], in_order=len(self.come) == 1)


def end_program(number: int, *, in_order: bool) -> None:
    """End this program as the signal `number` asked for."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(0 if in_order else 1)
