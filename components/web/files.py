"""Files over HTTP: which file a path names, and how much of it a client is to be sent.

Laws
1. Nothing outside a folder is ever served: neither by "..", nor by a link that leads out of it.
2. What to send is decided from the request's headers and the file's size and time alone: RFC 9110,
   13 (conditions) and 14 (ranges); of several ranges in one request, none: the whole is sent, as
   14.2 allows.
3. A file is read in pieces, by a thread, no faster than the client takes them.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from os import fstat
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kamesh.components.web.messages import Response
from kamesh.components.web.routing import BadRoute, Found

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange
    from kamesh.components.web.server import HTTPServer

__all__ = ["Files", "Share", "inside", "share_of"]

PIECE = 256 << 10
TEXT = {"content-type": "text/plain; charset=utf-8"}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Share:
    """What a client is to be sent of a file: with which status and headers, from where, how much."""

    status: int
    headers: Mapping[str, str]
    start: int
    count: int


class Files:
    """A target: a folder, or one file."""

    def __init__(self, root: Path, route: str) -> None:
        """Serve by `route` what is in `root`, or the file that it is."""
        self.root = root
        self.route = route

    def check(self) -> None:
        """Look whether it is there; BadRoute if not."""
        if not self.root.exists():
            raise BadRoute(
                f"the route {self.route!r} leads to {self.root}, and there is no such file or folder"
            )

    async def answer(self, server: HTTPServer, exchange: Exchange, found: Found) -> None:
        """Send the file that the rest of the path names."""
        if exchange.method not in ("GET", "HEAD"):
            await exchange.refuse(405, "a file can be had by GET", {"allow": "GET, HEAD"})
            return
        path = await asyncio.to_thread(inside, self.root, found.rest)  # a disk may take its time
        if path is not None and path.is_dir():
            folder = exchange.raw_path.split("?")[0].lstrip("/")  # never "//", another host
            await exchange.reply(Response(308, None, {"location": f"/{folder}/"}))
            return
        try:
            if path is not None:
                await self._send(exchange, path)
                return
        except (FileNotFoundError, PermissionError):
            pass  # gone meanwhile, or not for us
        await exchange.reply(Response(404, "there is no such file\n", TEXT))

    async def _send(self, exchange: Exchange, path: Path) -> None:
        with closing(await _open(path)) as file:
            status = fstat(file.fileno())
            share = share_of(status.st_size, status.st_mtime_ns, exchange.headers)
            kind, packed = mimetypes.guess_type(path.name)
            kind = "application/octet-stream" if packed or not kind else kind
            if kind.startswith("text/"):
                kind += "; charset=utf-8"
            headers = {"content-type": kind, "x-content-type-options": "nosniff", **share.headers}
            await exchange.begin(Response(share.status, None, headers), share.count)
            left = share.count if exchange.method == "GET" else 0
            file.seek(share.start)
            while left:
                data = await asyncio.to_thread(file.read, min(left, PIECE))
                if not data:
                    raise ConnectionError(f"{path} has become shorter while it was sent")
                await exchange.write(data)
                left -= len(data)
            await exchange.finish()


def share_of(size: int, modified_ns: int, headers: Mapping[str, str]) -> Share:
    """Decide what to send of a file of `size` bytes to who asks with these headers.

    `modified_ns` is when it was changed, in nanoseconds since 1970.

    Example: `share_of(10, 0, {"range": "bytes=-2"})` is the last two bytes, with status 206.
    """
    etag = f'"{modified_ns:x}-{size:x}"'
    modified = modified_ns // 1_000_000_000
    own = {
        "etag": etag,
        "last-modified": formatdate(modified, usegmt=True),
        "accept-ranges": "bytes",
    }
    if "if-none-match" in headers:
        known = [each.strip().removeprefix("W/") for each in headers["if-none-match"].split(",")]
        if etag in known or known == ["*"]:
            return Share(304, own, 0, 0)
    elif (since := _time(headers.get("if-modified-since", ""))) is not None and modified <= since:
        return Share(304, own, 0, 0)
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or match.group(0).endswith("=-") or not _same(headers, etag, modified):
        return Share(200, own, 0, size)
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return Share(200, own, 0, size)  # no range at all
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size or (not first and not int(last)):
        return Share(416, {**own, "content-range": f"bytes */{size}"}, 0, 0)
    own["content-range"] = f"bytes {start}-{end}/{size}"
    return Share(206, own, start, end - start + 1)


async def _open(path: Path) -> IO[bytes]:
    """Open it in a thread; who is cancelled meanwhile leaves nothing open."""
    opening: asyncio.Future[IO[bytes]]
    opening = asyncio.ensure_future(asyncio.to_thread(path.open, "rb", 0))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Future[IO[bytes]]) -> None:
    if opening.exception() is None:
        opening.result().close()


def _same(headers: Mapping[str, str], etag: str, modified: int) -> bool:
    """Say whether the file is still the one of which a range is wanted."""
    wanted = headers.get("if-range", etag)
    return wanted == etag or _time(wanted) == modified


def _time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def inside(root: Path, rest: str) -> Path | None:
    """Find what `rest` names inside `root`; None if there is nothing, or it would lie outside.

    A folder named with a "/" at its end is the `index.html` in it.

    Example: `inside(Path("site"), "../secret")` is None.
    """
    parts = [part for part in rest.split("/") if part]
    if any(part in (".", "..") or "\\" in part or "\0" in part for part in parts):
        return None
    try:
        base = root.resolve(strict=True)
        path = base.joinpath(*parts).resolve(strict=True)
        if path.is_dir() and (not rest or rest.endswith("/")):
            path = (path / "index.html").resolve(strict=True)
        inner = path == base or base in path.parents
        return path if inner and (path.is_file() or path.is_dir()) else None
    except (OSError, RuntimeError):  # not there, not to be read, or a circle of links
        return None
