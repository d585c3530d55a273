"""Every option set on a libzmq socket, with its value and its reason, in one place.

Law: what is not listed here is libzmq's default on purpose. Figures from measurements on libzmq
4.3.5; times are milliseconds, as libzmq takes them.
"""

from __future__ import annotations

from kamesh.transport.interface import TransportLimits
from kamesh.trust import Credentials, Insecure

__all__ = ["DOMAIN", "Option", "accepting_options", "dialing_options"]

Option = tuple[str, int | bytes]

DOMAIN = b"kamesh"
ENVELOPE_BYTES = 128
"""What encryption may add to a frame (33 bytes in ZMTP 3.0 and 3.1)."""
BACKLOG = 1024
"""Connections the kernel holds for us: 500 nodes come back at once when a hub restarts."""


def _common(limits: TransportLimits, *, ipv6: bool) -> list[Option]:
    milliseconds = int(limits.unacknowledged * 1000)
    seconds = max(1, int(limits.unacknowledged) // 3)
    return [
        # Closing says how long it may take; nothing else ever waits.
        ("LINGER", 0),
        # Without marks a queue never fills. At a mark libzmq stops reading and answering, and
        # some socket types abort the process; the credit of links keeps these queues short.
        ("SNDHWM", 0),
        ("RCVHWM", 0),
        # Per frame, and checked before memory is taken. Either side cuts the connection.
        ("MAXMSGSIZE", limits.frame_bytes + ENVELOPE_BYTES),
        # Thousands of silent sockets would hold their descriptors 30 s by default.
        ("HANDSHAKE_IVL", int(limits.handshake * 1000)),
        # ZMTP heartbeats judge a peer by whole frames: they cut slow healthy ones for ever. The
        # kernel judges by bytes: unacknowledged ones, and probes where nothing is under way.
        ("HEARTBEAT_IVL", 0),
        ("TCP_MAXRT", milliseconds),
        ("TCP_KEEPALIVE", 1),
        ("TCP_KEEPALIVE_IDLE", seconds),
        ("TCP_KEEPALIVE_INTVL", seconds),
        ("TCP_KEEPALIVE_CNT", 2),
        ("IPV6", int(ipv6)),
    ]


def dialing_options(
    security: Credentials | Insecure, address: str, limits: TransportLimits, *, ipv6: bool
) -> list[Option]:
    """Return the options of a socket that is about to dial `address`."""
    options = [
        *_common(limits, ipv6=ipv6),
        # 0 would leave it to the kernel: more than two minutes.
        ("CONNECT_TIMEOUT", int(limits.connect * 1000)),
        # A connection lives once: whoever wants another dials again, with his own patience. But -1
        # ("never") has libzmq end the pipe too, with what had arrived and was not read yet: so
        # never is twelve days here.
        ("RECONNECT_IVL", 2**30),
    ]
    if isinstance(security, Insecure):
        return options
    keys = security.client_keys()
    return [
        *options,
        ("CURVE_PUBLICKEY", keys.public),
        ("CURVE_SECRETKEY", keys.secret),
        ("CURVE_SERVERKEY", security.server_key_at(address)),
    ]


def accepting_options(security: Credentials | Insecure, limits: TransportLimits) -> list[Option]:
    """Return the options of the socket that is about to be bound."""
    options = [
        *_common(limits, ipv6=False),
        ("BACKLOG", BACKLOG),
        # Say so when a peer is gone, instead of dropping what is sent to it.
        ("ROUTER_MANDATORY", 1),
        # No peer can take over the name of another; ours are random and made by libzmq.
        ("ROUTER_HANDOVER", 0),
    ]
    if isinstance(security, Insecure):
        return options
    keys = security.server_keys()
    return [
        *options,
        ("CURVE_SERVER", 1),
        ("CURVE_PUBLICKEY", keys.public),
        ("CURVE_SECRETKEY", keys.secret),
        # Both, or whoever has the server's key is let in while no handler answers.
        ("ZAP_DOMAIN", DOMAIN),
        ("ZAP_ENFORCE_DOMAIN", 1),
    ]
