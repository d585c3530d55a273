"""Two in-memory transports on a virtual clock, with owners that remember what they were told."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from kamesh.transport import (
    Connection,
    TransportLimits,
)
from kamesh.transport.memory import Conditions, MemoryTransport, Network


class VirtualClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., object], tuple[object, ...]]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> None:
        when = self.now + max(delay, 0.0)
        heapq.heappush(self._queue, (when, next(self._order), callback, args))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self._queue and self._queue[0][0] <= until:
            self.now, _, callback, args = heapq.heappop(self._queue)
            callback(*args)
        self.now = until


class Owner:
    """Keeps what it was told; echoes if asked to."""

    def __init__(self, transport: MemoryTransport, clock: VirtualClock, *, echo: bool) -> None:
        self.transport, self.clock, self.echo = transport, clock, echo
        self.log: list[tuple[float, str, object]] = []
        self.settled_after: list[int] = []  # messages
        self.connections: list[Connection] = []
        self.messages: list[list[bytes]] = []
        self.reasons: list[str] = []

    def connected(self, connection: Connection) -> None:
        self.log.append((self.clock.now, "connected", connection.dialed))
        self.connections.append(connection)

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        self.log.append((self.clock.now, "received", [bytes(frame) for frame in frames]))
        self.messages.append([bytes(frame) for frame in frames])
        if self.echo:
            self.transport.send(connection, frames)

    def settled(self) -> None:
        self.settled_after.append(len(self.messages))

    def lost(self, connection: Connection, reason: str) -> None:
        self.log.append((self.clock.now, "lost", reason))
        self.reasons.append(reason)


class World:
    """Two transports, `a` dialling `b`, on a virtual clock."""

    def __init__(
        self,
        *,
        seed: int = 1,
        conditions: Conditions | None = None,
        limits: TransportLimits | None = None,
        echo: bool = False,
    ) -> None:
        self.clock = VirtualClock()
        self.network = Network(
            seed=seed, clock=self.clock, conditions=conditions or Conditions(delay=0.01)
        )
        self.a = self.owner("a")
        self.b = self.owner("b", limits=limits, echo=echo)
        self.address = self.b.transport.bind("memory://b:0")

    def owner(
        self,
        name: str,
        *,
        limits: TransportLimits | None = None,
        echo: bool = False,
        mesh: str = "mesh",
    ) -> Owner:
        transport = self.network.transport(name, limits=limits, mesh=mesh)
        owner = Owner(transport, self.clock, echo=echo)
        transport.start(owner)
        return owner

    def connect(self) -> Connection:
        connection = self.a.transport.dial(self.address)
        self.clock.run(0.5)
        self.a.transport.send(connection, [b"first"])
        self.clock.run(0.5)
        assert self.b.messages == [[b"first"]]
        return connection


def numbered(count: int, start: int = 0) -> list[list[bytes]]:
    """Return messages of one frame, a number each."""
    return [[b"%d" % number] for number in range(start, start + count)]
