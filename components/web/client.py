"""HTTPClient: addresses in, responses out, in their order; and HTTPDownload: one address as bytes.

Laws
1. Responses come in the order of the requests; at most `concurrency` of them are under way, and no more
   is asked for while nobody takes what has come.
2. What cannot be had is one Failed on "errors", with a sentence, and the rest goes on; with nothing
   linked there it fails.
3. Only what may be done twice is tried again, a limited number of times, with growing waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.failing import tell_failure
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import NetworkError
from kamesh.components.refusing import mapping, more_than, whole
from kamesh.components.retries import Retries
from kamesh.components.sending import shut_down, stopped_within, tell_retry, unless_told
from kamesh.components.web.asking import (
    Asked,
    Progress,
    as_request,
    may_repeat,
    retry_after,
    schemes,
)
from kamesh.components.web.messages import Failed, Request, Response
from kamesh.outbox import Outbox

if TYPE_CHECKING:
    from kamesh.components.web.session import Reply, Session

__all__ = ["HTTPClient", "HTTPDownload"]

LONGEST = 16 << 20


class HTTPClient(Component):
    """Asks for what it is sent the addresses of, and sends the responses, in order.

    A message is an address ("http://...") or a Request; `headers` go with each. At most `concurrency`
    (default 8) are under way at a time. `timeout` (30 s) is for connecting, and for each wait for
    bytes. Up to `redirects` (10) are followed. What may be done twice (GET, HEAD, PUT, DELETE, OPTIONS)
    is tried up to `tries` (3) times when there is no answer, or one that says to come again (429, 502,
    503, 504). A body has at most `longest` bytes (16 MiB); with `stream=True` it has any size: the
    Response comes with a body of None, then the body in pieces of bytes, then b"" (or, if it broke
    off, a Failed, which "errors" gets as well). `tls` is a TLS, a dict of its fields, or an `ssl.SSLContext`.

    Any status is a Response, 404 and 500 too. Its `number` is that of the Request.

    Example:
        >>> with HTTPServer(lambda request: request.path).background() as server:
        ...     url = server.get(timeout=5).url
        ...     with HTTPClient().background() as client:
        ...         for path in ("one", "two"):
        ...             client.put(url + path)
        ...         [client.get(timeout=5).text for _ in range(2)]
        ['/one', '/two']

    Boxes: "inbox" addresses and Requests; "outbox" Responses; "errors" a Failed for each that could not
    be had; "control".

    How it ends: when its inbox has ended and all is answered; told Shutdown, at once. It fails, with a
    sentence, if something cannot be had and "errors" is linked to nothing.
    """

    inboxes: ClassVar = {
        "inbox": "addresses and Requests",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "Responses, in order",
        "errors": "a Failed for each that could not be had",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}

    errors: Outbox

    def __init__(
        self,
        *,
        concurrency: int = 8,
        timeout: float = 30.0,
        redirects: int = 10,
        tries: int = 3,
        longest: int = LONGEST,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        tls: GivenTLS | None = None,
        name: str | None = None,
    ) -> None:
        """Remember how to ask; WrongFigure for limits that are none."""
        super().__init__(name=name)
        whole(1, concurrency, "the number of requests at a time")
        more_than(0, timeout, "the seconds of the timeout")
        whole(0, redirects, "the number of redirects")
        whole(0, longest, "the bytes of an answer")
        Retries(tries)  # for its sentence
        self.concurrency = concurrency
        self.timeout = timeout
        self.redirects = redirects
        self.tries = tries
        self.longest = longest
        self.stream = stream
        self.headers = mapping(headers, "headers")
        self.tls = tls_of(tls, server=False)
        self.asked = self.failed = self.retried = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def main(self) -> None:
        """Ask and answer until the stream ends."""
        # aiohttp takes 0.15 s to import: only the node that asks pays for it
        with needing("HTTPClient"):
            from kamesh.components.web.session import Session

        session = Session(
            connections=self.concurrency,
            timeout=self.timeout,
            redirects=self.redirects,
            tls=context_of(self.tls, server=False),
        )
        last: asyncio.Task[None] | None = None
        try:
            async for message in self.inbox:
                last = asyncio.create_task(self._one(session, message, last))
                self._tasks.add(last)
                last.add_done_callback(self._done)
                while len(self._tasks) >= self.concurrency and not shut_down(self):
                    await self.wait()
            while self._tasks and not shut_down(self):
                await self.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await session.close()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._strand.wake()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._strand.fail(error)

    async def _one(
        self, session: Session, message: object, before: asyncio.Task[None] | None
    ) -> None:
        """Ask for one thing, and hand it on when those before it are."""
        self.asked += 1
        request = message
        try:
            request = as_request(message)
            await self._ask(session, request, before)
        except (NetworkError, TypeError, ValueError) as error:
            await _over(before)
            self.failed += 1
            failed = Failed(request, str(error))
            await tell_failure(self, failed, error)
            if isinstance(error, _BrokenOff):
                await self.send(failed)

    async def _ask(
        self, session: Session, request: Request, before: asyncio.Task[None] | None
    ) -> None:
        retries = Retries(self.tries)
        wait: float | None = 0.0
        while wait is not None:
            await asyncio.sleep(wait)
            try:
                async with session.ask(request, self.headers) as reply:
                    wait = None
                    if may_repeat(request, reply.status):
                        wait = retries.wait(retry_after(reply.headers, time.time()))
                    if wait is None:
                        await self._hand_on(request, reply, before)
            except _BrokenOff:
                raise
            except NetworkError:
                wait = retries.wait() if may_repeat(request) else None
                if wait is None:
                    raise
            if wait is not None:
                self.retried += 1

    async def _hand_on(
        self, request: Request, reply: Reply, before: asyncio.Task[None] | None
    ) -> None:
        """Send an answer, when those before it are sent."""
        head = Response(reply.status, None, reply.headers, request.number, reply.url)
        if not self.stream:
            body = await reply.whole(self.longest)
            await _over(before)
            await self.send(replace(head, body=body))
            return
        await _over(before)
        await self.send(head)
        try:
            async for piece in reply.pieces():
                await self.send(piece)
        except NetworkError as error:
            raise _BrokenOff(str(error)) from error
        await self.send(b"")

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"asked": self.asked, "failed": self.failed, "retried": self.retried}


class _BrokenOff(NetworkError):
    """A body broke off some of which was sent on."""


async def _over(before: asyncio.Task[None] | None) -> None:
    if before is not None:
        await asyncio.wait([before])


class HTTPDownload(Component):
    """Sends what is at an address as bytes, and goes on where it was when the connection breaks.

    `url` is asked for by GET, with `headers`; `timeout` (30 s) is for connecting and for each wait for
    bytes. When it breaks off, the rest is asked for by Range, if it is still the same by its ETag or its
    time, up to `tries` (5) times in a row without a byte (None: for ever). `tls` is a TLS or
    an `ssl.SSLContext`.

    Example:
        >>> with HTTPServer(lambda request: b"all of it").background() as server:
        ...     url = server.get(timeout=5).url
        ...     with HTTPDownload(url).background() as download:
        ...         download.get(timeout=5)
        b'all of it'

    Boxes: "outbox" bytes, in order; "control".

    How it ends: when all has come; told Shutdown, at once. It fails, with a sentence, if there is nothing
    at the address, if it changes meanwhile, or cannot be had to its end.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        tries: int | None = 5,
        headers: Mapping[str, str] | None = None,
        tls: GivenTLS | None = None,
        name: str | None = None,
    ) -> None:
        """Remember what to get; WrongFigure if the address is none."""
        super().__init__(name=name)
        self.url = schemes(url)
        more_than(0, timeout, "the seconds of the timeout")
        self.timeout = timeout
        self.retries = Retries(tries)
        self.headers = mapping(headers, "headers")
        self.tls = tls_of(tls, server=False)
        self.progress = Progress()
        self.resumed = 0

    async def main(self) -> None:
        """Get it, in as many goes as that takes."""
        # aiohttp takes 0.15 s to import: only the node that asks pays for it
        with needing("HTTPDownload"):
            from kamesh.components.web.session import Session

        session = Session(timeout=self.timeout, tls=context_of(self.tls, server=False))
        try:
            while True:
                try:
                    await unless_told(self, self._go_on(session), Component.stopping)
                    return
                except Asked as error:
                    raise NetworkError(f"{self.url}: {error}") from error
                except NetworkError as error:
                    wait = self.retries.wait()
                    if wait is None:
                        raise
                    tell_retry(self, self.retries, str(error))
                self.resumed += 1
                if await stopped_within(self, wait, Component.stopping):
                    return
        finally:
            await session.close()

    async def _go_on(self, session: Session) -> None:
        progress = self.progress
        async with session.ask(Request(self.url, headers=self.headers), progress.ask()) as reply:
            skip = progress.answered(reply.status, reply.headers)
            if reply.status == 416:
                return
            async for piece in reply.pieces():
                piece, skip = piece[skip:], max(0, skip - len(piece))
                if piece:
                    self.retries.succeeded()
                    progress.took(len(piece))
                    await self.send(piece)
        if not progress.whole:
            raise NetworkError(f"{self.url} broke off after {progress.position} bytes")

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.progress.position, "resumed": self.resumed}
