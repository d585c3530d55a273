"""Conversing: protocols tested with no network, over a stream of bytes that behaves like one.

Laws
1. A wire cuts and joins what it carries at places that a seed decides: what a protocol makes of it must
   not depend on them. The order of bytes is kept, and none is lost that is not said to be.
2. The end of one side's outbox is the end of stream at the other's inbox, which may go on sending.
3. All is under the virtual clock: a stall of a minute takes no time, and the same seed is the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from kamesh.component import Component
from kamesh.errors import Ended, KameshError, NotSuitable
from kamesh.messages import Failure, ProducerFinished
from kamesh.runtime import Runtime, current_runtime
from kamesh.scheduler import ENDED
from kamesh.strand import Strand
from kamesh.testing.clock import run_coroutine
from kamesh.testing.running import Collector
from kamesh.wiring import link

__all__ = ["Conversation", "Wire", "converse", "pair"]

HELD = 1 << 16  # bytes on the wire at a time
GRACE = 5.0  # seconds that a protocol may go on when its connection is lost
A_MOMENT = 0.001  # seconds between two pieces


class BrokenOff(KameshError, ConnectionResetError):
    """What a stream ends with when its connection is reset."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One direction of a connection, and what befalls it.

    After `reset_after` bytes the connection breaks off, for both sides. After `stall_after` bytes
    nothing moves for `stall` seconds. Each piece takes `delay` seconds.
    """

    delay: float = A_MOMENT
    reset_after: int | None = None
    stall_after: int | None = None
    stall: float = 60.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said: all that each side sent, what each failed with, and what else each told.

    `client_told` and `server_told` have a list for each outbox other than "outbox" and "signal".
    `seconds` is the virtual time that it took.
    """

    client_said: bytes
    server_said: bytes
    client_failure: Failure | None
    server_failure: Failure | None
    client_told: Mapping[str, list[Any]]
    server_told: Mapping[str, list[Any]]
    seconds: float


def pair(
    client: Component,
    server: Component,
    *,
    cuts: int | None = 0,
    there: Wire | None = None,
    back: Wire | None = None,
    limit: float = 3600.0,
) -> Conversation:
    """Join two protocol components by a connection in memory, and run both to their ends.

    `cuts` is the seed of where bytes are cut and joined (None: each message arrives as it was sent).
    `there` is the wire from the client to the server, `back` the other one. A side whose connection
    is lost is told to finish, as a server does, and ended five seconds later. Ended if they still run
    after `limit` virtual seconds.

    Example: `assert pair(Asks(), Echo(), cuts=7).server_said == b"hello"`.
    """
    return run_coroutine(_Cable(client, server, cuts, there or Wire(), back or Wire()).run(limit))


def converse(
    protocol: Component,
    said: bytes | Iterable[bytes | float],
    *,
    cuts: int | None = 0,
    half_close: bool = True,
    limit: float = 3600.0,
) -> bytes:
    """Say something to a protocol component as a client would; give all that it answers.

    `said` is bytes, or pieces of them; a number among them waits so many seconds. Then the client says
    that this was all, unless `half_close` is False, and listens until the protocol ends. `cuts` is the
    seed of where bytes are cut and joined. What the protocol fails with is raised.

    Example: `assert converse(Echo(), b"hello") == b"hello"`.
    """
    pieces: list[bytes | float] = [said] if isinstance(said, bytes) else list(said)
    heard = pair(_Speaker(pieces, half_close), protocol, cuts=cuts, limit=limit)
    if heard.server_failure is not None:
        raise Ended(str(heard.server_failure))
    return heard.server_said


class _Speaker(Component):
    """Says what it is given, and listens until the end."""

    def __init__(self, said: list[bytes | float], half_close: bool) -> None:
        super().__init__(name="client")
        self.said = said
        self.half_close = half_close

    def main(self) -> Generator[None, None, None]:
        for piece in self.said:
            if isinstance(piece, bytes):
                self.send(piece)
                yield from self.listen(0.0)
            else:
                yield from self.listen(piece)
        if self.half_close:
            self.finish("outbox")
        while not self.inbox.ended:
            yield from self.listen(None)

    def listen(self, seconds: float | None) -> Generator[None, None, None]:
        """Take what comes, for so many seconds; None for until something has come."""
        until = self.now() + (seconds or 0.0)
        while True:
            for _ in self.inbox:
                pass
            if self._strand.told() or (seconds is not None and self.now() >= until):
                yield
                return
            yield self.pause(None if seconds is None else until - self.now())
            if seconds is None:
                return


