"""TCPClient, TLSClient and UnixClient: connections as components, that come back when they break.

Law: each says only what is connected to; what it does with the connection is `calling.py`.
"""

from __future__ import annotations

import asyncio
import os
import ssl

from kamesh.components.network.calling import Calling
from kamesh.components.network.dialled import Dialled
from kamesh.components.network.dialling import connect_tcp, connect_unix, hand_over
from kamesh.components.network.messages import Peer
from kamesh.components.network.peers import peer_of
from kamesh.components.network.tls import TLS, GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import checked_host, checked_port, checked_socket_path, shown

__all__ = ["TCPClient", "TLSClient", "UnixClient"]


class TCPClient(Calling):
    """Connects to a TCP server: sends what it gets, gives what it receives.

    A connection that cannot be had, or is over, is made anew: after `first_wait` seconds (0.25), then
    twice that, and so on up to `longest_wait` (30), each a little less by chance; after `tries`
    (10) in a row that failed it gives up; None never does. `tries=1` is one conversation: whatever
    ends it ends the client. `timeout` is how many seconds an attempt may take (10). A connection that
    is silent for `idle` seconds (None: however long), or takes nothing for `stall` seconds (30),
    counts as broken. Of the addresses that `host` stands for, the first that answers is used. `tls`
    encrypts: a TLS, its fields as a dict, or an `ssl.SSLContext`.

    What comes while there is no connection waits, as much as "inbox" holds, and is sent when there is
    one again. Bytes that the system had taken when a connection broke may be lost.

    Example:
        >>> from kamesh.components.protocols import Echo
        >>> with TCPServer(Echo, port=0).background() as server:
        ...     port = server.get(timeout=5).port
        ...     asked = Pipeline(DataSource([b"hello"]), TCPClient("127.0.0.1", port, tries=1))
        ...     with asked.background() as client:
        ...         client.get(timeout=5)
        b'hello'

    Boxes: "inbox" bytes to send; "outbox" bytes received, cut as they come; "status" `Connected`,
    `Disconnected` and `Refused` as it happens; "control".

    How it ends: when all that feeds it has ended and the other end has said all it had to, or it is
    told on "control". It fails, with a sentence that names the address, when it gives up.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: GivenTLS | None = None,
        tries: int | None = 10,
        first_wait: float = 0.25,
        longest_wait: float = 30.0,
        timeout: float = 10.0,
        idle: float | None = None,
        stall: float | None = 30.0,
        name: str | None = None,
    ) -> None:
        """Remember where to connect; WrongFigure for what is no port and no host."""
        super().__init__(
            tries=tries,
            first_wait=first_wait,
            longest_wait=longest_wait,
            timeout=timeout,
            idle=idle,
            stall=stall,
            name=name,
        )
        self.host = checked_host(host)
        self.port = checked_port(port)
        self.where = shown(host, port)
        self.tls = tls_of(tls, server=False)
        self._ssl: ssl.SSLContext | None = None

    async def main(self) -> None:
        """Read what TLS needs, and connect."""
        self._ssl = context_of(self.tls, server=False)
        await super().main()

    async def dial(self, stream: Dialled) -> None:
        """Connect to the first address that answers."""
        connected = await connect_tcp(self.host, self.port)
        await hand_over(connected, stream, self._ssl, self.host, self.timeout)

    def peer_of(self, transport: asyncio.Transport) -> Peer:
        """Name both ends, and whom the certificate names."""
        return peer_of(transport, self.host, self.port)


class TLSClient(TCPClient):
    """Connects to a TLS server: sends what it gets, gives what it receives.

    As TCPClient in everything else. The server's certificate is checked, for `host`, against the
    authorities of this machine or those that `tls` names.

    Example:
        >>> TLSClient("example.org", 443, tls=TLS(authorities="no.crt")).run()
        Traceback (most recent call last):
        ...
        kamesh.errors.ComponentFailed: TLSClient failed: no.crt cannot be read: No such file or directory

    Boxes: "inbox" bytes to send; "outbox" bytes received, cut as they come; "status" `Connected`,
    `Disconnected` and `Refused` as it happens; "control".

    How it ends: as TCPClient; but TLS cannot say the end of one direction alone, so when all that
    feeds it has ended, it closes after two seconds in which nothing has come.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: GivenTLS | None = None,
        tries: int | None = 10,
        first_wait: float = 0.25,
        longest_wait: float = 30.0,
        timeout: float = 10.0,
        idle: float | None = None,
        stall: float | None = 30.0,
        name: str | None = None,
    ) -> None:
        """Remember where to connect, and by what."""
        super().__init__(
            host,
            port,
            tls=TLS() if tls is None else tls,
            tries=tries,
            first_wait=first_wait,
            longest_wait=longest_wait,
            timeout=timeout,
            idle=idle,
            stall=stall,
            name=name,
        )


class UnixClient(Calling):
    """Connects to a Unix socket: sends what it gets, gives what it receives.

    `path` is where the socket is; all else as for TCPClient.

    Example:
        >>> UnixClient("none.sock", tries=1).run()
        Traceback (most recent call last):
        ...
        kamesh.errors.ComponentFailed: UnixClient failed: none.sock does not exist: no such socket

    Boxes: "inbox" bytes to send; "outbox" bytes received, cut as they come; "status" `Connected`,
    `Disconnected` and `Refused` as it happens; "control".

    How it ends: as TCPClient.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        tries: int | None = 10,
        first_wait: float = 0.25,
        longest_wait: float = 30.0,
        timeout: float = 10.0,
        idle: float | None = None,
        stall: float | None = 30.0,
        name: str | None = None,
    ) -> None:
        """Remember where to connect."""
        super().__init__(
            tries=tries,
            first_wait=first_wait,
            longest_wait=longest_wait,
            timeout=timeout,
            idle=idle,
            stall=stall,
            name=name,
        )
        self.where = checked_socket_path(path)

    async def dial(self, stream: Dialled) -> None:
        """Connect to the socket."""
        await hand_over(await connect_unix(self.where), stream)

    def peer_of(self, transport: asyncio.Transport) -> Peer:
        """Name the path."""
        return Peer(self.where, 0)
