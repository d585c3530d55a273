"""Listening sockets: for TCP at every address a host name stands for, and for Unix at a path.

Laws
1. All of the sockets asked for or none; what cannot be had is one sentence with its address.
2. A Unix socket that its server has left behind is replaced; one that is in use, or a file that is no
   socket, never. What was made here is removed here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat

from kamesh.components.network.trouble import ListenError, shown, trouble

__all__ = ["keep_alive", "listen_tcp", "listen_unix", "remove_unix"]

BACKLOG = 1024  # connections the system keeps until they are accepted (it may allow fewer)
KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}  # seconds, seconds, times


async def listen_tcp(host: str, port: int, loop: asyncio.AbstractEventLoop) -> list[socket.socket]:
    """Listen at `port` of all that `host` stands for ("" is all of this machine); ListenError if not.

    Port 0 takes one that is free, the same at each address.
    """
    where = shown(host or "*", port)
    try:
        found = await loop.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ListenError(trouble(error, where, listening=True)) from error
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            if sockets and port == 0:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            if (made := _listen(family, address, bool(sockets))) is not None:
                sockets.append(made)
    except OSError as error:
        for one in sockets:
            one.close()
        raise ListenError(trouble(error, where, listening=True)) from error
    return sockets


def keep_alive(one: socket.socket) -> None:
    """Have the system find out, in some two minutes, when the other end's machine is gone."""
    if one.family != socket.AF_UNIX:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE.items():
            if hasattr(socket, option):
                one.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _listen(family: int, address: object, others: bool) -> socket.socket | None:
    """Listen at one address; None for a family that this machine has not, if there are others."""
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if others:
            return None
        raise
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_alive(one)  # those accepted inherit it
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)  # type: ignore[arg-type]  # what getaddrinfo has given
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError as error:
        one.close()
        if others and error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return one


def listen_unix(path: str, permissions: int) -> socket.socket:
    """Listen at `path`, which gets the `permissions`; ListenError if that cannot be."""
    _make_way(path)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~permissions)  # from the first moment, nobody else may use it
    try:
        one.bind(path)
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError as error:
        one.close()
        if len(os.fsencode(path)) > 107:
            raise ListenError(f"{path} is too long for a socket: at most 107 bytes") from error
        raise ListenError(trouble(error, path, listening=True)) from error
    finally:
        os.umask(before)
    return one


def _make_way(path: str) -> None:
    """Remove the socket of a server that is no more."""
    try:
        found = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(found):
        raise ListenError(f"{path} is there already, and is no socket: choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            raise ListenError(trouble(error, path, listening=True)) from error
        else:
            raise ListenError(f"{path} is taken by another program: choose another path")


def remove_unix(path: str, made: os.stat_result | None) -> None:
    """Remove the socket at `path`, unless it is another by now."""
    try:
        there = os.stat(path)
        if made is not None and (there.st_dev, there.st_ino) == (made.st_dev, made.st_ino):
            os.unlink(path)
    except FileNotFoundError:
        return
