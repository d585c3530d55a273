"""Launching: the node processes of one host, from their start to their end.

A launcher starts a process for every node of a plan, tells each what to be, notes in the run's folder
where it listens, and waits. It knows nothing of what the nodes do.

Laws
1. What one node reports as failed, or a node that dies, ends the run: the others are told that it is
   gone and to stop, and the first reason is the one that is said.
2. Told to stop, it waits GRACE seconds for the nodes to end in order, then ends them and says so; told
   twice, it ends them at once.
3. It ends only processes that it started. What becomes of the run's folder meanwhile costs the others
   their view of the run, and the run nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from kamesh.deploy.launching.child import GRACE, Spec
from kamesh.deploy.launching.runs import Run
from kamesh.deploy.launching.signals import end_program
from kamesh.deploy.launching.spawning import ForkServer, NodeProcess
from kamesh.deploy.pictures.showing import counted
from kamesh.errors import KameshError
from kamesh.nodes.plan import Plan

__all__ = ["LaunchFailed", "Launcher"]

log = logging.getLogger("kamesh.launch")

LINGER = 4.0  # seconds a node has for its goodbye, after its grace
LONGEST_LINE = 1024 * 1024  # bytes a node may say at once


class LaunchFailed(KameshError):
    """A run did not go well; the text says which node, and why."""


@dataclass(slots=True, eq=False)
class _Child:
    """One node process."""

    name: str
    process: NodeProcess
    wire: socket.socket
    endpoint: str = ""
    linked: bool = False
    ended: bool = False
    why: str = ""


class Launcher:
    """Runs all nodes of a plan on this host.

    Example: `await Launcher(plan, run, Spec(...)).run()`.

    `on_change` is called whenever a node is up, linked or over. How it ends: when all nodes have ended;
    LaunchFailed if one did not end well.
    """

    def __init__(
        self, plan: Plan, run: Run, spec: Spec, *, restarts: int = 0,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the plan and what every node is told, but for its name; nothing is started.

        A node that dies is started again, `restarts` times in all for each.
        """
        self.plan = plan
        self.children: dict[str, _Child] = {}
        self.sent: dict[str, int] = {}  # by every outbox, `COMPONENT.box`, of the nodes that ended
        self._run = run
        self._spec = spec
        self._server = ForkServer()
        self._restarts = dict.fromkeys(plan.nodes, restarts)
        self._on_change = on_change
        self._why = self._left = ""  # why it failed; what was not delivered, if that is all
        self._stops = 0
        self._signal = 0
        self._unnoted = False
        self._stopping: asyncio.Task[None] | None = None

    @property
    def up(self) -> int:
        """How many nodes listen."""
        return sum(bool(child.endpoint) for child in self.children.values())

    @property
    def linked(self) -> int:
        """How many nodes have found the other end of all their linkages."""
        return sum(child.linked for child in self.children.values())

    async def run(self) -> None:
        """Start all nodes, and wait for their end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled, number)
        try:
            await self._server.start()
            async with asyncio.TaskGroup() as group:
                for name in self.plan.nodes:
                    if self._stops == 0:
                        group.create_task(self._attend(await self._start(name)))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            if self._stopping is not None:
                self._stopping.cancel()
            self._kill()
            await self._server.stop()
        if self._why or self._left:
            raise LaunchFailed(self._why or self._left)

    def end_program(self) -> None:
        """End the program if it was a signal that ended the run."""
        if self._signal:
            end_program(self._signal, in_order=self._stops == 1)

    def _signalled(self, number: int) -> None:
        self._signal = number
        self.stop()

    def stop(self) -> None:
        """Have all nodes end in order; the second time, at once."""
        self._stops += 1
        if self._stops > 1:
            self._kill()
        elif self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        for child in self.children.values():
            self._tell(child, "stop")
        await asyncio.sleep(GRACE + LINGER)
        self._kill()

    def _kill(self) -> None:
        for child in self.children.values():
            child.process.kill()

    def _tell(self, child: _Child, what: str, **more: str) -> None:
        try:
            child.wire.send(json.dumps({"do": what, **more}).encode() + b"\n")
        except OSError:
            log.debug("node %s has hung up", child.name)

    # -- one node

    async def _start(self, name: str) -> _Child:
        ours, theirs = socket.socketpair()
        spec = replace(
            self._spec, node=name, key=self._run.key_hex, log=str(self._run.log_file(name))
        )
        try:
            process = await self._server.spawn(theirs)
        finally:
            theirs.close()
        ours.setblocking(False)
        child = self.children[name] = _Child(name, process, ours)
        await asyncio.get_running_loop().sock_sendall(ours, spec.to_line())
        if self._stops:  # it was asked for before, and told to those who were there then
            self._tell(child, "stop")
        return child

    async def _attend(self, child: _Child) -> None:
        """Hear what a node says until it is over; start it again if it died and may be."""
        while True:
            code = await self._until_over(child)
            if child.ended or child.why or self._stops or self._restarts[child.name] <= 0:
                break
            self._restarts[child.name] -= 1
            log.warning("node %s %s; it is started again", child.name, _death(code))
            child = await self._start(child.name)
        if child.ended:
            self._tell_others(child, "")
        else:
            self._lost(child, code)
        child.ended = True
        self._note(self._run.node_gone, child.name)
        self._on_change()

    def _lost(self, child: _Child, code: int) -> None:
        """Have the others wait for it no longer, and end."""
        why = child.why
        if not why and self._stops:
            why = f"node {child.name} had not ended {GRACE:g} seconds after it was told to"
        why = why or f"node {child.name} {_death(code)}"
        self._tell_others(child, why)
        if self._stops < 2:
            self._fail(why)

    def _tell_others(self, child: _Child, why: str) -> None:
        """Tell the others that a node will not come back, and why; no reason if it ended well."""
        for other in self.children.values():
            if other is not child:
                self._tell(other, "gone", node=child.name, why=why)

    def _note(self, note: Callable[..., None], *what: object) -> None:
        """Write something down in the run's folder, if that is still there and has room."""
        try:
            note(*what)
        except (KameshError, OSError) as error:
            if not self._unnoted:
                log.warning("other terminals do not see how this run stands: %s", error)
            self._unnoted = True

    async def _until_over(self, child: _Child) -> int:
        reader, writer = await asyncio.open_connection(sock=child.wire.dup(), limit=LONGEST_LINE)
        try:
            async for line in reader:
                self._heard(child, json.loads(line))
                self._on_change()
        except (OSError, ValueError) as error:  # ValueError: more in one line than LONGEST_LINE
            log.debug("node %s broke off: %s", child.name, error)
        finally:
            writer.close()
        try:
            async with asyncio.timeout(LINGER):
                code = await asyncio.shield(child.process.code)
        except TimeoutError:  # it has said its last word; a thread of its own keeps it from ending
            child.process.kill()
            code = await child.process.code
        child.wire.close()
        return code

    def _heard(self, child: _Child, said: dict[str, object]) -> None:
        match said.get("is"):
            case "bound":
                child.endpoint = str(said["endpoint"])
                self._note(self._run.node_bound, child.name, child.endpoint, child.process.pid)
            case "linked":
                child.linked = True
                self._note(self._run.node_linked, child.name)
            case "ended":
                child.ended = True
                sent = said.get("sent")
                self.sent |= sent if isinstance(sent, dict) else {}
                left = said.get("left")
                if isinstance(left, int) and left and self._stops < 2:
                    self._left = self._left or (
                        f"node {child.name} has ended with {counted(left, 'message')} that nobody took "
                        f"within {GRACE:g} seconds"
                    )
                self._be_gone_soon(child)
            case "failed":
                child.why = str(said["why"])
                self._fail(child.why)
                self._be_gone_soon(child)

    def _be_gone_soon(self, child: _Child) -> None:
        """Wait no longer than GRACE for a process that has said its last word: a thread may hold it."""
        asyncio.get_running_loop().call_later(GRACE, child.process.kill)

    def _fail(self, why: str) -> None:
        """Keep the first reason, and end the rest."""
        if not self._why:
            self._why = why
            if self._stops == 0:
                self.stop()


def _death(code: int) -> str:
    if code < 0:
        return f"was killed ({signal.Signals(-code).name})"
    return f"ended without a word (exit code {code})"
