"""The virtual clock: time that passes at once.

Laws
1. Nothing ever sleeps: when all wait, the clock goes to the next deadline. Threads of components are
   given the real time that they need to come to rest.
2. A run that can never end is reported as such, and who waits for what.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from kamesh.errors import KameshError
from kamesh.runtime import current_runtime
from kamesh.threadstrand import ThreadStrand

__all__ = ["Stalled", "VirtualClockLoop", "run_coroutine"]

Result = TypeVar("Result")
PATIENCE = 5.0  # real seconds to wait for threads when nothing else is left to happen
A_MOMENT = 0.001  # real seconds between two looks at whether they have come to rest
LOOKS = 5000


class Stalled(KameshError):
    """Everything waits and nothing is left that could happen."""


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at what is ready, and moves the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._looks = LOOKS  # at threads that are at work, before they are waited for no more

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        while self._looks > 0 and _threads_work():
            self._looks -= 1
            if ready := super().select(A_MOMENT):
                self._looks = LOOKS
                return ready
        if ready := super().select(0):  # the last thing they did before they came to rest
            return ready
        if timeout is not None:
            self.now += timeout
            return []
        ready = super().select(PATIENCE if threading.active_count() > 1 else 0)
        if not ready:
            raise Stalled(
                "everything waits, there is no deadline, and nothing can arrive: "
                + (_who_waits() or "no component runs")
            )
        return ready


def _threads_work() -> bool:
    strands = current_runtime().running.values()
    return any(isinstance(strand, ThreadStrand) and strand.at_work for strand in strands)


def _who_waits() -> str:
    strands = current_runtime().running.values()
    return ", ".join(f"{s.path} is {s.component.state}" for s in strands)


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps to the next deadline when all wait.

    Example: `asyncio.Runner(loop_factory=VirtualClockLoop).run(main())`. What waits for a time in a
    thread, for a process or for a socket lives in real time and does not belong here.
    """

    def __init__(self) -> None:
        """Begin at 0 seconds."""
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Tell the virtual time in seconds."""
        return self._jumping.now

    @property
    def _clock_resolution(self) -> float:
        """Tell asyncio how near a deadline has to be to be due: here, reached and no earlier.

        What is due is what comes before `time()` and this. With the real clock's, a deadline a billionth
        of a second ahead would be met without time passing, and one after some months never.
        """
        return math.ulp(self._jumping.now)

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        """Pay no heed to that of the real clock."""


def run_coroutine(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine under the virtual clock."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)
