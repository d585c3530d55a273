"""Accepting: connections from listening sockets, no more than there is room for.

Laws
1. One that finds no room is refused by closing it, or waits with the system until there is some: as
   declared. Either is counted.
2. When this process has no file descriptors left, that is one sentence in the log; it accepts again
   after PAUSE seconds, or as soon as it is told that one is free.
3. What happens again and again is logged once in QUIET seconds.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

try:
    import resource
except ImportError:  # not a Unix: there is no such limit to raise
    resource = None  # type: ignore[assignment]

__all__ = ["Acceptor", "raise_descriptors"]

AT_ONCE = 64  # connections accepted before what is connected has a turn
PAUSE = 1.0  # seconds
QUIET = 60.0  # seconds
OWN = 64  # file descriptors a process needs besides connections
RUN_OUT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger("kamesh")


def raise_descriptors(connections: int) -> None:
    """Allow this process as many open files as `connections` need, as far as it may itself."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = connections + OWN
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
            with suppress(ValueError, OSError):  # then it stays as it is, which law 2 is for
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Acceptor:
    """Accepts from several listening sockets.

    `take` is given each connection, as a socket; `has_room` says whether there may be one more;
    with `waits` those for which there is none wait, otherwise they are refused.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        take: Callable[[socket.socket], None],
        has_room: Callable[[], bool],
        *,
        waits: bool,
        who: str,
    ) -> None:
        """Begin to accept, in the event loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._take = take
        self._has_room = has_room
        self._waits = waits
        self._who = who
        self._reading = False
        self._timer: asyncio.TimerHandle | None = None
        self._said: dict[str, float] = {}
        self.refused = 0
        self.again()

    def again(self) -> None:
        """Accept again, if there is room: a connection is over."""
        if not self._reading and self._has_room():
            self._reading = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for one in self._sockets:
                self._loop.add_reader(one.fileno(), self._ready, one)

    def _pause(self) -> None:
        self._reading = False
        for one in self._sockets:
            self._loop.remove_reader(one.fileno())

    def close(self) -> None:
        """Accept no more."""
        self._pause()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for one in self._sockets:
            one.close()
        self._sockets = []

    def _ready(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            room = self._has_room()
            if self._waits and not room:
                self._pause()
                return
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in RUN_OUT:
                    self._run_out(error)
                    return
                continue  # this one was gone before it was accepted
            if room:
                connection.setblocking(False)
                self._take(connection)
            else:
                self.refused += 1
                connection.close()
                self._say("has as many connections as it may, and refuses more")

    def _run_out(self, error: OSError) -> None:
        files = error.errno in (errno.EMFILE, errno.ENFILE)
        what = "open files and sockets left (ulimit -n)" if files else "memory left for sockets"
        self._say(f"cannot accept: there are no {what}; it goes on as soon as there are")
        self._pause()
        self._timer = self._loop.call_later(PAUSE, self._after_pause)

    def _after_pause(self) -> None:
        self._timer = None
        self.again()

    def _say(self, what: str) -> None:
        now = self._loop.time()
        if now - self._said.get(what, -QUIET) >= QUIET:
            self._said[what] = now
            log.warning("%s %s", self._who, what)
