"""TCP echo servers as contenders, each in a process of its own, and the one load that is put on all.

Laws: the load is the same for every server, in a process of its own, and says how much of its processor
it used, so that a figure bounded by the load is seen to be; servers are ended by the number of their
process; what a server cost is what the system says it used.
"""

from __future__ import annotations

import asyncio
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from support.processes import BenchFailed, alone, free_port

__all__ = ["KINDS", "Server", "hold", "requests", "served"]

SIZE = 64  # bytes of a request
LIFE = 120  # seconds after which a server ends whatever happens
WITHIN = 30.0  # seconds to connect all


def kamesh(port: int) -> None:
    """Serve with TCPServer and a generator component."""
    from kamesh.components.network import TCPServer  # in its own process only
    from kamesh.components.protocols import Echo

    TCPServer(Echo, port, connections=12_000).run()


def streams(port: int) -> None:
    """Serve with asyncio's streams."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    asyncio.run(main())


def protocol(port: int) -> None:
    """Serve with a bare asyncio.Protocol."""

    class Bare(asyncio.Protocol):
        transport: asyncio.Transport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Bare, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    asyncio.run(main())


def simple_server(port: int) -> None:
    """Serve with Kamaelia's SimpleServer and its EchoProtocol."""
    from Kamaelia.Chassis.ConnectedServer import SimpleServer  # type: ignore[import-not-found,import-untyped,unused-ignore]  # a peer, not needed
    from Kamaelia.Protocol.EchoProtocol import EchoProtocol  # type: ignore[import-not-found,import-untyped,unused-ignore]

    SimpleServer(protocol=EchoProtocol, port=port).run()


KINDS: dict[str, Callable[[int], None]] = {
    "kamesh": kamesh,
    "streams": streams,
    "protocol": protocol,
    "Kamaelia": simple_server,
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its process, and its port."""

    pid: int
    port: int

    def cpu(self) -> float:
        """Say how many seconds of a processor it has used."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Say how many bytes of memory it holds."""
        with open(f"/proc/{self.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


@contextmanager
def served(kind: str) -> Iterator[Server]:
    """Run a server of that kind."""
    port = free_port()
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIFE)
        _quiet()
        try:
            KINDS[kind](port)
        finally:
            os._exit(1)
    try:
        _answers(port)
        yield Server(pid, port)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _quiet() -> None:
    """Have a server say nothing: not even that clients have left."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _answers(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
                one.sendall(b"x")
                one.recv(1)
                return
        except OSError:
            if time.monotonic() > until:
                raise BenchFailed(f"nothing answers at port {port}") from None
            time.sleep(0.02)


def requests(server: Server, connections: int, seconds: float) -> dict[str, float]:
    """Keep every connection busy with one request at a time; give answers a second, and the costs."""
    found: dict[str, float] = alone(
        _load, server.pid, server.port, connections, seconds, within=90
    )
    return found


def hold(server: Server, connections: int) -> dict[str, float]:
    """Hold so many connections at once, each answered; give bytes of the server's memory for each."""
    found: dict[str, float] = alone(_hold, server.pid, server.port, connections, within=90)
    return found


def _connect(port: int, connections: int) -> list[socket.socket]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[socket.socket] = []
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port), timeout=WITHIN)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(b"x")  # each is served before the next one comes
        if one.recv(1) != b"x":
            raise BenchFailed("the server does not echo")
        held.append(one)
    return held


def _load(pid: int, port: int, connections: int, seconds: float) -> dict[str, float]:
    server = Server(pid, port)
    held = _connect(port, connections)
    request = bytes(SIZE)
    poll = select.epoll()
    ways = {}
    for one in held:
        one.setblocking(False)
        poll.register(one.fileno(), select.EPOLLIN)
        ways[one.fileno()] = (one.recv, one.send)
    missing = dict.fromkeys(ways, SIZE)
    for one in held:
        one.send(request)
    warm = time.perf_counter() + min(1.0, seconds / 4)
    answers, began, used, cost = 0, 0.0, 0.0, 0.0
    until = warm + seconds
    while (now := time.perf_counter()) < until:
        if not began and now >= warm:
            answers, began, used = 0, now, time.process_time()
            cost = server.cpu()
        for number, _ in poll.poll(1.0):
            receive, send = ways[number]
            size = len(receive(65536))
            if not size:
                raise BenchFailed("the server has closed a connection")
            missing[number] -= size
            if not missing[number]:
                missing[number] = SIZE
                answers += 1
                send(request)
    took = time.perf_counter() - began
    return {
        "answers/s": answers / took,
        "server's processor": (server.cpu() - cost) / took,
        "server's microseconds": (server.cpu() - cost) / max(answers, 1) * 1e6,
        "load's processor": (time.process_time() - used) / took,
    }


def _hold(pid: int, port: int, connections: int) -> dict[str, float]:
    server = Server(pid, port)
    before = server.memory()
    began = time.perf_counter()
    held = _connect(port, connections)
    for one in held:
        one.sendall(b"held")
    answered = sum(one.recv(4) == b"held" for one in held)
    return {
        "answered": answered,
        "seconds": time.perf_counter() - began,
        "bytes each": (server.memory() - before) / connections,
    }
