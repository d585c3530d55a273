"""Serving fan-outs over HTTP: the aiohttp side of `streams.py`. Imports aiohttp.

Laws: a viewer waits only for its own bytes; one that takes nothing for STALLED seconds is let go;
one that comes before the stream waits PATIENCE seconds for it, and is then told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from kamesh.components.chunks import Fanout, Viewer

__all__ = ["StreamSite"]

STALLED = 30.0  # seconds that a viewer may take nothing of what is written to it
PATIENCE = 10.0  # seconds that a viewer waits for a stream that has not begun
LINGER = 5.0  # seconds that viewers have, at the end, to take what waits for them
FRESH = {"Cache-Control": "no-store"}


class StreamSite:
    """A web site of live streams and fixed pages.

    Example:
        site = StreamSite(viewers=100)
        site.add_stream("/stream.ts", "video/mp2t", fanout)
        site.add_page("/", "text/html", lambda: "<h1>Hello</h1>")
        port = await site.start("127.0.0.1", 0)
        ...
        await site.close()
    """

    def __init__(self, viewers: int) -> None:
        """Begin with nothing on it; at most `viewers` are served at a time."""
        self._most_viewers = viewers
        self._application = web.Application()
        self._fanouts: list[Fanout] = []
        self._begun: dict[int, asyncio.Event] = {}
        self._broken: dict[int, str] = {}
        self._runner: web.AppRunner | None = None
        self._serving: set[asyncio.Future[None]] = set()  # one for each viewer
        self.stalled = 0  # viewers let go because they took nothing
        self.waiting = 0  # viewers that wait for a stream to begin
        self.refused = 0  # viewers that were not served at all

    def add_stream(self, path: str, content_type: str, fanout: Fanout) -> None:
        """Offer a fan-out at `path`."""
        self._fanouts.append(fanout)
        self._begun[id(fanout)] = asyncio.Event()

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": content_type, **FRESH})
            if request.method == "HEAD":
                return response
            refusal = await self._refusal(fanout)
            if refusal:
                self.refused += 1
                return web.Response(status=503, text=refusal + "\n", headers={"Retry-After": "2"})
            await response.prepare(request)
            await self._serve(fanout, response)
            return response

        self._application.router.add_get(path, handle)

    def add_page(self, path: str, content_type: str, text: Callable[[], str]) -> None:
        """Offer a page whose text is asked for each time."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return web.Response(text=text(), content_type=content_type, headers=FRESH)

        self._application.router.add_get(path, handle)

    async def start(self, host: str, port: int) -> int:
        """Listen, and give the port; OSError as the system gives it."""
        self._runner = web.AppRunner(
            self._application, access_log=None, handler_cancellation=True, shutdown_timeout=LINGER
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return int(self._runner.addresses[0][1])

    def begun(self, fanout: Fanout, broken: str = "") -> None:
        """Let in those who wait for this stream: it has begun, or is over (`broken` says why)."""
        self._begun[id(fanout)].set()
        self._broken[id(fanout)] = broken

    async def close(self) -> None:
        """Let viewers take what waits, for LINGER seconds at the most, and stop listening."""
        for fanout in self._fanouts:
            fanout.end()
            self.begun(fanout)
        if self._serving:
            await asyncio.wait(self._serving, timeout=LINGER)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _refusal(self, fanout: Fanout) -> str:
        """Say why a viewer cannot be served, or nothing; wait for a stream to begin."""
        if sum(len(f.viewers) for f in self._fanouts) >= self._most_viewers:
            return f"this server has {self._most_viewers} viewers and takes no more"
        begun = self._begun[id(fanout)]
        self.waiting += 1
        try:
            await asyncio.wait_for(begun.wait(), PATIENCE)
        except TimeoutError:
            return "this stream has not begun"
        finally:
            self.waiting -= 1
        if fanout.ended:
            return self._broken[id(fanout)] or "this stream is over"
        return ""

    async def _serve(self, fanout: Fanout, response: web.StreamResponse) -> None:
        """Write to one viewer until the stream ends or the viewer goes."""
        event = asyncio.Event()
        viewer = fanout.join(event.set)
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._serving.add(gone)
        try:
            while await self._write_next(viewer, event, response):
                pass
            await asyncio.wait_for(response.write_eof(), STALLED)
        except TimeoutError:
            self.stalled += 1
        except ConnectionError:
            pass  # the viewer has gone, which is its right
        finally:
            fanout.leave(viewer)
            self._serving.discard(gone)
            gone.set_result(None)

    async def _write_next(
        self, viewer: Viewer, event: asyncio.Event, response: web.StreamResponse
    ) -> bool:
        """Write what is next for this viewer; False when there is no more."""
        data = viewer.take()
        if data is not None:
            await asyncio.wait_for(response.write(data), STALLED)
            return True
        if viewer.ended:
            return False
        event.clear()
        await event.wait()  # for the stream, whose end sets it too
        return True
