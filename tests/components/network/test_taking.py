"""Who takes what is written is waited for, however slowly; who takes nothing is let go."""

import asyncio
import contextlib
import socket
import time

import pytest
from serving_kit import LIMIT, comes, serving

from kamesh import Component
from kamesh.components.network import TCPServer
from kamesh.components.network.taking import Taking


class Transport:
    """What waits for the other end, as it is set."""

    def __init__(self, waiting):
        self.waiting = waiting

    def get_write_buffer_size(self):
        return self.waiting

    def get_extra_info(self, name):
        return None


def test_a_write_is_waited_for_as_long_as_something_is_taken():
    """Ten times its time, a byte at a time; then nothing is taken, and that is that."""

    async def main():
        loop, transport = asyncio.get_running_loop(), Transport(40)

        async def take():
            for _ in range(40):
                await asyncio.sleep(0.05)
                transport.waiting -= 1

        taking = asyncio.ensure_future(take())
        await Taking(0.5).wait(asyncio.shield(taking), transport)  # 2 s
        began = loop.time()
        with pytest.raises(TimeoutError):
            await Taking(0.2).wait(asyncio.Event().wait(), transport)
        assert loop.time() - began >= 0.2
        several = Taking(0.2)
        for _ in range(10):  # each has its own time
            await several.wait(asyncio.sleep(0.1), transport)

    asyncio.run(main())


class Says(Component):
    """Says a lot at once."""

    async def main(self):
        for _ in range(64):
            await self.send(bytes(1 << 16))


def slowly(port, seconds, request=b""):
    """Read 16,000 bytes each tenth of a second, from a small window; give how many came."""
    came, until = 0, time.monotonic() + seconds
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
        reader.settimeout(LIMIT)
        reader.connect(("127.0.0.1", port))
        reader.sendall(request)
        while time.monotonic() < until:
            piece = reader.recv(16000)
            assert piece, "it was closed"
            came += len(piece)
            time.sleep(0.1)
    return came


def test_a_tcp_client_that_reads_slowly_but_steadily_is_kept():
    """Twice as long as one that takes nothing may stay."""
    server = TCPServer(Says, stall=1.5)
    with serving(server) as where:
        assert slowly(where.port, 3.5) > 200_000
        assert server.details()["stalled"] == 0


def test_a_viewer_that_reads_slowly_but_steadily_is_kept():
    """Over HTTP as well; one that takes nothing is let go all the same."""
    pytest.importorskip("aiohttp", reason="HTTPServer needs aiohttp: pip install kamesh[web]")
    from kamesh.components.web import HTTPServer, Response

    body = bytes(16 << 20)
    server = HTTPServer({"/": lambda request: Response(200, body)}, limits={"idle": 1.5})
    ask = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    with serving(server) as where:
        assert slowly(where.port, 3.5, ask) > 200_000
        with contextlib.closing(socket.create_connection(("127.0.0.1", where.port))) as deaf:
            deaf.sendall(ask)
            assert comes(lambda: server.details()["connections"] == 1)
            assert comes(lambda: server.details()["connections"] == 0)
