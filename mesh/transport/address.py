"""Addresses: `tcp://host:port` and `ipc:///path`, checked before libzmq sees them.

Laws: everything wrong with an address is a BadAddress whose sentence names the address; nothing is
resolved here, so nothing here waits for a network. (libzmq would take port 99999 for 34463, would
resolve names in its I/O thread while all traffic waits, and would take over a living ipc path.)
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from kamesh.transport.interface import AddressTaken, BadAddress, TransportError

__all__ = ["Address", "bind_error", "parse", "prepare_ipc"]

IPC_PATH_BYTES = 107
HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Address:
    """One address, taken apart. `host` is a literal, a name, or (for ipc) empty."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def is_literal(self) -> bool:
        """True if nothing needs to be resolved."""
        return self.scheme == "ipc" or is_ip(self.host)

    @property
    def is_ipv6(self) -> bool:
        """True for an IPv6 literal."""
        return ":" in self.host

    @property
    def is_this_host(self) -> bool:
        """True for ipc and loopback: what is said there does not leave this host."""
        return self.scheme == "ipc" or (is_ip(self.host) and ip_address(self.host).is_loopback)

    def at(self, host: str) -> Address:
        """Return the same address with its name resolved."""
        return Address(self.scheme, host, self.port)

    def __str__(self) -> str:
        """Write it as it is dialled."""
        if self.scheme == "ipc":
            return f"ipc://{self.path}"
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return f"tcp://{host}:{self.port}"


def is_ip(host: str) -> bool:
    """Say whether this is an IPv4 or IPv6 literal."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def parse(address: str, *, binding: bool) -> Address:
    """Take an address apart; raise BadAddress with a sentence if it is not one.

    For binding, port 0 means any free port, `*` every IPv4 interface, and the host is a number;
    `localhost` is 127.0.0.1.
    """
    scheme, separator, rest = address.partition("://")
    if scheme == "ipc" and separator:
        return _parse_ipc(address, rest)
    if scheme != "tcp" or not separator:
        raise BadAddress(f"{address!r} is not an address: write tcp://HOST:PORT or ipc:///PATH")
    host, colon, digits = rest.rpartition(":")
    if not colon or not (digits == "*" or (digits.isascii() and digits.isdigit())):
        raise BadAddress(f"{address!r} has no port number: write tcp://HOST:PORT")
    port = 0 if digits == "*" else int(digits[:6])
    if port > 65535 or (port == 0 and not binding):
        raise BadAddress(f"{address!r} has port {digits}: it must be 1 to 65535")
    return Address("tcp", _host(address, host, binding), port)


def _host(address: str, host: str, binding: bool) -> str:
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BadAddress(f"{address!r}: an IPv6 address is written in brackets, tcp://[::1]:PORT")
    if host == "localhost":
        return "127.0.0.1"
    if host == "*" and binding:
        return "0.0.0.0"  # noqa: S104 the user's own words; Insecure refuses it
    if is_ip(host):
        return host
    if binding or not HOST_NAME.fullmatch(host):
        kind = "a number such as 127.0.0.1, or *" if binding else "a name or a number"
        raise BadAddress(f"{address!r}: the host must be {kind}, not {host!r}")
    return host


def _parse_ipc(address: str, path: str) -> Address:
    if not path.startswith("/") or "\0" in path:
        raise BadAddress(f"{address!r} needs an absolute path: ipc:///run/user/1000/name")
    if len(os.fsencode(path)) > IPC_PATH_BYTES:
        raise BadAddress(f"{address!r}: the path is longer than {IPC_PATH_BYTES} bytes")
    return Address("ipc", "", 0, path)


def prepare_ipc(address: Address) -> None:
    """Make the way free for an ipc path: a directory of ours, and nobody listening there.

    A missing directory is made with mode 0700. Raises BadAddress for a directory that others may
    enter, AddressTaken (with the process) if somebody answers.
    """
    path = Path(address.path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.parent.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise BadAddress(
                f"{address}: the directory must be yours alone, so that nobody else can answer or "
                f"listen there: use one of your own with mode 0700"
            )
        if path.exists() and not path.is_socket():
            raise BadAddress(f"{address}: there is a file of that name, and not a socket")
    except OSError as error:
        raise BadAddress(f"{address} cannot be used: {error.strerror}") from error
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        answer = probe.connect_ex(address.path)
        if answer in (errno.ENOENT, errno.ECONNREFUSED):
            return
        holder = ""
        if answer == 0:
            peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            holder = _described(struct.unpack("3i", peer)[0])
    raise AddressTaken(f"{address} is taken{holder}: stop that program or use another path")


def bind_error(address: Address, number: int, text: str) -> TransportError:
    """Put into a sentence why an address could not be bound."""
    if number == errno.EADDRINUSE:
        holder = port_holder(address.port)
        return AddressTaken(
            f"port {address.port} is taken{holder}, so {address} cannot be bound: stop that "
            f"program or use another port"
        )
    if number in (errno.EADDRNOTAVAIL, errno.ENODEV):
        return BadAddress(f"{address} cannot be bound: this host has no such address")
    if number == errno.EACCES:
        return BadAddress(
            f"{address} cannot be bound: that needs more rights than this process has"
        )
    return BadAddress(f"{address} cannot be bound: {text}")


def port_holder(port: int) -> str:
    """Say which process listens on a TCP port of this host: " by process 12 (python)", or ""."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        if _holds(process / "fd", inodes):
            return _described(int(process.name))
    return ""


def _holds(descriptors: Path, wanted: set[str]) -> bool:
    try:
        names = os.listdir(descriptors)
    except OSError:
        return False  # ended meanwhile, or another user's
    for name in names:
        with suppress(OSError):  # closed meanwhile
            if os.readlink(descriptors / name) in wanted:
                return True
    return False


def _described(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return f" by process {pid}"
    return f" by process {pid} ({name})"
