"""Server-Sent Events: a server for any number of viewers, and a client that comes back.

Laws
1. A slow viewer holds up nobody: all share one bounded history (`history.py`), and one that is too slow
   misses events, which are counted.
2. A viewer that comes back goes on after the last event that it has had, if the history still has it.
3. A client tries again with growing waits, a limited number of times in a row, and never after a 204,
   by which a server says: no more.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import NetworkError
from kamesh.components.refusing import at_least, mapping, more_than, text
from kamesh.components.retries import Retries
from kamesh.components.sending import stopped_within, tell_retry, unless_told
from kamesh.components.web.asking import Asked, schemes
from kamesh.components.web.eventstream import EventParser
from kamesh.components.web.history import BYTES, EVENTS, History
from kamesh.components.web.limits import LASTING, Limits, limits_of
from kamesh.components.web.messages import Event, Request, Response
from kamesh.components.web.serving import WebServer
from kamesh.components.web.status import STATUS, Status
from kamesh.waiters import Waiters

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange
    from kamesh.components.web.session import Session

__all__ = ["EventClient", "EventServer"]

HEARTBEAT = 15.0  # seconds after which a viewer to whom nothing is sent gets a comment
STREAM = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "access-control-allow-origin": "*",
    "x-accel-buffering": "no",  # for proxies that would hold it back
}
PLAIN = {"content-type": "text/plain; charset=utf-8"}


def _as_event(message: object) -> Event:
    """Make an event: of an Event, of text, or of what JSON can say; TypeError for anything else."""
    if isinstance(message, Event):
        return message
    if isinstance(message, str):
        return Event(message)
    try:
        return Event(json.dumps(message))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"an event is an Event, a str, or what JSON can say, not {type(message).__name__}: {error}"
        ) from error


class EventServer(WebServer):
    r"""Sends what it gets to any number of viewers as Server-Sent Events, as browsers take them.

    A message is an Event, a str, or what JSON can say. `path` is where viewers connect. The last
    `history` events (256), and at most 4 MiB of them, are kept: for viewers that come back with a
    Last-Event-ID, and for slow ones; one slower than that misses the oldest. `retry` is the seconds after
    which viewers are to come back when they have lost the connection. The rest is as for HTTPServer, with
    up to 1000 viewers at a time (`limits={"requests": 1000, "connections": 1000}`).
    Pages of any origin may read the events.

    Example:
        >>> from urllib.request import urlopen
        >>> with EventServer().background() as server:
        ...     url = server.get(timeout=5).url
        ...     with urlopen(url, timeout=5) as events:
        ...         server.put(Event("hello", id="7"))
        ...         [events.readline() for _ in range(3)]
        [b': here\n', b'\n', b'id: 7\n']

    Boxes: "inbox" events; "outbox" one `Listening`; "control".

    How it ends: when its inbox has ended, or it is told to on "control": viewers get what is left of the
    history, for `grace` seconds at most, and the end of their stream. It fails, with a sentence, when it
    cannot listen, or is sent what is no event.
    """

    inboxes: ClassVar = {"inbox": "events", "control": "told here to finish or to stop"}
    bounds: ClassVar = {"inbox": 64}

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        path: str = "/",
        *,
        history: int = EVENTS,
        retry: float | None = None,
        tls: GivenTLS | None = None,
        limits: Limits | Mapping[str, Any] = LASTING,
        name: str | None = None,
    ) -> None:
        """Remember where to listen, and how much to keep."""
        super().__init__(port, host, tls, limits_of(limits), name)
        text(path, "the path")
        self.base = f"/{path.strip('/')}"
        if retry is not None:
            at_least(0, retry, "the seconds of retry")
        self.history = History(secrets.token_hex(4), history, BYTES)
        self.retry = retry
        self.viewers = 0
        self._waiters = Waiters()

    async def serve(self) -> None:
        """Put what comes into the history."""
        async for message in self.inbox:
            self.history.put(_as_event(message))
            self._waiters.let_go()

    async def close(self) -> None:
        """Have viewers come to their end."""
        self._waiters.let_go()

    async def answer(self, exchange: Exchange) -> None:
        """Serve one viewer."""
        if exchange.path != self.base:
            await exchange.reply(Response(404, f"events are at {self.base}\n", PLAIN))
            return
        if exchange.method not in ("GET", "HEAD"):
            await exchange.refuse(405, "events can be had by GET", {"allow": "GET, HEAD"})
            return
        reader = self.history.join(exchange.headers.get("last-event-id", ""))
        await exchange.begin(Response(200, None, STREAM))
        if exchange.method == "HEAD":
            return
        retry = f"retry: {round(self.retry * 1000)}\n" if self.retry is not None else ""
        self.viewers += 1
        try:
            await exchange.write(f"{retry}: here\n\n".encode())
            while True:
                data = reader.take()
                if data:
                    await exchange.write(data)
                elif self.ending:
                    break
                elif not await self._something():
                    await exchange.write(b":\n\n")
            await exchange.finish()
        finally:
            self.viewers -= 1

    async def _something(self) -> bool:
        """Wait for an event, or the end; False if neither comes for a while."""
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._waiters.wait()
        except TimeoutError:
            return False
        return True

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        own = {
            "viewers": self.viewers,
            "events": self.history.number,
            "missed": self.history.missed,
        }
        return {**super().details(), **own}


class EventClient(Component):
    """Sends the Server-Sent Events of an address, and comes back when the connection is lost.

    `url` is asked for with `headers`; after `timeout` seconds (60) without a byte the connection counts
    as lost. It is made again after growing waits, or longer ones if the server asks for them (30 s at
    most), with the id of the last event, up to `tries` (10) times in a row in vain (None: for ever); with
    `tries=1` its end is the end. `last_id` is the id to begin after. An event has at most 1 MiB. `tls` is
    a TLS, a dict of its fields, or an `ssl.SSLContext`.

    Example:
        >>> with EventServer().background() as server:
        ...     url = server.get(timeout=5).url
        ...     server.put("hello")
        ...     with EventClient(url, tries=1, last_id="0").background() as client:
        ...         print(client.get(timeout=5).data)
        ...         client.stop()
        hello

    Boxes: "outbox" Events; "status" `Connected`, `Disconnected` and `Refused` as it happens; "control".

    How it ends: when the server says so by a 204, or it is told on "control", at once. It fails, with a
    sentence, when there are no events at the address, or the server cannot be had any more.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "Events",
        "status": STATUS,
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 60.0,
        tries: int | None = 10,
        last_id: str = "",
        headers: Mapping[str, str] | None = None,
        tls: GivenTLS | None = None,
        name: str | None = None,
    ) -> None:
        """Remember where to ask; WrongFigure if the address is none."""
        super().__init__(name=name)
        self.url = schemes(url)
        more_than(0, timeout, "the seconds of the timeout")
        self.timeout = timeout
        self.retries = Retries(tries)
        self.last_id = last_id
        self.headers = mapping(headers, "headers")
        self.tls = tls_of(tls, server=False)
        self.events = 0
        self._status = Status(self, self.url)
        self._retry = 0.0  # seconds to wait at least, as the server has said

    async def main(self) -> None:
        """Listen, in as many connections as that takes."""
        # aiohttp takes 0.15 s to import: only the node that connects pays for it
        with needing("EventClient"):
            from kamesh.components.web.session import Session

        session = Session(timeout=self.timeout, tls=context_of(self.tls, server=False))
        status = self._status
        try:
            while (problem := await self._once(session)) is not None:
                wait = None if isinstance(problem, Asked) else self.retries.wait(self._retry)
                status.over(str(problem), wait)
                if wait is not None:
                    tell_retry(self, self.retries, str(problem))
                    if await stopped_within(self, wait, Component.stopping):
                        return
                elif isinstance(problem, Asked):
                    raise NetworkError(f"{self.url}: {problem}") from problem
                elif self.retries.once and status.connections:
                    return
                else:
                    raise problem
        finally:
            status.over()
            await session.close()

    async def _once(self, session: Session) -> NetworkError | None:
        """Listen in one connection; say how it went wrong, or None for no more."""
        try:
            more = await unless_told(self, self._listen(session), Component.stopping)
        except NetworkError as error:
            return error
        return NetworkError(f"{self.url} has ended its events") if more else None

    async def _listen(self, session: Session) -> bool:
        """Send on what comes in one connection; False if the server says that no more will."""
        more = {"accept": "text/event-stream", "cache-control": "no-store"}
        if self.last_id:
            more["last-event-id"] = self.last_id
        async with session.ask(Request(self.url, headers=self.headers), more) as reply:
            if reply.status == 204:
                return False
            if reply.status >= 500 or reply.status == 429:
                raise NetworkError(f"{self.url} answers with status {reply.status}")
            kind = reply.headers.get("content-type", "none").partition(";")[0].strip()
            if reply.status != 200 or kind != "text/event-stream":
                raise Asked(f"there are no events: status {reply.status}, content type {kind}")
            self._status.connected(reply.peer)
            parser = EventParser()
            async for piece in reply.pieces():
                self._status.received += len(piece)
                for event in parser.feed(piece):
                    self.retries.succeeded()
                    self.events += 1
                    await self.send(event)
                    self.last_id = event.id or self.last_id
                self.last_id = parser.last_id or self.last_id
                if parser.retry is not None:
                    self._retry = min(parser.retry, self.retries.longest)
        return True

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {**self._status.details(), "events": self.events}
