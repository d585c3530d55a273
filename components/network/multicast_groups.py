"""Multicast groups: what to join, which sources to hear, and the socket for each.

Laws
1. One socket for each group, bound to the group: it hears that group and nothing else, and no group
   that another program has joined.
2. A group is heard from all sources or from those that were named; the last of these to be left
   leaves the group.
3. What is to be done is decided here without a socket; whoever has the sockets carries it out.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Literal

from kamesh.codec import register
from kamesh.components.network.multicast_interfaces import Interface
from kamesh.components.refusing import WrongFigure

__all__ = ["Groups", "JoinGroup", "LeaveGroup", "Step", "checked_group", "receiving", "sending"]

# of Linux, not in the `socket` module
MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE, MCAST_LEAVE_SOURCE = 42, 46, 47
IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29
GROUP_ON, GROUP_FROM = "@I4x128s", "@I4x128s128s"


@register(name="network.JoinGroup")
@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Told to a multicast receiver on control: hear `group` too, from `source` alone if one is named.

    Example: `JoinGroup("239.255.1.2")`, `JoinGroup("ff3e::8000:1", source="fd00::7")`.
    """

    group: str
    source: str = ""


@register(name="network.LeaveGroup")
@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Told to a multicast receiver on control: hear `group` no longer, or `source` no longer in it."""

    group: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with a group: its socket opened or closed, or a source added or dropped."""

    what: Literal["open", "close", "add", "drop"]
    group: str
    source: str = ""


class Groups:
    """Which groups are to be heard, and from which sources.

    Example:
        groups = Groups()
        groups.join("239.255.1.1", "")     # [Step("open", "239.255.1.1")]
        groups.leave("239.255.1.1", "")    # [Step("close", "239.255.1.1")]
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.wanted: dict[str, set[str]] = {}  # the sources of each group; none are all

    def join(self, group: str, source: str) -> list[Step]:
        """Hear a group too, or another source in it; what is heard already needs nothing."""
        group, source = checked_group(group), _checked_source(source, group)
        sources = self.wanted.get(group)
        if sources is None:
            self.wanted[group] = {source} - {""}
            return [Step("open", group)]
        if not sources or source in sources:  # from all, this one among them
            return []
        if not source:
            sources.clear()
            return [Step("close", group), Step("open", group)]
        sources.add(source)
        return [Step("add", group, source)]

    def leave(self, group: str, source: str) -> list[Step]:
        """Hear a group no longer, or one source in it; what is not heard needs nothing."""
        group, source = checked_group(group), _checked_source(source, group)
        sources = self.wanted.get(group)
        if sources is None or (source and source not in sources):
            return []
        if source and len(sources) > 1:
            sources.discard(source)
            return [Step("drop", group, source)]
        del self.wanted[group]
        return [Step("close", group)]


def checked_group(group: str) -> str:
    """Give `group` as it is usually written; WrongFigure if it is not a multicast address."""
    try:
        address = ipaddress.ip_address(group)
    except ValueError:
        raise WrongFigure(f"{group!r} is not a multicast group: an address such as 239.255.1.1") from None
    if not address.is_multicast:
        raise WrongFigure(
            f"{group} is not a multicast group: those are 224.0.0.0 to 239.255.255.255, and of IPv6 "
            f"what begins with ff"
        )
    return str(address)


def _checked_source(source: str, group: str) -> str:
    if not source:
        return ""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        raise WrongFigure(f"{source!r} is not the address of a source, such as 192.0.2.7") from None
    if address.version != ipaddress.ip_address(group).version or address.is_multicast:
        raise WrongFigure(f"{source} cannot be a source in the group {group}")
    return str(address)


def _family(group: str) -> int:
    return socket.AF_INET6 if ":" in group else socket.AF_INET


def _level(family: int) -> int:
    return socket.IPPROTO_IPV6 if family == socket.AF_INET6 else socket.IPPROTO_IP


def _storage(address: str, interface: Interface) -> bytes:
    """Give an address as a `struct sockaddr_storage`."""
    if _family(address) == socket.AF_INET:
        return struct.pack("=H2x4s", socket.AF_INET, socket.inet_aton(address))
    packed = socket.inet_pton(socket.AF_INET6, address)
    scope = interface.index if ipaddress.ip_address(address).is_link_local else 0
    return struct.pack("=H6x16sI", socket.AF_INET6, packed, scope)


def receiving(group: str, port: int, sources: set[str], interface: Interface) -> socket.socket:
    """Make a socket that hears `group` at `port` from `interface`; OSError if it cannot be."""
    family = _family(group)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that several may, each a copy
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
            sock.bind((group, port))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
            sock.bind((group, port, 0, interface.index))
        if not sources:
            request = struct.pack(GROUP_ON, interface.index, _storage(group, interface))
            sock.setsockopt(_level(family), MCAST_JOIN_GROUP, request)
        for source in sorted(sources):
            change_source(sock, "add", group, source, interface)
    except OSError:
        sock.close()
        raise
    return sock


def change_source(
    sock: socket.socket, what: str, group: str, source: str, interface: Interface
) -> None:
    """Hear another source in the group of a socket ("add"), or one no longer ("drop")."""
    request = struct.pack(
        GROUP_FROM, interface.index, _storage(group, interface), _storage(source, interface)
    )
    option = MCAST_JOIN_SOURCE if what == "add" else MCAST_LEAVE_SOURCE
    sock.setsockopt(_level(sock.family), option, request)


def sending(group: str, interface: Interface, ttl: int, loop: bool) -> socket.socket:
    """Make a socket that sends to groups of the family of `group` by `interface`; or OSError."""
    family = _family(group)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET:
            by = struct.pack("@4s4si", bytes(4), bytes(4), interface.index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, by)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, int(loop))
            if address := interface.address(family):
                sock.bind((address, 0))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ttl)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, int(loop))
    except OSError:
        sock.close()
        raise
    return sock
