"""HTTPServer: routes to components, functions, folders, WebSockets, or its own boxes.

Laws
1. A handler knows its boxes, or its request, and nothing of HTTP; an error in one is a 500 for that
   request, is logged, and nobody else's trouble.
2. Each limit holds for every client: bodies, heads, connections, requests, idle times.
3. A request that nobody answers is answered 504, one without a route 404.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh.components.network.tls import GivenTLS
from kamesh.components.web.child import Child, Children
from kamesh.components.web.files import Files
from kamesh.components.web.limits import Limits, limits_of
from kamesh.components.web.messages import Request, Response
from kamesh.components.web.routing import Found, Routes, WrongMethod
from kamesh.components.web.serving import WebServer
from kamesh.components.web.targets import BOXES, TEXT, as_target
from kamesh.outbox import Outbox

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange

__all__ = ["HTTPServer"]

log = logging.getLogger("kamesh")

DEFAULT = Limits()


class HTTPServer(WebServer):
    """Serves HTTP: each route leads to a component, a function, a folder, WebSockets, or its boxes.

    `routes` are written "/path", "/items/{id}", "/files/*" (all below), or with a method before them,
    "POST /items"; a single target instead of a table gets everything. What a route leads to is

    - a component class (or a `functools.partial` of one), of which each request gets its own, made with
      nothing or with the `Peer` who asks. Its
      "inbox" gets the Request, then the body in pieces as it comes, then the end; its "outbox" sends
      a whole Response, or a Response without a body and then the body in pieces, or only pieces;
    - a function, plain (it must not wait) or `async`, of a Request with its whole body. It returns a
      Response, str, bytes, a dict or list for JSON, None for 204, or a component that answers;
    - a folder or a file, as a Path or a str: with ranges, ETag and types; "/" is its `index.html`;
    - `WebSocket(protocol)`: a component for each connection;
    - `BOXES` ("boxes"): the request goes out by "requests", and a Response with its number comes in by
      "inbox". This is what the server does when no `routes` are given.

    A class or a function can be named "module:name", as topologies do. `port` 0 takes any that is free;
    `host` is loopback unless told otherwise; `tls` is a TLS, a dict of its fields, or an
    `ssl.SSLContext`. `limits` are `Limits(body=, head=, connections=, requests=, idle=, patience=,
    grace=)`, in bytes, counts and seconds, or a dict of these.

    Example:
        >>> from urllib.request import urlopen
        >>> def hello(request):
        ...     return "hello " + request.query.get("who", "world")
        >>> with HTTPServer({"/hello": hello}).background() as server:
        ...     url = server.get(timeout=5).url
        ...     urlopen(url + "hello?who=you", timeout=5).read()
        b'hello you'

    Boxes: "inbox" Responses to what went out by "requests"; "outbox" one `Listening`; "requests"
    Requests for `BOXES`; "control".

    How it ends: when it is told to on "control", or its inbox has ended: requests under way have `grace`
    seconds, components that serve are told Shutdown. It fails, with a sentence, when it cannot listen, or
    when a folder that a route leads to is not there. A component whose client is gone is told to finish,
    or, in the middle of its answer, Shutdown.
    """

    inboxes: ClassVar = {
        "inbox": "Responses to requests that went out by messages",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "one Listening",
        "requests": "Requests to be answered by messages",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}

    requests: Outbox

    def __init__(
        self,
        routes: Mapping[str, Any] | Any = BOXES,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        tls: GivenTLS | None = None,
        limits: Limits | Mapping[str, Any] = DEFAULT,
        name: str | None = None,
    ) -> None:
        """Read the routes; BadRoute for one that leads nowhere."""
        super().__init__(port, host, tls, limits_of(limits), name)
        table = routes if isinstance(routes, Mapping) else {"/*": routes}
        targets = {text: as_target(text, target) for text, target in table.items()}
        self.routes = Routes(targets)
        self._files = [target for target in targets.values() if isinstance(target, Files)]
        self.unasked = 0  # responses to no request that waits
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Response]] = {}
        self._ends: set[asyncio.Task[None]] = set()

    children: Children

    async def main(self) -> None:
        """Serve until it is over."""
        for each in self._files:
            each.check()
        self.children = Children(self)
        await super().main()

    async def serve(self) -> None:
        """Give responses to the requests that wait for them."""
        async for response in self.inbox:
            if not isinstance(response, Response):
                raise TypeError(
                    f"{self.path} takes Responses, not {type(response).__name__}: look at what is "
                    f"linked to it"
                )
            waiting = self._asked.pop(response.number, None)
            if waiting is None or waiting.done():
                self.unasked += 1
                log.info("%s: no request waits for response %d", self.path, response.number)
            else:
                waiting.set_result(response)

    async def close(self) -> None:
        """Answer those who wait for a message that will not come, and have components end."""
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_result(Response(503, "this server is ending\n", TEXT))
        self.children.tell_to_stop()

    async def answer(self, exchange: Exchange) -> None:
        """Have one request answered by what its route leads to."""
        match self.routes.find(exchange.method, exchange.path):
            case Found() as found:
                await found.target.answer(self, exchange, found)
            case WrongMethod(allowed):
                await exchange.refuse(405, "not by this method", {"allow": ", ".join(allowed)})
            case None:
                await exchange.reply(Response(404, "there is nothing at this address\n", TEXT))

    # what targets ask of it

    def next_number(self) -> int:
        """Give a number to a request."""
        return next(self._numbers)

    async def ask(self, request: Request) -> Response:
        """Have a request answered by messages."""
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._asked[request.number] = future
        try:
            await self.send(request, "requests")
            return await future
        finally:
            self._asked.pop(request.number, None)

    def end(self, child: Child, broken: str = "") -> None:
        """Have a component end whose connection is over; `broken` says why nobody gets its answer."""
        if not child.over:
            task = asyncio.create_task(child.end(broken))
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        return {**super().details(), "unasked": self.unasked}
