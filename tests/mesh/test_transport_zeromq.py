"""The ZeroMQ transport over real sockets of this host: what arrives, who is kept out, what ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import zmq

from kamesh.curve25519 import z85
from kamesh.transport import (
    AddressTaken,
    BadAddress,
    Connection,
    FrameRefused,
    InsecureAddress,
    MisplacedCall,
    Transport,
    TransportLimits,
)
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import Credentials, Insecure, KeyPair, MeshCredentials, MeshKey

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


# --- what arrives ---


def test_messages_go_both_ways_whole_and_in_order() -> None:
    """A dial is announced, then a peer with its first message; all frames arrive as sent."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(), make()
            a.echo = True
            transport: Transport = a.transport
            address = transport.bind(LOOPBACK)
            connection = b.transport.dial(address)
            assert (connection.dialed, connection.address) == (True, address)
            assert b.log == []
            await b.until(lambda: b.log == ["connected"])
            assert a.log == []
            sent: list[list[bytes | bytearray | memoryview]] = [
                [b"hello", b"", bytearray(b"there")],
                [b"h", os.urandom(70_000), memoryview(os.urandom(20_000)), os.urandom(3_000_000)],
                [b""],
            ]
            for frames in sent:
                b.transport.send(connection, frames)
            await b.until(lambda: len(b.messages) == 3)
            assert b.messages == [[bytes(frame) for frame in frames] for frames in sent]
            assert a.log == ["connected", "received", "received", "received"]
            assert not a.connections[0].dialed
            assert a.connections[0].address.startswith("tcp://127.0.0.1:")

    run(main)


def test_large_frames_are_views_and_small_ones_bytes() -> None:
    """A frame of 16 KiB or more is handed over without a copy, and outlives its connection."""

    async def main() -> None:
        async with owners() as make:
            _, b, _ = await pair(make)
            kept: list[bytes | memoryview] = []
            b.received = lambda connection, frames: kept.extend(frames)  # type: ignore[method-assign]
            b.transport.send(b.connections[0], [b"x" * 16383, b"y" * 16384])
            await soon(lambda: len(kept) == 2)
            b.transport.close(b.connections[0])
            assert [type(frame) for frame in kept] == [bytes, memoryview]
            assert kept[1] == b"y" * 16384

    run(main)


def test_a_server_that_speaks_first_is_announced_first() -> None:
    """Whoever answers may send at once: `connected` still comes before what it sent."""

    async def main() -> None:
        async with owners() as make:
            b = make()
            context = zmq.Context()
            for count in range(1, 6):
                server = context.socket(zmq.DEALER)
                server.linger = 0
                server.curve_server = True
                server.curve_secretkey = z85(MESH.key.curve.secret)
                server.bind("tcp://127.0.0.1:*")
                connection = b.transport.dial(server.get_string(zmq.LAST_ENDPOINT))
                await asyncio.to_thread(server.send, b"welcome")
                await b.until(lambda count=count: len(b.messages) == count)  # type: ignore[misc]
                b.transport.close(connection)
                server.close()
            assert b.log == ["connected", "received"] * 5
            context.term()

    run(main)


def test_a_hundred_thousand_messages_in_order() -> None:
    """100,000 small messages arrive, each once, in the order sent, while the loop goes on."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make)
            a.echo = False
            a.messages.clear()
            connection = b.connections[0]
            turns = 0
            for number in range(100_000):
                b.transport.send(connection, [b"%d" % number])
                if number % 500 == 499:
                    turns += 1
                    await asyncio.sleep(0)
            await a.until(lambda: len(a.messages) == 100_000)
            assert a.messages == [[b"%d" % number] for number in range(100_000)]
            assert a.transport.statistics().messages_received == 100_001
            assert a.reasons == b.reasons == []

    run(main)


def test_a_flood_into_a_loop_that_hangs_harms_nobody() -> None:
    """While our loop hangs, 50,000 messages and 1,000 connections come; all of it is dealt with."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make)
            a.echo = False
            a.messages.clear()
            connection = b.connections[0]
            for number in range(50_000):
                b.transport.send(connection, [b"%d" % number])
            for _ in range(1_000):
                with socket.create_connection(place(address), timeout=PATIENCE) as garbage:
                    garbage.settimeout(PATIENCE)
                    assert garbage.recv(1)  # libzmq's I/O thread is not held up by our hanging
            await a.until(lambda: len(a.messages) == 50_000)
            assert a.messages == [[b"%d" % number] for number in range(50_000)]
            a.echo = True
            await still_lives(b)

    run(main)


