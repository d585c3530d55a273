"""HLS: a live stream for players that take it in segments over HTTP, from memory or from a folder.

How it is cut and listed is decided by `segments.py`.

Laws
1. A playlist never names a segment that cannot be had: segments are there first, and stay for as long
   again after it names them no more.
2. What is kept is bounded: by `window` segments, in memory and in the folder.
3. In a folder nothing is ever seen half written: each file is written beside its place and renamed.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.files.errors import a_path
from kamesh.components.files.raw import FileError, sentence
from kamesh.components.formats import ByteStream, Either, TransportStream
from kamesh.components.network.tls import GivenTLS
from kamesh.components.refusing import WrongFigure, at_least, text
from kamesh.components.sending import shut_down
from kamesh.components.web.hlspage import page_of
from kamesh.components.web.limits import Limits, limits_of
from kamesh.components.web.messages import Response
from kamesh.components.web.segments import Playlist, Segmenter
from kamesh.components.web.server import DEFAULT
from kamesh.components.web.serving import WebServer
from kamesh.waiters import Waiters

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange

__all__ = ["HLSFolder", "HLSServer"]

TARGET = 4.0  # seconds
WINDOW = 6
LINGER = 20.0  # seconds
PATIENCE = 10.0  # seconds that a player waits for the first segment
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
}
PLAIN = {"content-type": "text/plain; charset=utf-8"}
PAGE = {"content-type": "text/html; charset=utf-8", "cache-control": "no-cache"}
_NAME = re.compile(r"[\w.-]+")


def _checked_name(stream: str) -> str:
    if not isinstance(stream, str) or not _NAME.fullmatch(stream) or stream.startswith("."):
        raise WrongFigure(f"{stream!r} cannot be part of names of files: letters, digits, - and _")
    return stream


class HLSServer(WebServer):
    """Serves a live programme as HLS, from memory: `live.m3u8` and its segments.

    The address itself is a page that plays it, where the browser can.

    `stream` is what the playlist is called (default "live", so `live.m3u8`); `path` what all addresses
    begin with. Segments are about `target` seconds long (4), as key frames allow; the playlist names the
    last `window` of them (6). When the stream has ended, players can have the rest for `linger` seconds
    (20). The rest is as for HTTPServer. Pages of any origin may play it.

    Example:
        >>> from urllib.request import urlopen
        >>> from kamesh.components.chunks import Chunk
        >>> with HLSServer(linger=0.2).background() as server:
        ...     url = server.get(timeout=5).url
        ...     for second in range(5):
        ...         server.put(Chunk(b"picture", True, float(second), second))
        ...     print(urlopen(url + "live.m3u8", timeout=5).read().decode())
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-TARGETDURATION:4
        #EXT-X-MEDIA-SEQUENCE:0
        #EXTINF:4.00000,
        live-0.ts

    Boxes: "inbox" Chunks of MPEG-TS as MuxMPEGTS sends them, or a Preamble and Chunks of fragmented MP4
    as RemuxMP4 does; "outbox" one `Listening`; "control".

    How it ends: `linger` seconds after the stream has; told on "control", at once. It fails, with a
    sentence, when it cannot listen, or is sent what has no times.
    """

    inboxes: ClassVar = {
        "inbox": "Chunks, and Preambles of fragmented MP4",
        "control": "told here to finish or to stop",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Either] = {"inbox": TransportStream() | ByteStream()}

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        path: str = "/",
        *,
        stream: str = "live",
        target: float = TARGET,
        window: int = WINDOW,
        linger: float = LINGER,
        tls: GivenTLS | None = None,
        limits: Limits | Mapping[str, Any] = DEFAULT,
        name: str | None = None,
    ) -> None:
        """Remember where to listen and how to cut."""
        super().__init__(port, host, tls, limits_of(limits), name)
        text(path, "the path")
        self.base = f"/{path.strip('/')}/" if path.strip("/") else "/"
        self.stream = _checked_name(stream)
        at_least(0, linger, "the seconds to linger")
        self.linger = linger
        self.segmenter = Segmenter(target)
        self.playlist = Playlist(self.stream, target, window)
        self.segments = 0
        self._files: dict[str, bytes] = {}
        self._waiters = Waiters()

    async def serve(self) -> None:
        """Cut what comes; when no more does, stay for a while."""
        async for item in self.inbox:
            self._list(self.segmenter.put(item))
        if shut_down(self):
            return
        self._list(self.segmenter.end())
        self.playlist.end()
        self._waiters.let_go()
        try:
            async with asyncio.timeout(self.linger):
                while not shut_down(self):
                    await self.wait()
        except TimeoutError:
            return

    def _list(self, segments: list[Any]) -> None:
        for segment in segments:
            self.segments += 1
            if segment.head is not None:
                head = self.playlist.head_file(segment.head)
                self._files[head] = segment.head_data
            self._files[self.playlist.file(segment)] = segment.data
            for gone in self.playlist.add(segment):
                self._files.pop(gone, None)
        self._waiters.let_go()

    async def close(self) -> None:
        """Let go who waits for the first segment."""
        self._waiters.let_go()

    async def answer(self, exchange: Exchange) -> None:
        """Give the playlist, or a segment."""
        name = exchange.path.removeprefix(self.base)
        if exchange.method not in ("GET", "HEAD"):
            await exchange.refuse(405, "a stream can be had by GET", {"allow": "GET, HEAD"})
        elif not exchange.path.startswith(self.base):
            await exchange.reply(Response(404, f"the stream is below {self.base}\n", PLAIN))
        elif not name:
            await exchange.reply(Response(200, page_of(self.stream), PAGE))
        elif name == f"{self.stream}.m3u8":
            await self._begun()
            if self.playlist.listed:
                await exchange.reply(_file(name, self.playlist.text().encode(), "no-cache"))
            else:
                said = "this stream has not begun\n"
                await exchange.reply(Response(503, said, {**PLAIN, "retry-after": "2"}))
        elif name in self._files:
            await exchange.reply(_file(name, self._files[name], "max-age=3600"))
        else:
            await exchange.reply(Response(404, "there is no such segment, or no more\n", PLAIN))

    async def _begun(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not (self.playlist.listed or self.playlist.ended or self.ending):
                    await self._waiters.wait()
        except TimeoutError:
            return

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        kept = sum(len(data) for data in self._files.values())
        own = {"segments": self.segments, "kept": kept, "skipped": self.segmenter.skipped}
        return {**super().details(), **own}


def _file(name: str, data: bytes, caching: str) -> Response:
    kind = TYPES[name[name.rindex(".") :]]
    headers = {"content-type": kind, "cache-control": caching, "access-control-allow-origin": "*"}
    return Response(200, data, headers)


class HLSFolder(ThreadedComponent):
    """Writes a live programme as HLS into a folder, which any web server can serve.

    `folder` is made if it is not there; `stream` is what the playlist is called (default "live", so
    `live.m3u8`). Segments are about `target` seconds long (4), as key frames allow; the playlist names
    the last `window` of them (6; None: all, which makes a film that can be watched from its beginning
    meanwhile). Older ones are removed, and so is at the start what an earlier run has left under these
    names.

    Example:
        >>> from pathlib import Path
        >>> from kamesh.components.chunks import Chunk
        >>> chunks = [Chunk(b"picture", True, float(second), second) for second in range(5)]
        >>> Pipeline(DataSource(chunks), HLSFolder("site", window=None)).run()
        >>> sorted(file.name for file in Path("site").iterdir())
        ['live-0.ts', 'live-1.ts', 'live.m3u8']

    Boxes: "inbox" as HLSServer; "control".

    How it ends: when its inbox has ended, with the end written into the playlist; told Shutdown, as it
    is. It fails, with a sentence, when it cannot write, or is sent what has no times.
    """

    inboxes: ClassVar = {
        "inbox": "Chunks, and Preambles of fragmented MP4",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {"signal": "passes on what was told on control"}
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Either] = {"inbox": TransportStream() | ByteStream()}

    def __init__(
        self,
        folder: str | Path,
        *,
        stream: str = "live",
        target: float = TARGET,
        window: int | None = WINDOW,
        name: str | None = None,
    ) -> None:
        """Remember where to write and how to cut."""
        super().__init__(name=name)
        self.folder = a_path(folder)
        self.stream = _checked_name(stream)
        self.segmenter = Segmenter(target)
        self.playlist = Playlist(self.stream, target, window)
        self.segments = 0

    def main(self) -> None:
        """Cut and write what comes."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clear()
            for item in self.inbox:
                self._write(self.segmenter.put(item))
            if not shut_down(self) and self.inbox.failure is None:
                self.playlist.end()
                self._write(self.segmenter.end())
                self._replace(f"{self.stream}.m3u8", self.playlist.text().encode())
        except OSError as error:
            raise FileError(sentence(error, self.folder, "written")) from error

    def _clear(self) -> None:
        own = re.compile(rf"{re.escape(self.stream)}(\.m3u8|-\d+\.(ts|m4s)|-head\d+\.mp4)(\.part)?")
        for file in self.folder.iterdir():
            if own.fullmatch(file.name) and file.is_file():
                file.unlink()

    def _write(self, segments: list[Any]) -> None:
        for segment in segments:
            self.segments += 1
            if segment.head is not None:
                head = self.playlist.head_file(segment.head)
                if not (self.folder / head).exists():
                    self._replace(head, segment.head_data)
            self._replace(self.playlist.file(segment), segment.data)
            gone = self.playlist.add(segment)
            self._replace(f"{self.stream}.m3u8", self.playlist.text().encode())
            for name in gone:
                (self.folder / name).unlink(missing_ok=True)

    def _replace(self, name: str, data: bytes) -> None:
        part = self.folder / f"{name}.part"
        part.write_bytes(data)
        os.replace(part, self.folder / name)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"segments": self.segments, "skipped": self.segmenter.skipped}
