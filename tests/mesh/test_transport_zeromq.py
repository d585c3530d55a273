"""The ZeroMQ transport over real sockets of this host: what arrives, and how it begins and stops."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import pytest
import zmq
from transport_kit import (
    LOOPBACK,
    MESH,
    OTHER,
    PATIENCE,
    Owner,
    descriptors,
    owners,
    pair,
    peer,
    place,
    run,
    soon,
    still_lives,
)

from kamesh.transport import (
    Connection,
    MisplacedCall,
    Transport,
)
from kamesh.transport.zeromq import ZeroMQTransport


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
                server.curve_secretkey = MESH.key.curve.secret
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
