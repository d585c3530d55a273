"""Real ZeroMQ transports for tests: owners that remember, waits that end, peers as processes."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from kamesh.transport import (
    Connection,
    TransportLimits,
)
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import Credentials, Insecure, MeshCredentials, MeshKey

MESH = MeshCredentials(MeshKey(bytes(range(32))))


OTHER = MeshCredentials(MeshKey(bytes(range(1, 33))))


LOOPBACK = "tcp://127.0.0.1:0"


QUICK = TransportLimits(handshake=0.3, first_message=0.5, connect=0.3, farewell=0.1)


PATIENCE = 20.0


PEER = """
import asyncio, resource, sys
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials, MeshKey

class Owner:
    def connected(self, connection):
        if connection.dialed:
            transport.send(connection, [b"hello"])
    def received(self, connection, frames):
        transport.send(connection, frames)
    def settled(self):
        pass
    def lost(self, connection, reason):
        pass

async def main():
    global transport
    transport = ZeroMQTransport(MeshCredentials(MeshKey(bytes(range(32)))))
    transport.start(Owner())
    print(transport.bind("tcp://127.0.0.1:0"), flush=True)
    if sys.argv[1]:
        transport.dial(sys.argv[1])
    await asyncio.sleep(float(sys.argv[2]))

resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]),) * 2)
asyncio.run(main())
"""


class Owner:
    """Keeps what it was told; echoes if asked to."""

    def __init__(self, security: Credentials | Insecure, limits: TransportLimits | None) -> None:
        self.transport = ZeroMQTransport(security, limits=limits)
        self.log: list[str] = []
        self.connections: list[Connection] = []
        self.messages: list[list[bytes]] = []
        self.reasons: list[str] = []
        self.echo = False
        self._changed = asyncio.Event()

    def connected(self, connection: Connection) -> None:
        self.log.append("connected")
        self.connections.append(connection)
        self._changed.set()

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        self.log.append("received")
        self.messages.append([bytes(frame) for frame in frames])
        if self.echo:
            self.transport.send(connection, frames)
        self._changed.set()

    def settled(self) -> None:
        """Do nothing: what had to be done was done for each message."""

    def lost(self, connection: Connection, reason: str) -> None:
        self.log.append("lost")
        self.reasons.append(reason)
        self._changed.set()

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for something that this owner will be told."""
        async with asyncio.timeout(PATIENCE):
            while not met():
                self._changed.clear()
                await self._changed.wait()

    async def connect(self, address: str) -> Connection:
        """Dial, and say something, so that the other side has a connection too."""
        connection = self.transport.dial(address)
        await self.until(lambda: connection in self.connections or bool(self.reasons))
        assert not self.reasons
        self.transport.send(connection, [b"first"])
        return connection


Make = Callable[..., Owner]


@asynccontextmanager
async def owners() -> AsyncIterator[Make]:
    """Lend owners of started transports, and stop them all."""
    made: list[Owner] = []

    def make(
        security: Credentials | Insecure = MESH, limits: TransportLimits | None = None
    ) -> Owner:
        owner = Owner(security, limits)
        owner.transport.start(owner)
        made.append(owner)
        return owner

    try:
        yield make
    finally:
        for owner in made:
            await owner.transport.stop()


async def pair(make: Make, limits: TransportLimits | None = None) -> tuple[Owner, Owner, str]:
    """Return an echoing owner that is bound, another one connected to it, and the address."""
    a, b = make(limits=limits), make()
    a.echo = True
    address = a.transport.bind(LOOPBACK)
    await b.connect(address)
    await b.until(lambda: b.messages == [[b"first"]])
    return a, b, address


async def still_lives(b: Owner) -> None:
    """Check that an echo still comes back over the first connection of `b`."""
    before = len(b.messages)
    b.transport.send(b.connections[0], [b"still"])
    await b.until(lambda: len(b.messages) > before)
    assert b.messages[-1] == [b"still"]
    assert b.reasons == []


async def soon(met: Callable[[], bool]) -> None:
    """Wait for something of the operating system's, which tells nobody."""
    async with asyncio.timeout(PATIENCE):
        while not met():  # noqa: ASYNC110 there is no event to wait for
            await asyncio.sleep(0.01)


def descriptors() -> int:
    """Count the descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def place(address: str) -> tuple[str, int]:
    """Return host and port of a tcp address."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def closed(stream: socket.socket) -> bool:
    """Say whether the other side has closed."""
    try:
        while stream.recv(65536, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run one test's coroutine in a loop of its own."""

    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await main()

    asyncio.run(bounded())


@contextmanager
def peer(
    dial: str = "", *, seconds: float = 60, descriptors: int = 1000
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run an echoing node in a process of its own; give it and its address."""
    arguments = [dial, str(seconds), str(descriptors)]
    process = subprocess.Popen(
        [sys.executable, "-c", PEER, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
