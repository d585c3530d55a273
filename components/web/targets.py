"""Targets: what a route of an HTTPServer may lead to, each of which answers an exchange.

Laws
1. What is no target is refused when the server is made, in a sentence that names the route; whether a
   file or a folder is there, when it starts.
2. A function gets the whole request, within the limit for bodies, and returns the whole answer.
3. A request that is not answered in time is answered 504.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kamesh import Component
from kamesh.components.named import is_name, thing_named
from kamesh.components.web.conversing import Handler, WebSocket, late, spoken_for
from kamesh.components.web.files import Files
from kamesh.components.web.messages import Request, Response
from kamesh.components.web.routing import BadRoute, Found
from kamesh.errors import NotSuitable, UnknownName

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange
    from kamesh.components.web.server import HTTPServer

__all__ = ["BOXES", "Target", "as_response", "as_target"]

BOXES = "boxes"  # the target that stands for the server's own boxes
TEXT = {"content-type": "text/plain; charset=utf-8"}
JSON = {"content-type": "application/json"}


class Target(Protocol):
    """What answers an exchange."""

    async def answer(self, server: HTTPServer, exchange: Exchange, found: Found) -> None:
        """Answer it."""


class _Call:
    """A plain function, or one that is `async`."""

    def __init__(self, function: Callable[[Request], Any]) -> None:
        self.function = function

    async def answer(self, server: HTTPServer, exchange: Exchange, found: Found) -> None:
        """Call it with the whole request."""
        request = await _whole(server, exchange, found)
        answer = self.function(request)
        if inspect.isawaitable(answer):
            answer = await _patient(server, answer)
        if not isinstance(answer, Component):
            await exchange.reply(as_response(answer))
            return
        child = server.children.start(answer)

        async def feed() -> None:
            await child.put(request)
            child.finish()

        await spoken_for(server, exchange, child, feed())


class _Boxes:
    """The server's own boxes."""

    async def answer(self, server: HTTPServer, exchange: Exchange, found: Found) -> None:
        """Send the request, and wait for the response that bears its number."""
        request = await _whole(server, exchange, found)
        await exchange.reply(await _patient(server, server.ask(request)))


def as_response(answer: object) -> Response:
    """Make a response of what a function has returned; TypeError if it is none."""
    match answer:
        case Response():
            return answer
        case None:
            return Response(204)
        case str():
            return Response(200, answer, TEXT)
        case bytes():
            return Response(200, answer, {"content-type": "application/octet-stream"})
        case dict() | list():
            return Response(200, json.dumps(answer), JSON)
    raise TypeError(
        f"a request was answered with {type(answer).__name__}: an answer is a Response, str, bytes, "
        f"dict, list or None"
    )


def as_target(route: str, value: object) -> Target:
    """Make a target of what a route was given; BadRoute if it cannot lead there."""
    if value == BOXES:
        return _Boxes()
    if is_name(value):
        try:
            value = thing_named(str(value))
        except UnknownName as error:
            raise BadRoute(f"the route {route!r} leads nowhere: {error}") from error
    if isinstance(value, str | Path):
        return Files(Path(value), route)
    if isinstance(value, WebSocket):
        return value
    maker = value.func if isinstance(value, partial) else value
    if isinstance(maker, type) and issubclass(maker, Component):
        try:
            return Handler(value)  # type: ignore[arg-type]  # a class or a partial of one
        except NotSuitable as error:
            raise BadRoute(f"the route {route!r} cannot lead to a component: {error}") from error
    if isinstance(value, Component):
        raise BadRoute(
            f"the route {route!r} leads to one component, {value.path}; a request gets one of its own: "
            f"give the class, or a function that makes one"
        )
    if callable(value):
        return _Call(value)
    raise BadRoute(
        f"the route {route!r} cannot lead to {value!r}: it leads to a component class, a function, a "
        f"folder, a WebSocket(...), or BOXES"
    )


async def _whole(server: HTTPServer, exchange: Exchange, found: Found) -> Request:
    head = exchange.head(server.next_number(), found.parts)
    return replace(head, body=await exchange.whole())


async def _patient(server: HTTPServer, answering: Awaitable[Any]) -> Any:
    try:
        return await asyncio.wait_for(answering, server.limits.patience)
    except TimeoutError:
        return late(server)
