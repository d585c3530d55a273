"""Viewer: the demo's own, who looks on for a few seconds so that what comes over HTTP is counted too.

Laws
1. It comes when there is something to see, stays SECONDS, and goes: what it keeps is bounded by that.
2. What becomes of it is never the trouble of the broadcast; a viewer who saw nothing is counted so.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress

__all__ = ["SECONDS", "frames_of", "view"]

SECONDS = 8.0
AGAIN = 0.1  # seconds until it asks again when there is nothing to see yet


async def view(port: int) -> bytes:
    """Be a viewer for a while, as soon as there is something to see; give what came.

    A plain HTTP/1.0 client: to import a library for it would hold up the start of all others.
    """
    got = bytearray()
    while not got:
        with suppress(OSError, asyncio.IncompleteReadError):  # nobody is there yet
            await _view_once(port, got)
        await asyncio.sleep(AGAIN)
    return bytes(got)


async def _view_once(port: int, got: bytearray) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /stream.ts HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            while b" 200 " in head.splitlines()[0] and (part := await reader.read(1 << 16)):
                got += part
    except TimeoutError:
        return
    finally:
        writer.close()


def frames_of(stream: bytes) -> int:
    """Count the pictures that a viewer got."""
    from kamesh.components.media import MediaError, count_frames  # with PyAV

    if not stream:
        return 0
    with tempfile.NamedTemporaryFile(suffix=".ts") as file:
        file.write(stream)
        file.flush()
        try:
            return count_frames(file.name)
        except MediaError:  # it came when the broadcast ended, and got no whole picture
            return 0
