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

__all__ = ["untaken", "while_taken"]

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


async def while_taken(
    writing: Awaitable[object], transport: asyncio.WriteTransport | None, idle: float
) -> None:
    """Wait for a write; TimeoutError when nothing of what waits was taken for `idle` seconds.

    It is let go a quarter of `idle` later at the most.
    """
    loop = asyncio.get_running_loop()
    left: int | None = None
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal left, timer
        now = untaken(transport)
        if left is not None and now < left and not limit.expired():
            limit.reschedule(loop.time() + idle)
        left = now
        timer = loop.call_later(idle / LOOKS, look)

    timer = loop.call_later(idle / LOOKS, look)
    try:
        async with asyncio.timeout(idle) as limit:
            await writing
    finally:
        timer.cancel()
