"""Peers: the links of one node, over a transport.

The thin shell round `kamesh.link`: it finds the link that a connection belongs to, hands bytes and
time in, and carries out what comes back. What the links then say of linkages, requests and gossip
goes to the node.

Laws
1. One link for each peer, one connection for each link. When two nodes dial each other at once, both
   come to keep the same one.
2. Nothing is sent in the middle of a turn: all that gathers is flushed together, when the components
   have had their slice or the loop comes round, so that a frame carries what there is and not one
   message. What arrives is answered in the same callback of the loop.
3. A peer that is wanted is dialed again and again, as `wanted.py` says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kamesh import codec as standard_codec
from kamesh.link import (
    CloseConnection,
    Established,
    Link,
    LinkLimits,
    Refused,
    keeps_own_dial,
    read_greeting,
)
from kamesh.link.batching import Codec
from kamesh.link.greeting import disagreement
from kamesh.nodes.identity import Identity, PeerListener
from kamesh.nodes.wanted import Wanted
from kamesh.runtime import current_runtime
from kamesh.transport import BadAddress, Connection, InsecureAddress, Transport

__all__ = ["Peers"]

log = logging.getLogger("kamesh.peers")


@dataclass(slots=True, eq=False)
class _Wire:
    """One connection: until the greeting has said whose it is, it has a link of its own."""

    connection: Connection
    scratch: Link
    link: Link | None = None


class Peers:
    """The links of one node."""

    def __init__(
        self, me: Identity, transport: Transport, listener: PeerListener,
        limits: LinkLimits | None = None, codec: Codec = standard_codec,
    ) -> None:
        """Begin with none."""
        self.me = me
        self.transport = transport
        self.links: dict[str, Link] = {}
        self._listener = listener
        self._limits = limits or LinkLimits.local()
        self._link = partial(
            Link, node=me.name, incarnation=me.incarnation, mesh=me.mesh, codec=codec,
            capabilities=me.capabilities, limits=self._limits,
        )
        self._wires: dict[Connection, _Wire] = {}
        self._current: dict[str, Connection] = {}
        self._wanted = Wanted()
        self._dialing: dict[str, Connection] = {}  # by address
        self._dirty: dict[Link, None] = {}
        self._before_flush: dict[Callable[[], None], None] = {}
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._scheduler = current_runtime().scheduler
        self._scheduler.after_slice.append(self._flush)
        self.transport.start(self)

    def now(self) -> float:
        """Tell the loop's time, which all links go by."""
        return self._loop.time()

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Call `do` after so many seconds, unless all has stopped by then."""
        self._loop.call_later(seconds, lambda: None if self._stopped else do())

    # -- links

    def link_to(self, name: str) -> Link:
        """Give the link to a peer, made if need be."""
        if name not in self.links:
            self.links[name] = self._link(peer=name)
        return self.links[name]

    def connected_to(self, name: str) -> bool:
        """Say whether there is a connection that has been greeted on."""
        return name in self._current

    def forget(self, name: str) -> None:
        """Drop a link for good."""
        self._wanted.forget(name)
        self.hang_up(name)
        link = self.links.pop(name, None)
        if link is not None:
            self._dirty.pop(link, None)

    # -- dialing

    def want(self, name: str) -> None:
        """Keep a link to `name` up, as soon as its address is known."""
        self._wanted.add(name)
        self._attempt(name)

    def unwant(self, name: str) -> None:
        """Dial `name` no more."""
        self._wanted.drop(name)

    def address_known(self, name: str, address: str) -> None:
        """Learn where a peer listens; dial it if it is wanted."""
        if self._wanted.listens(name, address):
            self._attempt(name)

    def dial(self, address: str) -> None:
        """Connect to whoever is at `address`, unless that is under way."""
        if address in self._dialing or self._stopped:
            return
        try:
            connection = self.transport.dial(address)
        except (BadAddress, InsecureAddress) as error:
            self._loop.call_soon(self._listener.dial_failed, address, str(error))
            return
        self._dialing[address] = connection
        self._wires[connection] = _Wire(connection, self._link(peer=None))

    def _attempt(self, name: str) -> None:
        address = self._wanted.address(name)
        if address is not None and name not in self._current:
            self.dial(address)

    def _again(self, name: str, *, refused: bool = False) -> None:
        """Dial a wanted peer once more, a little later each time."""
        delay = self._wanted.again_in(name, refused=refused)
        if delay is not None:
            self.later(delay, lambda: self._attempt(name))

    def hang_up(self, name: str, reason: str = "no longer needed") -> None:
        """Say goodbye to a peer and close the connection."""
        link = self.links.get(name)
        if link is not None and name in self._current:
            link.goodbye(reason, self._loop.time())
            self._settle(link, name)

    # -- what the transport says

    def connected(self, connection: Connection) -> None:
        """Say hello, if we dialed."""
        wire = self._wires.get(connection)
        if wire is None:
            wire = self._wires[connection] = _Wire(connection, self._link(peer=None))
        wire.scratch.connected(self._loop.time(), dialed=connection.dialed)
        self._send(connection, wire.scratch)
        self._arm(wire.scratch)

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        """Hand frames to the link they are for; `settled` comes when that was all for now."""
        self._scheduler.gather()
        wire = self._wires.get(connection)
        if wire is None:
            return
        if wire.link is None:
            self._greeted(wire, frames)
            return
        wire.link.received(frames, self._loop.time())
        self._dirty[wire.link] = None
        self._carry_out(wire.link, wire.link.peer or "")

    def settled(self) -> None:
        """Let the components have what has arrived, and send what they and the links answer."""
        self._scheduler.run_now()

    def lost(self, connection: Connection, reason: str) -> None:
        """Note that a connection is dead."""
        wire = self._wires.pop(connection, None)
        self._undial(connection)
        if wire is None:
            return
        if wire.link is None:
            if connection.dialed:
                self._dial_failed(connection.address, reason)
            return
        self._down(wire.link, connection, reason)

    def _greeted(self, wire: _Wire, frames: list[bytes | memoryview]) -> None:
        """Find, by the first message of a connection, the link it belongs to."""
        hello = read_greeting(frames, self._limits)
        now = self._loop.time()
        if hello is None or disagreement(hello, mesh=self.me.mesh, node=self.me.name, peer=None):
            me = self.me
            if hello is not None and (hello.node, hello.mesh) == (me.name, me.mesh):
                self._listener.namesake(hello.incarnation, hello.capabilities)
            wire.scratch.received(frames, now)  # it knows what to answer
            self._settle_scratch(wire)
            return
        name = hello.node
        why_not = self._listener.refusal(name, hello.incarnation)
        if why_not is not None:
            wire.scratch.decline(why_not, now)
            self._settle_scratch(wire)
            return
        link = self.link_to(name)
        known = link.peer_incarnation
        old = self._current.get(name)
        if old is not None:
            if known == hello.incarnation and not self._stays(old, wire.connection, name):
                self._drop(wire, "two connections between the same nodes")
                return
            self._part(link, old)
        wire.link = link
        self._current[name] = wire.connection
        self._undial(wire.connection)
        link.connected(now, dialed=wire.connection.dialed, greeted=wire.connection.dialed)
        link.received(frames, now)
        self._settle(link, name)

    def _stays(self, old: Connection, new: Connection, name: str) -> bool:
        """Say whether `new` takes the place of `old`."""
        if old.dialed == new.dialed:
            return True  # whoever dialed has lost the old one
        return new.dialed == keeps_own_dial(self.me.name, name)

    def _drop(self, wire: _Wire, reason: str) -> None:
        self._wires.pop(wire.connection, None)
        self._undial(wire.connection)
        self.transport.close(wire.connection)
        log.debug("%s: closed: %s", wire.connection.address, reason)

    def _part(self, link: Link, connection: Connection) -> None:
        """Take a link off a connection that another one replaces."""
        self._wires.pop(connection, None)
        self.transport.close(connection)
        link.disconnected(self._loop.time())

    def _undial(self, connection: Connection) -> None:
        if self._dialing.get(connection.address) is connection:
            del self._dialing[connection.address]

    def _dial_failed(self, address: str, reason: str, *, refused: bool = False) -> None:
        self._listener.dial_failed(address, reason)
        for name in self._wanted.at(address):
            if name not in self._current:
                self._again(name, refused=refused)

    def _down(self, link: Link, connection: Connection, reason: str) -> None:
        name = link.peer or ""
        if self._current.get(name) is not connection:
            return
        del self._current[name]
        link.disconnected(self._loop.time())
        self._listener.peer_down(name, reason)
        self._settle(link, name)
        self._again(name)

    # -- carrying out

    def touch(self, link: Link) -> None:
        """Have what `link` has to say sent when the loop comes round."""
        self._dirty[link] = None
        self._flush_soon()

    def before_flush(self, gather: Callable[[], None]) -> None:
        """Have `gather` called once, just before that."""
        self._before_flush[gather] = None
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not (self._flushing or self._scheduler.gathering or self._stopped):
            self._flushing = True
            self._loop.call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._flushing = False
        self._flush()

    def _flush(self) -> None:
        """Send all that has gathered; what gathers meanwhile goes when the loop comes round."""
        if not (self._before_flush or self._dirty):
            return
        awaited, self._flushing = self._flushing, True
        try:
            gathering, self._before_flush = self._before_flush, {}
            while gathering:  # one that raises costs the others nothing: they are gone on with
                gather = next(iter(gathering))
                del gathering[gather]
                try:
                    gather()
                except BaseException:
                    self._before_flush = {**gathering, **self._before_flush}
                    raise
            for link in list(self._dirty):
                del self._dirty[link]
                self._settle(link, link.peer or "")
        finally:
            self._flushing = awaited
            if self._before_flush or self._dirty:
                self._flush_soon()

    def _settle(self, link: Link, name: str) -> None:
        """Do what a link asks, and send what it has to say."""
        self._carry_out(link, name)
        self._dirty.pop(link, None)
        connection = self._current.get(name)
        if connection is not None:
            self._send(connection, link)
        self._arm(link)

    def _carry_out(self, link: Link, name: str) -> None:
        """Do what a link asks."""
        for event in link.take_events():
            if isinstance(event, Established):
                self._wanted.reached(name)
                connection = self._current.get(name)
                address = connection.address if connection is not None and connection.dialed else None
                self._listener.peer_up(name, event, address)
            elif isinstance(event, CloseConnection):
                connection = self._current.get(name)
                if connection is not None:
                    self._send(connection, link)
                    self._wires.pop(connection, None)
                    self.transport.close(connection)
                    self._down(link, connection, event.reason)
            else:
                self._listener.link_event(name, event)

    def _settle_scratch(self, wire: _Wire) -> None:
        self._send(wire.connection, wire.scratch)
        refused = False
        for event in wire.scratch.take_events():
            if isinstance(event, Refused):
                self._listener.refused(wire.connection.address, event.reason)
                refused = True
            elif isinstance(event, CloseConnection):
                self._drop(wire, event.reason)
                if wire.connection.dialed:
                    self._dial_failed(wire.connection.address, event.reason, refused=refused)

    def _send(self, connection: Connection, link: Link) -> None:
        for frames in link.take_frames():
            self.transport.send(connection, frames)

    # -- time

    def _arm(self, link: Link) -> None:
        deadline = link.next_deadline()
        if deadline is None or self._stopped:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        for wire in list(self._wires.values()):
            if wire.link is None and (wire.scratch.next_deadline() or now + 1) <= now:
                wire.scratch.tick(now)
                self._settle_scratch(wire)
            if wire.link is None:
                self._arm(wire.scratch)
        for name, link in list(self.links.items()):
            deadline = link.next_deadline()
            if deadline is not None and deadline <= now:
                link.tick(now)
                self._settle(link, name)
            else:
                self._arm(link)

    async def stop(self, reason: str = "the node ends", linger: float = 1.0) -> None:
        """Say goodbye to all and close the transport."""
        for name in list(self._current):
            self._wanted.drop(name)
            self.hang_up(name, reason)
        self._stopped = True
        if self._flush in self._scheduler.after_slice:
            self._scheduler.after_slice.remove(self._flush)
        if self._timer is not None:
            self._timer.cancel()
        await self.transport.stop(linger)