def test_what_was_sent_before_a_stop_arrives() -> None:
    """`stop` gives what was sent its linger: all of it arrives, then the other side is told."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make)
            a.echo = False
            for _ in range(200):
                b.transport.send(b.connections[0], [bytes(10_000)])
            await b.transport.stop(5.0)
            await a.until(lambda: bool(a.reasons))
            assert len(a.messages) == 201
            assert b.reasons == []
            with pytest.raises(MisplacedCall, match="stopped"):
                b.transport.dial(LOOPBACK)

    run(main)


def test_an_exception_of_the_owner_reaches_the_loop_and_stops_nothing() -> None:
    """One message whose handling raises is reported, and those behind it arrive."""

    async def main() -> None:
        async with owners() as make:
            reported: list[object] = []
            asyncio.get_running_loop().set_exception_handler(
                lambda loop, context: reported.append(context["exception"])
            )
            a, b, _ = await pair(make)
            seen: list[bytes] = []

            def received(connection: Connection, frames: list[bytes | memoryview]) -> None:
                seen.append(bytes(frames[0]))
                if seen == [b"0"]:
                    raise ValueError("of the owner")

            a.received = received  # type: ignore[method-assign]
            for number in range(3):
                b.transport.send(b.connections[0], [b"%d" % number])
            await soon(lambda: seen == [b"0", b"1", b"2"])
            assert [str(error) for error in reported] == ["of the owner"]

    run(main)


# --- who is kept out ---


def test_another_mesh_gets_nothing_through_and_is_told() -> None:
    """With another mesh's key: `lost` with a reason, and not one event at the other side."""

    async def main() -> None:
        async with owners() as make:
            a, stranger = make(), make(OTHER)
            stranger.transport.dial(a.transport.bind(LOOPBACK))
            await stranger.until(lambda: bool(stranger.reasons))
            assert "another mesh key" in stranger.reasons[0]
            assert stranger.log == ["lost"]
            await soon(lambda: a.transport.statistics().refused == 1)
            assert a.log == []

    run(main)


class Impostor:
    """Knows the mesh's public key and has one of its own, as any eavesdropper could."""

    def server_keys(self) -> KeyPair:
        return OTHER.server_keys()

    def client_keys(self) -> KeyPair:
        return OTHER.client_keys()

    def server_key_at(self, address: str) -> bytes:
        return MESH.server_key_at(address)

    def admits(self, public_key: bytes) -> bool:
        raise RuntimeError("cannot decide")


def test_a_key_that_is_not_admitted_is_denied_with_its_status() -> None:
    """A proved key that is not of the mesh is answered with 400, and the reason says so."""

    async def main() -> None:
        async with owners() as make:
            a, impostor = make(), make(Impostor())
            impostor.transport.dial(a.transport.bind(LOOPBACK))
            await impostor.until(lambda: bool(impostor.reasons))
            assert "does not admit our key (status 400)" in impostor.reasons[0]
            assert a.log == []

    run(main)


def test_no_decision_is_a_refusal() -> None:
    """Credentials that raise keep the peer out (500); the failure is logged, not hidden."""

    async def main() -> None:
        async with owners() as make:

            class Undecided(Impostor):
                def server_keys(self) -> KeyPair:
                    return MESH.server_keys()

            a, b = make(Undecided()), make()
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: bool(b.reasons))
            assert "could not judge our key (status 500)" in b.reasons[0]
            assert a.log == []

    run(main)


