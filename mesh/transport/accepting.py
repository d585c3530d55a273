"""The side that accepts: many peers over one bound socket, each known by libzmq's name for it.

Laws:

1. A peer is a connection from its first message on, and one that stays mute is cut.
2. Names are made by libzmq at random, one for each connection: nobody can take another's, and a
   name that has ended is not listened to again.
3. A peer that takes more than its share is cut at its own socket; the others do not notice.
"""

from __future__ import annotations

import asyncio
import resource

from kamesh.transport.descriptors import AcceptedSocket, AcceptedSockets
from kamesh.transport.monitor import HANDSHAKE_FAILURES, Event, cut
from kamesh.transport.pump import Pump
from kamesh.transport.sockets import (
    SETTLING_SECONDS,
    Arrival,
    Carried,
    Parts,
    RawSocket,
    Setting,
)

__all__ = ["AcceptedConnection", "Acceptor"]

SWEEP_SECONDS = 0.25
REMEMBERED = 4096
RESERVED_DESCRIPTORS = 16
"""An accepted socket this near to the end means that descriptors are running out."""


class AcceptedConnection(Carried):
    """One peer that has dialled us and said something."""

    __slots__ = ("_acceptor", "route", "socket")

    def __init__(self, acceptor: Acceptor, route: bytes, address: str, key: bytes | None) -> None:
        """Begin alive; `socket` is known unless two peers claimed it."""
        super().__init__(dialed=False, address=address, key=key)
        self._acceptor, self.route = acceptor, route
        self.socket: AcceptedSocket | None = None

    def transmit(self, parts: Parts, size: int) -> None:
        """Send one message."""
        self._acceptor.transmit(self, parts, size)

    def finish(self) -> None:
        """Close; its socket is cut when what was sent has had the time to leave."""
        self._acceptor.finish(self)

    def silence(self) -> float | None:
        """Return the seconds since the last byte arrived, None if unknown."""
        if not self.alive or self.socket is None or self.socket.owner is not self:
            return None
        return self._acceptor.grip.silence(self.socket.descriptor, self.socket.inode)


