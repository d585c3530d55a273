"""A client: asks the nodes of a running mesh, and watches what their boxes send.

It joins for a moment as an observer: over the same links as any node, with the mesh's key, but it is
no member and hosts nothing.

Laws: every question has a deadline, and a node that does not answer is named; leaving undoes all that
was only for watching.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from itertools import count
from types import TracebackType

from kamesh.codec import standin
from kamesh.errors import KameshError, UnknownName
from kamesh.link import (
    Delivered,
    Established,
    Event,
    Finished,
    Offered,
    Replied,
    Reset,
)
from kamesh.linking import did_you_mean
from kamesh.nodes.identity import Identity
from kamesh.nodes.peers import Peers
from kamesh.nodes.reports import NodeReport
from kamesh.transport import Transport

__all__ = ["Client", "NoAnswer"]

DEADLINE = 5.0  # seconds for an answer
KEPT = 10_000  # tapped messages that wait for a slow reader; then the oldest are dropped


class NoAnswer(KameshError):
    """A node could not be reached, or did not answer in time."""


class Client:
    """Asks the nodes of one mesh.

    Example:
        async with Client(transport, mesh, {"main": "tcp://127.0.0.1:40001"}) as client:
            for report in await client.nodes():
                print(report.name, report.state)
    """

    def __init__(self, transport: Transport, mesh: str, endpoints: Mapping[str, str]) -> None:
        """Take the nodes' endpoints by their names; nothing is dialed yet."""
        self.endpoints = dict(endpoints)
        name = f"observer-{os.getpid()}-{os.urandom(3).hex()}"
        me = Identity(name, os.urandom(16), mesh, {"kind": "observer"})
        self._peers = Peers(me, transport, self, codec=standin)
        self._up: dict[str, asyncio.Event] = {}
        self._trouble: dict[str, str] = {}
        self._answers: dict[tuple[str, int], asyncio.Future[object]] = {}
        self._taps: dict[str, asyncio.Queue[tuple[bool, object]]] = {}
        self._numbers: dict[tuple[str, int], str] = {}
        self._count = count(1)

    async def __aenter__(self) -> Client:
        """Begin."""
        self._peers.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Say goodbye."""
        await self._peers.stop("the observer leaves", linger=0.2)

    # -- questions

    async def nodes(self) -> list[NodeReport]:
        """Give a report of every node; one that does not answer is reported as such."""
        reports = await asyncio.gather(
            *(self._ask(name, "report", None) for name in self.endpoints), return_exceptions=True
        )
        found = []
        for name, report in zip(self.endpoints, reports, strict=True):
            if isinstance(report, NodeReport):
                found.append(report)
            elif isinstance(report, NoAnswer):
                endpoint = self.endpoints[name]
                found.append(NodeReport(name, "unreachable", 0, endpoint, 0.0, (), (), ()))
            elif isinstance(report, BaseException):
                raise report
        return found

    async def tap(self, box: str) -> AsyncIterator[object]:
        """Give every message that an outbox sends from now on, until its stream ends."""
        node, name = await self.place(box)
        sink = f"tap-{next(self._count)}.inbox"
        queue = self._taps[sink] = asyncio.Queue(KEPT)
        await self._ask(node, "tap", [name, sink])
        try:
            while True:
                there, message = await queue.get()
                if there:
                    yield message
                elif message:
                    raise NoAnswer(f"{box} is seen no more: {message}")
                else:
                    return
        finally:
            self._taps.pop(sink, None)

    async def send(self, box: str, message: object) -> None:
        """Put a message into an inbox."""
        node, name = await self.place(box)
        await self._ask(node, "send", [name, message])

    async def link(self, source: str, sink: str, policy: str = "block") -> None:
        """Link an outbox to an inbox, wherever both are."""
        node, name = await self.place(source)
        to_node, to_name = await self.place(sink)
        await self._inbox_is_there(to_node, to_name)
        await self._ask(node, "link", [name, to_node, to_name, policy])

    async def unlink(self, source: str, sink: str) -> int:
        """Undo the linkages from an outbox to an inbox; say how many there were."""
        node, name = await self.place(source)
        to_node, to_name = await self.place(sink)
        undone = await self._ask(node, "unlink", [name, f"{to_node}/{to_name}"])
        return undone if isinstance(undone, int) else 0

    async def stop(self) -> None:
        """Have all nodes end in order."""
        answers = await asyncio.gather(
            *(self._ask(name, "stop", None) for name in self.endpoints), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NoAnswer):
                raise answer

    async def place(self, box: str) -> tuple[str, str]:
        """Find the node of a box: from `NODE/COMPONENT.box`, or `COMPONENT.box` if one node has it."""
        node, slash, name = box.partition("/")
        if slash and node in self.endpoints:
            return node, name
        component = box.rpartition(".")[0]
        if not component:
            raise UnknownName(f"{box!r} is not a box: write NODE/COMPONENT.box")
        reports = await self.nodes()
        owners = [r.name for r in reports if any(c.name == component for c in r.components)]
        if len(owners) == 1:
            return owners[0], box
        if owners:
            raise UnknownName(f"{box!r} is on several nodes: write one of "
                              + ", ".join(f"{owner}/{box}" for owner in owners))
        known = [f"{r.name}/{c.name}" for r in reports for c in r.components]
        raise UnknownName(
            f"nothing that runs is called {component!r}{did_you_mean(component, known)}; there is: "
            + ", ".join(known)
        )

    async def _inbox_is_there(self, node: str, box: str) -> None:
        component, _, name = box.rpartition(".")
        report = await self._ask(node, "report", None)
        assert isinstance(report, NodeReport)
        for each in report.components:
            if each.name == component:
                if any(inbox.name == name for inbox in each.inboxes):
                    return
                raise UnknownName(
                    f"{node}/{component} has no inbox {name!r}; it has: "
                    + ", ".join(inbox.name for inbox in each.inboxes)
                )
        raise UnknownName(f"node {node} has no component {component!r}")

    async def _ask(self, node: str, verb: str, arguments: object) -> object:
        await self._reach(node)
        link = self._peers.link_to(node)
        number = link.request(verb, arguments, self._peers.now())
        self._peers.touch(link)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._answers[node, number] = answer
        try:
            async with asyncio.timeout(DEADLINE):
                return await answer
        except TimeoutError:
            raise NoAnswer(f"node {node} did not answer within {DEADLINE:g} seconds") from None
        finally:
            self._answers.pop((node, number), None)

    async def _reach(self, node: str) -> None:
        if self._peers.connected_to(node):
            return
        up = self._up.setdefault(node, asyncio.Event())
        self._peers.address_known(node, self.endpoints[node])
        self._peers.want(node)
        try:
            async with asyncio.timeout(DEADLINE):
                await up.wait()
        except TimeoutError:
            why = self._trouble.get(self.endpoints[node], "nobody answers there")
            raise NoAnswer(f"node {node} at {self.endpoints[node]} is not reached: {why}") from None

    # -- what links say

    def refusal(self, name: str, incarnation: bytes) -> str | None:
        """Talk to anyone of the mesh."""
        return None

    def namesake(self, incarnation: bytes, capabilities: Mapping[str, object]) -> None:
        """Have a name that nobody else has."""

    def peer_up(self, name: str, event: Established, address: str | None) -> None:
        """Let go who waits for it."""
        self._up.setdefault(name, asyncio.Event()).set()

    def peer_down(self, name: str, reason: str) -> None:
        """End the taps on it: what it sends from now on is not seen."""
        self._up[name] = asyncio.Event()
        for key in [key for key in self._numbers if key[0] == name]:
            self._end_tap(key, f"node {name}: {reason}")

    def refused(self, address: str, reason: str) -> None:
        """Keep the reason for whoever waits in vain."""
        self._trouble[address] = reason

    def dial_failed(self, address: str, reason: str) -> None:
        """Keep the reason for whoever waits in vain."""
        self._trouble.setdefault(address, reason)

    def link_event(self, name: str, event: Event) -> None:
        """Take answers and tapped messages."""
        link = self._peers.link_to(name)
        match event:
            case Replied(number, ok, value):
                answer = self._answers.get((name, number))
                if answer is not None and not answer.done():
                    if ok:
                        answer.set_result(value)
                    else:
                        answer.set_exception(UnknownName(str(value)))
            case Offered(number, _, sink):
                self._numbers[name, number] = sink
                link.accept(number, now=self._peers.now())
            case Delivered(number, first, messages):
                self._tapped(self._numbers.get((name, number), ""), messages)
                link.consumed(number, first + len(messages) - 1, self._peers.now())
            case Finished(number):
                self._end_tap((name, number))
            case Reset(number, reason, sending=False):
                self._end_tap((name, number), reason)
            case _:
                return
        self._peers.touch(link)

    def _tapped(self, sink: str, messages: list[object]) -> None:
        queue = self._taps.get(sink)
        if queue is None:
            return
        for message in messages:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((True, message))

    def _end_tap(self, key: tuple[str, int], why: str = "") -> None:
        queue = self._taps.get(self._numbers.pop(key, ""))
        if queue is not None:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((False, why))
