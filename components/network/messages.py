"""What connections tell of themselves: who is at the other end, and what became of it.

Law: frozen records; a reason is a plain sentence, empty where all went as it should.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamesh.codec import register
from kamesh.components.network.trouble import shown

__all__ = ["Connected", "Disconnected", "Peer", "Refused"]


@register(name="network.Peer")
@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, and this one.

    For a Unix socket `host` is its path and both ports are 0. `subject` is who the other end's
    certificate says it is ("CN=anna,O=Example"), where TLS was told to ask for one.
    """

    host: str
    port: int
    local_host: str = ""
    local_port: int = 0
    subject: str = ""

    def __str__(self) -> str:
        """Write its address as people do."""
        return shown(self.host, self.port or None)


@register(name="network.Connected")
@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is there."""

    peer: Peer


@register(name="network.Disconnected")
@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection is over: why, if not simply at its end, and the bytes received and sent."""

    peer: Peer
    reason: str
    received: int
    sent: int


@register(name="network.Refused")
@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt to connect has failed: why, and in how many seconds the next one follows (-1: none)."""

    where: str
    reason: str
    again_in: float
