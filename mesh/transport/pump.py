"""Reads one edge-triggered source from the event loop, to the end or for one slice.

Laws: nothing that has arrived is left waiting for an edge that will not come; no source holds the
loop longer than a slice; an exception from a reader reaches the loop and stops nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Pump"]

SLICE_SECONDS = 0.002
SLICE_MESSAGES = 256


class Pump:
    """Calls `take` until it says that nothing is left.

    libzmq's descriptors become readable when something happens on an empty queue, and any call on
    the socket may swallow that: so reading goes on until `take` returns False, and whoever calls
    the socket otherwise calls `look` afterwards. `arrived` says whether something waits.
    """

    __slots__ = ("_arrived", "_closed", "_descriptor", "_loop", "_scheduled", "_take")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        take: Callable[[], bool],
        arrived: Callable[[], bool],
    ) -> None:
        """Begin to read, with a first look in the loop's next turn."""
        self._loop, self._descriptor = loop, descriptor
        self._take, self._arrived = take, arrived
        self._scheduled = self._closed = False
        loop.add_reader(descriptor, self._run)
        self.again()

    def again(self) -> None:
        """Read in the loop's next turn, whatever the descriptor says."""
        if not (self._scheduled or self._closed):
            self._scheduled = True
            self._loop.call_soon(self._run)

    def look(self) -> None:
        """Read in the loop's next turn if something waits."""
        if not (self._scheduled or self._closed) and self._arrived():
            self.again()

    def close(self) -> None:
        """Stop reading; to be called before the socket is closed."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)

    def _run(self) -> None:
        self._scheduled = False
        until = time.monotonic() + SLICE_SECONDS
        more = True
        try:
            for _ in range(SLICE_MESSAGES):
                if self._closed:
                    return
                more = self._take()
                if not more or time.monotonic() > until:
                    break
        finally:
            if more:
                self.again()
