"""A network in memory: the same interface, seeded faults, and whatever clock it is given.

Laws:

1. It fails as TCP fails, no worse: order is kept and nothing is lost or doubled inside a
   connection. A connection that ends takes a suffix of each direction with it, and its two ends may
   learn of it at different times, or one long before the other.
2. The same seed and the same calls at the same times give the same deliveries at the same times.
3. Time is the clock's alone: an event loop, a virtual one, or anything with `time` and
   `call_later`. Nothing here sleeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from kamesh.transport.counts import Counts, checked
from kamesh.transport.interface import (
    NOBODY_LISTENS,
    AddressTaken,
    BadAddress,
    Buffer,
    Connection,
    Events,
    MisplacedCall,
    TransportLimits,
    TransportStatistics,
)
from kamesh.transport.wires import Clock, Conditions, End, Wires

__all__ = ["Clock", "Conditions", "MemoryTransport", "Network"]

VIEWED_BYTES = 16384
FIRST_PORT = 49152


class Network:
    """Transports that reach each other, and the faults between them.

    Example:
        network = Network(seed=7, conditions=Conditions(delay=0.01))   # in a coroutine
        a, b = network.transport("a"), network.transport("b")
        ...
        network.cut("a", "b")      # nothing passes; both ends give up after 3 to 4 s
        network.heal("a", "b")     # what was under way arrives, where nobody has given up
        network.reset("a", "b")    # connections between them end, some of what is under way lost
        network.crash("b")         # as kill -9: its owner hears nothing, its peers do
    """

    def __init__(
        self, *, seed: int = 0, conditions: Conditions | None = None, clock: Clock | None = None
    ) -> None:
        """Begin empty. Without a clock, call it inside an event loop, which then is the clock."""
        clock = clock or asyncio.get_running_loop()
        self.wires = Wires(clock, seed, conditions or Conditions())
        self.bound: dict[str, MemoryTransport] = {}
        self._transports: dict[str, MemoryTransport] = {}
        self._ports = FIRST_PORT

    def transport(
        self, name: str, *, limits: TransportLimits | None = None, mesh: str = "mesh"
    ) -> MemoryTransport:
        """Make a transport; one of another mesh is refused as if it had another key.

        A name can be used again once its transport has stopped or crashed.
        """
        before = self._transports.get(name)
        if before is not None and not before.over:
            raise MisplacedCall(f"there is a transport named {name!r} already")
        made = MemoryTransport(self, name, limits or TransportLimits(), mesh)
        self._transports[name] = made
        return made

    def shape(self, a: str, b: str, conditions: Conditions) -> None:
        """Give the way from `a` to `b`, that way only, conditions of its own."""
        self.wires.conditions[a, b] = conditions

    def cut(self, a: str, b: str) -> None:
        """Let nothing pass between `a` and `b`."""
        self.cut_one_way(a, b)
        self.cut_one_way(b, a)

    def cut_one_way(self, a: str, b: str) -> None:
        """Let nothing pass from `a` to `b`: neither messages nor acknowledgements of `b`'s."""
        if (a, b) not in self.wires.cuts:
            self.wires.cuts[a, b] = self.wires.clock.time()
            for end in self._between(a, b):
                self.wires.hold(end, (a, b))

    def heal(self, a: str, b: str) -> None:
        """Let everything pass between `a` and `b` again; what waited comes a little later."""
        for way in ((a, b), (b, a)):
            self.wires.cuts.pop(way, None)
        for end in self._between(a, b):
            self.wires.resume(end)

    def reset(self, a: str, b: str) -> None:
        """End all connections between `a` and `b`, some of what is under way being lost."""
        for end in self._between(a, b):
            self.wires.reset(end, f"the connection with {end.address} was reset")

    def crash(self, name: str) -> None:
        """End a transport as kill -9 ends a process: its owner hears nothing, its peers do."""
        transport = self._transports[name]
        for end in list(transport.ends):
            peer = end.peer
            if peer is not None and self.wires.reachable(name, peer.owner.name):
                self.wires.reset(peer, f"the connection with {peer.address} was reset")
            transport.drop(end)
        transport.leave()

    def next_port(self) -> int:
        """Return a port number not given out before."""
        self._ports += 1
        return self._ports - 1

    def _between(self, a: str, b: str) -> Iterator[End]:
        for name, other in ((a, b), (b, a)):
            transport = self._transports.get(name)
            for end in list(transport.ends) if transport is not None else ():
                if end.peer is not None and end.peer.owner.name == other:
                    yield end


