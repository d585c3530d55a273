"""UDP: a sender, a receiver, and a peer that is both.

Laws
1. The component outlives every trouble with its peers: nobody listening, no way there, a datagram
   that is too large. Each is counted in `details()` and said, at the first, second, fourth ... time.
2. A receiver that is not read fast enough reads no more: what comes then waits in the kernel's
   buffer, and what finds no room there is counted as lost.
3. Broadcast is for those who ask for it; who listens, listens at loopback unless told otherwise.
"""

from __future__ import annotations

import errno
import ipaddress
import math
import socket
from typing import ClassVar

from kamesh.components.network.datagram import Address
from kamesh.components.network.datagram_socket import BROADCAST, DatagramSocket
from kamesh.components.network.datagram_turns import DatagramComponent, Steps, resolved
from kamesh.components.network.trouble import (
    ListenError,
    Listening,
    NetworkError,
    checked_port,
    shown,
    trouble,
)
from kamesh.components.refusing import WrongFigure

__all__ = ["UDP", "UDPReceiver", "UDPSender", "checked_buffer", "checked_host", "checked_seconds"]

MANY = 256  # datagrams to read at a time
RECEIVE_BUFFER = 4 << 20  # bytes, as far as the kernel allows: 20 ms of a gigabit are 2.5 million


