"""StreamServer: live streams of bytes over HTTP, to any number of viewers.

What each viewer gets is decided by `chunks.Fanout`; `streamsite.py` is the aiohttp side.

Laws
1. A viewer that is slow misses stretches of the stream; it never holds up the stream or another
   viewer.
2. What waits for viewers is bounded, in bytes for each and in viewers for all; one that takes
   nothing for 30 seconds is let go, one too many is refused with a sentence.
3. When the streams end, what waits is still sent, for 5 seconds at the most; then the port is free.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from kamesh import Component
from kamesh.components.chunks import VIEWER_BYTES, Fanout
from kamesh.components.extras import needing
from kamesh.components.network.trouble import (
    ListenError,
    Listening,
    checked_port,
    shown,
    trouble,
)

if TYPE_CHECKING:
    from kamesh.components.web.streamsite import StreamSite

__all__ = ["ListenError", "Listening", "Served", "StreamServer"]

MOST_VIEWERS = 1000
STATISTICS = "statistics.json"


@dataclass(frozen=True, slots=True)
class Served:
    """One stream as it is offered: its name below the base path, and its content type."""

    name: str
    content_type: str


class StreamServer(Component):
    """Serves each of its inboxes as a live stream over HTTP that viewers may join at any time.

    `port` 0 takes any that is free (see "outbox"); `host` is loopback unless told otherwise; `path`
    is what all addresses begin with; at most `viewers` (default 1000) are served at a time, with
    `viewer_bytes` (default 4 MiB) waiting for each. A subclass with other `inboxes` and `streams`
    serves several streams. Below the base path there is also `statistics.json`.

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
    outboxes: ClassVar = {"outbox": "a Listening", "signal": "passes on what was told on control"}
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
        name: str | None = None,
    ) -> None:
        """Remember where to listen; it listens when it starts."""
        super().__init__(name=name)
        self.host = host
        self.port = checked_port(port, 0)
        self.base = f"/{path.strip('/')}/" if path.strip("/") else "/"
        self.url = ""  # known once it listens
        self.most_viewers = viewers
        self.fanouts = {box: Fanout(viewer_bytes=viewer_bytes) for box in self.streams}
        self._site: StreamSite | None = None

    def pages(self) -> Mapping[str, tuple[str, str]]:
        """Give the fixed pages, by their names below the base path: content type and text."""
        return {}

    async def main(self) -> None:
        """Listen, deal out what comes, and close when all is over."""
        # aiohttp takes 0.15 s to import: only the node that serves pays for it
        with needing("StreamServer"):
            from kamesh.components.web.streamsite import StreamSite

        site = self._site = StreamSite(self.most_viewers)
        for box, served in self.streams.items():
            site.add_stream(self.base + served.name, served.content_type, self.fanouts[box])
        for name, (content_type, text) in self.pages().items():
            site.add_page(self.base + name, content_type, lambda text=text: text)  # type: ignore[misc]
        site.add_page(self.base + STATISTICS, "application/json", self._statistics)
        try:
            self.port = await site.start(self.host, self.port)
        except OSError as error:
            where = shown(self.host, self.port)
            raise ListenError(trouble(error, where, listening=True)) from error
        try:
            self.url = f"http://{shown(self.host, self.port)}{self.base}"
            await self.send(Listening(self.url, self.host, self.port))
            await self._deal(site)
        finally:
            await site.close()

    async def _deal(self, site: StreamSite) -> None:
        """Put what arrives into the fan-outs until all that is linked has ended."""
        tasks = {asyncio.create_task(self._feed(site, box)): box for box in self.streams}
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

    async def _feed(self, site: StreamSite, box: str) -> None:
        fanout = self.fanouts[box]
        async for piece in self._strand.inboxes[box]:
            fanout.put(piece)
            if fanout.ready:
                site.begun(fanout)
        failure = self._strand.inboxes[box].failure
        fanout.end()
        site.begun(fanout, f"this stream broke off: {failure.message}" if failure else "")

    def _statistics(self) -> str:
        streams = {
            s.name: asdict(self.fanouts[box].statistics()) for box, s in self.streams.items()
        }
        return json.dumps({**self.details(), "streams": streams})

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        sums = [fanout.statistics() for fanout in self.fanouts.values()]
        return {
            "url": self.url,
            "viewers": sum(s.viewers for s in sums),
            "viewers_ever": sum(s.viewers_ever for s in sums),
            "bytes": sum(s.bytes_out for s in sums),
            "skipped": sum(s.skipped for s in sums),
            "waiting": self._site.waiting if self._site else 0,
            "stalled": self._site.stalled if self._site else 0,
            "refused": self._site.refused if self._site else 0,
        }
