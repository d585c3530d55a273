"""How connections of the ZeroMQ transport end: for which reasons, and what had arrived by then."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from transport_kit import (
    LOOPBACK,
    QUICK,
    owners,
    pair,
    peer,
    place,
    run,
    soon,
    still_lives,
)

from kamesh.transport import (
    FrameRefused,
    TransportLimits,
)


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


def test_last_words_are_heard_though_the_loop_was_busy() -> None:
    """What arrived before the end is handed over, also when both were there before we looked."""

    async def main() -> None:
        async with owners() as make:
            a, b, _ = await pair(make)
            for number in range(3):
                a.transport.send(a.connections[0], [b"%d" % number])
            stopping = asyncio.create_task(a.transport.stop())
            await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251 nobody looks while libzmq's threads bring it all
            await b.until(lambda: bool(b.reasons))
            assert b.messages == [[b"first"], [b"0"], [b"1"], [b"2"]]
            await stopping

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
