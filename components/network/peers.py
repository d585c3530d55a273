"""Who is at the two ends of a connection, as far as its transport can tell.

Law: a connection that is gone already has ends all the same: the address "" and the port 0, or what
the caller knows.
"""

from __future__ import annotations

from typing import Any, Protocol

from kamesh.components.network.messages import Peer

__all__ = ["peer_of"]


class Transport(Protocol):
    """What knows of a connection: one of asyncio's, or what stands for it."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what is known by this name."""


def peer_of(transport: Transport | None, host: str = "", port: int = 0) -> Peer:
    """Name both ends of a connection over IP, and whom the certificate of the other one names.

    `host` and `port` are what is said of the other end if it is gone already.
    """
    if transport is None:
        return Peer(host, port)
    there = transport.get_extra_info("peername") or (host, port)
    here = transport.get_extra_info("sockname") or ("", 0)
    subject = subject_of(transport.get_extra_info("peercert"))
    return Peer(there[0], there[1], here[0], here[1], subject)


def subject_of(certificate: object) -> str:
    """Write the subject of a certificate, as `getpeercert` gives it, in one line; "" if there is none."""
    if not isinstance(certificate, dict):
        return ""
    names = [pair for group in certificate.get("subject", ()) for pair in group]
    return ",".join(f"{_SHORT.get(name, name)}={value}" for name, value in names)


_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}
