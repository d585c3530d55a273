"""Exchange: one request and its answer, piece by piece, within limits. Imports aiohttp.

Laws
1. A body is read no faster than it is wanted, and no further than its limit.
2. A client that takes no byte of what is written to it for `idle` seconds is let go; one that is slow is
   waited for.
3. An answer that cannot be finished ends with its connection, so that nobody takes it for whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping

from aiohttp import ClientWebSocketResponse, WSMsgType, web
from multidict import CIMultiDict

from kamesh.components.network.messages import Peer
from kamesh.components.network.peers import peer_of
from kamesh.components.network.taking import Taking
from kamesh.components.web.limits import Limits, Stalled, TooLarge, TooSlow
from kamesh.components.web.messages import Request, Response, header_lines, headers_of

__all__ = ["Exchange", "Socket"]

PIECE = 64 << 10
EMPTY = (204, 205, 304)  # answers that have no body


class Exchange:
    """What a handler of requests is given."""

    def __init__(self, raw: web.BaseRequest, limits: Limits) -> None:
        """Wrap what aiohttp has read."""
        self._raw = raw
        self._limits = limits
        self._out: web.StreamResponse | None = None
        self._taking = Taking(limits.idle)
        self.method = raw.method
        self.path = raw.path
        self.raw_path = raw.raw_path
        self.shown = f"{raw.method} {raw.path}"
        self.headers = headers_of((name, value) for name, value in raw.headers.items())

    @property
    def peer(self) -> Peer:
        """Say who asks."""
        return peer_of(self._raw.transport)

    def head(self, number: int = 0, parts: Mapping[str, str] | None = None) -> Request:
        """Give the request without its body."""
        url = f"{self._raw.scheme}://{self._raw.host}{self._raw.path_qs}"
        peer = self._raw.remote or ""
        return Request(url, self.method, self.headers, None, number, peer, dict(parts or {}))

    # the body

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as it comes; TooLarge, TooSlow, or ConnectionError if it breaks off."""
        raw, most = self._raw, self._limits.body
        sentence = f"a body has at most {most} bytes here"
        if (raw.content_length or 0) > most:
            raise TooLarge(sentence)
        if self.headers.get("expect", "").lower() == "100-continue" and not self.begun:
            await raw._payload_writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            raw._payload_writer.output_size = 0  # it is no part of the answer
        size = 0
        while raw.can_read_body:
            try:
                async with asyncio.timeout(self._limits.idle):
                    piece = await raw.content.readany()
            except TimeoutError:
                idle = self._limits.idle
                raise TooSlow(f"nothing came of the body for {idle:g} seconds") from None
            if not piece:
                return
            size += len(piece)
            if size > most:
                raise TooLarge(sentence)
            yield piece

    async def whole(self) -> bytes:
        """Give the whole body."""
        return b"".join([piece async for piece in self.pieces()])

    # the answer

    @property
    def begun(self) -> bool:
        """Whether an answer has begun."""
        return self._out is not None

    def sent(self) -> web.StreamResponse:
        """Give aiohttp what was sent."""
        assert self._out is not None  # every request is answered
        return self._out

    async def begin(self, response: Response, length: int | None = None) -> None:
        """Send the head of an answer; without a `length` its body is chunked."""
        out = web.StreamResponse(status=response.status, headers=_lines(response))
        if length is not None and response.status not in EMPTY:
            out.content_length = length
        self._out = out
        await self._timed(out.prepare(self._raw))

    async def write(self, data: bytes) -> None:
        """Send some of the body."""
        assert self._out is not None  # it has begun
        if self.method == "HEAD" or self._out.status in EMPTY:
            return
        for at in range(0, len(data), PIECE):
            await self._timed(self._out.write(data[at : at + PIECE]))

    async def finish(self) -> None:
        """End the answer."""
        assert self._out is not None  # it has begun
        await self._timed(self._out.write_eof())

    async def reply(self, response: Response) -> None:
        """Send a whole answer."""
        content = response.content
        if len(content) <= PIECE:  # in one packet, where it goes into one
            self._out = out = web.Response(
                status=response.status, headers=_lines(response), body=content or None
            )
            await self._timed(out.prepare(self._raw))
            await self._timed(out.write_eof())
            return
        await self.begin(response, len(content))
        await self.write(content)
        await self.finish()

    async def refuse(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a sentence, and close the connection; if an answer has begun, only close it."""
        if self.begun:
            self.abort()
            return
        plain = {"content-type": "text/plain; charset=utf-8", "connection": "close"}
        self._raw.protocol.close()  # after this answer
        try:
            await self.reply(Response(status, sentence + "\n", {**plain, **(headers or {})}))
        except (ConnectionError, TooSlow):
            self.abort()

    def abort(self) -> None:
        """Break the connection off."""
        self._out = self._out or web.StreamResponse()
        if self._raw.transport is not None:
            self._raw.transport.abort()

    async def websocket(self, longest: int, heartbeat: float) -> Socket:
        """Make the connection a WebSocket; ValueError if it was not asked to be one."""
        out = web.WebSocketResponse(max_msg_size=longest, heartbeat=heartbeat, compress=False)
        if not out.can_prepare(self._raw).ok:
            raise ValueError("this address is for WebSockets")
        self._out = out
        await self._timed(out.prepare(self._raw))
        return Socket(out, self._limits.idle)

    async def _timed(self, writing: Awaitable[object]) -> None:
        try:
            await self._taking.wait(writing, self._raw.transport)
        except TimeoutError:
            raise Stalled("it takes nothing of what it is sent") from None


def _lines(response: Response) -> CIMultiDict[str]:
    lines = CIMultiDict([("server", "kamesh"), *header_lines(response.headers)])
    if isinstance(response.body, str):
        lines.setdefault("content-type", "text/plain; charset=utf-8")
    return lines


class Socket:
    """A WebSocket that is open: messages in, messages out. Also the client's end of one.

    Example:
        async for message in socket: await socket.send(message)
    """

    def __init__(self, raw: web.WebSocketResponse | ClientWebSocketResponse, idle: float) -> None:
        """Wrap what aiohttp has opened."""
        self._raw = raw
        self._idle = idle
        self.peer = peer_of(raw)
        self.broken = ""  # why it is over, if the other end has not closed it

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Give messages until it is closed."""
        return self._messages()

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            message = await self._raw.receive()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    yield message.data
                case WSMsgType.CLOSE | WSMsgType.CLOSING:
                    return
                case WSMsgType.ERROR:
                    self.broken = f"{self.peer} was let go: {message.data}"
                    return
                case _:
                    self.broken = f"{self.peer} is gone, and has not closed its WebSocket"
                    return

    async def send(self, message: str | bytes) -> None:
        """Send a message; ConnectionError if it is closed, or the other end takes nothing."""
        raw = self._raw
        sending = raw.send_str(message) if isinstance(message, str) else raw.send_bytes(message)
        try:
            async with asyncio.timeout(self._idle):
                await sending
        except TimeoutError:
            raise Stalled("it takes nothing of what it is sent") from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, in both directions, and wait a moment for the other end to do so."""
        try:
            await asyncio.wait_for(self._raw.close(code=code, message=reason.encode()), 2.0)
        except (TimeoutError, ConnectionError):
            return