@pytest.mark.parametrize("dead", ["deaf", "gone"])
def test_without_a_zap_handler_nobody_gets_in(dead: str) -> None:
    """A handler that does not answer, or is not there, keeps even members out."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(limits=QUICK), make(limits=QUICK)
            a.transport._questions.close()
            if dead == "gone":
                a.transport._zap.close(0)
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: bool(b.reasons))
            assert a.log == []
            assert b.log == ["lost"]

    run(main)


@pytest.mark.parametrize("insecure_side", ["dialling", "bound"])
def test_an_insecure_node_and_a_secure_one_do_not_meet(insecure_side: str) -> None:
    """Whichever side is insecure: no frame passes and the reason names the cause."""

    async def main() -> None:
        async with owners() as make:
            a = make(Insecure() if insecure_side == "bound" else MESH)
            b = make(Insecure() if insecure_side == "dialling" else MESH)
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: bool(b.reasons))
            assert any(words in b.reasons[0] for words in ("security", "does not speak"))
            assert b.log == ["lost"]
            assert a.log == []

    run(main)


def test_insecure_nodes_meet_each_other_and_know_nobody() -> None:
    """Two insecure nodes of one host talk; neither is told a key. Members are told theirs."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(Insecure()), make(Insecure())
            connection = await b.connect(a.transport.bind(LOOPBACK))
            await a.until(lambda: bool(a.messages))
            assert connection.key is None
            assert a.connections[0].key is None
            a, b, _ = await pair(make)
            assert a.connections[0].key == b.connections[0].key == MESH.key.curve.public

    run(main)


def test_insecure_stays_on_this_host() -> None:
    """Without keys, addresses beyond this host are refused for binding and for dialling."""

    async def main() -> None:
        async with owners() as make:
            here, anywhere = make(Insecure()), make(Insecure(beyond_this_host=True))
            for address in ("tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"):
                with pytest.raises(InsecureAddress, match="beyond this host"):
                    here.transport.bind(address)
            with pytest.raises(InsecureAddress, match="beyond this host"):
                here.transport.dial("tcp://10.0.0.7:5000")
            here.transport.bind("tcp://localhost:0")
            anywhere.transport.bind("tcp://*:0")

    run(main)


def test_clients_of_bare_zeromq_get_nothing_through() -> None:
    """A NULL client, and a CURVE client of another key, of plain libzmq: not one frame is heard."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make)
            heard = list(a.log)
            context = zmq.Context()

            def refused() -> int:
                return a.transport.statistics().refused

            for count, keys in enumerate((None, zmq.curve_keypair()), 1):
                client = context.socket(zmq.DEALER)
                client.linger = 0
                if keys is not None:
                    client.curve_publickey, client.curve_secretkey = keys
                    client.curve_serverkey = z85(MESH.key.curve.public)
                client.connect(address)
                client.send(b"let me in")
                await soon(lambda count=count: refused() >= count)  # type: ignore[misc]
                client.close()
            context.term()
            await still_lives(b)
            assert a.log == [*heard, "received"]

    run(main)


def test_garbage_on_the_port_is_closed_and_harms_nobody() -> None:
    """HTTP, TLS, ZMTP of old, random and half greetings: closed, descriptors back, others live."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make, QUICK)
            heard, before = len(a.log), descriptors()
            greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
            for garbage in (
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
                b"\x01\x00\x06hello",
                os.urandom(4096),
                greeting[:11],
                greeting + b"\x04\x26\x05READY" + bytes(32),
                greeting + b"\x02" + struct.pack(">Q", 2**62),
                b"",
            ):
                with socket.create_connection(place(address)) as stream:
                    stream.sendall(garbage)
                    await soon(lambda s=stream: closed(s))  # type: ignore[misc]
            await soon(lambda: descriptors() == before)
            await still_lives(b)
            assert len(a.log) == heard + 1

    run(main)


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


