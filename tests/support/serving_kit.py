"""What the tests of servers and clients share: servers in the background, and plain sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kamesh import Component

__all__ = ["all_of", "comes", "connected", "serving"]

LIMIT = 10.0  # seconds after which something counts as not having happened


@contextmanager
def serving(server: Component) -> Iterator[Any]:
    """Run a server in the background; give what it says it listens at. It is stopped at the end."""
    handle = server.background()
    try:
        yield handle.get(timeout=LIMIT)
    finally:
        try:
            handle.stop()
        finally:
            assert handle.wait(LIMIT)


@contextmanager
def connected(where: Any) -> Iterator[socket.socket]:
    """Connect a plain socket to what a server listens at."""
    if where.port:
        one = socket.create_connection((where.host, where.port), timeout=LIMIT)
    else:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(LIMIT)
        one.connect(where.host)
    with one:
        yield one


def all_of(one: socket.socket) -> bytes:
    """Receive until the end of stream."""
    parts = []
    while part := one.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def comes(condition: Callable[[], object], limit: float = LIMIT) -> bool:
    """Wait until `condition` holds; say whether it does."""
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True
