"""Dialling: from an address to a connected socket, and from that to a connection.

Laws
1. Of several addresses the next is tried EYEBALLS seconds after the one before, or as soon as that has
   failed, and the first that answers is used (RFC 8305, with families taken in turn).
2. Whatever breaks it off, every socket but the one that is given away is closed.
3. When none answers, the error is that of the first address.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from kamesh.components.network.listening import keep_alive

__all__ = ["connect_tcp", "connect_unix", "hand_over", "in_turn"]

EYEBALLS = 0.25  # seconds

Address: TypeAlias = tuple[int, Any]  # the family, and the address as that family has it


async def connect_tcp(host: str, port: int) -> socket.socket:
    """Connect to the first of the addresses of `host` that answers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await _first(in_turn((family, address) for family, _, _, _, address in found))


async def connect_unix(path: str) -> socket.socket:
    """Connect to a Unix socket."""
    return await _first([(socket.AF_UNIX, path)])


def in_turn(addresses: Iterable[Address]) -> list[Address]:
    """Order addresses: the families in turn, each in the order that it has."""
    families: dict[int, list[Address]] = {}
    for family, address in addresses:
        families.setdefault(family, []).append((family, address))
    mixed = chain.from_iterable(zip_longest(*families.values()))
    return [one for one in mixed if one is not None]


async def _first(addresses: list[Address]) -> socket.socket:
    attempts: dict[asyncio.Task[socket.socket], None] = {}
    pending: set[asyncio.Task[socket.socket]] = set()
    waiting = list(addresses)
    won: socket.socket | None = None
    try:
        while won is None and (waiting or pending):
            if waiting:
                task = asyncio.create_task(_attempt(*waiting.pop(0)))
                attempts[task] = None
                pending.add(task)
            done, pending = await asyncio.wait(
                pending,
                timeout=EYEBALLS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            won = next((one.result() for one in done if one.exception() is None), None)
    finally:
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)
        for task in attempts:
            connected = not task.cancelled() and task.exception() is None
            if connected and task.result() is not won:
                task.result().close()
    if won is not None:
        return won
    raise next(error for task in attempts if (error := task.exception()) is not None)


async def _attempt(family: int, address: Any) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        keep_alive(one)
        await asyncio.get_running_loop().sock_connect(one, address)
    except BaseException:
        one.close()
        raise
    return one


async def hand_over(
    one: socket.socket,
    stream: asyncio.BaseProtocol,
    context: ssl.SSLContext | None = None,
    name: str = "",
    within: float = 10.0,
) -> None:
    """Make of a connected socket the connection of `stream`, with TLS if there is a context.

    `name` is whom the certificate has to name; TLS is agreed about `within` so many seconds.
    """
    loop = asyncio.get_running_loop()
    try:
        if context is None:
            await loop.create_connection(lambda: stream, sock=one)
        else:
            await loop.create_connection(
                lambda: stream,
                sock=one,
                ssl=context,
                server_hostname=name,
                ssl_handshake_timeout=within,
            )
    except BaseException:
        one.close()
        raise