class UDPSender(DatagramComponent):
    """Sends each message as one datagram.

    `host` and `port` name the peer that plain bytes go to, a name or a number; a `Datagram` with a
    host goes there instead, and without a peer (`UDPSender()`) only those can be sent. With
    `connected` (the default, where there is a peer) the system tells when nobody listens there; such
    trouble is counted and said, and sending goes on. `broadcast` allows broadcast addresses.

    Example:
        >>> with UDPReceiver(0).background() as there:
        ...     where = there.get("listening", timeout=5)
        ...     Pipeline(DataSource([b"hello", b"world"]), UDPSender(where.host, where.port)).run()
        ...     print(there.get(timeout=5).data, there.get(timeout=5).data)
        ...     there.stop()
        b'hello' b'world'

    Boxes: "inbox" bytes, or `Datagram`s with where to; "control".

    How it ends: when its inbox has ended and all is handed to the system (which does not mean that it
    arrives: this is UDP), or it is told to on "control". It fails, with a sentence, when the name of
    the peer does not resolve.
    """

    inboxes: ClassVar = {
        "inbox": "bytes for the peer, or Datagrams with where to",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {"signal": "passes on what was told on control"}

    def __init__(
        self,
        host: str = "",
        port: int = 0,
        *,
        connected: bool = True,
        broadcast: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember the peer; WrongFigure for a host or a port there cannot be."""
        super().__init__(name=name)
        self.host = checked_host(host)
        self.port = checked_port(port, 0 if not host else 1)
        self.connected = connected and bool(host)
        self.broadcast = broadcast

    def open(self) -> Steps:
        """Make the socket, for the family of the peer; without one for IPv4."""
        family, peer = socket.AF_INET, None
        if self.host:
            family, peer = yield from resolved(self, self.host, self.port)  # type: ignore[assignment]
        self.way_out = _socket(self.path, family, broadcast=self.broadcast)
        if peer is not None:
            _set_peer(self.way_out, peer, self.connected)


class UDPReceiver(DatagramComponent):
    """Listens at a UDP port, and sends on each datagram that comes there.

    `port` 0 takes any that is free (see "listening"); `host` is loopback unless told otherwise, ""
    is every address of this machine (IPv4; "::" is those of IPv6). `receive_buffer` is how many bytes
    wait in the kernel while nobody reads (default: up to 4 MiB, as the kernel allows; if that is less
    than was asked for, a warning says so). With `stamped` each datagram carries the time at which
    the kernel got it.

    Example:
        >>> with UDPReceiver(0).background() as there:
        ...     where = there.get("listening", timeout=5)
        ...     Pipeline(OneShot(b"hello"), UDPSender(where.host, where.port)).run()
        ...     got = there.get(timeout=5)
        ...     there.stop()
        >>> got.data, got.host
        (b'hello', '127.0.0.1')

    Boxes: "outbox" a `Datagram` each; "listening" one `Listening`, with the port; "control". When the
    outbox is full nothing is read; the newest datagrams then wait in the kernel, and those that find
    no room there are lost and counted (`details()["lost"]`).

    How it ends: when it is told to on "control", or nobody in its Pipeline wants more. It fails, with
    a sentence, when it cannot listen there.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "Datagrams",
        "listening": "a Listening: where it can be reached",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        receive_buffer: int | None = None,
        stamped: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember where to listen; WrongFigure for a host or a port there cannot be."""
        super().__init__(name=name)
        self.port = checked_port(port, 0)
        self.host = checked_host(host)
        self.receive_buffer = checked_buffer(receive_buffer)
        self.stamped = stamped

    def open(self) -> Steps:
        """Listen."""
        family, address = yield from resolved(self, self.host, self.port, listening=True)
        self.sources[""] = _bound(self, family, address)
        _say_where(self, address)


class UDP(DatagramComponent):
    """A peer: sends its messages as datagrams, and sends on those that come, by one port.

    `port` and `host` are its own, as of UDPReceiver; `peer` is a pair of host and port that plain bytes
    go to. With `connected` it hears that peer alone, and of nobody listening there. A `Datagram` goes
    where it says: to answer one, send `Datagram(answer, it.host, it.port)`. After its last message it
    goes on receiving for `linger` seconds (default 0). The other options are those of UDPSender and
    UDPReceiver.

    Example:
        >>> shout = Graphline(
        ...     UDP=UDP(0), SHOUT=lambda d: Datagram(d.data.upper(), d.host, d.port),
        ...     linkages={("UDP", "outbox"): ("SHOUT", "inbox"), ("SHOUT", "outbox"): ("UDP", "inbox"),
        ...               ("UDP", "listening"): ("", "outbox")})
        >>> with shout.background() as shouting:
        ...     where = shouting.get(timeout=5)
        ...     with UDP(0, peer=(where.host, where.port), linger=5).background() as asking:
        ...         asking.put(b"hello")
        ...         print(asking.get(timeout=5).data)
        ...         asking.stop()
        ...     shouting.stop()
        b'HELLO'

    Boxes: "inbox" bytes, or `Datagram`s with where to; "outbox" a `Datagram` each; "listening" one
    `Listening`, with the port; "control".

    How it ends: when its inbox has ended, all is handed to the system and `linger` is over, or it is
    told to on "control"; one that nothing feeds goes on until it is told. It fails, with a sentence,
    when it cannot listen or the name of the peer does not resolve.
    """

    inboxes: ClassVar = UDPSender.inboxes
    outboxes: ClassVar = UDPReceiver.outboxes

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        peer: tuple[str, int] | None = None,
        connected: bool = False,
        broadcast: bool = False,
        receive_buffer: int | None = None,
        stamped: bool = False,
        linger: float = 0.0,
        name: str | None = None,
    ) -> None:
        """Remember all that; WrongFigure for what cannot be."""
        super().__init__(name=name)
        self.port = checked_port(port, 0)
        self.host = checked_host(host)
        self.peer = None if peer is None else _checked_peer(peer)
        if connected and peer is None:
            raise WrongFigure("connected=True needs a peer=(host, port) to be connected to")
        self.connected = connected
        self.broadcast = broadcast
        self.receive_buffer = checked_buffer(receive_buffer)
        self.stamped = stamped
        self.linger = checked_seconds(linger, "linger")

    def open(self) -> Steps:
        """Listen, and find the peer."""
        family, address = yield from resolved(self, self.host, self.port, listening=True)
        peer: Address | None = None
        if self.peer is not None:
            _apart(self.peer, address)
            _, peer = yield from resolved(self, *self.peer, family=family)
        self.sources[""] = self.way_out = both = _bound(self, family, address)
        if self.broadcast:
            both.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if peer is not None:
            _set_peer(both, peer, self.connected)
        _say_where(self, address)


def checked_buffer(size: int | None) -> int | None:
    """Give `size` back if it is a number of bytes, or None; else WrongFigure."""
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise WrongFigure(f"receive_buffer={size!r}: a buffer has a whole number of bytes, at least 1")
    return size


def checked_host(host: str) -> str:
    """Give `host` back if it is a text; else WrongFigure."""
    if not isinstance(host, str):
        raise WrongFigure(f"{host!r} is not a host: a name or an address, such as '127.0.0.1'")
    return host


def _checked_peer(peer: tuple[str, int]) -> tuple[str, int]:
    """Give a pair of host and port back; WrongFigure for anything else."""
    if not isinstance(peer, tuple | list) or len(peer) != 2:
        raise WrongFigure(f"peer={peer!r}: it is a pair, as ('192.0.2.7', 5004)")
    return checked_host(peer[0]), checked_port(peer[1])


def _apart(peer: tuple[str, int], own: Address) -> None:
    """Refuse a peer whose address is of the other kind than that of the socket's own."""
    try:
        version = ipaddress.ip_address(peer[0]).version
    except ValueError:  # a name, which may have addresses of either kind
        return
    ours = ipaddress.ip_address(own[0].partition("%")[0]).version
    if version != ours:
        anywhere = "::" if version == 6 else "0.0.0.0"  # noqa: S104 - it is a hint in a sentence
        raise NetworkError(
            f"{shown(*peer)} is an address of IPv{version}, and its own, {own[0]}, of IPv{ours}: give it "
            f"a host= of the same kind, such as {anywhere!r}"
        )


def checked_seconds(seconds: float, what: str) -> float:
    """Give `seconds` back if they are some, or none; else WrongFigure."""
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise WrongFigure(f"{what}={seconds!r}: a number of seconds, 0 or more")
    return seconds


def _socket(who: str, family: int, *, broadcast: bool = False, stamped: bool = False) -> DatagramSocket:
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise NetworkError(trouble(error, "a UDP socket")) from error
    if broadcast:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return DatagramSocket(sock, who, stamped=stamped)


def _bound(component: UDP | UDPReceiver, family: int, address: Address) -> DatagramSocket:
    """Bind a socket, and remember the port."""
    made = _socket(component.path, family, stamped=component.stamped)
    try:
        if family == socket.AF_INET6:
            made.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.sock.bind(address)
        component.port = made.sock.getsockname()[1]
    except OSError as error:
        made.sock.close()
        where = shown(address[0], address[1])
        raise ListenError(trouble(error, where, listening=True)) from error
    made.grow(component.receive_buffer, RECEIVE_BUFFER)
    return made


def _say_where(component: UDP | UDPReceiver, address: Address) -> None:
    host, port = address[0], component.port
    component.send(Listening(f"udp://{shown(host, port)}", host, port), "listening")


def _set_peer(way_out: DatagramSocket, peer: Address, connected: bool) -> None:
    """Have plain bytes go to `peer`; connected, the socket also hears nobody else."""
    if not connected:
        way_out.peer = peer
        return
    try:
        way_out.sock.connect(peer)
    except OSError as error:
        where = shown(peer[0], peer[1])
        unasked = error.errno == errno.EACCES
        raise NetworkError(f"{where} {BROADCAST}" if unasked else trouble(error, where)) from error
    way_out.connected = True
    while way_out.receive(MANY):  # what strangers sent between `bind` and `connect`
        pass
    way_out.counts.clear()
