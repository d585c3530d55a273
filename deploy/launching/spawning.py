"""Spawning: node processes by way of a fork server, as the launcher sees them.

Laws
1. A process is signalled by what it is (its pidfd), never by a number that may be another's by now.
2. Where the fork server has died, processes that it made are still waited for, by their sockets; how
   they ended is then not known.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections import deque
from contextlib import suppress

from kamesh.deploy.launching.forkserver import REQUEST
from kamesh.errors import KameshError

__all__ = ["ForkServer", "NodeProcess", "NotStarted"]

UNKNOWN = 255  # the exit code of a process whose end nobody has seen


def _deaf_to_interrupts() -> None:
    """Ignore Ctrl-C from the first moment: the launcher hears it, and says what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class NotStarted(KameshError):
    """A process could not be started; the text says why."""


class NodeProcess:
    """One node process."""

    def __init__(self, pid: int) -> None:
        """Take hold of it."""
        self.pid = pid
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = -1  # over already; its code is on its way

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._handle >= 0 and not self.code.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def over(self, code: int) -> None:
        """Note how it has ended."""
        if not self.code.done():
            self.code.set_result(code)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class ForkServer:
    """The fork server of one launcher.

    Example:
        server = ForkServer()
        await server.start()
        process = await server.spawn(theirs)      # a socket; the caller closes its own copy
        code = await process.code
        await server.stop()
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._processes: dict[int, NodeProcess] = {}
        self._asked: deque[asyncio.Future[NodeProcess]] = deque()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "kamesh.deploy.launching.forkserver", str(theirs.fileno()),
                pass_fds=(theirs.fileno(),), env={**os.environ, "PYTHONUNBUFFERED": "1"},
                preexec_fn=_deaf_to_interrupts,
            )
        finally:
            theirs.close()
        asyncio.get_running_loop().add_reader(self._control, self._hear)

    async def spawn(self, wire: socket.socket) -> NodeProcess:
        """Have a node process made that is told over `wire` what to be."""
        asked: asyncio.Future[NodeProcess] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        try:
            socket.send_fds(self._control, [REQUEST], [wire.fileno()])
        except OSError:
            self._lost()
        return await asked

    async def stop(self) -> None:
        """End it; the processes that it made are not its concern."""
        if self._process is None:
            return
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        await self._process.wait()

    def _hear(self) -> None:
        try:
            said = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._lost()
            return
        told = json.loads(said)
        if "code" in told:
            self._processes.pop(told["pid"]).over(told["code"])
            return
        asked = self._asked.popleft()
        if "failed" in told:
            asked.set_exception(NotStarted(f"a node process cannot be started: {told['failed']}"))
            return
        process = self._processes[told["pid"]] = NodeProcess(told["pid"])
        if asked.cancelled():
            process.kill()
        else:
            asked.set_result(process)

    def _lost(self) -> None:
        """Note that the server is gone."""
        asyncio.get_running_loop().remove_reader(self._control)
        for asked in self._asked:
            if not asked.done():
                asked.set_exception(NotStarted("the process that starts the nodes has died"))
        for process in self._processes.values():
            process.over(UNKNOWN)
        self._asked.clear()
        self._processes.clear()