def test_silent_sockets_do_not_keep_their_descriptors() -> None:
    """200 sockets that say nothing are all closed after the time for a handshake."""

    async def main() -> None:
        async with owners() as make:
            _, b, address = await pair(make, QUICK)
            before = descriptors()
            silent = [socket.create_connection(place(address)) for _ in range(200)]
            try:
                await soon(lambda: all(closed(stream) for stream in silent))
            finally:
                for stream in silent:
                    stream.close()
            await soon(lambda: descriptors() == before)
            await still_lives(b)

    run(main)


def test_members_that_stay_mute_are_cut() -> None:
    """A peer that has proved itself and then says nothing is cut, and never announced."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(limits=QUICK), make()
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: b.log == ["connected", "lost"])
            assert a.log == []
            assert a.transport.statistics().refused == 1

    run(main)


def test_too_many_mute_sockets_make_room_for_members() -> None:
    """Beyond the limit the oldest mute socket is cut at once, so a member still gets in."""

    async def main() -> None:
        async with owners() as make:
            limits = TransportLimits(unheard=10)
            a, b = make(limits=limits), make()
            address = a.transport.bind(LOOPBACK)
            silent = [socket.create_connection(place(address)) for _ in range(60)]
            try:
                await soon(lambda: sum(map(closed, silent)) == 50)
                await b.connect(address)
                await a.until(lambda: bool(a.messages))
            finally:
                for stream in silent:
                    stream.close()

    run(main)


def test_running_out_of_descriptors_is_survived() -> None:
    """300 silent sockets against 100 descriptors: members are served on, and new ones admitted."""

    async def main() -> None:
        async with owners() as make:
            b, late = make(), make()
            with peer(descriptors=100) as (_, address):
                await b.connect(address)
                await b.until(lambda: b.messages == [[b"first"]])
                silent = [socket.create_connection(place(address)) for _ in range(300)]
                try:
                    await soon(lambda: sum(map(closed, silent)) > 200)
                    await still_lives(b)
                    await late.connect(address)
                    await late.until(lambda: late.messages == [[b"first"]])
                finally:
                    for stream in silent:
                        stream.close()

    run(main)


def test_peers_beyond_the_limit_of_connections_are_cut() -> None:
    """The first peers keep their connections, the next one is cut and counted."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make, TransportLimits(connections=1))
            late = make()
            late.transport.dial(address)
            await late.until(lambda: late.log == ["connected"])
            late.transport.send(late.connections[0], [b"me too"])
            await late.until(lambda: late.log == ["connected", "lost"])
            assert [b"me too"] not in a.messages
            assert a.transport.statistics().refused == 1
            await still_lives(b)

    run(main)


# --- what ends ---


def test_an_oversize_frame_costs_its_connection_when_we_are_bound() -> None:
    """One byte over the limit is fine up to it, then both sides lose this connection only."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make, TransportLimits(frame_bytes=10_000))
            bad = make()
            connection = await bad.connect(address)
            bad.transport.send(connection, [bytes(10_000)])
            await bad.until(lambda: len(bad.messages) == 2)
            bad.transport.send(connection, [bytes(20_000)])
            await bad.until(lambda: bool(bad.reasons))
            await a.until(lambda: bool(a.reasons))
            assert "a frame was larger than 10,000 bytes" in a.reasons[0]
            await still_lives(b)
            await make().connect(address)

    run(main)


def test_an_oversize_frame_costs_its_connection_when_we_have_dialled() -> None:
    """The dialling side's limit holds as well; what came before arrives; it can dial again."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make)
            limited = make(limits=TransportLimits(frame_bytes=10_000))
            await limited.connect(address)
            await a.until(lambda: len(a.connections) == 2)
            for size in (10_000, 20_000, 5):
                a.transport.send(a.connections[1], [bytes(size)])
            await limited.until(lambda: bool(limited.reasons))
            assert limited.messages == [[b"first"], [bytes(10_000)]]
            assert "a frame was larger than 10,000 bytes" in limited.reasons[0]
            await a.until(lambda: bool(a.reasons))
            await still_lives(b)
            limited.transport.dial(address)
            await limited.until(lambda: limited.log[-1] == "connected")

    run(main)


