"""Datagrams over loopback, received, sent and relayed by a bare asyncio loop and by components.

Law: what is timed is the work of the receiver or sender alone: a burst waits in the kernel's buffer
before the clock starts, so that nothing is lost and no other process takes part; and the clock is that
of the processor, as nobody ever waits here for anything else.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from kamesh import Component, Pipeline
from kamesh.components.network import MulticastReceiver, MulticastSender, UDPReceiver, UDPSender
from kamesh.components.sources import DataSource

__all__ = ["RECEIVERS", "RELAYS", "SENDERS", "received", "relayed", "sent_by"]

SIZE = 1316  # bytes: seven packets of MPEG-TS
BURST = 400  # datagrams that fit into the smallest receive buffer there may be, of a megabyte
GROUP = "239.255.77.1"
DATA = bytes(SIZE)
BUFFER = 1 << 20

Steps = Generator[None, None, None]
Taken = Callable[[int], None]


def _udp(address: str = "127.0.0.1", port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    return sock


def _joined(port: int) -> socket.socket:
    sock = _udp(GROUP, port)
    loopback = struct.pack("4s4si", socket.inet_aton(GROUP), bytes(4), socket.if_nametoindex("lo"))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, loopback)
    return sock


def _free_port() -> int:
    with _udp() as trial:
        port: int = trial.getsockname()[1]
        return port


class Bursts:
    """Sends the next burst when the last one has been taken, and times the taking."""

    def __init__(self, to: tuple[str, int], messages: int) -> None:
        """Take where to and how many in all."""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        loopback = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("lo"))
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        self.sock.connect(to)
        self.left, self.waiting, self.seconds, self.began = messages, 0, 0.0, 0.0
        self.over = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Send a burst."""
        self.waiting = min(BURST, self.left)
        self.left -= self.waiting
        for _ in range(self.waiting):
            self.sock.send(DATA)
        self.began = time.process_time()

    def taken(self, count: int) -> None:
        """Hear that so many were taken."""
        self.waiting -= count
        if self.waiting == 0:
            self.seconds += time.process_time() - self.began
            if self.left:
                self.start()
            else:
                self.sock.close()
                self.over.set_result(None)


class _Count(Component):
    """Counts what comes."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken

    def main(self) -> Steps:
        while not self.stopping():
            count = 0
            for _ in self.inbox:
                count += 1
            if count:
                self.taken(count)
            yield self.pause()


class _CountAndPass(_Count):
    """Counts when the next part of the pipeline has had its turn, as that is when it is sent."""

    def main(self) -> Steps:
        while not self.stopping():
            data = [datagram.data for datagram in self.inbox]
            if data:
                self.send_all(data)
                yield
                self.taken(len(data))
            else:
                yield self.pause()


# -- each takes what is bound already, or a port, and calls `taken` for what it took


async def add_reader(sock: socket.socket, taken: Taken, out: socket.socket | None) -> Any:
    """Read one datagram each time the loop says that there is one."""
    sock.setblocking(False)

    def read() -> None:
        data, _ = sock.recvfrom(65535)
        if out is not None:
            out.send(data)
        taken(1)

    asyncio.get_running_loop().add_reader(sock, read)


async def drained(sock: socket.socket, taken: Taken, out: socket.socket | None) -> Any:
    """Read until there is no more each time the loop says that there is something."""
    sock.setblocking(False)

    def read() -> None:
        recvfrom, got = sock.recvfrom, []
        try:
            while True:
                data, address = recvfrom(65535)
                if out is not None:
                    out.send(data)
                got.append((data, address))
        except BlockingIOError:
            pass
        taken(len(got))

    asyncio.get_running_loop().add_reader(sock, read)


async def protocol(sock: socket.socket, taken: Taken, out: socket.socket | None) -> Any:
    """Have asyncio's own protocol called for each."""
    loop = asyncio.get_running_loop()
    transport = None
    if out is not None:
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=out)

    class Protocol(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: Any) -> None:
            if transport is not None:
                transport.sendto(data)
            taken(1)

    sock.setblocking(False)
    return await loop.create_datagram_endpoint(Protocol, sock=sock)


RECEIVERS = {"add_reader": add_reader, "add_reader, drained": drained, "DatagramProtocol": protocol}
RELAYS = RECEIVERS


def received(kind: str, multicast: bool, messages: int) -> float:
    """Give datagrams received a second of processor time, by one of RECEIVERS or by "kamesh"."""
    return asyncio.run(_received(kind, multicast, messages, relay=False))


def relayed(kind: str, multicast: bool, messages: int) -> float:
    """Give datagrams received and sent on to another socket, a second of processor time."""
    return asyncio.run(_received(kind, multicast, messages, relay=True))


async def _received(kind: str, multicast: bool, messages: int, *, relay: bool) -> float:
    port = _free_port()
    end = _udp()  # where what is relayed goes; nobody reads it
    bursts = Bursts((GROUP if multicast else "127.0.0.1", port), messages)
    if kind == "kamesh":
        source = MulticastReceiver(GROUP, port, "lo") if multicast else UDPReceiver(port)
        parts: list[Component] = [source, _Count(bursts.taken)]
        if relay:
            parts = [source, _CountAndPass(bursts.taken), UDPSender(*end.getsockname())]
        running = asyncio.ensure_future(Pipeline(*parts).run_async())
        await asyncio.sleep(0.05)  # until it listens
        bursts.start()
        await bursts.over
        running.cancel()
    else:
        sock = _joined(port) if multicast else _udp(port=port)
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        out.setblocking(False)
        out.connect(end.getsockname())
        await RECEIVERS[kind](sock, bursts.taken, out if relay else None)
        bursts.start()
        await bursts.over
    return messages / bursts.seconds


def _sending_socket(to: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    loopback = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("lo"))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
    sock.connect(to)
    return sock


async def plain_send(to: tuple[str, int], messages: int) -> None:
    """Send by the socket itself, and let others have a turn after each 256."""
    with _sending_socket(to) as sock:
        for number in range(messages):
            sock.send(DATA)
            if number % 256 == 255:
                await asyncio.sleep(0)


async def transport_send(to: tuple[str, int], messages: int) -> None:
    """Send by asyncio's transport, and let others have a turn after each 256."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, sock=_sending_socket(to)
    )
    for number in range(messages):
        transport.sendto(DATA)
        if number % 256 == 255:
            await asyncio.sleep(0)


SENDERS = {"socket.send": plain_send, "DatagramTransport": transport_send}


def sent_by(kind: str, multicast: bool, messages: int) -> float:
    """Give datagrams sent a second of processor time, by one of SENDERS or by "kamesh"."""
    end = _joined(_free_port()) if multicast else _udp()  # nobody reads it
    to = end.getsockname()
    work: Any
    if kind == "kamesh":
        source = DataSource(DATA for _ in range(messages))
        sender = MulticastSender(*to, "lo", ttl=0) if multicast else UDPSender(*to)
        work = Pipeline(source, sender).run_async
    else:
        work = partial(SENDERS[kind], to, messages)
    began = time.process_time()
    asyncio.run(work())
    return messages / (time.process_time() - began)
