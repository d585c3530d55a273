"""Connections over ZeroMQ, tcp and ipc: the one file that imports zmq.

One ROUTER is bound, one DEALER made for each dial. What they decide is in `accepting` and
`dialing`, every option in `options`. Laws:

1. libzmq may lose, but not unseen: nothing reconnects by itself, a socket whose connection has
   ended is never used again, and every ending is told once, after all that had arrived before it.
2. Nobody is heard who was not admitted: the ZAP handler is there before the first bind, and where
   it is not, nobody gets in.
3. No queue of libzmq ever fills, and none is waited for; all of it happens in the loop's thread.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Sequence
from itertools import count
from typing import cast

import zmq

from kamesh.transport import zap
from kamesh.transport.accepting import Acceptor
from kamesh.transport.address import Address, bind_error, parse, prepare_ipc
from kamesh.transport.allocator import keep_memory
from kamesh.transport.counts import Counts, checked
from kamesh.transport.descriptors import Grip
from kamesh.transport.dialing import DialedConnection
from kamesh.transport.interface import (
    Buffer,
    Connection,
    Events,
    InsecureAddress,
    MisplacedCall,
    TransportLimits,
    TransportStatistics,
)
from kamesh.transport.monitor import ACCEPTING_EVENTS, DIALING_EVENTS, parse_event
from kamesh.transport.options import DOMAIN, Option, accepting_options, dialing_options
from kamesh.transport.pump import Pump
from kamesh.transport.resolve import Resolver
from kamesh.transport.sockets import Carried, Parts, Setting
from kamesh.trust import Credentials, Insecure

__all__ = ["ZeroMQTransport"]

log = logging.getLogger(__name__)

SHARED_BYTES = 65536
"""Frames from this size are sent from the caller's memory; below it a copy costs less time."""
VIEWED_BYTES = 16384
"""Frames from this size are handed over as views of libzmq's memory; below it a copy is cheaper."""
MAX_SOCKETS = 16384
"""Room for 5,000 dials: a connection takes its socket and two for the monitor."""

NOW = int(zmq.DONTWAIT)
MORE = NOW | int(zmq.SNDMORE)
FD, EVENTS, POLLIN = int(zmq.FD), int(zmq.EVENTS), int(zmq.POLLIN)
NOBODY = (errno.EAGAIN, errno.EHOSTUNREACH)

_numbers = count()


class Arrived:
    """One whole message; its first frame knows where it came from."""

    __slots__ = ("_first", "frames", "route", "size")

    def __init__(self, route: bytes, first: zmq.Frame, frames: Parts, size: int) -> None:
        """Keep the parts."""
        self.route, self._first, self.frames, self.size = route, first, frames, size

    def origin(self) -> tuple[int, bytes | None]:
        """Return the descriptor it came over, and the key that our ZAP handler noted."""
        key = None
        try:
            descriptor = int(self._first.get(zmq.SRCFD))
        except zmq.ZMQError:
            descriptor = -1
        try:
            key = bytes.fromhex(str(self._first.get("User-Id")))
        except (zmq.ZMQError, ValueError):
            log.debug("a peer without a key")  # as is every one in insecure mode
        return descriptor, key


