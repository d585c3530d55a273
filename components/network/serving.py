"""Serving: what all servers of connections share, whatever they listen at.

Laws
1. A protocol that raises costs its own connection and one line in the log; the server goes on.
2. A server accepts nothing more from the moment it is told to finish; its protocols are told too, and
   have `grace` seconds. A Shutdown ends them at once.
3. Nobody who listens to what it tells can hold it up: what finds no room there is dropped, and counted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from functools import partial
from typing import Any, ClassVar

from kamesh import Component, Shutdown
from kamesh.asyncstrand import AsyncStrand
from kamesh.components.network.accepting import Acceptor, raise_descriptors
from kamesh.components.network.connection import Connection
from kamesh.components.network.factory import Factory, ProtocolFactory
from kamesh.components.network.messages import Connected, Disconnected, Peer
from kamesh.components.network.patience import Patience, Verdict
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import Listening, trouble
from kamesh.components.refusing import WrongFigure, at_least, whole
from kamesh.components.sending import tell
from kamesh.runtime import Runtime, current_runtime
from kamesh.strand import Strand

__all__ = ["Serving"]

HANDSHAKE = 10.0  # seconds that a client may take to agree about TLS
FAREWELL = 30.0  # seconds that it may take to end it

log = logging.getLogger("kamesh")


class ServingStrand(AsyncStrand):
    """A strand with the protocols of its connections as children."""

    __slots__ = ()

    children: dict[Strand, None]

    def __init__(self, component: Component, name: str) -> None:
        """Begin with none."""
        super().__init__(component, name)
        self.children = {}

    def child_ended(self, child: Strand) -> None:
        """Forget it; its connection knows."""
        self.children.pop(child, None)


class Serving(Component):
    """Serves connections, each with a protocol component of its own: the base of TCPServer and others.

    A subclass says what is listened at (`listen`), how that is written (`listening`), and who is at the
    other end of a connection (`peer_of`). The options are those of TCPServer.

    Example: `class TCPServer(Serving)`, in `servers.py`, is some twenty lines.

    Boxes: "inbox" is not read; "outbox" one `Listening`, and `Connected` and `Disconnected` with
    `events`; "control".

    How it ends: told to finish, when its protocols have, or after `grace` seconds; told Shutdown, at once.
    """

    inboxes: ClassVar = {
        "inbox": "not read: the server finishes when what feeds it has ended",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "Listening; with events=True then Connected and Disconnected",
        "signal": "passes on what was told on control",
    }

    _strand_kind: ClassVar[type[Strand]] = ServingStrand
    _strand: ServingStrand

    def __init__(
        self,
        protocol: ProtocolFactory | str,
        *,
        tls: GivenTLS | None = None,
        connections: int = 10_000,
        when_full: str = "refuse",
        idle: float | None = 3600.0,
        stall: float | None = 30.0,
        grace: float = 5.0,
        events: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember all of it, and look whether it will do; it listens when it starts."""
        super().__init__(name=name)
        whole(1, connections, "the number of connections at a time")
        if when_full not in ("refuse", "wait"):
            raise WrongFigure(f"when_full={when_full!r}: it is 'refuse' or 'wait'")
        at_least(0, grace, "the seconds of grace")
        self.protocol = Factory(protocol)
        self.most = connections
        self.when_full = when_full
        self.patience = Patience(idle, stall)
        self.grace = grace
        self.events = events
        self.tls = tls_of(tls, server=True)
        self._ssl: ssl.SSLContext | None = None
        self._open: dict[Connection, None] = {}
        self._arriving: set[asyncio.Task[Any]] = set()
        self._acceptor: Acceptor | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._counts = dict.fromkeys(
            (
                "connections_ever",
                "refused",
                "failed",
                "handshakes_failed",
                "idle_closed",
                "stalled",
                "broken",
            ),
            0,
        )
        self._bytes_in = self._bytes_out = self._untold = 0
        self._numbered = 0
        self.last_failure = ""

    loop: asyncio.AbstractEventLoop

    # what a subclass says

    async def listen(self) -> list[socket.socket]:
        """Give the sockets to accept from."""
        raise NotImplementedError

    def listening(self, sockets: list[socket.socket]) -> Listening:
        """Say where it can be reached."""
        raise NotImplementedError

    def peer_of(self, transport: asyncio.Transport) -> Peer:
        """Say who is at the other end."""
        raise NotImplementedError

    def unlisten(self) -> None:
        """Clear away what listening has left."""

    # its life

    async def main(self) -> None:
        """Listen, serve, and see the connections out."""
        self.loop = asyncio.get_running_loop()
        self._ssl = context_of(self.tls, server=True)
        sockets = await self.listen()
        raise_descriptors(self.most)
        listening = self.listening(sockets)
        self._runtime = current_runtime()
        self._acceptor = Acceptor(
            sockets,
            self._take,
            self._has_room,
            waits=self.when_full == "wait",
            who=f"{self.path} at {listening.url}",
        )
        try:
            self._tell(listening)
            while not self.stopping():
                await self.wait()
                for _ in self.inbox:
                    pass
            self._accept_no_more()
            if not self._strand.stopped:
                await self._see_out()
        finally:
            self._close()
        await asyncio.sleep(0)  # what was broken off is told to be over in the next round
        await asyncio.sleep(0)

    _runtime: Runtime

    async def _see_out(self) -> None:
        """Let protocols finish, for `grace` seconds at the most."""
        for connection in list(self._open):
            connection.finish()
        try:
            async with asyncio.timeout(self.grace):
                while self._open and not self._told_to_stop():
                    await self.wait()
        except TimeoutError:
            log.info("%s breaks off %d connections", self.path, len(self._open))

    def _accept_no_more(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            self._counts["refused"] = self._acceptor.refused
            self._acceptor = None

    def _told_to_stop(self) -> bool:
        return any(isinstance(message, Shutdown) for message in tuple(self.control.queue))

    def _close(self) -> None:
        """End at once whatever is left."""
        self._accept_no_more()
        self.unlisten()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for task in list(self._arriving):
            task.cancel()
        for connection in list(self._open):
            connection.stop()

    # connections come

    def _has_room(self) -> bool:
        return len(self._open) < self.most

    def _take(self, accepted: socket.socket) -> None:
        """Make a connection of an accepted socket."""
        self._numbered += 1
        connection = Connection(
            f"{self.path}/connection-{self._numbered}", self._numbered, self
        )
        self._open[connection] = None
        tls = {"ssl_handshake_timeout": HANDSHAKE, "ssl_shutdown_timeout": FAREWELL}
        task = self.loop.create_task(
            self.loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._ssl,
                **(tls if self._ssl else {}),
            )
        )
        self._arriving.add(task)
        task.add_done_callback(partial(self._arrived, accepted, connection))

    def _arrived(
        self, accepted: socket.socket, connection: Connection, task: asyncio.Task[Any]
    ) -> None:
        self._arriving.discard(task)
        if task.cancelled():  # perhaps before anything knew that there is something to close
            accepted.close()
            self._one_less(connection)
        elif (error := task.exception()) is not None:
            self._counts["handshakes_failed"] += 1
            self.last_failure = trouble(error, "a client")
            log.info("%s: %s", self.path, self.last_failure)
            self._one_less(connection)

    def begin(self, connection: Connection) -> None:
        """Give a new connection its protocol."""
        connection.peer = self.peer_of(connection.transport)
        self._counts["connections_ever"] += 1
        self._sweep_later()
        if self.events:
            self._tell(Connected(connection.peer))
        if self._acceptor is None:  # it came in the very last moment
            connection.transport.close()
            return
        try:
            component = self.protocol(connection.peer)
        except Exception as error:
            self._note_failure(connection, f"{self.protocol.name} cannot be made: {error}", error)
            connection.transport.abort()
            return
        strand = component._strand
        strand.name = f"{strand.name}-{connection.number}"
        strand.parent = self._strand
        strand.set_path(f"{self.path}/{strand.name}")
        connection.path = strand.path
        self._strand.children[strand] = None
        connection.join(component, self._runtime)

    # connections go

    def protocol_over(self, connection: Connection, error: BaseException | None) -> None:
        """Log what a protocol has failed with."""
        if error is not None:
            self._note_failure(connection, str(connection.strand.failure or error), error)

    def _note_failure(self, connection: Connection, what: str, error: BaseException) -> None:
        self._counts["failed"] += 1
        self.last_failure = f"{connection.peer}: {what}"
        log.error("%s", self.last_failure, exc_info=error)

    def forget(self, connection: Connection) -> None:
        """Count a connection that is over, and accept one more."""
        self._bytes_in += connection.received
        self._bytes_out += connection.sent
        if connection.reason:
            self._counts["broken"] += 1
        if self.events:
            reason, received, sent = connection.reason, connection.received, connection.sent
            self._tell(Disconnected(connection.peer, reason, received, sent))
        self._one_less(connection)

    def _one_less(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if self._acceptor is not None:
            self._acceptor.again()
        elif not self._open:
            self._strand.wake()

    # patience

    def _sweep_later(self) -> None:
        if self._sweeping is None and self.patience.every is not None:
            self._sweeping = self.loop.call_later(self.patience.every, self._sweep)

    def _sweep(self) -> None:
        """Look at all connections; as long as there are any, again and again."""
        self._sweeping = None
        now = self.loop.time()
        for connection in list(self._open):
            verdict = connection.look(now, self.patience)
            self._counts["idle_closed"] += verdict is Verdict.IDLE
            self._counts["stalled"] += verdict is Verdict.STALLED
        if self._open:
            self._sweep_later()

    # telling

    def _tell(self, what: object) -> None:
        self._untold += not tell(self, what)

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        now_open = tuple(self._open)  # at once: whoever asks may be another thread
        return {
            "connections": len(now_open),
            **self._counts,
            "refused": self._acceptor.refused if self._acceptor else self._counts["refused"],
            "bytes_in": self._bytes_in + sum(one.received for one in now_open),
            "bytes_out": self._bytes_out + sum(one.sent for one in now_open),
            "untold": self._untold,
            "last_failure": self.last_failure,
        }
