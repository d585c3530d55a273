"""Site: the connections and requests of one HTTP server, within limits. Imports aiohttp.

aiohttp reads requests and writes responses; what it leaves to others is here: how many there may be
at a time, how long a client may take for its head, for its body, to read its answer, and what
happens when a handler raises.

Laws
1. An error in a handler is a 500 for that request alone (or, when its answer has begun, the end of
   that connection), and is logged.
2. A connection whose client does nothing in its turn for `idle` seconds is closed. What it is sent by
   then it may still take from the system, as slowly as it likes. (TCP_USER_TIMEOUT is not for this:
   Linux has it cut one that reads steadily, but by less than a segment at a time.)
3. When it closes, requests under way have `grace` seconds; then the port is free and nothing is left.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from kamesh.components.web.exchange import Exchange
from kamesh.components.web.limits import Limits, TooLarge, TooSlow
from kamesh.components.web.messages import Response

__all__ = ["Site"]

log = logging.getLogger("kamesh")

SWEEP = 1.0  # seconds between two looks at connections, or a quarter of `idle` if that is less
HANDSHAKE = 60.0  # seconds that asyncio allows for one of TLS
FAREWELL = 0.2  # seconds that clients have for the end of TLS, when the server ends


class _Garbage(logging.Filter):
    """Says in one line what aiohttp says in a traceback: that a client has sent what is not HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Log it as one line, and not as it is."""
        error = record.exc_info[1] if record.exc_info else None
        said = str(error or record.getMessage()).split("\n")[0]
        log.info("a client has sent what is no HTTP request: %s", said)
        return False


_garbage = logging.getLogger("kamesh.web")
_garbage.addFilter(_Garbage())


class _Server(web.Server):
    """Knows of connections that are not made yet, for want of a turn or of a TLS handshake."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.coming: dict[Any, float] = {}

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Count it among those that are."""
        self.coming.pop(handler, None)
        super().connection_made(handler, transport)


class Site:
    """Listens, and has every request answered.

    Example:
        site = Site(answer, Limits(), None)
        port = await site.start("127.0.0.1", 0)
        ...
        await site.close()
    """

    def __init__(
        self,
        answer: Callable[[Exchange], Awaitable[None]],
        limits: Limits,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Have requests answered by `answer`."""
        self._answer = answer
        self._limits = limits
        self._tls = tls
        self._web: _Server | None = None
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._busy: set[Any] = set()  # connections with a request under way
        self._since: dict[Any, float] = {}  # when the others were last at work
        self._free = asyncio.Event()
        self._asked = asyncio.Event()  # there is a connection
        self._closing = False
        self.requests = self.errors = self.refused = self.idled = 0

    async def start(self, host: str, port: int) -> int:
        """Listen, and give the port; OSError as the system gives it."""
        limits = self._limits
        self._web = _Server(
            self._serve,
            handler_cancellation=True,
            access_log=None,
            logger=_garbage,
            max_line_size=limits.head,
            max_field_size=limits.head,
            keepalive_timeout=limits.idle,
            lingering_time=min(limits.idle, 2.0),
        )
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            self._connection, host, port, ssl=self._tls, backlog=512, start_serving=False
        )
        await self._listener.start_serving()
        self._sweeper = loop.create_task(self._sweep(self._web))
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no longer, and let what is under way end."""
        if self._listener is not None:
            self._listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        self._closing = True
        if self._web is None:
            return
        try:
            async with asyncio.timeout(self._limits.grace):
                while self._busy:
                    self._free.clear()
                    await self._free.wait()
        except TimeoutError:
            log.info("%d requests were broken off", len(self._busy))
        transports = [one.transport for one in self._web.connections]
        self._web.pre_shutdown()
        await self._web.shutdown(SWEEP)
        if self._tls is not None and transports:
            await asyncio.sleep(FAREWELL)
            for transport in transports:
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0)  # for sockets to be closed in this loop

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._web.connections) + len(self._web.coming) if self._web is not None else 0

    def _connection(self) -> asyncio.Protocol:
        assert self._web is not None  # it listens
        if self.connections >= self._limits.connections:
            self.refused += 1
            return _Refusal(f"this server has {self._limits.connections} connections")
        self._asked.set()
        protocol = self._web()
        self._web.coming[protocol] = asyncio.get_running_loop().time()
        return protocol

    async def _sweep(self, server: _Server) -> None:
        """Close the connections on which it is the client's turn, for too long."""
        clock = asyncio.get_running_loop().time
        while True:
            if not self.connections:  # a server that nobody asks costs nothing
                self._asked.clear()
                await self._asked.wait()
            await asyncio.sleep(min(SWEEP, self._limits.idle / 4))
            now = clock()
            server.coming = {one: at for one, at in server.coming.items() if now - at < HANDSHAKE}
            waiting = [one for one in server.connections if one not in self._busy]
            self._since = {one: self._since.get(one, now) for one in waiting}
            for one, since in self._since.items():
                if now - since >= self._limits.idle:
                    self.idled += 1
                    one.force_close()

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        exchange = Exchange(raw, self._limits)
        self.requests += 1
        if self._closing or len(self._busy) >= self._limits.requests:
            self.refused += 1
            busy = f"this server is at work on {self._limits.requests} requests: come again"
            said = "this server is ending" if self._closing else busy
            await exchange.refuse(503, said, {"retry-after": "1"})
            return exchange.sent()
        self._busy.add(raw.protocol)
        try:
            await self._answer_one(exchange)
        finally:
            self._busy.discard(raw.protocol)
            self._free.set()
            self._since[raw.protocol] = asyncio.get_running_loop().time()
        return exchange.sent()

    async def _answer_one(self, exchange: Exchange) -> None:
        try:
            await self._answer(exchange)
            if not exchange.begun:
                await exchange.reply(Response(204))
        except TooLarge as error:
            await exchange.refuse(413, str(error))
        except TooSlow as error:
            await exchange.refuse(408, str(error))
        except (ConnectionError, web.RequestPayloadError) as error:
            log.debug("a client has gone: %s", error)  # which is its right
            exchange.abort()
        except Exception as error:
            self.errors += 1
            log.error("%s: %s", exchange.shown, error, exc_info=error)
            await exchange.refuse(500, "this server has made a mistake; its log says which")


class _Refusal(asyncio.Protocol):
    """Says 503 to a connection, and closes it."""

    def __init__(self, reason: str) -> None:
        self._reason = f"{reason} and takes no more\n".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so."""
        assert isinstance(transport, asyncio.WriteTransport)  # it is a stream
        transport.write(
            b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(self._reason), self._reason)
        )
        transport.close()
