"""Both sides of the socket transports over a socket that does as it is told."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kamesh.transport import Connection, TransportLimits
from kamesh.transport.accepting import AcceptedConnection, Acceptor
from kamesh.transport.counts import Counts
from kamesh.transport.descriptors import Grip
from kamesh.transport.dialing import DialedConnection
from kamesh.transport.monitor import Event
from kamesh.transport.sockets import SETTLING_SECONDS, Setting

LIMITS = TransportLimits()


class FakeSocket:
    """A RawSocket with messages and events put into it by the test, and descriptors of its own."""

    def __init__(self) -> None:
        self._ends = [*socket.socketpair(), *socket.socketpair()]
        self.descriptor = self._ends[0].fileno()
        self.events_descriptor = self._ends[2].fileno()
        self.messages: deque[FakeMessage] = deque()
        self.events: deque[tuple[int, int]] = deque()
        self.sent: list[tuple[bytes, list[bytes | memoryview]]] = []
        self.arrives_meanwhile: list[FakeMessage] = []
        self.unreachable: set[bytes] = set()

    def arrived(self) -> bool:
        return bool(self.messages)

    def receive(self) -> FakeMessage | None:
        return self.messages.popleft() if self.messages else None

    def next_event(self) -> tuple[int, int] | None:
        return self.events.popleft() if self.events else None

    def send(self, parts: list[bytes | memoryview], route: bytes) -> bool:
        self.messages += self.arrives_meanwhile
        self.arrives_meanwhile = []
        self.sent.append((route, parts))
        return route not in self.unreachable

    def nudge(self) -> None:
        """Make the descriptor for messages readable, and not the one for events."""
        self._ends[1].send(b"x")

    def close(self, linger: float) -> None:
        for end in self._ends:
            end.close()


class FakeMessage:
    """A message and where it came from."""

    def __init__(self, text: bytes, *, route: bytes = b"", descriptor: int = -1) -> None:
        self.route, self.frames, self.size = route, [text], len(text)
        self._descriptor = descriptor

    frames: list[bytes | memoryview]

    def origin(self) -> tuple[int, bytes | None]:
        return self._descriptor, None


class Listening:
    """Keeps what it was told, in words."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.connections: list[Connection] = []
        self.settled_after: list[int] = []  # lines of the log

    def connected(self, connection: Connection) -> None:
        self.log.append("connected")
        self.connections.append(connection)

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        number = self.connections.index(connection)
        self.log.append(f"{number} {bytes(frames[0]).decode()}")

    def settled(self) -> None:
        self.settled_after.append(len(self.log))

    def lost(self, connection: Connection, reason: str) -> None:
        self.log.append(f"{self.connections.index(connection)} lost")


async def settle() -> None:
    """Let the loop do all that is due, endings included."""
    await asyncio.sleep(5 * SETTLING_SECONDS)


@asynccontextmanager
async def setting() -> AsyncIterator[tuple[Setting, Listening, FakeSocket]]:
    """Lend what both sides work with, over one fake socket."""
    owner, grip, raw = Listening(), Grip(), FakeSocket()
    yield Setting(asyncio.get_running_loop(), owner, LIMITS, Counts(), grip), owner, raw
    grip.close()
    raw.close(0)


def test_an_accepted_peer_from_its_first_message_to_its_end() -> None:
    """Announced with its first message; lost when its socket is gone, after its last message."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.events.append((Event.ACCEPTED, 999_001))
            raw.messages.append(FakeMessage(b"one", route=b"a", descriptor=999_001))
            await settle()
            assert owner.log == ["connected", "0 one"]
            raw.events.append((Event.DISCONNECTED, 999_001))
            raw.messages.append(FakeMessage(b"two", route=b"a"))
            acceptor.look()
            await asyncio.sleep(0)
            acceptor._read_events()
            await settle()
            assert owner.log == ["connected", "0 one", "0 two", "0 lost"]
            raw.messages.append(FakeMessage(b"ghost", route=b"a"))
            acceptor.look()
            await settle()
            assert owner.log[-1] == "0 lost"
            assert len(acceptor) == 0
            acceptor.close(0)

    asyncio.run(main())


def test_a_peer_that_left_before_it_was_read_is_announced_heard_and_lost() -> None:
    """All it sent is handed over, though its socket was gone before the first of it was read."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            raw.events += [(Event.ACCEPTED, 999_001), (Event.DISCONNECTED, 999_001)]
            raw.messages += [
                FakeMessage(text, route=b"a", descriptor=999_001) for text in (b"hello", b"bye")
            ]
            acceptor = Acceptor(given, raw)
            await settle()
            assert owner.log == ["connected", "0 hello", "0 bye", "0 lost"]
            acceptor.close(0)

    asyncio.run(main())


