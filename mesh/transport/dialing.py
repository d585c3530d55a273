"""The side that dials: one socket of its own for each connection, used once.

Laws: the first event that ends a dial decides its reason; what arrived before the end is handed
over first; after the end the socket is closed and nothing queued in it is ever sent again.
"""

from __future__ import annotations

from collections.abc import Callable

from kamesh.transport.descriptors import inode_of
from kamesh.transport.interface import MisplacedCall
from kamesh.transport.monitor import Event, ending
from kamesh.transport.pump import Pump
from kamesh.transport.sockets import SETTLING_SECONDS, Carried, Parts, RawSocket, Setting

__all__ = ["DialedConnection"]

GRACE_SECONDS = 1.0
"""Beyond libzmq's own deadlines, for a name server and for the loop."""


class DialedConnection(Carried):
    """One dial, from its beginning to its end."""

    __slots__ = (
        "_began", "_deadline", "_descriptor", "_forget", "_handed", "_inode", "_pump", "_setting", "_socket",
        "_watch", "greeted",
    )  # fmt: skip

    def __init__(
        self,
        setting: Setting,
        address: str,
        key: bytes | None,
        forget: Callable[[DialedConnection], None],
    ) -> None:
        """Begin to wait; `begin` or `fail` follows. `forget` is called when it is over."""
        super().__init__(dialed=True, address=address, key=key)
        self._setting, self._forget = setting, forget
        self._began = setting.loop.time()
        self._socket: RawSocket | None = None
        self._pump: Pump | None = None
        self._watch: Pump | None = None
        self._descriptor, self._inode = -1, 0
        self.greeted = self._handed = False
        limits = setting.limits
        patience = limits.connect + limits.handshake + GRACE_SECONDS
        self._deadline = setting.loop.call_later(
            patience, self.fail, f"{address} did not answer within {patience:g} s"
        )

    def begin(self, socket: RawSocket) -> None:
        """Take the socket that has begun to connect."""
        loop = self._setting.loop
        self._socket = socket
        self._watch = Pump(loop, socket.events_descriptor, self._take_event, lambda: False)
        self._pump = Pump(loop, socket.descriptor, self._take, socket.arrived, self._rest)

    def fail(self, reason: str) -> None:
        """End it for this reason, from the loop, after what has arrived."""
        if self.alive and self.ending is None:
            self.ending = reason
            self._setting.loop.call_later(SETTLING_SECONDS, self._settle)

    def _settle(self) -> None:
        self.settled = True
        if self._pump is None:
            self._lose()
        else:
            self._pump.again()

    def transmit(self, parts: Parts, size: int) -> None:
        """Send one message."""
        counts = self._setting.counts
        if self.alive and not self.greeted:
            raise MisplacedCall(f"{self.address} has been dialled and is not connected yet")
        if self.alive and self._socket is not None and self._socket.send(parts, b""):
            counts.messages_sent += 1
            counts.bytes_sent += size
            if self._pump is not None:
                self._pump.look()
        else:
            counts.unsent += 1

    def finish(self) -> None:
        """Close; what was sent has the time of a farewell if there is anybody to hear it."""
        heard = self.greeted and self.ending is None
        self.release(self._setting.limits.farewell if heard else 0)

    def release(self, linger: float) -> None:
        """Give back all it holds."""
        if not self.alive:
            return
        self.alive = False
        self._deadline.cancel()
        for pump in (self._pump, self._watch):
            if pump is not None:
                pump.close()
        if self._socket is not None:
            self._socket.close(linger)
        self._forget(self)

    def silence(self) -> float | None:
        """Return the seconds since the last byte arrived, None if unknown."""
        grip = self._setting.grip
        return grip.silence(self._descriptor, self._inode) if self.alive else None

    def _take(self) -> bool:
        assert self._socket is not None
        arrival = self._socket.receive()
        if arrival is None:
            if self.settled:
                self._lose()
            return False
        while not self.greeted and self.alive and self._take_event():
            pass  # the handshake's success lies there, before the first message
        if not self.alive:
            return False
        setting = self._setting
        setting.counts.messages_received += 1
        setting.counts.bytes_received += arrival.size
        if len(arrival.frames) > setting.limits.frames:
            setting.counts.broken += 1
            self.ending = f"{self.address} sent a message of {len(arrival.frames)} frames"
            self._lose()
            return False
        self._handed = True
        setting.events.received(self, arrival.frames)
        return self.alive

    def _rest(self) -> None:
        """Tell the owner that this was all, if there was anything."""
        if self._handed:
            self._handed = False
            self._setting.events.settled()

    def _take_event(self) -> bool:
        assert self._socket is not None
        happened = self._socket.next_event()
        if happened is None:
            return False
        event, value = happened
        if event == Event.CONNECTED:
            self._descriptor, self._inode = value, inode_of(value)
        elif event == Event.HANDSHAKE_SUCCEEDED:
            self._deadline.cancel()
            self.greeted = True
            self._setting.counts.dialed += 1
            self._setting.events.connected(self)
        elif self.ending is None:
            waited = self._setting.loop.time() - self._began
            reason = ending(
                event, value, address=self.address, connected=self.greeted, waited=waited,
                limits=self._setting.limits,
            )  # fmt: skip
            if reason is not None:
                self.fail(reason)
        return self.alive

    def _lose(self) -> None:
        if self.alive:
            self.release(0)
            self._setting.counts.lost += 1
            self._setting.events.lost(self, self.ending or "")