class MonitoredSocket:
    """A ROUTER or DEALER with its monitor; the RawSocket of `accepting` and `dialing`."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], kind: int, options: list[Option], events: int
    ) -> None:
        """Open and set it; raises ZMQError, leaving nothing open."""
        self._routed = kind == zmq.ROUTER
        self._took = False  # the last look found a message, so that another one may be there
        self.socket = context.socket(kind)
        self._monitor = context.socket(zmq.PAIR)
        try:
            for name, value in options:
                self.socket.setsockopt(getattr(zmq, name), value)
            endpoint = f"inproc://kamesh.monitor.{next(_numbers)}"
            self.socket.monitor(endpoint, events)
            self._monitor.setsockopt(zmq.LINGER, 0)
            # At a mark, libzmq's I/O thread waits for whoever reads its events: all traffic stops.
            self._monitor.setsockopt(zmq.RCVHWM, 0)
            self._monitor.connect(endpoint)
            self.descriptor = int(cast(int, self.socket.getsockopt(FD)))
            self.events_descriptor = int(cast(int, self._monitor.getsockopt(FD)))
        except BaseException:
            self.close(0)
            raise

    def arrived(self) -> bool:
        """Say whether a message waits."""
        return self.socket.getsockopt(EVENTS) & POLLIN != 0  # type: ignore[operator]  # an int

    def receive(self) -> Arrived | None:
        """Take the next message, None if there is none."""
        if self._took and not self.arrived():  # to ask takes half the time of an exception
            self._took = False
            return None
        receive = self.socket.recv
        try:
            route = receive(NOW) if self._routed else b""
            frame = first = receive(NOW, False)
        except zmq.Again:
            self._took = False
            return None
        self._took = True
        frames: Parts = []
        size = 0
        while True:
            length = len(frame)
            size += length
            frames.append(frame.bytes if length < VIEWED_BYTES else frame.buffer)
            if not frame.more:
                return Arrived(route, first, frames, size)
            frame = receive(NOW, False)

    def next_event(self) -> tuple[int, int] | None:
        """Take the next monitor event and its value, None if there is none."""
        try:
            return parse_event(self._monitor.recv_multipart(NOW))
        except zmq.Again:
            return None

    def send(self, parts: Parts, route: bytes) -> bool:
        """Queue one message; False if there is nobody to send it to."""
        send = self.socket.send
        try:
            if self._routed:
                send(route, MORE)
            for part in parts[:-1]:
                send(part, MORE, len(part) < SHARED_BYTES)
            send(parts[-1], NOW, len(parts[-1]) < SHARED_BYTES)
        except zmq.ZMQError as error:
            if error.errno in NOBODY:
                return False
            raise
        return True

    def close(self, linger: float) -> None:
        """Close socket and monitor; what was sent has `linger` seconds."""
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.socket.close(int(linger * 1000))
        self._monitor.close(0)


class ZeroMQTransport:
    """The transport of real nodes: tcp and ipc, encrypted and authenticated by CURVE.

    Example:
        transport = ZeroMQTransport(MeshCredentials(MeshKey.load("studio.key")))
        transport.start(events)                              # in a coroutine
        address = transport.bind("tcp://127.0.0.1:0")        # "tcp://127.0.0.1:40519"
        connection = transport.dial("tcp://10.0.0.7:5000")   # events.connected or events.lost
        transport.send(connection, [b"header", frame])       # once it is connected
        await transport.stop()

    Peers on a bound address appear with their first message; one that stays mute is cut. A peer of
    another mesh never appears, and learns why it failed.
    """

    def __init__(
        self, security: Credentials | Insecure, *, limits: TransportLimits | None = None
    ) -> None:
        """Keep what it needs; nothing is opened before `start`."""
        self._security = security
        self._limits = limits or TransportLimits()
        self._counts = Counts()
        self._process = self._thread = 0
        self._running = False
        self._dialed: set[DialedConnection] = set()
        self._acceptor: Acceptor | None = None

    def start(self, events: Events) -> None:
        """Begin, inside the running event loop; a transport starts once."""
        if self._process:
            raise MisplacedCall("a transport starts once: make a new one")
        keep_memory()
        loop = asyncio.get_running_loop()
        self._process, self._thread = os.getpid(), threading.get_ident()
        self._setting = Setting(loop, events, self._limits, self._counts, Grip())
        self._resolver = Resolver(loop)
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
        self._zap = self._context.socket(zmq.REP)
        self._zap.setsockopt(zmq.LINGER, 0)
        self._zap.bind(zap.ENDPOINT)
        descriptor = int(cast(int, self._zap.getsockopt(FD)))
        self._questions = Pump(loop, descriptor, self._take_question, lambda: False)
        self._running = True

    def bind(self, address: str) -> str:
        """Accept connections at `address`; return it with the actual port.

        Raises AddressTaken (with the process that has it), BadAddress, or InsecureAddress.
        """
        self._check()
        target = self._parsed(address, binding=True)
        if target.scheme == "ipc":
            prepare_ipc(target)
        if self._acceptor is None:
            options = accepting_options(self._security, self._limits)
            self._router = MonitoredSocket(self._context, zmq.ROUTER, options, ACCEPTING_EVENTS)
            self._acceptor = Acceptor(self._setting, self._router)
        try:
            self._router.socket.setsockopt(zmq.IPV6, int(target.is_ipv6))
            self._router.socket.bind(str(target))
        except zmq.ZMQError as error:
            raise bind_error(target, error.errno or 0, str(error)) from error
        self._acceptor.look()
        return self._router.socket.getsockopt(zmq.LAST_ENDPOINT).decode()  # type: ignore[union-attr]

    def dial(self, address: str) -> Connection:
        """Begin to connect; `connected` or `lost` follows within a few seconds.

        Raises BadAddress or InsecureAddress; all else is told by `lost`.
        """
        self._check()
        target = self._parsed(address, binding=False)
        security = self._security
        key = None if isinstance(security, Insecure) else security.server_key_at(address)
        connection = DialedConnection(self._setting, address, key, self._dialed.discard)
        self._dialed.add(connection)
        if target.is_literal:
            self._connect(connection, target)
            return connection

        def resolved(number: str | None, why: str) -> None:
            if number is None:
                connection.fail(f"the host of {address} is not known: {why}")
            elif connection.alive and connection.ending is None:
                self._connect(connection, target.at(number))

        self._resolver.resolve(target.host, resolved)
        return connection

    def _connect(self, connection: DialedConnection, target: Address) -> None:
        address, ipv6 = connection.address, target.is_ipv6
        options = dialing_options(self._security, address, self._limits, ipv6=ipv6)
        try:
            self._local(target)
            socket = MonitoredSocket(self._context, zmq.DEALER, options, DIALING_EVENTS)
            connection.begin(socket)
            socket.socket.connect(str(target))
        except (zmq.ZMQError, InsecureAddress) as error:
            connection.fail(f"{address} cannot be dialled: {error}")

    def send(self, connection: Connection, frames: Sequence[Buffer]) -> None:
        """Send one message; on a dead connection do nothing, for `lost` came or comes.

        Raises FrameRefused for what no peer would take, MisplacedCall in a wrong thread or process.
        """
        self._check()
        parts, size = checked(frames, self._limits)
        cast(Carried, connection).transmit(parts, size)

    def close(self, connection: Connection) -> None:
        """End a connection without a `lost` on this side; what was sent has a moment to leave."""
        self._check()
        cast(Carried, connection).finish()

    def silence(self, connection: Connection) -> float | None:
        """Seconds since the last byte from the peer; None if unknown, as for ipc."""
        return cast(Carried, connection).silence()

    async def stop(self, linger: float = 1.0) -> None:
        """Close everything; what was sent has `linger` seconds to leave this host."""
        if not self._running:
            return
        self._check()
        self._running = False
        for connection in list(self._dialed):
            connection.release(linger if connection.greeted else 0)
        if self._acceptor is not None:
            self._acceptor.close(linger)
        self._questions.close()
        self._zap.close(0)
        self._setting.grip.close()
        loop, context, gone = self._setting.loop, self._context, asyncio.Event()

        def terminate() -> None:
            context.term()  # waits for what lingers, so not in the loop
            loop.call_soon_threadsafe(gone.set)

        threading.Thread(target=terminate, name="close transport", daemon=True).start()
        try:
            await asyncio.wait_for(gone.wait(), linger + 2)
        except TimeoutError:
            log.warning("the transport is still closing %g s after it was told to", linger + 2)

    def statistics(self) -> TransportStatistics:
        """Return the counters so far."""
        dialed = sum(1 for connection in self._dialed if connection.greeted)
        return self._counts.frozen(dialed + len(self._acceptor or ()))

    def _check(self) -> None:
        if threading.get_ident() != self._thread or os.getpid() != self._process:
            self._complain()
        if not self._running:
            raise MisplacedCall("the transport has been stopped")

    def _complain(self) -> None:
        if not self._process:
            raise MisplacedCall("the transport has not been started")
        if os.getpid() != self._process:
            raise MisplacedCall(
                "this process was forked from the one that owns the connections, and what it sends "
                "would vanish: start a node of its own in it"
            )
        raise MisplacedCall(
            "a transport belongs to the thread of its event loop: use loop.call_soon_threadsafe"
        )

    def _parsed(self, address: str, *, binding: bool) -> Address:
        target = parse(address, binding=binding)
        if target.is_literal:
            self._local(target)
        return target

    def _local(self, target: Address) -> None:
        security = self._security
        if isinstance(security, Insecure) and not (
            security.beyond_this_host or target.is_this_host
        ):
            raise InsecureAddress(
                f"{target} is beyond this host and this node is insecure: use a mesh key, or say "
                f"that unencrypted traffic may leave this host"
            )

    def _take_question(self) -> bool:
        try:
            request = self._zap.recv_multipart(NOW)
        except zmq.Again:
            return False
        admits = None if isinstance(self._security, Insecure) else self._security.admits
        verdict = zap.judge(request, domain=DOMAIN, admits=admits)
        self._zap.send_multipart(verdict.reply, NOW)
        if verdict.failure is not None:
            log.error("%s", verdict.text, exc_info=verdict.failure)
        else:
            log.log(logging.DEBUG if verdict.admitted else logging.INFO, "%s", verdict.text)
        return True
