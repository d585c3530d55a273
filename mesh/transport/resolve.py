"""Turns a host's name into a number without holding up anything.

Laws: the event loop never waits for a name server, nor does the end of the process; only so many
look-ups run at a time.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

__all__ = ["Resolver"]

AT_ONCE = 32

Done = Callable[[str | None, str], None]


class Resolver:
    """Looks names up in daemon threads, since an executor's threads would be waited for at exit."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nothing under way."""
        self._loop = loop
        self._running = 0

    def resolve(self, host: str, done: Done) -> None:
        """Look up `host`; then call `done(number, "")` or `done(None, why)` from the loop.

        The caller keeps the deadline: `done` may come late or, after the loop's end, never.
        """
        if self._running >= AT_ONCE:
            self._loop.call_soon(done, None, f"{AT_ONCE} names are being looked up already")
            return
        self._running += 1
        threading.Thread(
            target=self._look_up, args=(host, done), name=f"resolve {host}", daemon=True
        ).start()

    def _look_up(self, host: str, done: Done) -> None:
        number, why = None, ""
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            number = str(answers[0][4][0])
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
        try:
            self._loop.call_soon_threadsafe(self._finish, done, number, why)
        except RuntimeError:
            return  # the loop has ended: nobody is there to be told

    def _finish(self, done: Done, number: str | None, why: str) -> None:
        self._running -= 1
        done(number, why)
