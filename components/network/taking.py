"""Taking: whether the other end of a connection takes what is written to it.

A write has gone out of this process long before the other end has it: the system keeps megabytes, and
asks for more only when a third of them is gone. To a reader that is slow that may be a minute in which,
seen from here, nothing happens. So the system's own queue is looked at as well.

Law: who takes a byte within its time is waited for, however slow it is; who takes none is not.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections.abc import Awaitable

__all__ = ["Taking", "untaken"]

LOOKS = 4  # within the time that is allowed


def untaken(transport: asyncio.WriteTransport | None) -> int:
    """Give the bytes that wait for the other end, in this process and in the system."""
    if transport is None:
        return 0
    waiting = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return waiting
    try:
        queued = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:  # this system does not say
        return waiting
    return waiting + int(struct.unpack("i", queued)[0])


class Taking:
    """Waits for the writes of one connection, one after the other, as long as something is taken.

    A look now and then serves them all: a write that is over at once costs no timer.

    Example: `await taking.wait(response.write(piece), transport)`.
    """

    __slots__ = ("_idle", "_left", "_limit", "_looked", "_since", "_timer", "_transport")

    def __init__(self, idle: float) -> None:
        """Wait `idle` seconds for a byte to be taken, and half of that more at the most."""
        self._idle = idle
        self._limit: asyncio.Timeout | None = None  # of the write under way
        self._looked: asyncio.Timeout | None = None  # of the one that was, when it was looked
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._left = 0
        self._since = 0.0

    async def wait(
        self, writing: Awaitable[object], transport: asyncio.WriteTransport | None
    ) -> None:
        """Wait for a write; TimeoutError when nothing of what waits is taken any more."""
        self._transport = transport
        if self._timer is None:
            self._arm()
        try:
            async with asyncio.timeout(None) as self._limit:
                await writing
        finally:
            self._limit = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._idle / LOOKS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        limit = self._limit
        if limit is None:  # nobody waits; the next write begins anew
            self._looked = None
            return
        left, now = untaken(self._transport), loop.time()
        if limit is not self._looked or left < self._left:
            self._since = now
        self._looked, self._left = limit, left
        if now - self._since >= self._idle:
            limit.reschedule(now)
        else:
            self._arm()
