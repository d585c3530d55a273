"""What libzmq's monitor events mean for a connection, in words.

Laws: pure; one dialled connection ends at the first event that says so, whatever follows it. The
numbers are libzmq's own (zmq.h, stable since 4.3) and were checked against 4.3.5 event by event:
a refused port shows CLOSED alone, a failed handshake HANDSHAKE_FAILED_* and then DISCONNECTED.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

from kamesh.transport.interface import NOBODY_LISTENS, TransportLimits

__all__ = [
    "ACCEPTING_EVENTS",
    "DIALING_EVENTS",
    "HANDSHAKE_FAILURES",
    "Event",
    "ending",
    "parse_event",
]


class Event(IntEnum):
    """The monitor events used here."""

    CONNECTED = 0x0001
    ACCEPTED = 0x0020
    CLOSED = 0x0080
    DISCONNECTED = 0x0200
    HANDSHAKE_FAILED_NO_DETAIL = 0x0800
    HANDSHAKE_SUCCEEDED = 0x1000
    HANDSHAKE_FAILED_PROTOCOL = 0x2000
    HANDSHAKE_FAILED_AUTH = 0x4000


HANDSHAKE_FAILURES = frozenset(
    {
        Event.HANDSHAKE_FAILED_NO_DETAIL,
        Event.HANDSHAKE_FAILED_PROTOCOL,
        Event.HANDSHAKE_FAILED_AUTH,
    }
)
DIALING_EVENTS = (
    Event.CONNECTED
    | Event.CLOSED
    | Event.DISCONNECTED
    | Event.HANDSHAKE_SUCCEEDED
    | Event.HANDSHAKE_FAILED_NO_DETAIL
    | Event.HANDSHAKE_FAILED_PROTOCOL
    | Event.HANDSHAKE_FAILED_AUTH
)
ACCEPTING_EVENTS = (
    Event.ACCEPTED
    | Event.DISCONNECTED
    | Event.HANDSHAKE_FAILED_NO_DETAIL
    | Event.HANDSHAKE_FAILED_PROTOCOL
    | Event.HANDSHAKE_FAILED_AUTH
)

MECHANISM_MISMATCH = 0x11000002
CRYPTOGRAPHIC = 0x11000001
_HEAD = struct.Struct("=HI")


def parse_event(frames: Sequence[bytes]) -> tuple[int, int]:
    """Return the event and its value: a descriptor, an error number or a status."""
    event, value = _HEAD.unpack(frames[0])
    return event, value


def ending(
    event: int, value: int, *, address: str, connected: bool, waited: float, limits: TransportLimits
) -> str | None:
    """Return why a dialled connection ended, in a sentence; None if this event does not end it.

    `waited` is how long ago it was dialled, in seconds.
    """
    if event == Event.CLOSED:
        if waited >= limits.connect * 0.9:
            return f"{address} did not answer within {limits.connect:g} s"
        return f"{NOBODY_LISTENS} {address}"
    if event == Event.HANDSHAKE_FAILED_AUTH:
        if value == 400:
            return f"{address} does not admit our key (status 400): the nodes are of two meshes"
        return f"{address} could not judge our key (status {value})"
    if event == Event.HANDSHAKE_FAILED_PROTOCOL:
        if value == MECHANISM_MISMATCH:
            return f"{address} does not use our kind of security: only one side is encrypted"
        if value == CRYPTOGRAPHIC:
            return f"{address} cannot prove to hold the expected key"
        return f"{address} does not speak our protocol (error {value:#x})"
    if event == Event.HANDSHAKE_FAILED_NO_DETAIL:
        if waited >= limits.handshake * 0.9:
            return f"{address} accepted and then did not greet within {limits.handshake:g} s"
        return (
            f"{address} hung up during the handshake: "
            f"it has another mesh key or does not speak our protocol"
        )
    if event == Event.DISCONNECTED:
        if connected:
            return cut(address, limits)
        return f"{address} hung up before the handshake was done"
    return None


def cut(address: str, limits: TransportLimits) -> str:
    """Return what is known when an established connection ends: libzmq does not say why."""
    return (
        f"the connection with {address} ended: the peer left or was out of reach for "
        f"{limits.unacknowledged:g} s, or a frame was larger than {limits.frame_bytes:,} bytes"
    )
