"""Conversing: a component for each request, or for each WebSocket, and what passes between them.

Laws
1. A handler that is a component gets the request, then its body as it comes, each piece when there is
   room for it; what it sends goes to the client no faster than the client takes it.
2. When either side is gone the other is told. A component of a WebSocket is told to finish, as over TCP:
   it takes what came before the close. So is one that was asked by a request; but one in the middle of
   its answer is told Shutdown, for nobody hears the rest. A client is told by the end of its connection,
   an abrupt one if the component has failed.
3. What cannot make a component for a connection is refused when the server is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from kamesh.components.network.factory import Factory, ProtocolFactory
from kamesh.components.refusing import whole
from kamesh.components.web.messages import Response
from kamesh.components.web.routing import Found
from kamesh.errors import Ended

if TYPE_CHECKING:
    from kamesh.components.web.child import Child
    from kamesh.components.web.exchange import Exchange
    from kamesh.components.web.server import HTTPServer

__all__ = ["Handler", "WebSocket", "late", "spoken_for"]

TEXT = {"content-type": "text/plain; charset=utf-8"}
MISTAKE = "this server has made a mistake; its log says which\n"
GONE = "the client is gone"
HEARTBEAT = 30.0  # seconds between two pings of a WebSocket


class WebSocket:
    """A route that leads to WebSockets, with a component for each connection.

    Example: `HTTPServer({"/": Path("site"), "/chat": WebSocket(Chat)})`.

    The component is made by `protocol`: a class, or what makes one when it is called with nothing or
    with the `Peer` of the connection, or the name of one, "module:Class". Its "inbox" gets the messages,
    str or bytes, and what it sends goes to the client. `longest` is the most bytes a message may have,
    default 1 MiB.
    """

    def __init__(self, protocol: ProtocolFactory | str, *, longest: int = 1 << 20) -> None:
        """Remember what makes the components; NotSuitable if it makes none."""
        self.protocol = Factory(protocol)
        whole(1, longest, "the bytes of a message")
        self.longest = longest

    async def answer(self, server: HTTPServer, exchange: Exchange, found: Found) -> None:
        """Speak with a component by messages until one side ends."""
        try:
            socket = await exchange.websocket(self.longest, HEARTBEAT)
        except ValueError as error:
            await exchange.refuse(426, str(error), {"upgrade": "websocket"})
            return
        child = server.children.start(self.protocol(exchange.peer))

        async def hear() -> None:
            async for message in socket:
                if not await child.put(message):
                    break
            child.finish(socket.broken)

        async def say() -> None:
            while True:
                try:
                    message = await child.get()
                except Ended:
                    return
                if not isinstance(message, str | bytes):
                    raise TypeError(
                        f"{child.component.path} sent {type(message).__name__} to a WebSocket, "
                        f"which takes str and bytes"
                    )
                await socket.send(message)

        try:
            await _first_of(hear(), say())
        except (ConnectionError, asyncio.CancelledError):
            child.finish(GONE)
            raise
        finally:
            server.end(child)
            await socket.close(1011 if child.failed else 1001 if server.ending else 1000)


class Handler:
    """A component for each request."""

    def __init__(self, make: ProtocolFactory) -> None:
        """Remember what makes them; NotSuitable if it makes none."""
        self.make = Factory(make)

    async def answer(self, server: HTTPServer, exchange: Exchange, found: Found) -> None:
        """Run one for this request."""
        child = server.children.start(self.make(exchange.peer))

        async def feed() -> None:
            if await child.put(exchange.head(server.next_number(), found.parts)):
                async for piece in exchange.pieces():
                    if not await child.put(piece):
                        break
            child.finish()

        await spoken_for(server, exchange, child, feed())


async def spoken_for(
    server: HTTPServer, exchange: Exchange, child: Child, feed: Coroutine[Any, Any, None]
) -> None:
    """Feed a component and send what it answers, until the answer is whole."""
    try:
        await _first_of(feed, _say(server, exchange, child), last=True)
    except BaseException as error:
        gone = isinstance(error, ConnectionError | asyncio.CancelledError)
        child.finish(GONE if gone else str(error))
        server.end(child, GONE if exchange.begun else "")
        raise
    server.end(child)


def late(server: HTTPServer) -> Response:
    """Give the answer to who has waited too long for one."""
    return Response(504, f"no answer came in {server.limits.patience:g} seconds\n", TEXT)


async def _say(server: HTTPServer, exchange: Exchange, child: Child) -> None:
    """Send what a component answers."""
    try:
        async with asyncio.timeout(server.limits.patience):
            first = await child.get()
    except TimeoutError:
        first = late(server)
        await exchange.reply(first)
        return
    except Ended:
        await exchange.reply(Response(500, MISTAKE, TEXT) if child.failed else Response(204))
        return
    if isinstance(first, Response) and (first.body is not None or child.done):
        await exchange.reply(first)
        return
    if isinstance(first, Response):
        await exchange.begin(first)
    else:
        piece = _piece(child, first)
        await exchange.begin(Response(200))
        await exchange.write(piece)
    while True:
        try:
            message = await child.get()
        except Ended:
            break
        await exchange.write(_piece(child, message))
    if child.failed:
        exchange.abort()
    else:
        await exchange.finish()


def _piece(child: Child, message: object) -> bytes:
    if isinstance(message, str):
        return message.encode()
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    raise TypeError(
        f"{child.component.path} sent {type(message).__name__} to its client, which takes one "
        f"Response, and then bytes or str"
    )


async def _first_of(
    one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None], *, last: bool = False
) -> None:
    """Run both until one of them is over (with `last`, the second one), or raises."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        running = set(tasks)
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if not last or tasks[1].done():
                return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
