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
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kamesh.component import Component
from kamesh.errors import KameshError
from kamesh.link import Bye, Established, Event, Gossiped, LinkLimits, Requested
from kamesh.membership import Membership, MembershipLimits
from kamesh.membership import NameTaken as NodeNameTaken
from kamesh.membership.events import Changed, Dial, Failed, Hangup, Joined, Left, Send
from kamesh.membership.member import Member, Part
from kamesh.messages import Failure
from kamesh.nodes.hosting import Hosting
from kamesh.nodes.identity import Identity
from kamesh.nodes.joints import Joints
from kamesh.nodes.peers import Peers
from kamesh.nodes.requests import Requests
from kamesh.runtime import current_runtime
from kamesh.transport import Transport

if TYPE_CHECKING:
    from kamesh.discovery import Discovery
    from kamesh.nodes.plan import Plan

__all__ = ["Node", "NodeFailed", "NodeSettings"]

log = logging.getLogger("kamesh.node")

SETTLE = 2.0  # seconds; one round trip is enough, or one more connection


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
        since = int(self.since * 1e6)
        me = Identity(name, os.urandom(16), mesh, {"since": since, "kind": self.settings.kind})
        self.peers = Peers(me, transport, self, self.settings.link_limits)
        self.hosting = Hosting(name, components, top)
        self.joints = Joints(name, plan, self.peers, self.hosting)
        self.requests = Requests(self)
        self.membership = Membership(
            Member(
                name, me.incarnation, since=since, kind=self.settings.kind,
                parts=tuple(
                    Part(each, tuple(c._strand.inboxes), tuple(c._strand.outboxes))
                    for each, c in components.items()
                ),
            ),
            self.settings.membership_limits, random.Random(me.incarnation),
        )
        self._me = me
        self._plan = plan
        self._observers: set[str] = set()
        self._discovery: Discovery | None = None
        self._membership_timer: asyncio.TimerHandle | None = None
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
        loop = asyncio.get_running_loop()
        self.peers.start()
        self.endpoint = self.peers.transport.bind(self.settings.listen)
        self.on_bound(self.endpoint)
        self.membership.update(loop.time(), addresses=[self.endpoint])
        for seed in self.settings.seeds:
            self.membership.add_seed(seed, loop.time())
        runtime = current_runtime()
        self.joints.prepare()
        for peer in self.joints.neighbours():
            self.peers.want(peer)
        if self.settings.discover:
            await self._discover()
        self._carry_out()
        self.joints.over = self._wake.set
        self.joints.linked = self.on_linked
        self.joints.trouble = self.fail
        self.joints.look()
        self.hosting.start(runtime, self._component_ended)
        for name, why in self._absent.items():
            self.gone(name, why)

    async def _discover(self) -> None:
        from kamesh.announcement import Announcement  # zeroconf takes 50 ms: only where it is used
        from kamesh.discovery import Discovery

        me = Announcement(
            node=self.name, mesh=self._me.mesh, incarnation=self._me.incarnation,
            addresses=(self.endpoint,), kind=self.settings.kind,
        )
        self._discovery = Discovery(
            me, found=self._found, gone=self.membership.gone, interfaces=self.settings.interfaces
        )
        await self._discovery.start()

    async def _until_over(self) -> None:
        while not (self._broken or (self.hosting.over and self.joints.drained)):
            self._wake.clear()
            await self._wake.wait()

    async def close(self) -> None:
        """End what is left, say goodbye, and close everything."""
        self.hosting.stop()
        await self._settle()
        for timer in (self._membership_timer, *self._patience.values()):
            if timer is not None:
                timer.cancel()
        self.membership.leave(asyncio.get_running_loop().time())
        self._carry_out()
        if self._discovery is not None:
            await self._discovery.stop()
        await self.peers.stop()

    async def _settle(self) -> None:
        """Stay until those who sent here know what became of it; else they would wait for an answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE
        while loop.time() < deadline:
            if self.joints.settled(self._gone()):
                return
            await asyncio.sleep(0.01)

    def _gone(self) -> set[str]:
        left = {name for name, member in self.membership.members.items() if not member.live}
        return left | self._absent.keys()

    def fail(self, reason: str) -> None:
        """End with `reason`, the first one told."""
        self._broken = self._broken or reason
        self._wake.set()

    async def stop(self, grace: float = 5.0) -> None:
        """End in order: sources stop, streams end, links drain; after `grace` seconds end all."""
        self.hosting.finish()
        self._wake.set()
        deadline = asyncio.get_running_loop().time() + grace
        while not (self.hosting.over and self.joints.drained):
            if asyncio.get_running_loop().time() >= deadline:
                undelivered = self.joints.undelivered()
                if undelivered:
                    log.warning("%s ends with %d messages undelivered", self.name, undelivered)
                self.joints.give_up("the node was told to end")
                self.hosting.stop()
                break
            await asyncio.sleep(0.02)
        self._wake.set()

    def gone(self, name: str, why: str) -> None:
        """Hear from who started it that a node will not come back: nobody here waits for it."""
        self._absent[name] = why
        timer = self._patience.pop(name, None)
        if timer is not None:
            timer.cancel()
        self.joints.lost(name, why)
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

    def _found(self, name: str, address: str, incarnation: bytes) -> None:
        self.peers.address_known(name, address)
        self.membership.heard_of(name, address, self.peers.now(), incarnation)
        self._carry_out()

    def refusal(self, name: str, incarnation: bytes) -> str | None:
        """Say why a peer is not taken: another run of its name is linked here and alive."""
        return self.membership.refusal(name, incarnation)

    def namesake(self, incarnation: bytes, capabilities: Mapping[str, object]) -> None:
        """Find out which of two runs of one name keeps it."""
        if incarnation == self._me.incarnation:
            return  # it has dialed itself
        since = capabilities.get("since")
        self.membership.meets_namesake(
            incarnation, since if isinstance(since, int) else 0, self.peers.now()
        )
        self._carry_out()

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
        self.membership.link_up(name, event.peer_incarnation, self.peers.now(), address)
        self._carry_out()

    def peer_down(self, name: str, reason: str) -> None:
        """Take note that the connection is gone; the link goes on when there is another."""
        if name in self._observers:
            self._observers.discard(name)
            self.joints.lost(name, reason)
            self.peers.forget(name)
            return
        log.info("node %s: %s", name, reason)
        self.membership.link_down(name, reason, self.peers.now())
        self._be_patient(name, reason)
        self._carry_out()

    def refused(self, address: str, reason: str) -> None:
        """End if the name is taken; say anything else once."""
        if f"name {self.name!r} is taken" in reason:
            self.fail(f"{reason} Give this one another name.")
        elif reason not in self._said:
            self._said.add(reason)
            log.warning("%s", reason)

    def dial_failed(self, address: str, reason: str) -> None:
        """Tell membership that nobody of use is there."""
        log.debug("dialing %s: %s", address, reason)
        if "refused" in reason:
            self.membership.dial_refused(address, self.peers.now())
        else:
            self.membership.dial_failed(address, self.peers.now())
        self._carry_out()

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
                self.membership.received(name, event.payload, self.peers.now())
                self._carry_out()
            case Bye():
                self.membership.link_closed(name, self.peers.now())  # in order: evidence of nothing
                self.joints.link_event(name, event)
            case _:
                self.joints.link_event(name, event)

    # -- membership

    def _carry_out(self) -> None:
        """Do what membership asks, and hear what it tells."""
        for instruction in self.membership.take_instructions():
            match instruction:
                case Dial(name, address):
                    self._dial(name, address)
                case Send(name, payload):
                    link = self.peers.links.get(name)
                    if link is not None:
                        link.gossip(payload, self.peers.now())
                        self.peers.touch(link)
                case Hangup(name):
                    if not self.joints.with_peer(name):
                        self.peers.hang_up(name)
        for event in self.membership.take_events():
            match event:
                case Joined(member) | Changed(member):
                    if member.addresses:
                        self.peers.address_known(member.name, member.addresses[0])
                case NodeNameTaken() if event.mine:
                    self.fail(str(event))
                case Failed(member):
                    log.warning("node %s is gone", member.name)
                case Left(member):
                    log.info("node %s has left", member.name)
                case _:
                    log.debug("%s", event)
        self._arm_membership()

    def _dial(self, name: str | None, address: str) -> None:
        """Dial for membership, unless there is a link already, which answers as well."""
        link = self.peers.links.get(name) if name is not None else None
        if link is not None and self.peers.connected_to(link.peer or ""):
            assert name is not None
            if link.peer_incarnation is not None:
                self.membership.link_up(name, link.peer_incarnation, self.peers.now(), address)
        else:
            self.peers.dial(address)

    def _arm_membership(self) -> None:
        if self._membership_timer is not None:
            self._membership_timer.cancel()
            self._membership_timer = None
        deadline = self.membership.next_deadline()
        if deadline is not None and deadline != float("inf"):
            loop = asyncio.get_running_loop()
            self._membership_timer = loop.call_at(deadline, self._tick_membership)

    def _tick_membership(self) -> None:
        self._membership_timer = None
        self.membership.tick(self.peers.now())
        self._carry_out()
