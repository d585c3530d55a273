"""TCPServer, TLSServer and UnixServer: a protocol component for each connection, all else hidden.

Law: each says only what is listened at; what it does with connections is `serving.py`.
"""

from __future__ import annotations

import asyncio
import os
import socket

from kamesh.components.network.factory import ProtocolFactory
from kamesh.components.network.listening import listen_tcp, listen_unix, remove_unix
from kamesh.components.network.messages import Peer
from kamesh.components.network.peers import peer_of
from kamesh.components.network.serving import Serving
from kamesh.components.network.tls import GivenTLS
from kamesh.components.network.trouble import (
    Listening,
    checked_host,
    checked_port,
    checked_socket_path,
    shown,
)
from kamesh.components.refusing import whole

__all__ = ["TCPServer", "TLSServer", "UnixServer"]


class TCPServer(Serving):
    """Serves TCP connections, each with a protocol component of its own.

    `protocol` is a class or a function that makes one, or its name ("echo", "module:Class"): any
    component that takes the bytes received at its "inbox" and sends bytes to its "outbox", a Pipeline
    of several too. It is called for each connection, with nothing, or with the `Peer` if it wants one
    argument.

    `port` 0 takes any that is free (see "outbox"); `host` is loopback unless told otherwise, "" is
    every address of this machine. At most `connections` are served at a time; what comes then is
    refused, or with `when_full="wait"` waits with the system. A connection on which nothing moves for
    `idle` seconds is closed, one that takes nothing of what waits for it for `stall` seconds is let go
    (None: never). `grace` is how many seconds the protocols have when the server is told to finish.
    `tls` encrypts: a TLS, its fields as a dict, or an `ssl.SSLContext`. `events` has it tell of connections.

    Example:
        >>> from kamesh.components.protocols import Echo
        >>> with TCPServer(Echo, port=0).background() as server:
        ...     port = server.get(timeout=5).port
        ...     with TCPClient("127.0.0.1", port, tries=1).background() as client:
        ...         client.put(b"hello")
        ...         client.get(timeout=5)
        b'hello'

    Boxes: "inbox" is not read, its end has the server finish; "outbox" one `Listening`, and with
    `events` a `Connected` and a `Disconnected` for each connection; "control".

    How it ends: told ProducerFinished on "control", or with its inbox, it accepts no more, tells the
    protocols so, and ends when they have; told Shutdown, at once. It fails, with a sentence that names
    the address, when it cannot listen. A protocol that fails ends its own connection only.
    """

    def __init__(
        self,
        protocol: ProtocolFactory | str,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        tls: GivenTLS | None = None,
        connections: int = 10_000,
        when_full: str = "refuse",
        idle: float | None = 3600.0,
        stall: float | None = 30.0,
        grace: float = 5.0,
        events: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember where to listen; WrongFigure for what is no port and no host."""
        super().__init__(
            protocol,
            tls=tls,
            connections=connections,
            when_full=when_full,
            idle=idle,
            stall=stall,
            grace=grace,
            events=events,
            name=name,
        )
        self.port = checked_port(port, least=0)
        self.host = checked_host(host)

    async def listen(self) -> list[socket.socket]:
        """Listen at all addresses of the host."""
        return await listen_tcp(self.host, self.port, asyncio.get_running_loop())

    def listening(self, sockets: list[socket.socket]) -> Listening:
        """Name the address that the first of them got."""
        host, self.port = sockets[0].getsockname()[:2]
        scheme = "tls" if self._ssl else "tcp"
        return Listening(f"{scheme}://{shown(self.host or host, self.port)}", host, self.port)

    def peer_of(self, transport: asyncio.Transport) -> Peer:
        """Name both ends, and whom the certificate names."""
        return peer_of(transport)


class TLSServer(TCPServer):
    """Serves TLS connections, each with a protocol component of its own.

    As TCPServer in everything else: `tls` names the certificate and its key, and may ask the clients
    for theirs (then `Peer.subject` says who they are). The other end's end of stream is the end of both
    directions: TLS cannot close one alone.

    Example:
        >>> from kamesh.components.protocols import Echo
        >>> TLSServer(Echo, 8443, tls=TLS("no.crt", "no.key")).run()
        Traceback (most recent call last):
        ...
        kamesh.errors.ComponentFailed: TLSServer failed: no.crt cannot be read: No such file or directory

    Boxes: "inbox" is not read, its end has the server finish; "outbox" one `Listening`, and with
    `events` a `Connected` and a `Disconnected` for each connection; "control".

    How it ends: as TCPServer. What is not TLS, or has no certificate that is believed, ends the one
    connection, and is counted.
    """

    def __init__(
        self,
        protocol: ProtocolFactory | str,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        tls: GivenTLS,
        connections: int = 10_000,
        when_full: str = "refuse",
        idle: float | None = 3600.0,
        stall: float | None = 30.0,
        grace: float = 5.0,
        events: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember where to listen, and by what; NetworkError for no certificate."""
        super().__init__(
            protocol,
            port,
            host,
            tls=tls,
            connections=connections,
            when_full=when_full,
            idle=idle,
            stall=stall,
            grace=grace,
            events=events,
            name=name,
        )


class UnixServer(Serving):
    """Serves connections at a Unix socket, each with a protocol component of its own.

    `path` is where the socket is made, with `permissions` (0o600, its owner's alone, unless told
    otherwise); a socket that a server has left behind there is replaced. All else as for TCPServer.

    Example:
        >>> from kamesh.components.protocols import Echo
        >>> with UnixServer(Echo, "echo.sock").background() as server:
        ...     path = server.get(timeout=5).host
        ...     with UnixClient(path, tries=1).background() as client:
        ...         client.put(b"hello")
        ...         client.get(timeout=5)
        b'hello'

    Boxes: "inbox" is not read, its end has the server finish; "outbox" one `Listening` (whose host is
    the path), and with `events` a `Connected` and a `Disconnected` for each connection; "control".

    How it ends: as TCPServer; the socket is removed.
    """

    def __init__(
        self,
        protocol: ProtocolFactory | str,
        path: str | os.PathLike[str],
        *,
        permissions: int = 0o600,
        tls: GivenTLS | None = None,
        connections: int = 10_000,
        when_full: str = "refuse",
        idle: float | None = 3600.0,
        stall: float | None = 30.0,
        grace: float = 5.0,
        events: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember where to listen; WrongFigure for permissions that there are not."""
        super().__init__(
            protocol,
            tls=tls,
            connections=connections,
            when_full=when_full,
            idle=idle,
            stall=stall,
            grace=grace,
            events=events,
            name=name,
        )
        whole(0, permissions, "the permissions, such as 0o660,", 0o777)
        self.socket_path = checked_socket_path(path)
        self.permissions = permissions
        self._made: os.stat_result | None = None

    async def listen(self) -> list[socket.socket]:
        """Make the socket."""
        one = listen_unix(self.socket_path, self.permissions)
        self._made = os.stat(self.socket_path)
        return [one]

    def unlisten(self) -> None:
        """Remove the socket."""
        remove_unix(self.socket_path, self._made)

    def listening(self, sockets: list[socket.socket]) -> Listening:
        """Name the path."""
        return Listening(f"unix:{self.socket_path}", self.socket_path, 0)

    def peer_of(self, transport: asyncio.Transport) -> Peer:
        """Name the path: who connects has no name."""
        return Peer(self.socket_path, 0, self.socket_path)
