"""Which network interfaces can carry multicast, tried before they are relied on.

Laws: trying takes microseconds and sends nothing; whatever is wrong is a sentence, not an error.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

_GROUP = "224.0.0.251"  # the group of multicast DNS; any would do to try


def is_ipv4(interface: str) -> bool:
    """Whether an interface is given as it has to be: by its IPv4 address."""
    try:
        return ip_address(interface).version == 4
    except ValueError:
        return False


def why_not(interface: str) -> str | None:
    """Return why an interface, by its IPv4 address, cannot carry multicast; None when it can."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.bind((interface, 0))
            group = socket.inet_aton(_GROUP) + socket.inet_aton(interface)
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError as error:
        return f"Zeroconf does without interface {interface}: {error.strerror or error}."
    return None


def told_in_vain(hosts: Sequence[str], interface: str) -> str | None:
    """Return a warning when a loopback address is announced where nobody can dial it."""
    local = [host for host in hosts if ip_address(host).is_loopback]
    if not local or ip_address(interface).is_loopback:
        return None
    return (
        f"Zeroconf announces {local[0]} on interface {interface}, where nobody can dial it: "
        f"let the node listen on {interface} or 0.0.0.0."
    )