class _Line(Component):
    """A wire as a component: takes bytes as they were sent, gives them as they arrive."""

    bounds = {"inbox": 8}

    def __init__(self, wire: Wire, cuts: int | None, cable: _Cable, name: str) -> None:
        super().__init__(name=name)
        self.wire = wire
        self.cable = cable
        self.random = None if cuts is None else Random(cuts)
        self.said: list[bytes] = []
        self.held = bytearray()
        self.passed = 0
        self.has_stalled = False

    def main(self) -> Generator[None, None, None]:
        while not self.cable.broken:
            if len(self.held) < HELD:
                self.take()
            if not self.held:
                if self.inbox.ended:
                    return
                yield self.pause()
                continue
            yield from self.stand_still()
            if not self.cable.broken:
                self.give()
            until = self.now() + self.wire.delay
            while self.now() < until or self.room("outbox") <= 0:
                yield self.pause(max(until - self.now(), 0.0))
        raise BrokenOff("the connection has broken off")

    def take(self) -> None:
        """Take what was sent: one message where it is not to be cut."""
        while self.inbox.queue and (self.random is not None or not self.held):
            data = self.inbox.recv()
            if not isinstance(data, bytes | bytearray | memoryview):
                raise NotSuitable(f"{data!r:.60} was to be sent: only bytes go over a network")
            self.said.append(bytes(data))
            self.held += data

    def stand_still(self) -> Generator[None, None, None]:
        """Stall, if it is time to."""
        after = self.wire.stall_after
        if after is not None and self.passed >= after and not self.has_stalled:
            self.has_stalled = True
            until = self.now() + self.wire.stall
            while self.now() < until and not self.cable.broken:
                yield self.pause(until - self.now())

    def give(self) -> None:
        """Have one piece arrive; or break off."""
        size = len(self.held)
        if self.random is not None:
            size = min(size, self.random.randint(1, 1 << self.random.randint(0, 16)))
        for mark in (self.wire.reset_after, None if self.has_stalled else self.wire.stall_after):
            if mark is not None and mark > self.passed:
                size = min(size, mark - self.passed)
        if any(feed.sink.closed for feed in self.outbox.feeds):
            self.cable.lose(self)
            self.held.clear()
            return
        self.send(bytes(self.held[:size]))
        del self.held[:size]
        self.passed += size
        if self.wire.reset_after is not None and self.passed >= self.wire.reset_after:
            self.cable.break_off()


class _Cable:
    """Two wires between two components."""

    def __init__(
        self, client: Component, server: Component, cuts: int | None, there: Wire, back: Wire
    ) -> None:
        self.ends = client, server
        more = None if cuts is None else cuts + 1
        self.lines = _Line(there, cuts, self, "there"), _Line(back, more, self, "back")
        self.broken = False
        self._told: set[Component] = set()
        self._over: list[asyncio.Future[None]] = []

    async def run(self, limit: float) -> Conversation:
        """Run all of it to the end of both components."""
        client, server = self.ends
        there, back = self.lines
        link(client.outbox, there.inbox)
        link(there.outbox, server.inbox)
        link(server.outbox, back.inbox)
        link(back.outbox, client.inbox)
        runtime = current_runtime()
        told = [_others(each, runtime) for each in self.ends]
        for each in (*self.lines, *self.ends):
            self._start(each, runtime)
        try:
            async with asyncio.timeout(limit):
                await asyncio.gather(*self._over)
        except TimeoutError:
            running = [each.path for each in self.ends if each._strand.state is not ENDED]
            raise Ended(
                f"{' and '.join(running) or 'the wire'} still runs after {limit:g} virtual seconds"
            ) from None
        finally:
            for each in (*self.ends, *self.lines):
                each.stop()
        await asyncio.sleep(0.0)
        for line in self.lines:
            if isinstance(line._strand.error, NotSuitable):
                raise line._strand.error
        return Conversation(
            b"".join(there.said),
            b"".join(back.said),
            client.failure,
            server.failure,
            {name: one.messages for name, one in told[0].items()},
            {name: one.messages for name, one in told[1].items()},
            runtime.now(),
        )

    def _start(self, component: Component, runtime: Runtime) -> None:
        over: asyncio.Future[None] = runtime.loop.create_future()
        self._over.append(over)

        def ended(_: Strand, error: BaseException | None) -> None:
            if not over.done():
                over.set_result(None)

        component._strand.on_end = ended
        component._strand.start(runtime)

    def break_off(self) -> None:
        """Break both wires; what is on them is lost."""
        self.broken = True
        for line in self.lines:
            line._strand.wake()
        for end in self.ends:
            self._finish(end)

    def lose(self, line: _Line) -> None:
        """Have the side that still sends know that nobody is there."""
        self._finish(self.ends[self.lines.index(line)])

    def _finish(self, end: Component) -> None:
        strand = end._strand
        if end not in self._told and strand.state is not ENDED:
            self._told.add(end)
            if "control" in strand.inboxes:
                strand.inboxes["control"].deliver(ProducerFinished("wire"))
            asyncio.get_running_loop().call_later(GRACE, strand.stop)


def _others(component: Component, runtime: Runtime) -> dict[str, Collector]:
    """Collect what a component tells by its other outboxes."""
    collectors: dict[str, Collector] = {}
    for name, box in component._strand.outboxes.items():
        if name not in ("outbox", "signal"):
            collectors[name] = Collector(name=f"collect-{name}")
            link(box, collectors[name].inbox)
            collectors[name]._strand.start(runtime)
    return collectors
