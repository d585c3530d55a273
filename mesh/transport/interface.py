"""What a transport is: whole messages of frames over connections that live once and die once.

Laws that every transport here keeps:

1. Everything happens in the thread of the event loop that called `start`, and no method blocks.
   `connected`, `received` and `lost` are called from the loop, never from inside `dial`, `send`
   or `close`.
2. For one connection: `connected` once, then `received` in the order sent, then `lost` once. A dial
   that fails gets `lost` alone. A connection never comes back: dialling again makes a new one.
3. After `received`, whether for one message or for many, `settled` is called in the same callback of
   the loop: the moment to answer all of it together.
4. What was accepted by `send` either arrives whole and in order or is lost together with all that
   was sent after it, and then the connection is lost as well. There are no gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kamesh.errors import KameshError

__all__ = [
    "NOBODY_LISTENS",
    "AddressTaken",
    "BadAddress",
    "Buffer",
    "Connection",
    "Events",
    "FrameRefused",
    "InsecureAddress",
    "MisplacedCall",
    "Transport",
    "TransportError",
    "TransportLimits",
    "TransportStatistics",
]

Buffer = bytes | bytearray | memoryview
"""What a frame is sent from: contiguous, and not changed afterwards."""

NOBODY_LISTENS = "nothing accepts connections at"
"""How the reason begins where a host is there and nobody listens: whoever did is gone."""

KIB = 1024
MIB = 1024 * KIB


class TransportError(KameshError):
    """A transport was asked for something it cannot do; the text is a sentence for the user."""


class BadAddress(TransportError):
    """The address is not one this transport can bind or dial."""


class AddressTaken(TransportError):
    """Somebody else is bound to the address."""


class InsecureAddress(TransportError):
    """Unencrypted traffic would leave this host without having been allowed to."""


class FrameRefused(TransportError):
    """A message the other side would refuse: too many frames, one too large, or none at all."""


class MisplacedCall(TransportError):
    """A transport was used from another thread, a forked process, before start or after stop."""


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """How much a peer may take; every field is a count, bytes or seconds.

    Raise `frame_bytes` for larger single buffers (a peer can make this node hold that much at
    once); both sides must agree, since the smaller one cuts the connection. Raise `connections`
    for a hub of more nodes; each costs about three descriptors. Raise the times for slow networks:
    they only bound how long a connection may take to begin, never how long it may be quiet.
    """

    frame_bytes: int = 64 * MIB + 64 * KIB
    """The largest single frame, either way: the largest message of a link and what goes with it."""
    frames: int = 4096
    """The most frames in one message, either way."""
    connections: int = 1024
    """The most accepted connections at a time; further ones are cut and counted as refused."""
    unheard: int = 1024
    """The most accepted sockets that have not said anything yet; beyond it the oldest is cut.
    Never more than half of the descriptors this process may open."""
    connect: float = 1.0
    """How long a dial waits for the other host to answer."""
    handshake: float = 2.0
    """How long the two sides have to prove who they are."""
    first_message: float = 2.5
    """How long an accepted socket may stay without a first message; more than `handshake`."""
    unacknowledged: float = 3.0
    """How long sent bytes may stay unacknowledged by the other host before it counts as gone."""
    farewell: float = 0.5
    """How long a connection closed on purpose has to bring its last words across."""


@dataclass(frozen=True, slots=True)
class TransportStatistics:
    """What a transport has done since its start. All but `open` only ever grow.

    `refused` counts peers turned away: not admitted, a failed handshake, silent for too long, or
    beyond the limit of connections. `broken` counts connections cut for what came over them.
    `unsent` counts messages given to a connection that was dead already.
    """

    open: int = 0
    dialed: int = 0
    accepted: int = 0
    lost: int = 0
    refused: int = 0
    broken: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    unsent: int = 0


class Connection(Protocol):
    """One connection to one peer: opaque, hashable, equal only to itself."""

    @property
    def dialed(self) -> bool:
        """True if this side dialled, False if it accepted."""
        ...

    @property
    def address(self) -> str:
        """The address dialled, or as much of the peer's as is known."""
        ...

    @property
    def key(self) -> bytes | None:
        """The peer's public key as proved by the handshake; None where nothing is proved."""
        ...


class Events(Protocol):
    """What a transport tells its owner. An exception raised here is reported to the event loop."""

    def connected(self, connection: Connection) -> None:
        """Tell that a dial succeeded, or that a peer is about to be heard for the first time."""
        ...

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        """Hand over one whole message: small frames as bytes, large ones as views."""
        ...

    def settled(self) -> None:
        """Tell that all which had arrived by now has been handed over by `received`."""
        ...

    def lost(self, connection: Connection, reason: str) -> None:
        """Tell that the connection is dead for good, and why, in a sentence."""
        ...


class Transport(Protocol):
    """Carries messages between processes; see the laws at the head of this file."""

    def start(self, events: Events) -> None:
        """Begin, inside the running event loop."""
        ...

    def bind(self, address: str) -> str:
        """Accept connections at `address`; return it with the actual port.

        Raises AddressTaken, BadAddress or InsecureAddress.
        """
        ...

    def dial(self, address: str) -> Connection:
        """Begin to connect; `connected` or `lost` follows within a few seconds.

        Raises BadAddress or InsecureAddress; all else is told by `lost`.
        """
        ...

    def send(self, connection: Connection, frames: Sequence[Buffer]) -> None:
        """Send one message; on a dead connection do nothing, for `lost` came or comes.

        Raises FrameRefused for what no peer would take, MisplacedCall in a wrong thread or process
        and before `connected`.
        """
        ...

    def close(self, connection: Connection) -> None:
        """End a connection without a `lost` on this side; what was sent has `farewell` seconds."""
        ...

    def silence(self, connection: Connection) -> float | None:
        """Seconds since the last byte from the peer, part of a message or not; None if unknown.

        A large message on a slow network takes longer to arrive than a peer may be quiet: ask this
        before calling a peer dead.
        """
        ...

    async def stop(self, linger: float = 1.0) -> None:
        """Close everything; what was sent has `linger` seconds. No event comes afterwards."""
        ...

    def statistics(self) -> TransportStatistics:
        """Return the counters so far."""
        ...
