"""Lines of standard input, as they come, while the links go on being served.

Law: nothing waits for input but whoever asked for the next line; a line is given when it is complete, the
last one also without its end.
"""

from __future__ import annotations

import asyncio
import codecs
import io
import os
from collections.abc import AsyncIterator
from typing import TextIO

__all__ = ["lines_of"]

PIECE = 65_536  # bytes read at once


async def lines_of(read: TextIO) -> AsyncIterator[str]:
    """Give the lines of `read`, without their ends; of a pipe or a terminal while they come."""
    try:
        number = read.fileno()
    except (OSError, ValueError):  # it is no file of the system
        for line in read:
            yield line.rstrip("\n")
        return
    decode = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(read.encoding or "utf-8")(read.errors or "strict"),
        translate=True,
    )
    rest = ""
    while True:
        await _readable(number)
        piece = os.read(number, PIECE)
        *lines, rest = (rest + decode.decode(piece, final=not piece)).split("\n")
        for line in lines:
            yield line
        if not piece:
            break
    if rest:
        yield rest


async def _readable(number: int) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(number, readable.set)
    except PermissionError:  # a file on disk: it can always be read
        await asyncio.sleep(0)
        return
    try:
        await readable.wait()
    finally:
        loop.remove_reader(number)
