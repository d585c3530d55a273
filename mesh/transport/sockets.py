"""What the two sides of a socket transport, dialling and accepting, share and ask of their sockets.

Laws: nothing here or in `dialing` and `accepting` imports zmq: they decide, and `zeromq` carries
out; a connection ends once, from the loop, after all that had arrived before its end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from kamesh.transport.counts import Counts
from kamesh.transport.descriptors import Grip
from kamesh.transport.interface import Events, TransportLimits

__all__ = ["SETTLING_SECONDS", "Arrival", "Carried", "Parts", "RawSocket", "Setting"]

Parts = list[bytes | memoryview]

SETTLING_SECONDS = 0.002
"""libzmq says that a connection has ended just before it hands over the last of what arrived."""


class Arrival(Protocol):
    """One whole message from a socket."""

    route: bytes
    frames: Parts
    size: int

    def origin(self) -> tuple[int, bytes | None]:
        """Return the descriptor it came over (-1 if unknown) and the peer's proved public key."""
        ...


class RawSocket(Protocol):
    """One socket of libzmq and the monitor that watches it. Nothing here waits."""

    descriptor: int
    events_descriptor: int

    def arrived(self) -> bool:
        """Say whether a message waits."""
        ...

    def receive(self) -> Arrival | None:
        """Take the next message, None if there is none."""
        ...

    def next_event(self) -> tuple[int, int] | None:
        """Take the next monitor event and its value, None if there is none."""
        ...

    def send(self, parts: Parts, route: bytes) -> bool:
        """Queue one message; False if there is nobody to send it to."""
        ...

    def close(self, linger: float) -> None:
        """Close socket and monitor; what was sent has `linger` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What both sides work with."""

    loop: asyncio.AbstractEventLoop
    events: Events
    limits: TransportLimits
    counts: Counts
    grip: Grip


class Carried:
    """A connection of either side.

    `ending` is the reason once it has ended, while what had arrived before is still being read;
    `settled` once that is all there to be read; `alive` is False once its owner has been told, or
    has closed it.
    """

    __slots__ = ("address", "alive", "dialed", "ending", "key", "settled")

    def __init__(self, *, dialed: bool, address: str, key: bytes | None) -> None:
        """Begin alive."""
        self.dialed, self.address, self.key = dialed, address, key
        self.alive, self.settled = True, False
        self.ending: str | None = None

    def transmit(self, parts: Parts, size: int) -> None:
        """Send one message."""
        raise NotImplementedError

    def finish(self) -> None:
        """Close on the owner's behalf: no `lost` follows."""
        raise NotImplementedError

    def silence(self) -> float | None:
        """Return the seconds since the last byte arrived, None if unknown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Show which side, whom, and whether it lives."""
        way = "to" if self.dialed else "from"
        return f"<connection {way} {self.address}{'' if self.alive else ', ended'}>"