def test_too_many_frames_cost_the_connection() -> None:
    """A message of more frames than the limit is not handed over; its sender is cut."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make, TransportLimits(frames=10))
            bad = make()
            connection = await bad.connect(address)
            bad.transport.send(connection, [b"x"] * 10)
            bad.transport.send(connection, [b"x"] * 11)
            await bad.until(lambda: bool(bad.reasons))
            assert [len(frames) for frames in a.messages] == [1, 1, 10]
            assert "a message of 11 frames" in a.reasons[0]
            assert a.transport.statistics().broken == 1
            await still_lives(b)

    run(main)


def test_what_no_peer_would_take_is_refused_before_anything_is_sent() -> None:
    """No frame, too many, too large, scattered memory: refused, and nothing of it was sent."""

    async def main() -> None:
        async with owners() as make:
            a, _, _ = await pair(make)
            small = make(limits=TransportLimits(frame_bytes=100, frames=3))
            connection = await small.connect(a.transport.bind(LOOPBACK))
            await small.until(lambda: bool(small.messages))
            wrong: list[list[bytes | memoryview]] = [
                [], [b""] * 4, [b"x", bytes(101)], [b"x", memoryview(bytes(9))[::2]],
            ]  # fmt: skip
            for frames in wrong:
                with pytest.raises(FrameRefused):
                    small.transport.send(connection, frames)
            small.transport.send(connection, [b"whole"])
            await small.until(lambda: len(small.messages) == 2)
            assert small.messages[1] == [b"whole"]

    run(main)


def test_a_killed_peer_is_lost_on_whichever_side() -> None:
    """With kill -9 of a process that we dialled, and that dialled us: `lost` for both."""

    async def main() -> None:
        async with owners() as make:
            a = make()
            with peer(a.transport.bind(LOOPBACK)) as (process, address):
                a.transport.dial(address)
                await a.until(lambda: len(a.connections) == 2 and bool(a.messages))
                assert {connection.dialed for connection in a.connections} == {True, False}
                process.send_signal(signal.SIGKILL)
                await a.until(lambda: len(a.reasons) == 2)
                assert all("ended" in reason for reason in a.reasons)
                for connection in a.connections:
                    a.transport.send(connection, [b"into the void"])
                assert a.transport.statistics().unsent == 2
                assert a.transport.statistics().open == 0
                await soon(lambda: process.poll() is not None)
                a.transport.dial(address)
                await a.until(lambda: len(a.reasons) == 3)
                assert "nothing accepts connections" in a.reasons[2]

    run(main)


def test_closing_tells_the_other_side_after_what_was_sent() -> None:
    """Whoever closes hears nothing more; the other side gets the last words, then `lost`."""

    async def main() -> None:
        async with owners() as make:
            limits = TransportLimits(farewell=0.2)
            a, b, address = await pair(make, limits)
            a.transport.send(a.connections[0], [b"farewell"])
            a.transport.close(a.connections[0])
            a.transport.close(a.connections[0])
            await b.until(lambda: bool(b.reasons))
            assert b.messages[-1] == [b"farewell"]
            b.reasons.clear()
            connection = await b.connect(address)
            a.echo = False  # or closing while answers come in resets the connection, as TCP does
            for _ in range(300):
                b.transport.send(connection, [bytes(10_000)])
            b.transport.send(connection, [b"goodbye"])
            b.transport.close(connection)
            await a.until(lambda: bool(a.reasons))
            assert len(a.messages) == 303
            assert a.messages[-1] == [b"goodbye"]
            assert len(a.reasons) == 1
            assert b.reasons == []
            assert a.transport.statistics().open == b.transport.statistics().open == 0

    run(main)


def test_a_closed_peer_that_keeps_talking_is_not_heard() -> None:
    """After `close` nothing of that peer is handed over, however much it still sends."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make, QUICK)
            a.transport.close(a.connections[0])
            heard = len(a.log)
            for _ in range(1000):
                b.transport.send(b.connections[0], [b"and another thing"])
            await b.until(lambda: bool(b.reasons))
            assert len(a.log) == heard

    run(main)