class MemoryTransport:
    """One transport of a Network; made by `Network.transport`. See `Transport` for its methods."""

    def __init__(self, network: Network, name: str, limits: TransportLimits, mesh: str) -> None:
        """Keep what it needs; `start` begins."""
        self.name, self.limits, self.mesh = name, limits, mesh
        self.over = False
        self.ends: dict[End, None] = {}
        self._network, self._wires = network, network.wires
        self._counts = Counts()
        self._events: Events | None = None

    def start(self, events: Events) -> None:
        """Begin; a transport starts once."""
        if self._events is not None:
            raise MisplacedCall("a transport starts once: make a new one")
        self._events = events

    def bind(self, address: str) -> str:
        """Accept connections at any address of the form scheme://...; port 0 or * finds one."""
        self._check()
        scheme, separator, rest = address.partition("://")
        if not separator or not rest:
            raise BadAddress(f"{address!r} is not an address: write memory://NAME:PORT")
        host, _, port = rest.rpartition(":")
        if port in ("0", "*"):
            address = f"{scheme}://{host}:{self._network.next_port()}"
        holder = self._network.bound.setdefault(address, self)
        if holder is not self:
            raise AddressTaken(f"{address} is taken by {holder.name}: use another port")
        return address

    def dial(self, address: str) -> Connection:
        """Begin to connect; `connected` or `lost` follows."""
        self._check()
        if "://" not in address:
            raise BadAddress(f"{address!r} is not an address: write memory://NAME:PORT")
        end = End(self, address, dialed=True, now=self._wires.clock.time())
        self.ends[end] = None
        target = self._network.bound.get(address)
        there = target.name if target is not None else ""
        round_trip = self._wires.trip(self.name, there) + self._wires.trip(there, self.name)
        self._wires.clock.call_later(2 * round_trip, self._greet, end)
        return end

    def send(self, connection: Connection, frames: Sequence[Buffer]) -> None:
        """Send one message, copied at once as if it had left."""
        end = self._own(connection)
        parts, size = checked(frames, self.limits)
        if end.alive and not end.greeted:
            raise MisplacedCall(f"{end.address} has been dialled and is not connected yet")
        peer = end.peer
        if not end.alive or end.mute or peer is None:
            self._counts.unsent += 1
            return
        self._counts.messages_sent += 1
        self._counts.bytes_sent += size
        if peer.alive:
            self._wires.carry(peer, [bytes(part) for part in parts], size)
        elif self._wires.reachable(self.name, peer.owner.name):
            end.mute = True
            round_trip = 2 * self._wires.trip(self.name, peer.owner.name)
            self._wires.later(round_trip, end, f"{end.address} does not know the connection")

    def close(self, connection: Connection) -> None:
        """End a connection; what was sent arrives before the peer hears of it."""
        end = self._own(connection)
        if end.alive:
            self.drop(end)
            if end.peer is not None and end.peer.alive and not end.mute:
                self._wires.carry(end.peer, None, 0)

    def silence(self, connection: Connection) -> float | None:
        """Seconds since the last byte arrived; 0 while a message is arriving."""
        end = self._own(connection)
        return self._wires.silence(end) if end.alive and end.peer is not None else None

    async def stop(self, linger: float = 1.0) -> None:
        """Close everything. No event comes afterwards; what was sent arrives in its own time."""
        if not self.over and self._events is not None:
            for end in list(self.ends):
                self.close(end)
            self.leave()

    def statistics(self) -> TransportStatistics:
        """Return the counters so far."""
        return self._counts.frozen(sum(1 for end in self.ends if end.greeted))

    # --- what the network and its wires call ---

    def leave(self) -> None:
        """Be over: free the addresses, hear nothing more."""
        self.over = True
        bound = self._network.bound
        for address in [one for one, owner in bound.items() if owner is self]:
            del bound[address]

    def drop(self, end: End) -> None:
        """Forget an end without a word."""
        end.alive = False
        end.inbound.clear()
        self.ends.pop(end, None)

    def lose(self, end: End, reason: str) -> None:
        """Tell the owner that an end is lost, unless it is over, or was never heard of."""
        if end.alive and self._events is not None:
            self.drop(end)
            if end.dialed or end.greeted:
                self._counts.lost += 1
                self._events.lost(end, reason)

    def take(self, end: End, frames: list[bytes], size: int) -> None:
        """Hand a message over, after announcing a peer heard for the first time."""
        assert self._events is not None
        if any(len(frame) > self.limits.frame_bytes for frame in frames):
            self._counts.broken += 1
            self._break(end, f"a frame was larger than {self.limits.frame_bytes:,} bytes")
            return
        if not end.greeted:
            accepted = sum(1 for one in self.ends if one.greeted and not one.dialed)
            if accepted >= self.limits.connections:
                self._counts.refused += 1
                self._break(end, "there are too many connections")
                return
            end.greeted = True
            self._counts.accepted += 1
            self._events.connected(end)
        if end.alive:
            self._counts.messages_received += 1
            self._counts.bytes_received += size
            viewed = [memoryview(bytearray(one)) if len(one) >= VIEWED_BYTES else one
                      for one in frames]  # fmt: skip
            try:
                self._events.received(end, viewed)
            finally:
                self._events.settled()

    def expect(self, end: End) -> None:
        """Cut a peer that has not said anything yet."""
        if end.alive and not end.greeted:
            self._counts.refused += 1
            self._break(end, "nothing was said over it")

    def _break(self, end: End, reason: str) -> None:
        peer = end.peer
        self.lose(end, f"the connection with {end.address} was cut: {reason}")
        if peer is not None:
            delay = self._wires.trip(self.name, peer.owner.name)
            self._wires.later(delay, peer, f"{peer.address} cut the connection: {reason}")

    def _greet(self, end: End) -> None:
        """Finish a dial: both ends exist from here on, the accepted one unannounced."""
        if not end.alive or self._events is None:
            return
        target = self._network.bound.get(end.address)
        if target is None:
            self.lose(end, f"{NOBODY_LISTENS} {end.address}")
        elif not self._wires.reachable(self.name, target.name):
            seconds = self.limits.connect
            self._wires.later(seconds, end, f"{end.address} did not answer within {seconds:g} s")
        elif target.mesh != self.mesh:
            target._counts.refused += 1
            self.lose(end, f"{end.address} does not admit our key: the nodes are of two meshes")
        else:
            now = self._wires.clock.time()
            peer = End(target, f"memory://{self.name}", dialed=False, now=now)
            end.peer, peer.peer = peer, end
            target.ends[peer] = None
            self._wires.clock.call_later(target.limits.first_message, target.expect, peer)
            end.greeted, end.heard = True, now
            self._counts.dialed += 1
            self._events.connected(end)

    def _own(self, connection: Connection) -> End:
        self._check()
        assert isinstance(connection, End)
        return connection

    def _check(self) -> None:
        if self._events is None:
            raise MisplacedCall("the transport has not been started")
        if self.over:
            raise MisplacedCall("the transport has been stopped")
