"""A client: asks the nodes of a running mesh, and watches what their boxes send.

It joins for a moment as an observer: over the same links as any node, with the mesh's key, but it is
no member and hosts nothing.

Laws: every question has a deadline, and a node that does not answer is named; leaving undoes all that
was only for watching or for feeding, and ends nobody's stream.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping
from itertools import count
from types import TracebackType
from typing import TypeVar

from kamesh.codec import standin
from kamesh.errors import KameshError, UnknownBox, UnknownName
from kamesh.link import (
    Delivered,
    Established,
    Event,
    FinishAcknowledged,
    Finished,
    LinkageRefused,
    Offered,
    Opened,
    Replied,
    Reset,
    Room,
    Undelivered,
)
from kamesh.linking import did_you_mean
from kamesh.nodes.feeding import Feed
from kamesh.nodes.identity import Identity
from kamesh.nodes.peers import Peers
from kamesh.nodes.refusals import error_of
from kamesh.nodes.reports import NodeReport
from kamesh.nodes.taps import Tap
from kamesh.transport import Transport

__all__ = ["Client", "NoAnswer"]

DEADLINE = 5.0  # seconds for an answer

Answer = TypeVar("Answer")


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
        self.peers = Peers(me, transport, self, codec=standin)
        self._up: dict[str, asyncio.Event] = {}
        self._trouble: dict[str, str] = {}
        self._answers: dict[tuple[str, int], asyncio.Future[object]] = {}
        self.taps: dict[str, Tap] = {}  # that have not ended, by the box they are at the end of
        self.feeds: dict[tuple[str, int], Feed] = {}  # by node and number of the linkage
        self.tapped: dict[tuple[str, int], Tap] = {}  # by node and number of the linkage
        self._count = count(1)

    async def __aenter__(self) -> Client:
        """Begin."""
        self.peers.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Say goodbye."""
        await self.peers.stop("the observer leaves", linger=0.2)

    # -- questions

    async def nodes(self) -> list[NodeReport]:
        """Give a report of every node; one that does not answer is reported as such."""
        reports = await asyncio.gather(
            *(self.ask(name, "report", None) for name in self.endpoints), return_exceptions=True
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

    def tap(self, box: str, policy: str = "drop_oldest") -> Tap:
        """Give every message that an outbox sends from now on, until its stream ends.

        `policy` says what happens while whoever reads is too slow: "drop_oldest" and "drop_newest" drop
        at the node, and `dropped` counts it; "block" makes the component wait, and so misses nothing.
        """
        return Tap(self, box, policy, f"tap-{next(self._count)}.inbox")

    def feed(self, box: str) -> Feed:
        """Give a linkage into an inbox, for many messages: it is made in `async with`."""
        return Feed(self, box, f"feed-{next(self._count)}.outbox")

    async def send(self, box: str, message: object) -> None:
        """Put a message into an inbox; Full if it has no room, Ended if its component has ended."""
        node, name = await self.place(box)
        await self.ask(node, "send", [name, message])

    async def link(self, source: str, sink: str, policy: str = "block") -> None:
        """Link an outbox to an inbox, wherever both are."""
        node, name = await self.place(source)
        to_node, to_name = await self.place(sink)
        await self._inbox_is_there(to_node, to_name)
        await self.ask(node, "link", [name, to_node, to_name, policy])

    async def unlink(self, source: str, sink: str) -> int:
        """Undo the linkages from an outbox to an inbox; say how many there were."""
        node, name = await self.place(source)
        to_node, to_name = await self.place(sink)
        undone = await self.ask(node, "unlink", [name, f"{to_node}/{to_name}"])
        return undone if isinstance(undone, int) else 0

    async def stop(self) -> None:
        """Have all nodes end in order."""
        answers = await asyncio.gather(
            *(self.ask(name, "stop", None) for name in self.endpoints), return_exceptions=True
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

    async def inbox(self, box: str) -> tuple[str, str]:
        """Find the node of an inbox and its name there; UnknownBox or UnknownName if there is none."""
        node, name = await self.place(box)
        await self._inbox_is_there(node, name)
        return node, name

    async def _inbox_is_there(self, node: str, box: str) -> None:
        component, _, name = box.rpartition(".")
        report = await self.ask(node, "report", None)
        assert isinstance(report, NodeReport)
        for each in report.components:
            if each.name == component:
                if any(inbox.name == name for inbox in each.inboxes):
                    return
                raise UnknownBox(
                    f"{node}/{component} has no inbox {name!r}; it has: "
                    + ", ".join(inbox.name for inbox in each.inboxes)
                )
        raise UnknownName(f"node {node} has no component {component!r}")

    async def ask(self, node: str, verb: str, arguments: object) -> object:
        """Have a node carry out a request; give its answer, or raise what it refuses it with."""
        await self._reach(node)
        link = self.peers.link_to(node)
        number = link.request(verb, arguments, self.peers.now())
        self.peers.touch(link)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._answers[node, number] = answer
        try:
            return await self.answered(node, answer)
        finally:
            self._answers.pop((node, number), None)

    async def answered(self, node: str, answer: Awaitable[Answer]) -> Answer:
        """Wait for what a node answers; NoAnswer when that takes too long."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await answer
        except TimeoutError:
            raise NoAnswer(f"node {node} did not answer within {DEADLINE:g} seconds") from None

    async def _reach(self, node: str) -> None:
        if self.peers.connected_to(node):
            return
        up = self._up.setdefault(node, asyncio.Event())
        self.peers.address_known(node, self.endpoints[node])
        self.peers.want(node)
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
        """End the taps on it and the feeds into it."""
        self._up[name] = asyncio.Event()
        for key in [key for key in self.tapped if key[0] == name]:
            self._end_tap(key, f"node {name}: {reason}")
        for feed in [feed for key, feed in self.feeds.items() if key[0] == name]:
            feed.gone(NoAnswer(f"{feed.box} is fed no more: node {name}: {reason}"))

    def refused(self, address: str, reason: str) -> None:
        """Keep the reason for whoever waits in vain."""
        self._trouble[address] = reason

    def dial_failed(self, address: str, reason: str) -> None:
        """Keep the reason for whoever waits in vain."""
        self._trouble.setdefault(address, reason)

    def link_event(self, name: str, event: Event) -> None:
        """Take answers, tapped messages, and what becomes of those that are fed."""
        link = self.peers.link_to(name)
        match event:
            case Replied(number, ok, value):
                answer = self._answers.get((name, number))
                if answer is not None and not answer.done():
                    if ok:
                        answer.set_result(value)
                    elif isinstance(value, str):  # the link says why no answer will come
                        answer.set_exception(NoAnswer(f"node {name}: {value}"))
                    else:
                        answer.set_exception(error_of(value))
            case Offered(number, _, sink):
                tap = self.taps.get(sink)
                if tap is None:
                    link.refuse(number, "nobody looks on any more", self.peers.now())
                else:
                    self.tapped[name, number] = tap
                    tap.offered(number)
            case Delivered(number, first, messages):
                if (tap := self.tapped.get((name, number))) is not None:
                    tap.came(first, messages)
            case Finished(number) | Reset(number, sending=False):
                self._end_tap((name, number), getattr(event, "reason", ""))
            case _:
                self._about_feed(name, event)
        self.peers.touch(link)

    def _end_tap(self, key: tuple[str, int], why: str = "") -> None:
        if (tap := self.tapped.pop(key, None)) is not None:
            tap.ended(NoAnswer(f"{tap.box} is seen no more: {why}") if why else None)

    def _about_feed(self, name: str, event: Event) -> None:
        feed = self.feeds.get((name, getattr(event, "number", 0)))
        if feed is None:
            return
        match event:
            case Opened():
                feed.opened()
            case Room():
                feed.pump()
            case FinishAcknowledged():
                feed.acknowledged()
            case Undelivered(count=count, kept=False):
                feed.undelivered(count)
            case Reset(reason=reason) | LinkageRefused(reason=reason):
                feed.stopped(reason)
            case _:
                return