@pytest.mark.parametrize("budget", [3_000, 50_000, 123_457, 400_000])
def test_a_connection_that_breaks_in_the_middle_leaves_a_prefix(budget: int) -> None:
    """Reset by a relay at any byte: what arrived is the first so many messages, without a gap."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(), make()
            target = place(a.transport.bind(LOOPBACK))
            async with relay(target, budget, until=lambda: bool(a.messages)) as address:
                b.transport.dial(address)
                await b.until(lambda: bool(b.connections))
                for number in range(1000):
                    b.transport.send(b.connections[0], [b"%d" % number, bytes(1000)])
                await b.until(lambda: bool(b.reasons))
                await a.until(lambda: bool(a.reasons))
            count = len(a.messages)
            assert 0 < count < 1000
            assert [frames[0] for frames in a.messages] == [b"%d" % n for n in range(count)]
            assert a.log[-1] == b.log[-1] == "lost"

    run(main)


@asynccontextmanager
async def relay(
    target: tuple[str, int], budget: int, until: Callable[[], bool]
) -> AsyncIterator[str]:
    """Pass a connection on; reset it after `budget` bytes to the target, once `until` is met."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        while most > 0 and (data := await reader.read(min(most, 65536))):
            writer.write(data)
            most -= len(data)
        await writer.drain()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*target)
        back = asyncio.create_task(copy(far_reader, writer, 2**40))
        await copy(reader, far_writer, budget)
        await soon(until)
        back.cancel()
        for end in (writer, far_writer):
            reset = struct.pack("ii", 1, 0)
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            end.transport.abort()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await ended.wait()


# --- addresses ---


def test_a_taken_port_is_named_with_its_holder() -> None:
    """Binding a port twice: the error names the port and the process that has it."""

    async def main() -> None:
        async with owners() as make:
            address = make().transport.bind(LOOPBACK)
            with pytest.raises(AddressTaken) as caught:
                make().transport.bind(address)
            assert f"port {place(address)[1]} is taken by process {os.getpid()}" in str(
                caught.value
            )

    run(main)


def test_addresses_that_cannot_be_used_are_refused_in_a_sentence() -> None:
    """What libzmq would misread (port 99999), wait for or not explain is a BadAddress."""

    async def main() -> None:
        async with owners() as make:
            transport = make().transport
            for bad in ("", "localhost:5", "udp://127.0.0.1:5", "tcp://127.0.0.1", "ipc://relative",
                        "tcp://127.0.0.1:99999", "tcp://::1:5", "tcp://a b:5", "tcp://127.0.0.1:x",
                        "ipc:///" + "x" * 200):  # fmt: skip
                with pytest.raises(BadAddress, match=r"tcp://|ipc:///"):
                    transport.bind(bad)
                with pytest.raises(BadAddress, match=r"tcp://|ipc:///"):
                    transport.dial(bad)
            for bad in ("tcp://example:0", "tcp://eth0:5000", "tcp://10.99.99.99:0"):
                with pytest.raises(BadAddress):
                    transport.bind(bad)
            with pytest.raises(BadAddress, match="1 to 65535"):
                transport.dial("tcp://127.0.0.1:0")

    run(main)