def test_peers_whose_sockets_are_confused_are_found_gone_by_sending() -> None:
    """Two peers over one descriptor: its end is nobody's; who cannot be reached is lost."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.events.append((Event.ACCEPTED, 999_001))
            raw.messages += [
                FakeMessage(b"stale", route=b"a", descriptor=999_001),
                FakeMessage(b"alive", route=b"b", descriptor=999_001),
                FakeMessage(b"unknown", route=b"c", descriptor=-1),
            ]
            await settle()
            raw.events.append((Event.DISCONNECTED, 999_001))
            acceptor._read_events()
            await settle()
            assert [line for line in owner.log if "lost" in line] == []
            raw.unreachable.add(b"a")
            for connection in owner.connections:
                assert isinstance(connection, AcceptedConnection)
                connection.transmit([b"ping"], 4)
            await settle()
            assert [line for line in owner.log if "lost" in line] == ["0 lost"]
            assert given.counts.unsent == 1
            acceptor.close(0)

    asyncio.run(main())


def test_what_arrives_while_sending_is_read_though_no_descriptor_says_so() -> None:
    """A send may swallow the edge of a message: it is read all the same, on both sides."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.messages.append(FakeMessage(b"first", route=b"a"))
            await settle()
            raw.arrives_meanwhile = [FakeMessage(b"second", route=b"a")]
            accepted = owner.connections[0]
            assert isinstance(accepted, AcceptedConnection)
            accepted.transmit([b"x"], 1)
            await settle()
            assert owner.log == ["connected", "0 first", "0 second"]
            acceptor.close(0)
        async with setting() as (given, owner, raw):
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            raw.events.append((Event.HANDSHAKE_SUCCEEDED, 0))
            await settle()
            raw.arrives_meanwhile = [FakeMessage(b"answer")]
            dialed.transmit([b"x"], 1)
            await settle()
            assert owner.log == ["connected", "0 answer"]
            dialed.release(0)

    asyncio.run(main())


def test_what_arrived_together_is_settled_together() -> None:
    """`settled` comes once behind all that waited; what comes alone is settled at once, each time."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.messages += [FakeMessage(text, route=b"a") for text in (b"one", b"two", b"three")]
            await settle()
            assert owner.settled_after == [4]  # lines: connected, and three messages
            for _ in range(3):
                raw.messages.append(FakeMessage(b"alone", route=b"a"))
                acceptor.look()
                await settle()
            assert owner.settled_after == [4, 5, 6, 7]
            acceptor.close(0)

    asyncio.run(main())


def test_what_fails_to_be_taken_is_settled_all_the_same() -> None:
    """Whoever was handed a message hears that it was the last, though taking it raised."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)

            def fail(connection: Connection, frames: list[bytes | memoryview]) -> None:
                raise ValueError("no")

            owner.received = fail  # type: ignore[method-assign]
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            raw.events.append((Event.HANDSHAKE_SUCCEEDED, 0))
            raw.messages.append(FakeMessage(b"one"))
            await settle()
            assert owner.settled_after == [1]
            dialed.release(0)

    asyncio.run(main())


def test_a_message_that_is_noticed_before_the_handshake_is_told_after_it() -> None:
    """Messages and events come by two descriptors; `connected` is first whichever is readable."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            await settle()
            raw.events.append((Event.HANDSHAKE_SUCCEEDED, 0))
            raw.messages.append(FakeMessage(b"welcome"))
            raw.nudge()
            await settle()
            assert owner.log == ["connected", "0 welcome"]
            dialed.release(0)

    asyncio.run(main())


def test_the_first_event_that_ends_a_dial_decides() -> None:
    """A refusal followed by a disconnection is told as the refusal, once."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            reasons: list[str] = []
            owner.lost = lambda connection, reason: reasons.append(reason)  # type: ignore[method-assign]
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            raw.events += [(Event.HANDSHAKE_FAILED_AUTH, 400), (Event.DISCONNECTED, 7)]
            await settle()
            assert len(reasons) == 1
            assert "does not admit our key" in reasons[0]
            assert not dialed.alive

    asyncio.run(main())
