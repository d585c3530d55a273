"""Standing: a node's place among the others, by membership and discovery.

The thin shell round `kamesh.membership`: facts of the links go in, and what comes out is dialed, gossiped
and told to the node. Zeroconf, where it is wanted, only hints at addresses.

Laws
1. Whatever a link or a hint says is carried out at once, and the clock is asked for once.
2. A peer that is linked already is not dialed again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kamesh.link import Established
from kamesh.membership import Membership, MembershipLimits, NameTaken
from kamesh.membership.events import Changed, Dial, Failed, Hangup, Joined, Left, Send
from kamesh.membership.member import Member, Part
from kamesh.nodes.identity import Identity
from kamesh.nodes.peers import Peers
from kamesh.transport import NOBODY_LISTENS

if TYPE_CHECKING:
    from kamesh.discovery.service import Discovery

__all__ = ["Standing"]

log = logging.getLogger("kamesh.node")


class Standing:
    """What one node knows of the others, and lets them know of itself.

    `needed` says whether linkages use a link; `name_lost` is told when another run keeps the name.
    """

    def __init__(
        self, me: Identity, kind: str, since: int, parts: tuple[Part, ...], limits: MembershipLimits,
        peers: Peers, *, needed: Callable[[str], bool], name_lost: Callable[[str], None],
    ) -> None:
        """Begin alone."""
        self.membership = Membership(
            Member(me.name, me.incarnation, since=since, kind=kind, parts=parts),
            limits, random.Random(me.incarnation),
        )
        self._me = me
        self._kind = kind
        self._peers = peers
        self._needed = needed
        self._name_lost = name_lost
        self._discovery: Discovery | None = None
        self._timer: asyncio.TimerHandle | None = None

    def listens(self, endpoint: str, seeds: tuple[str, ...]) -> None:
        """Tell where this node listens, and try the seeds."""
        now = self._peers.now()
        self.membership.update(now, addresses=[endpoint])
        for seed in seeds:
            self.membership.add_seed(seed, now)

    async def discover(self, endpoint: str, interfaces: tuple[str, ...]) -> None:
        """Announce this node by zeroconf, and take hints of others."""
        # Zeroconf takes 50 ms to import: only where it is used.
        from kamesh.discovery.announcement import Announcement
        from kamesh.discovery.service import Discovery

        me = Announcement(
            node=self._me.name, mesh=self._me.mesh, incarnation=self._me.incarnation,
            addresses=(endpoint,), kind=self._kind,
        )
        self._discovery = Discovery(
            me, found=self._found, gone=self.membership.gone, interfaces=interfaces
        )
        await self._discovery.start()

    async def leave(self) -> None:
        """Say goodbye to the mesh; nothing is due afterwards."""
        self.membership.leave(self._peers.now())
        self.carry_out()
        if self._timer is not None:
            self._timer.cancel()
        if self._discovery is not None:
            await self._discovery.stop()

    def gone(self) -> set[str]:
        """Name the nodes that have left or count as dead."""
        return {name for name, member in self.membership.members.items() if not member.live}

    # -- facts

    def _found(self, name: str, address: str, incarnation: bytes) -> None:
        self._peers.address_known(name, address)
        self.membership.heard_of(name, address, self._peers.now(), incarnation)
        self.carry_out()

    def linked(self, name: str, event: Established, address: str | None) -> None:
        """Hear that a link is established."""
        self.membership.link_up(name, event.peer_incarnation, self._peers.now(), address)
        self.carry_out()

    def broke(self, name: str, reason: str) -> None:
        """Hear that a connection is gone."""
        self.membership.link_down(name, reason, self._peers.now())
        self.carry_out()

    def parted(self, name: str) -> None:
        """Hear that a peer said goodbye: in order, and so evidence of nothing."""
        self.membership.link_closed(name, self._peers.now())

    def gossip(self, name: str, payload: object) -> None:
        """Take what another node says of all of them."""
        self.membership.received(name, payload, self._peers.now())
        self.carry_out()

    def namesake(self, incarnation: bytes, capabilities: Mapping[str, object]) -> None:
        """Find out which of two runs of one name keeps it."""
        if incarnation == self._me.incarnation:
            return  # it has dialed itself
        since = capabilities.get("since")
        if not isinstance(since, int) or since <= 0:
            since = int(time.time() * 1e6)  # who does not say since when is the younger one
        self.membership.meets_namesake(incarnation, since, self._peers.now())
        self.carry_out()

    def dial_failed(self, address: str, reason: str) -> None:
        """Hear that nobody of use is at an address."""
        if reason.startswith(NOBODY_LISTENS):
            self.membership.dial_refused(address, self._peers.now())
        else:
            self.membership.dial_failed(address, self._peers.now())
        self.carry_out()

    # -- what follows

    def carry_out(self) -> None:
        """Do what membership asks, and hear what it tells."""
        for instruction in self.membership.take_instructions():
            match instruction:
                case Dial(name, address):
                    self._dial(name, address)
                case Send(name, payload):
                    link = self._peers.links.get(name)
                    if link is not None:
                        link.gossip(payload, self._peers.now())
                        self._peers.touch(link)
                case Hangup(name):
                    if not self._needed(name):
                        self._peers.hang_up(name)
        for event in self.membership.take_events():
            match event:
                case Joined(member) | Changed(member):
                    if member.addresses:
                        self._peers.address_known(member.name, member.addresses[0])
                case NameTaken() if event.mine:
                    self._name_lost(str(event))
                case Failed(member):
                    log.warning("node %s is gone", member.name)
                case Left(member):
                    log.info("node %s has left", member.name)
                case _:
                    log.debug("%s", event)
        self._arm()

    def _dial(self, name: str | None, address: str) -> None:
        link = self._peers.links.get(name) if name is not None else None
        if name is not None and link is not None and self._peers.connected_to(name):
            if link.peer_incarnation is not None:
                self.membership.link_up(name, link.peer_incarnation, self._peers.now(), address)
        else:
            self._peers.dial(address)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.membership.next_deadline()
        if deadline is not None and deadline != float("inf"):
            self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.membership.tick(self._peers.now())
        self.carry_out()
