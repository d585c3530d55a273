"""Status: what becomes of the connections of a client that comes back, told as TCPClient tells it.

Law: each attempt is told as one Refused, or as one Connected and then one Disconnected; nobody who
listens can hold the client up.
"""

from __future__ import annotations

from kamesh import Component
from kamesh.components.network.messages import Connected, Disconnected, Peer, Refused
from kamesh.components.sending import tell

__all__ = ["STATUS", "Status"]

STATUS = "Connected, Disconnected and Refused, as it happens"


class Status:
    """Tells on the outbox "status" of a component.

    Example:
        status.connected(peer)
        status.received += len(data)
        status.over("it broke off", wait)       # Disconnected; without a connection, Refused
    """

    def __init__(self, component: Component, where: str) -> None:
        """Tell what becomes of the attempts of `component` to reach `where`."""
        self._component = component
        self._where = where
        self._peer: Peer | None = None
        self.connections = self.untold = 0
        self.received = self.sent = 0  # bytes, in this connection

    def connected(self, peer: Peer) -> None:
        """Tell that there is a connection."""
        self._peer = peer
        self.connections += 1
        self.received = self.sent = 0
        self._tell(Connected(peer))

    def over(self, reason: str = "", again_in: float | None = None) -> None:
        """Tell that it is over, or (with a reason) that there was none; the next one is `again_in`."""
        peer, self._peer = self._peer, None
        if peer is not None:
            self._tell(Disconnected(peer, reason, self.received, self.sent))
        elif reason:
            self._tell(Refused(self._where, reason, -1.0 if again_in is None else again_in))

    def details(self) -> dict[str, int]:
        """Count the connections, and what was not told for want of room."""
        return {"connected": self.connections, "untold": self.untold}

    def _tell(self, record: object) -> None:
        self.untold += not tell(self._component, record, "status")
