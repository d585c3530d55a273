"""Network interfaces: found by name or address, and watched as they vanish and come back.

Laws
1. An interface is named by whoever uses it; a wrong name is answered with the names there are.
2. Nothing is polled: the kernel says when an interface or an address changes (rtnetlink); only where
   it does not, somebody has to look again by the clock.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from kamesh.components.network.trouble import NetworkError
from kamesh.linking import did_you_mean

__all__ = ["Interface", "InterfaceNews", "find_interface", "interfaces"]

SIOCGIFCONF = 0x8912
IFREQ = 40  # bytes of a `struct ifreq` where a pointer has 8
IF_INET6 = Path("/proc/net/if_inet6")
LINK, IPV4_ADDRESS, IPV6_ADDRESS = 0x1, 0x10, 0x100  # groups of rtnetlink


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface: its name, its number, its addresses (IPv4 first)."""

    name: str
    index: int
    addresses: tuple[str, ...] = ()

    def address(self, family: int) -> str:
        """Give its first address of a family; "" if it has none."""
        six = family == socket.AF_INET6
        return next((one for one in self.addresses if (":" in one) == six), "")


def interfaces() -> list[Interface]:
    """Give the interfaces of this machine (of this network namespace) that there are now."""
    addresses: dict[str, list[str]] = {}
    for name, address in [*_ipv4(), *_ipv6()]:
        addresses.setdefault(name, []).append(address)
    return [Interface(name, index, tuple(addresses.get(name, ()))) for index, name in socket.if_nameindex()]


def find_interface(wanted: str, among: list[Interface] | None = None) -> Interface:
    """Find an interface by its name or by one of its addresses; NetworkError lists what there is.

    Example: `find_interface("eth0")`, `find_interface("192.0.2.7")`.
    """
    found = interfaces() if among is None else among
    with contextlib.suppress(ValueError):
        wanted = str(ipaddress.ip_address(wanted))
    for one in found:
        if wanted == one.name or wanted in one.addresses:
            return one
    names = [one.name for one in found]
    shown = ", ".join(f"{one.name} ({', '.join(one.addresses) or 'no address'})" for one in found)
    raise NetworkError(
        f"there is no network interface {wanted!r} here{did_you_mean(wanted, names)}: "
        f"there are {shown or 'none at all'}"
    )


def _ipv4() -> list[tuple[str, str]]:
    room = array.array("B", bytes(IFREQ * 256))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("iL", len(room), room.buffer_info()[0])
        (used,) = struct.unpack_from("i", fcntl.ioctl(sock.fileno(), SIOCGIFCONF, request))
    records = [room[at : at + IFREQ].tobytes() for at in range(0, used, IFREQ)]
    return [
        (record[:16].split(b"\0")[0].decode().split(":")[0], socket.inet_ntoa(record[20:24]))
        for record in records
    ]


def _ipv6() -> list[tuple[str, str]]:
    try:
        lines = [line.split() for line in IF_INET6.read_text().splitlines()]
    except OSError:  # this machine has no IPv6
        return []
    return [(words[5], str(ipaddress.IPv6Address(bytes.fromhex(words[0])))) for words in lines]


class InterfaceNews:
    """Says that something about the interfaces has changed.

    It is a socket to watch (`fileno`); after `heard()` whoever wants to know looks again. Where the
    kernel does not tell, `fileno` is -1.
    """

    def __init__(self) -> None:
        """Begin to listen to the kernel."""
        self._sock: socket.socket | None = None
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        except OSError:
            return
        try:
            sock.bind((0, LINK | IPV4_ADDRESS | IPV6_ADDRESS))
            sock.setblocking(False)
            self._sock = sock
        except OSError:
            sock.close()

    def fileno(self) -> int:
        """Give the descriptor to watch, or -1."""
        return -1 if self._sock is None else self._sock.fileno()

    def heard(self) -> bool:
        """Take what the kernel has said; True if it has said something since the last time."""
        news = False
        while self._sock is not None:
            try:
                self._sock.recv(65536)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: there was more than fits, so something has changed
                news = True
                break
            news = True
        return news

    def close(self) -> None:
        """Listen no longer."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
