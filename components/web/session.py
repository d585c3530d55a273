"""Session: the client side of HTTP: connections that are kept, requests within times and sizes.

Imports aiohttp. Laws
1. Whatever goes wrong is raised as one NetworkError, whose sentence names the address.
2. Each wait has its time: to connect, for the first byte, between two of a body.
3. A request is repeated by who asks, who counts. The one exception is no try of theirs: one over a kept
   connection that the server has closed meanwhile is sent again, once, if it may be.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

from kamesh.components.network.peers import peer_of
from kamesh.components.network.trouble import NetworkError, shown, trouble
from kamesh.components.web.asking import may_repeat
from kamesh.components.web.exchange import Socket
from kamesh.components.web.messages import Request, header_lines, headers_of

__all__ = ["Reply", "Session"]

AGENT = "kamesh"


class Reply:
    """An answer whose head has come; its body is read as it is wanted."""

    def __init__(self, raw: aiohttp.ClientResponse) -> None:
        """Wrap what aiohttp has read."""
        self._raw = raw
        self.status = raw.status
        self.headers = headers_of((name, value) for name, value in raw.headers.items())
        self.url = str(raw.url)
        transport = raw.connection.transport if raw.connection is not None else None
        self.peer = peer_of(transport, raw.url.host or "", raw.url.port or 0)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes."""
        with _Said(self.url):
            while piece := await self._raw.content.readany():
                yield piece

    async def whole(self, most: int) -> bytes:
        """Give the whole body; NetworkError if it has more than `most` bytes."""
        too_large = NetworkError(f"{self.url} answers with more than {most} bytes")
        if (self._raw.content_length or 0) > most and self._raw.method != "HEAD":
            raise too_large
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > most:
                raise too_large
        return bytes(body)


class Session:
    """A client with its connections. Close it.

    Example:
        async with session.ask(Request("http://127.0.0.1/")) as reply:
            print(reply.status, await reply.whole(1000))
    """

    def __init__(
        self,
        *,
        connections: int = 16,
        timeout: float = 30.0,
        redirects: int = 10,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open nothing yet; `timeout` is seconds, for connecting and for each wait for bytes."""
        self._timeout = timeout
        self._redirects = redirects
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_kept)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=tls or True),
            timeout=aiohttp.ClientTimeout(total=None, connect=timeout, sock_read=timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": AGENT},
            max_line_size=32768,
            max_field_size=32768,
            trace_configs=[tracing],
        )
        self._session._retry_connection = False  # aiohttp would repeat any; it has no public word for it

    @asynccontextmanager
    async def ask(
        self, request: Request, more: Mapping[str, str] | None = None
    ) -> AsyncIterator[Reply]:
        """Ask, and give the answer when its head has come; what goes wrong inside counts too."""
        with _Said(request.url):
            way = _Way()
            try:
                raw = await self._send(request, more or {}, way)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if not (way.kept and may_repeat(request)):
                    raise
                raw = await self._send(request, more or {}, way)
            async with raw:
                yield Reply(raw)

    async def _send(
        self, request: Request, more: Mapping[str, str], way: _Way
    ) -> aiohttp.ClientResponse:
        """Send a request, and give the answer when its head has come."""
        return await self._session.request(
            request.method,
            request.url,
            headers=header_lines({**request.headers, **more}),
            data=request.body,
            allow_redirects=self._redirects > 0,
            max_redirects=max(self._redirects, 1),
            trace_request_ctx=way,
        )

    async def websocket(
        self, url: str, longest: int, heartbeat: float, headers: Mapping[str, str]
    ) -> Socket:
        """Open a WebSocket."""
        with _Said(url):
            raw = await self._session.ws_connect(
                url,
                max_msg_size=longest,
                heartbeat=heartbeat,
                headers=header_lines(headers),
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
            return Socket(raw, self._timeout)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await asyncio.sleep(0)  # for transports to be closed in this loop


@dataclass(slots=True)
class _Way:
    """How a request goes to its server."""

    kept: bool = False  # over a connection that was there


async def _note_kept(session: object, context: SimpleNamespace, parameters: object) -> None:
    if isinstance(context.trace_request_ctx, _Way):  # that of a WebSocket is none
        context.trace_request_ctx.kept = True


class _Said:
    """Turns what goes wrong within into one sentence."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NetworkError):
            return
        if isinstance(error, aiohttp.ClientError | OSError | UnicodeError | ValueError):
            raise NetworkError(_sentence(error, self.url)) from error


def _sentence(error: BaseException, url: str) -> str:
    match error:
        case aiohttp.TooManyRedirects():
            return f"{url} leads from one address to another, too often"
        case aiohttp.NonHttpUrlRedirectClientError() | aiohttp.InvalidURL():
            return f"{url} leads to what is no address"
        case aiohttp.WSServerHandshakeError():
            return f"{url} opens no WebSocket: it answers with status {error.status}"
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return trouble(TimeoutError(), url)
        case aiohttp.ClientConnectorCertificateError():
            return trouble(error.certificate_error, url)
        case aiohttp.ClientConnectorError():
            cause = error.os_error.__cause__
            known = cause if isinstance(cause, OSError) else error.os_error
            return trouble(known, shown(error.host, error.port))
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return f"{url} broke off in the middle of its answer"
        case aiohttp.ClientOSError():
            return trouble(error, url)
        case aiohttp.ClientResponseError():
            return f"{url} answers with what is not HTTP: {error.message}"
        case aiohttp.ClientError():
            return f"{url} cannot be had: {error or type(error).__name__}"
    return trouble(error, url)
