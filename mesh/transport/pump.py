"""Reads one edge-triggered source from the event loop, to the end or for one slice.

Laws: nothing that has arrived is left waiting for an edge that will not come; no source holds the
loop longer than a slice; an exception from a reader reaches the loop and stops nothing; whoever
was handed something is told when that was all for now.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Pump"]

SLICE_SECONDS = 0.002
SLICE_MESSAGES = 256


class Pump:
    """Calls `take` until it says that nothing is left, and `settled` when that is all for now.

    libzmq's descriptors become readable when something happens on an empty queue, and any call on
    the socket may swallow that: so reading goes on until `take` returns False, and whoever calls
    the socket otherwise calls `look` afterwards. `arrived` says whether something waits. Where
    messages come one by one, each is settled before looking for the next.
    """

    __slots__ = (
        "_alone",
        "_arrived",
        "_closed",
        "_descriptor",
        "_look",
        "_loop",
        "_reading",
        "_scheduled",
        "_settled",
        "_take",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        take: Callable[[], bool],
        arrived: Callable[[], bool],
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to read, with a first look in the loop's next turn."""
        self._loop, self._descriptor = loop, descriptor
        self._take, self._arrived, self._settled = take, arrived, settled
        self._scheduled = self._closed = self._reading = self._look = self._alone = False
        loop.add_reader(descriptor, self._run)
        self.again()

    def again(self) -> None:
        """Read in the loop's next turn, whatever the descriptor says."""
        if not (self._scheduled or self._closed):
            self._scheduled = True
            self._loop.call_soon(self._run)

    def look(self) -> None:
        """Read in the loop's next turn if something waits."""
        if self._reading:
            self._look = True
        elif not (self._scheduled or self._closed) and self._arrived():
            self.again()

    def close(self) -> None:
        """Stop reading; to be called before the socket is closed."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)

    def _run(self) -> None:
        self._scheduled, self._reading = False, True
        until = time.monotonic() + SLICE_SECONDS
        more, taken = True, 0
        try:
            while not self._closed:
                self._look = False
                more = self._take()
                if not more:
                    return
                taken += 1
                if taken == 1 and self._alone:
                    self._settled()
                elif taken == SLICE_MESSAGES or time.monotonic() > until:
                    return
        finally:
            try:
                self._settled()
            finally:
                self._reading, self._alone = False, taken == 1
                if more:
                    self.again()
                elif self._look:
                    self.look()
