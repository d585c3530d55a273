"""StreamServer: live streams of bytes over HTTP, to any number of viewers.

What each viewer gets is decided by `chunks.Fanout`.

Laws
1. A viewer that is slow misses stretches of the stream; it never holds up the stream or another
   viewer.
2. What waits for viewers is bounded, in bytes for each and in viewers for all; one that takes
   nothing for 30 seconds is let go, one too many is refused with a sentence.
3. One that comes before the stream waits for it for 10 seconds, and is then told so. When the streams
   end, what waits is still sent, for 5 seconds at the most; then the port is free.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from kamesh.components.chunks import VIEWER_BYTES, Fanout, Viewer
from kamesh.components.network.tls import GivenTLS
from kamesh.components.network.trouble import ListenError, Listening
from kamesh.components.refusing import text, whole
from kamesh.components.web.limits import Limits, Stalled
from kamesh.components.web.messages import Response
from kamesh.components.web.serving import WebServer

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange

__all__ = ["ListenError", "Listening", "Served", "StreamServer"]

MOST_VIEWERS = 1000
OTHERS = 100  # connections and requests beside those of viewers: for pages, and for refusals
STALLED = 30.0  # seconds that a viewer may take nothing of what is written to it
PATIENCE = 10.0  # seconds that a viewer waits for a stream that has not begun
LINGER = 5.0  # seconds that viewers have, at the end, to take what waits for them
STATISTICS = "statistics.json"
FRESH = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Served:
    """One stream as it is offered: its name below the base path, and its content type."""

    name: str
    content_type: str


class StreamServer(WebServer):
    """Serves each of its inboxes as a live stream over HTTP that viewers may join at any time.

    `port` 0 takes any that is free (see "outbox"); `host` is loopback unless told otherwise; `path` is
    what all addresses begin with; at most `viewers` (default 1000) are served at a time, with
    `viewer_bytes` (default 4 MiB) waiting for each. `tls` is a TLS, a dict of its fields, or an
    `ssl.SSLContext`. A subclass with other `inboxes` and `streams` serves several streams. Below the base
    path there is also `statistics.json`.

    Example:
        >>> from urllib.request import urlopen
        >>> with StreamServer().background() as server:
        ...     url = server.get(timeout=5).url
        ...     server.put(b"hello")
        ...     with urlopen(url + "stream", timeout=5) as stream:
        ...         stream.read(5)
        b'hello'

    Boxes: "inbox" `Chunk`s (a newcomer begins at the latest key frame), a `Preamble` (given to each
    newcomer first), or bytes; "outbox" one `Listening`; "control".

    How it ends: when all that feeds it has ended, or it is told on "control". It fails, with a
    sentence that names the port, when it cannot listen.
    """

    inboxes: ClassVar = {"inbox": "Chunks or bytes", "control": "told here to finish or to stop"}
    bounds: ClassVar = {"inbox": 64}
    streams: ClassVar[Mapping[str, Served]] = {
        "inbox": Served("stream", "application/octet-stream")
    }

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        path: str = "/",
        *,
        viewers: int = MOST_VIEWERS,
        viewer_bytes: int = VIEWER_BYTES,
        tls: GivenTLS | None = None,
        name: str | None = None,
    ) -> None:
        """Remember where to listen; it listens when it starts."""
        whole(1, viewers, "the number of viewers")
        whole(1, viewer_bytes, "the bytes that wait for a viewer")
        most = viewers + OTHERS
        limits = Limits(connections=most, requests=most, idle=STALLED, grace=LINGER)
        super().__init__(port, host, tls, limits, name)
        text(path, "the path")
        self.base = f"/{path.strip('/')}/" if path.strip("/") else "/"
        self.most_viewers = viewers
        self.fanouts = {box: Fanout(viewer_bytes=viewer_bytes) for box in self.streams}
        self._begun = {box: asyncio.Event() for box in self.streams}
        self._broken: dict[str, str] = {}
        self.waiting = self.stalled = self.turned_away = 0

    def pages(self) -> Mapping[str, tuple[str, str]]:
        """Give the fixed pages, by their names below the base path: content type and text."""
        return {}

    # what comes in

    async def serve(self) -> None:
        """Put what arrives into the fan-outs until all that is linked has ended."""
        tasks = {asyncio.create_task(self._feed(box)): box for box in self.streams}
        pending = set(tasks)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                if not any(self._strand.inboxes[tasks[task]].live for task in pending):
                    break
        finally:
            for task in pending:
                task.cancel()

    async def _feed(self, box: str) -> None:
        fanout = self.fanouts[box]
        async for piece in self._strand.inboxes[box]:
            fanout.put(piece)
            if fanout.ready:
                self._begun[box].set()
        failure = self._strand.inboxes[box].failure
        if failure is not None:
            self._broken[box] = f"this stream broke off: {failure.message}"
        fanout.end()
        self._begun[box].set()

    async def close(self) -> None:
        """Have viewers come to their end."""
        for box, fanout in self.fanouts.items():
            fanout.end()
            self._begun[box].set()

    # what goes out

    async def answer(self, exchange: Exchange) -> None:
        """Serve one viewer, or give one page."""
        name = exchange.path.removeprefix(self.base)
        if not exchange.path.startswith(self.base):
            await exchange.reply(Response(404, f"everything here is below {self.base}\n"))
            return
        if exchange.method not in ("GET", "HEAD"):
            await exchange.refuse(405, "a stream can be had by GET", {"allow": "GET, HEAD"})
            return
        pages = self.pages()
        for box, served in self.streams.items():
            if served.name == name:
                await self._stream(exchange, box, served)
                return
        if name == STATISTICS:
            await exchange.reply(_page("application/json", self._statistics()))
        elif name in pages:
            await exchange.reply(_page(*pages[name]))
        else:
            await exchange.reply(Response(404, "there is nothing at this address\n"))

    async def _stream(self, exchange: Exchange, box: str, served: Served) -> None:
        head = Response(200, None, {"content-type": served.content_type, **FRESH})
        if exchange.method == "HEAD":
            await exchange.reply(head)
            return
        refusal = await self._refusal(box)
        if refusal:
            self.turned_away += 1
            await exchange.refuse(503, refusal, {"retry-after": "2"})
            return
        event = asyncio.Event()
        viewer = self.fanouts[box].join(event.set)
        try:
            await exchange.begin(head)
            await _write_all(exchange, viewer, event)
            await exchange.finish()
        except Stalled:
            self.stalled += 1
            raise
        finally:
            self.fanouts[box].leave(viewer)

    async def _refusal(self, box: str) -> str:
        """Say why a viewer cannot be served, or nothing; wait for a stream to begin."""
        if sum(len(f.viewers) for f in self.fanouts.values()) >= self.most_viewers:
            return f"this server has {self.most_viewers} viewers and takes no more"
        self.waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await self._begun[box].wait()
        except TimeoutError:
            return "this stream has not begun"
        finally:
            self.waiting -= 1
        if self.fanouts[box].ended:
            return self._broken.get(box, "this stream is over")
        return ""

    def _statistics(self) -> str:
        streams = {
            s.name: asdict(self.fanouts[box].statistics()) for box, s in self.streams.items()
        }
        return json.dumps({**self.details(), "streams": streams})

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        general = super().details()
        sums = [fanout.statistics() for fanout in self.fanouts.values()]
        return {
            **general,
            "viewers": sum(s.viewers for s in sums),
            "viewers_ever": sum(s.viewers_ever for s in sums),
            "bytes": sum(s.bytes_out for s in sums),
            "skipped": sum(s.skipped for s in sums),
            "waiting": self.waiting,
            "stalled": self.stalled,
            "refused": int(general["refused"]) + self.turned_away,
        }


def _page(content_type: str, text: str) -> Response:
    return Response(200, text, {"content-type": f"{content_type}; charset=utf-8", **FRESH})


async def _write_all(exchange: Exchange, viewer: Viewer, event: asyncio.Event) -> None:
    """Write to one viewer until the stream ends; it waits for nothing but its own bytes."""
    while True:
        data = viewer.take()
        if data is not None:
            await exchange.write(data)
        elif viewer.ended:
            return
        else:
            event.clear()
            await event.wait()  # for the stream, whose end sets it too