def test_a_dead_port_and_a_silent_one_are_told() -> None:
    """Nobody listening is told at once; somebody who accepts and says nothing, after a while."""

    async def main() -> None:
        async with owners() as make:
            a = make(limits=QUICK)
            with socket.create_server(("127.0.0.1", 0)) as mute:
                mute_port = mute.getsockname()[1]
                a.transport.dial(f"tcp://127.0.0.1:{mute_port}")
                await a.until(lambda: len(a.reasons) == 1)
            a.transport.dial(f"tcp://127.0.0.1:{mute_port}")
            await a.until(lambda: len(a.reasons) == 2)
            assert "did not greet within 0.3 s" in a.reasons[0]
            assert "nothing accepts connections" in a.reasons[1]
            assert a.connections == []

    run(main)


def test_a_host_name_is_resolved_without_holding_up_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names are looked up beside the loop; an unknown one and one without answer are told."""
    release = threading.Event()

    def getaddrinfo(host: str, port: object, **options: object) -> list[tuple[object, ...]]:
        if host == "unknown.example":
            raise socket.gaierror(-2, "Name or service not known")
        if host == "slow.example":
            release.wait(PATIENCE)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    async def main() -> None:
        async with owners() as make:
            a, b = make(), make(limits=TransportLimits(connect=0.1, handshake=0.1))
            a.echo = True
            port = place(a.transport.bind(LOOPBACK))[1]
            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
            b.transport.dial(f"tcp://slow.example:{port}")
            b.transport.dial("tcp://unknown.example:5")
            await b.until(lambda: len(b.reasons) == 1)
            assert "not known: Name or service not known" in b.reasons[0]
            b.reasons.clear()
            await b.connect(f"tcp://quick.example:{port}")
            await b.until(lambda: bool(b.messages))
            await b.until(lambda: len(b.reasons) == 1)
            assert "slow.example" in b.reasons[0]
            release.set()
            monkeypatch.undo()

    run(main)


def test_ipc_addresses_in_a_directory_of_our_own(tmp_path: Path) -> None:
    """The directory is made with mode 0700; a living socket is not taken over, a dead one is."""

    async def main() -> None:
        async with owners() as make:
            address = f"ipc://{tmp_path}/sockets/node"
            a, b = make(), make()
            a.echo = True
            assert a.transport.bind(address) == address
            assert (tmp_path / "sockets").stat().st_mode & 0o777 == 0o700
            with pytest.raises(AddressTaken, match=f"by process {os.getpid()}"):
                b.transport.bind(address)
            await b.connect(address)
            await b.until(lambda: b.messages == [[b"first"]])
            await a.transport.stop()
            await b.until(lambda: bool(b.reasons))
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(tmp_path / "sockets" / "dead"))
            b.transport.bind(f"ipc://{tmp_path}/sockets/dead")
            (tmp_path / "sockets" / "file").write_text("precious")
            with pytest.raises(BadAddress, match="not a socket"):
                b.transport.bind(f"ipc://{tmp_path}/sockets/file")
            (tmp_path / "sockets").chmod(0o755)
            with pytest.raises(BadAddress, match="mode 0700"):
                b.transport.bind(f"ipc://{tmp_path}/sockets/other")

    run(main)


def test_several_addresses_lead_to_one_node(tmp_path: Path) -> None:
    """Addresses of tcp, ipc, and IPv6 where the host has it, can be bound together."""

    async def main() -> None:
        async with owners() as make:
            a = make()
            bound = [a.transport.bind(LOOPBACK), a.transport.bind(f"ipc://{tmp_path}/own/node")]
            if has_ipv6():
                bound.append(a.transport.bind("tcp://[::1]:0"))
            for address in bound:
                await make().connect(address)
            await a.until(lambda: len(a.messages) == len(bound))

    run(main)


def has_ipv6() -> bool:
    """Say whether this host has an IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# --- processes, threads, ends ---


