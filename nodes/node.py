"""A node: one process of a mesh, with its components, its links to other nodes and its place in both.

It runs its own part of the graph that all nodes read, joins what leaves it to what is elsewhere, and
answers who asks.

Laws
1. No node is special: each dials, is dialed, gossips and answers alike.
2. It ends when its components have ended and all they sent has been consumed, or when it is told to;
   what could not be delivered is said, with how much.
3. Nothing a peer says ends it. What its own components raise does, in a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kamesh.component import Component
from kamesh.errors import KameshError
from kamesh.link import Bye, Established, Event, Gossiped, LinkLimits, Requested
from kamesh.membership import MembershipLimits
from kamesh.membership.member import Part
from kamesh.messages import Failure
from kamesh.nodes.hosting import Hosting
from kamesh.nodes.identity import Identity
from kamesh.nodes.joints import Joints
from kamesh.nodes.peers import Peers
from kamesh.nodes.requests import Requests
from kamesh.nodes.standing import Standing
from kamesh.runtime import current_runtime
from kamesh.transport import Transport

if TYPE_CHECKING:
    from kamesh.nodes.plan import Plan

__all__ = ["Node", "NodeFailed", "NodeSettings"]

log = logging.getLogger("kamesh.node")

SAID = 100  # different reasons of refusals that are logged at most
SETTLE = 2.0  # seconds; one round trip is enough, or one more connection
DRAIN = 5.0  # seconds a node that failed has to bring across what it had sent before


class NodeFailed(KameshError):
    """A component of a node failed, or the node could not do its part; the text says what."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How a node reaches others.

    `listen` is the address to bind (port 0: any), `seeds` are addresses to try, `discover` whether to
    announce and browse by zeroconf on `interfaces` (addresses of this host). `patience` is for how many
    seconds a dead peer is waited for before its linkages are given up.
    """

    listen: str = "tcp://127.0.0.1:0"
    seeds: tuple[str, ...] = ()
    discover: bool = True
    interfaces: tuple[str, ...] = ("127.0.0.1",)
    patience: float = 30.0
    kind: str = "node"
    link_limits: LinkLimits = field(default_factory=LinkLimits.local)
    membership_limits: MembershipLimits = field(default_factory=MembershipLimits.local)


class Node:
    """One node of a mesh.

    Example:
        node = Node("studio", plan, components, mesh=key.identity, transport=transport)
        await node.run()

    `components` are the plan's components that run here, by name. How it ends: `run` returns when they
    have ended and all links are drained; it raises NodeFailed when one failed.
    """

    def __init__(
        self, name: str, plan: Plan, components: Mapping[str, Component], *, mesh: str,
        transport: Transport, settings: NodeSettings | None = None, top: Component | None = None,
    ) -> None:
        """Put it together; nothing runs yet. With `top`, that is run whole in place of its parts."""
        self.name = name
        self.settings = settings or NodeSettings()
        self.since = time.time()
        self.endpoint = ""
        self.left = 0  # messages that it could not deliver before it ended
        since = int(self.since * 1e6)
        me = Identity(name, os.urandom(16), mesh, {"since": since, "kind": self.settings.kind})
        self.peers = Peers(me, transport, self, self.settings.link_limits)
        self.hosting = Hosting(name, components, top)
        self.joints = Joints(name, plan, self.peers, self.hosting)
        self.requests = Requests(self)
        parts = tuple(
            Part(each, tuple(c._strand.inboxes), tuple(c._strand.outboxes))
            for each, c in components.items()
        )
        self.standing = Standing(
            me, self.settings.kind, since, parts, self.settings.membership_limits, self.peers,
            needed=self.joints.with_peer, name_lost=self.fail,
        )
        self._plan = plan
        self._observers: set[str] = set()
        self._patience: dict[str, asyncio.TimerHandle] = {}
        self._absent: dict[str, str] = {}  # nodes that will not come, and why
        self._broken: str | None = None
        self._said: set[str] = set()
        self._wake: asyncio.Event = asyncio.Event()
        self.on_bound: Callable[[str], None] = lambda endpoint: None  # told where it listens
        self.on_linked: Callable[[], None] = lambda: None  # told when all linkages are open

    @property
    def state(self) -> str:
        """Where it stands: starting, linking (some linkages are not open yet), running or ending."""
        if not self.endpoint:
            return "starting"
        if self.hosting.over:
            return "ending"
        return "running" if self.joints.all_open else "linking"

    # -- life

    async def run(self) -> None:
        """Run to the end."""
        try:
            await self.start()
            await self._until_over()
        finally:
            await self.close()
        if self._broken is not None:
            raise NodeFailed(self._broken)

    async def start(self) -> None:
        """Bind, announce, join what leaves, and start the components."""
        self.peers.start()
        self.endpoint = self.peers.transport.bind(self.settings.listen)
        self.on_bound(self.endpoint)
        self.standing.listens(self.endpoint, self.settings.seeds)
        runtime = current_runtime()
        self.joints.prepare()
        for peer in self.joints.neighbours():
            self.peers.want(peer)
        if self.settings.discover:
            await self.standing.discover(self.endpoint, self.settings.interfaces)
        self.standing.carry_out()
        self.joints.over = self._wake.set
        self.joints.linked = self.on_linked
        self.joints.trouble = self.fail
        self.joints.look()
        self.hosting.start(runtime, self._component_ended)
        for name, why in self._absent.items():
            self.gone(name, why)

    async def _until_over(self) -> None:
        while not (self._broken or (self.hosting.over and self.joints.drained)):
            self._wake.clear()
            await self._wake.wait()

    async def close(self) -> None:
        """End what is left, say goodbye, and close everything."""
        self.hosting.stop()
        await self._settle()
        for timer in self._patience.values():
            timer.cancel()
        await self.standing.leave()
        await self.peers.stop()

    async def _settle(self) -> None:
        """Stay until what was sent has arrived, and those who sent here know what became of it.

        Else a failure would take along what came before it, and senders would wait for an answer. An
        observer that keeps up sees the last of it too.
        """
        try:
            async with asyncio.timeout(DRAIN):
                while not self.joints.drained:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            self.left = self.joints.undelivered()
        deadline = self.peers.now() + SETTLE
        while self.peers.now() < deadline:
            gone = self.standing.gone() | self._absent.keys()
            if self.joints.settled(gone) and not self.joints.tapped:
                return
            await asyncio.sleep(0.01)

    def fail(self, reason: str) -> None:
        """End with `reason`, the first one told."""
        self._broken = self._broken or reason
        self._wake.set()

    async def stop(self, grace: float = 5.0) -> None:
        """End in order: sources stop, streams end, links drain; after `grace` seconds end all."""
        self.joints.dismiss_guests("the node ends")
        self.hosting.finish()
        self._wake.set()
        deadline = asyncio.get_running_loop().time() + grace
        while not (self.hosting.over and self.joints.drained):
            if asyncio.get_running_loop().time() >= deadline:
                self.left = self.joints.undelivered() + self.hosting.unread()
                self.joints.give_up("the node was told to end")
                self.hosting.stop()
                break
            await asyncio.sleep(0.02)
        self._wake.set()

    def gone(self, name: str, why: str) -> None:
        """Hear from who started it that a node will not come back: nobody here waits for it.

        An empty `why` says that it has ended as it should.
        """
        self._absent[name] = why
        timer = self._patience.pop(name, None)
        if timer is not None:
            timer.cancel()
        if why:
            self.joints.lost(name, why)
        else:
            self.joints.left(name)
        self.peers.unwant(name)
        self._wake.set()

    def _component_ended(self, name: str, failure: Failure | None) -> None:
        if failure is not None:
            if self._plan.on_failure(name) == "continue":
                log.error("%s; the others go on", failure)
            else:
                self.fail(str(failure))
        self.joints.component_ended(name)
        self._wake.set()

    # -- what discovery and the links say

    def refusal(self, name: str, incarnation: bytes) -> str | None:
        """Say why a peer is not taken: another run of its name is linked here and alive."""
        return self.standing.membership.refusal(name, incarnation)

    def namesake(self, incarnation: bytes, capabilities: Mapping[str, object]) -> None:
        """Find out which of two runs of one name keeps it."""
        self.standing.namesake(incarnation, capabilities)

    def peer_up(self, name: str, event: Established, address: str | None) -> None:
        """Take note of a peer."""
        timer = self._patience.pop(name, None)
        if timer is not None:
            timer.cancel()
        if event.capabilities.get("kind") == "observer":
            self._observers.add(name)
            self.joints.watchers.add(name)
            return
        if event.restarted:
            log.warning("node %s is back, as a new run", name)
        self.standing.linked(name, event, address)

    def peer_down(self, name: str, reason: str) -> None:
        """Take note that the connection is gone; the link goes on when there is another."""
        if name in self._observers:
            self._observers.discard(name)
            self.joints.lost(name, reason)
            asyncio.get_running_loop().call_soon(self.joints.watchers.discard, name)
            self.peers.forget(name)
            return
        log.info("node %s: %s", name, reason)
        self.standing.broke(name, reason)
        self._be_patient(name, reason)

    def refused(self, address: str, reason: str) -> None:
        """End if the name is taken; say anything else once."""
        if f"name {self.name!r} is taken" in reason:
            self.fail(f"{reason} Give this one another name.")
        elif reason not in self._said and len(self._said) < SAID:
            self._said.add(reason)
            log.warning("%s", reason)

    def dial_failed(self, address: str, reason: str) -> None:
        """Tell membership that nobody of use is there."""
        log.debug("dialing %s: %s", address, reason)
        self.standing.dial_failed(address, reason)

    def _be_patient(self, name: str, reason: str) -> None:
        """Wait for a peer that linkages lead to; then give them up."""
        if self.joints.with_peer(name) and name not in self._patience:
            loop = asyncio.get_running_loop()
            self._patience[name] = loop.call_later(
                self.settings.patience, self._lose_patience, name, reason
            )

    def _lose_patience(self, name: str, reason: str) -> None:
        self._patience.pop(name, None)
        log.error(
            "node %s did not come back within %g seconds (%s): its linkages are given up",
            name, self.settings.patience, reason,
        )
        self.joints.lost(name, reason)
        self._wake.set()

    def link_event(self, name: str, event: Event) -> None:
        """Hand what a link says to whom it is for."""
        match event:
            case Requested():
                self.requests.requested(name, event)
            case Gossiped():
                self.standing.gossip(name, event.payload)
            case Bye():
                self.standing.parted(name)
                self.joints.link_event(name, event)
            case _:
                self.joints.link_event(name, event)
