"""WebSockets: a server with a component for each connection, and a client that comes back.

Laws
1. One message in a box is one message on the wire: str as text, bytes as binary, in order.
2. Each connection holds up nobody but its own component: what waits for it is bounded, and one that
   takes nothing for `idle` seconds is closed.
3. A client that has lost its server asks again, with growing waits, a limited number of times in a row.
   A message whose sending failed is sent again first; what the network had taken may be lost with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.network.factory import ProtocolFactory
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import NetworkError
from kamesh.components.refusing import at_least, mapping, more_than, text, whole
from kamesh.components.retries import Retries
from kamesh.components.sending import (
    shut_down,
    stopped_within,
    tell_retry,
    told_to_end,
    unless_told,
)
from kamesh.components.web.asking import schemes
from kamesh.components.web.conversing import HEARTBEAT, WebSocket
from kamesh.components.web.limits import LASTING, Limits
from kamesh.components.web.server import HTTPServer
from kamesh.components.web.status import STATUS, Status

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Socket

__all__ = ["WebSocketClient", "WebSocketServer"]

LONGEST = 1 << 20


class WebSocketServer(HTTPServer):
    """Serves WebSockets, with a component of its own for each connection.

    `protocol` makes the component: a class, or a function called with nothing or with the `Peer` of the
    connection, or "module:Class". Its "inbox" gets the messages of its client, str or bytes; what it
    sends goes there. `path` is where they connect; `longest` is the most bytes a message may have
    (default 1 MiB). Up to 1000 connect at a time (`limits={"requests": 1000, "connections": 1000}`). The
    rest is as for HTTPServer, which can have WebSockets beside other things: see WebSocket.

    Example:
        >>> class Shout(Component):
        ...     async def main(self):
        ...         async for text in self.inbox:
        ...             await self.send(text.upper())
        >>> with WebSocketServer(Shout).background() as server:
        ...     url = server.get(timeout=5).url
        ...     with WebSocketClient(url).background() as client:
        ...         client.put("hello")
        ...         client.get(timeout=5)
        'HELLO'

    Boxes: "inbox" is not read, its end has the server finish; "outbox" one `Listening`, with a "ws://"
    address; "control".

    How it ends: with its inbox, or when it is told to on "control": components are told Shutdown, and
    connections closed with 1001. A component that ends closes its connection; one that fails does so
    with 1011, and the log says why. A component whose client is gone is told to finish.
    """

    inboxes: ClassVar = {
        "inbox": "not read: the server finishes when what feeds it has ended",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "one Listening",
        "signal": "passes on what was told on control",
    }
    scheme: ClassVar = "ws"

    def __init__(
        self,
        protocol: ProtocolFactory | str,
        port: int = 0,
        host: str = "127.0.0.1",
        path: str = "/",
        *,
        longest: int = LONGEST,
        tls: GivenTLS | None = None,
        limits: Limits | Mapping[str, Any] = LASTING,
        name: str | None = None,
    ) -> None:
        """Remember what makes components."""
        text(path, "the path")
        base = f"/{path.strip('/')}"
        routes = {base: WebSocket(protocol, longest=longest)}
        super().__init__(routes, port, host, tls=tls, limits=limits, name=name)
        self.base = base

    async def serve(self) -> None:
        """Go on until it is told."""
        async for _ in self.inbox:
            pass


class WebSocketClient(Component):
    """Speaks with a WebSocket server, and comes back to it when the connection is lost.

    `url` begins with ws:// or wss://; `headers` go with the first request. `timeout` (30 s) is for
    connecting, and for the server to take what it is sent; `longest` is the most bytes a message may
    have (1 MiB). A connection that breaks, or that the server closes, is made again, up to `tries` (10)
    times in a row in vain (None: for ever); with `tries=1` its end is the end. While there is none, what
    comes on "inbox" waits there. `tls` is a TLS, a dict of its fields, or an `ssl.SSLContext`.

    Example:
        >>> from kamesh.components.sources import NullSink
        >>> with WebSocketServer(NullSink).background() as server:
        ...     url = server.get(timeout=5).url
        ...     Pipeline(DataSource(["one", "two"]), WebSocketClient(url)).run()

    Boxes: "inbox" str and bytes to send; "outbox" what comes; "status" `Connected`, `Disconnected` and
    `Refused` as it happens; "control".

    How it ends: when its inbox has ended and all is sent, it goes on until nothing has come for `linger`
    seconds (0.5), and closes: a WebSocket that is closed takes no answers any more. Told Shutdown, at
    once; so it does when it is told to finish while it waits to try again. It fails, with a sentence,
    when the server cannot be had any more.
    """

    inboxes: ClassVar = {
        "inbox": "str and bytes to send",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "what comes: str and bytes",
        "status": STATUS,
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        tries: int | None = 10,
        linger: float = 0.5,
        longest: int = LONGEST,
        headers: Mapping[str, str] | None = None,
        tls: GivenTLS | None = None,
        name: str | None = None,
    ) -> None:
        """Remember where to connect; WrongFigure if the address is none."""
        super().__init__(name=name)
        self.url = schemes(url, ("ws", "wss", "http", "https"))
        more_than(0, timeout, "the seconds of the timeout")
        at_least(0, linger, "the seconds to linger")
        whole(1, longest, "the bytes of a message")
        self.timeout = timeout
        self.retries = Retries(tries)
        self.longest = longest
        self.headers = mapping(headers, "headers")
        self.tls = tls_of(tls, server=False)
        self.linger = linger
        self._status = Status(self, self.url)
        self.heard = 0  # messages
        self._in_hand: list[str | bytes] = []  # a message whose sending has failed
        self._over = False  # all is sent, and nothing more comes to be sent

    async def main(self) -> None:
        """Speak, in as many connections as that takes."""
        # aiohttp takes 0.15 s to import: only the node that connects pays for it
        with needing("WebSocketClient"):
            from kamesh.components.web.session import Session

        session = Session(timeout=self.timeout, tls=context_of(self.tls, server=False))
        try:
            while True:
                try:
                    opening = session.websocket(self.url, self.longest, HEARTBEAT, self.headers)
                    socket = await unless_told(self, opening, WebSocketClient._is_pointless)
                    if socket is None:
                        return
                    await self._speak(socket)
                    problem = NetworkError(f"{self.url} has closed the connection")
                except (NetworkError, ConnectionError) as error:
                    problem = NetworkError(str(error))
                if self._over or shut_down(self):
                    return
                wait = self.retries.wait()
                self._status.over(str(problem), wait)
                if wait is None:
                    if not self.retries.once or not self._status.connections:
                        raise problem
                    return
                tell_retry(self, self.retries, str(problem))
                if await stopped_within(self, wait, told_to_end):
                    return
        finally:
            self._status.over()
            await session.close()

    def _is_pointless(self) -> bool:
        """Say whether it need not connect any more: told to finish, it still has what waits to send."""
        waiting = self._in_hand or self.inbox.queue
        return shut_down(self) or (not waiting and told_to_end(self))

    async def _speak(self, socket: Socket) -> None:
        self._status.connected(socket.peer)
        saying = asyncio.create_task(self._say(socket))
        hearing = asyncio.create_task(self._hear(socket))
        try:
            await asyncio.wait([saying, hearing], return_when=asyncio.FIRST_COMPLETED)
            while saying.done() and not (hearing.done() or shut_down(self)):
                before = self.heard
                await asyncio.wait([hearing], timeout=self.linger)
                if self.heard == before:
                    break
            for task in (saying, hearing):
                if task.done():
                    task.result()
        finally:
            for task in (saying, hearing):
                task.cancel()
            await asyncio.gather(saying, hearing, return_exceptions=True)
            await socket.close()

    async def _say(self, socket: Socket) -> None:
        while self._in_hand:
            await self._say_one(socket, self._in_hand[0])
            self._in_hand.clear()
        async for message in self.inbox:
            if not isinstance(message, str | bytes):
                raise TypeError(f"a WebSocket takes str and bytes, not {type(message).__name__}")
            self._in_hand.append(message)
            await self._say_one(socket, message)
            self._in_hand.clear()
        self._over = True

    async def _say_one(self, socket: Socket, message: str | bytes) -> None:
        await socket.send(message)
        self._status.sent += _size(message)

    async def _hear(self, socket: Socket) -> None:
        async for message in socket:
            self.retries.succeeded()
            self.heard += 1
            self._status.received += _size(message)
            await self.send(message)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return self._status.details()


def _size(message: str | bytes) -> int:
    return len(message if isinstance(message, bytes) or message.isascii() else message.encode())