def test_calls_from_the_wrong_place_are_refused() -> None:
    """Before start, twice, from another thread, before `connected`: a sentence, nothing sent."""

    async def main() -> None:
        with pytest.raises(MisplacedCall, match="not been started"):
            ZeroMQTransport(MESH).bind(LOOPBACK)
        async with owners() as make:
            a, b, address = await pair(make)
            with pytest.raises(MisplacedCall, match="starts once"):
                a.transport.start(a)
            with pytest.raises(MisplacedCall, match="call_soon_threadsafe"):
                await asyncio.to_thread(b.transport.send, b.connections[0], [b"x"])
            with pytest.raises(MisplacedCall, match="not connected yet"):
                b.transport.send(b.transport.dial(address), [b"x"])
            await still_lives(b)

    run(main)


def test_a_forked_child_cannot_send_and_does_not_disturb() -> None:
    """In a forked child `send` raises instead of losing the message; the parent goes on."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make)
            child = os.fork()
            if child == 0:
                try:
                    b.transport.send(b.connections[0], [b"from the child"])
                except MisplacedCall as error:
                    os._exit(0 if "forked" in str(error) else 2)
                os._exit(1)
            _, status = os.waitpid(child, 0)  # noqa: ASYNC222 it exits at once
            assert os.waitstatus_to_exitcode(status) == 0
            await still_lives(b)
            assert [b"from the child"] not in a.messages

    run(main)


def test_stopping_gives_back_every_descriptor_and_thread() -> None:
    """After `stop`, whatever was going on, the process has what it had before."""

    async def busy() -> None:
        async with owners() as make:
            _, b, address = await pair(make)
            b.transport.send(b.connections[0], [bytes(100_000)])
            await b.until(lambda: len(b.messages) == 2)
            b.transport.dial("tcp://127.0.0.1:1")
            b.transport.dial(address)
            make(OTHER).transport.dial(address)

    def held() -> tuple[int, int]:
        return descriptors(), threading.active_count()

    async def main() -> None:
        await busy()  # whatever is made once for a process is made here
        await soon(lambda: "close transport" not in {one.name for one in threading.enumerate()})
        before = held()
        for _ in range(5):
            await busy()
        await soon(lambda: held() == before)

    run(main)


def test_a_process_that_does_not_stop_its_transport_ends_all_the_same() -> None:
    """Leaving the loop without `stop`, connected and with messages sent, is an ordinary exit."""

    async def main() -> None:
        async with owners() as make:
            a = make()
            with peer(a.transport.bind(LOOPBACK), seconds=0.3) as (process, _):
                await soon(lambda: process.poll() is not None)
                assert process.returncode == 0
            await a.until(lambda: bool(a.reasons))
            assert a.messages == [[b"hello"]]

    run(main)


def test_silence_is_the_time_since_the_last_byte() -> None:
    """It is near 0 after a message, grows while nothing comes, and ends with the connection."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make)
            await asyncio.sleep(0.15)

            def quiet(owner: Owner) -> float:
                seconds = owner.transport.silence(owner.connections[0])
                assert seconds is not None
                return seconds

            before = quiet(a), quiet(b)
            assert min(before) >= 0.1
            await still_lives(b)
            assert quiet(a) < before[0]
            assert quiet(b) < before[1]
            b.transport.close(b.connections[0])
            assert b.transport.silence(b.connections[0]) is None

    run(main)


def test_statistics_count_what_happened() -> None:
    """Connections, messages and bytes are counted on both sides."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make)
            b.transport.send(b.connections[0], [bytes(10), bytes(20)])
            await b.until(lambda: len(b.messages) == 2)
            ours, theirs = b.transport.statistics(), a.transport.statistics()
            assert (ours.open, ours.dialed, ours.accepted) == (1, 1, 0)
            assert (ours.messages_sent, ours.bytes_sent, ours.messages_received) == (2, 35, 2)
            assert (theirs.open, theirs.dialed, theirs.accepted) == (1, 0, 1)
            assert (theirs.messages_received, theirs.bytes_received) == (2, 35)

    run(main)