class Acceptor:
    """The bound socket and everyone heard over it."""

    def __init__(self, setting: Setting, socket: RawSocket) -> None:
        """Begin to read; binding is the caller's."""
        self._setting, self._socket = setting, socket
        self.grip = setting.grip
        self._peers: dict[bytes, AcceptedConnection] = {}
        self._forgotten: dict[bytes, None] = {}
        self._ended: list[AcceptedConnection] = []
        self._sockets = AcceptedSockets()
        self._sweeping: asyncio.TimerHandle | None = None
        self._crowded = self._pressed = self._closed = self._handed = False
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        most = most if most != resource.RLIM_INFINITY else 2**31
        self._most_mute = min(setting.limits.unheard, most // 2)
        self._last_descriptors = most - RESERVED_DESCRIPTORS
        self._watch = Pump(setting.loop, socket.events_descriptor, self._take_event, lambda: False)
        loop, take = setting.loop, self._take
        self._pump = Pump(loop, socket.descriptor, take, socket.arrived, self._rest)

    def __len__(self) -> int:
        """How many peers there are."""
        return len(self._peers)

    def look(self) -> None:
        """Read if something waits; to be called after other calls on the socket."""
        self._pump.look()

    def transmit(self, connection: AcceptedConnection, parts: Parts, size: int) -> None:
        """Send one message to one peer."""
        counts = self._setting.counts
        if connection.alive and self._socket.send(parts, connection.route):
            counts.messages_sent += 1
            counts.bytes_sent += size
        else:
            counts.unsent += 1
            self._end(connection)
        self._pump.look()

    def finish(self, connection: AcceptedConnection) -> None:
        """Close a connection without a `lost`."""
        if connection.alive:
            self._forget(connection)
            if connection.socket is not None and not self._closed:
                farewell = self._setting.limits.farewell
                self._setting.loop.call_later(farewell, self._cut, connection.socket, connection)

    def close(self, linger: float) -> None:
        """Close everything, telling nobody."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._peers.values()):
            self._forget(connection)
        self._pump.close()
        self._watch.close()
        self._socket.close(linger)

    # --- messages ---

    def _take(self) -> bool:
        arrival = self._socket.receive()
        if arrival is None:
            self._lose_ended()
            return False
        connection = self._peers.get(arrival.route) or self._meet(arrival)
        if connection is None or not connection.alive:
            return not self._closed
        setting = self._setting
        setting.counts.messages_received += 1
        setting.counts.bytes_received += arrival.size
        if len(arrival.frames) <= setting.limits.frames:
            self._handed = True
            setting.events.received(connection, arrival.frames)
        else:
            setting.counts.broken += 1
            entry, many = connection.socket, len(arrival.frames)
            self._lose(connection, f"{connection.address} sent a message of {many} frames")
            self._cut(entry, connection)
        return not self._closed

    def _rest(self) -> None:
        """Tell the owner that this was all, if there was anything."""
        if self._handed:
            self._handed = False
            self._setting.events.settled()

    def _meet(self, arrival: Arrival) -> AcceptedConnection | None:
        """Make a connection of a peer's first message, if it may have one."""
        if arrival.route in self._forgotten:
            return None
        descriptor, key = arrival.origin()
        self._read_events()
        left = descriptor >= 0 and not self._sockets.knows(descriptor)
        connection = AcceptedConnection(self, arrival.route, "an unknown address", key)
        connection.socket = entry = self._sockets.claim(descriptor, connection)
        if entry is not None:
            connection.address = self.grip.peer(entry.descriptor, entry.inode) or connection.address
        if len(self._peers) >= self._setting.limits.connections:
            self._setting.counts.refused += 1
            self._forget(connection)
            self._cut(entry, connection)
            return None
        self._peers[arrival.route] = connection
        if left:
            self._end(connection)  # it had gone before its first message was read
        self._setting.counts.accepted += 1
        self._setting.events.connected(connection)
        return connection

    # --- endings ---

    def _end(self, connection: AcceptedConnection) -> None:
        """Note that a peer is gone; its owner is told when all it sent has been read."""
        if connection.alive and connection.ending is None:
            connection.ending = cut(connection.address, self._setting.limits)
            self._setting.loop.call_later(SETTLING_SECONDS, self._settle, connection)

    def _settle(self, connection: AcceptedConnection) -> None:
        connection.settled = True
        self._ended.append(connection)
        self._pump.again()

    def _lose_ended(self) -> None:
        ended, self._ended = self._ended, []
        for place, connection in enumerate(ended):
            try:
                self._lose(connection, connection.ending or "")
            except BaseException:
                self._ended += ended[place + 1 :]
                raise

    def _lose(self, connection: AcceptedConnection, reason: str) -> None:
        if connection.alive:
            self._forget(connection)
            self._setting.counts.lost += 1
            self._setting.events.lost(connection, reason)

    def _forget(self, connection: AcceptedConnection) -> None:
        connection.alive = False
        self._peers.pop(connection.route, None)
        self._forgotten[connection.route] = None
        if len(self._forgotten) > REMEMBERED:
            del self._forgotten[next(iter(self._forgotten))]

    def _cut(self, entry: AcceptedSocket | None, owner: object) -> None:
        """End a peer's socket, if it is certainly still that socket."""
        if entry is None or self._closed:
            return
        self._read_events()
        if self._sockets.current(entry) and entry.owner is owner:
            self.grip.cut(entry.descriptor, entry.inode)

    # --- the listener's sockets ---

    def _read_events(self) -> None:
        while self._take_event():
            pass

    def _take_event(self) -> bool:
        happened = self._socket.next_event()
        if happened is None:
            return False
        event, value = happened
        if event == Event.ACCEPTED:
            self._sockets.accepted(value, self._setting.loop.time())
            self._pressed |= value >= self._last_descriptors
            self._arm()
        elif event == Event.DISCONNECTED:
            entry = self._sockets.gone(value)
            if entry is not None and isinstance(entry.owner, AcceptedConnection):
                self._end(entry.owner)
        elif event in HANDSHAKE_FAILURES:
            self._setting.counts.refused += 1
        return True

    def _sweep(self) -> None:
        """Cut the sockets that have been mute for too long, or are too many."""
        if self._closed:
            return
        if self._sweeping is not None:
            self._sweeping.cancel()
        at_most = self._sockets.mute // 2 if self._pressed else self._most_mute
        self._sweeping, self._crowded, self._pressed = None, False, False
        self._read_events()
        before = self._setting.loop.time() - self._setting.limits.first_message
        for entry in self._sockets.overdue(before, at_most):
            self._setting.counts.refused += 1
            self._cut(entry, None)
        self._arm()

    def _arm(self) -> None:
        loop = self._setting.loop
        if self._sockets.mute and self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep)
        if (self._pressed or self._sockets.mute > self._most_mute) and not self._crowded:
            self._crowded = True
            self._pump.again()  # whose first message waits here is not mute
            loop.call_soon(self._sweep)
