"""Calling: what all clients share, whatever they connect to.

Laws
1. An attempt has a deadline, attempts have a limit, and the waits between them grow (`retries.py`).
2. What is to be sent waits, within the bound of the inbox, while there is no connection.
3. The end of what feeds the client ends its half of the connection; it goes on to receive until the
   other end has said all. TLS has no halves: there it ends when nothing has come for FAREWELL seconds.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from kamesh import Component, ProducerFinished, Shutdown
from kamesh.components.network.dialled import Dialled
from kamesh.components.network.messages import Connected, Disconnected, Peer, Refused
from kamesh.components.network.patience import Patience, Verdict, Watch
from kamesh.components.network.taking import untaken
from kamesh.components.network.trouble import NetworkError, trouble
from kamesh.components.refusing import more_than
from kamesh.components.retries import Retries
from kamesh.components.sending import feed_is_over, stopped_within, tell, tell_retry
from kamesh.errors import NotSuitable

__all__ = ["Calling"]

FAREWELL = 2.0  # seconds
STEADY = 10.0  # seconds: a connection that has held for them forgives the failures before


class Calling(Component):
    """Connects, and connects again: the base of TCPClient and others.

    A subclass says with whom (`where`, `peer_of`) and how (`dial`). The options are those of TCPClient.

    Example: `class UnixClient(Calling)`, in `clients.py`, is some ten lines.

    Boxes: "inbox" bytes to send; "outbox" bytes received; "status" what becomes of the connection;
    "control".

    How it ends: when all is said on both sides, or it is told to; it fails when it gives up.
    """

    inboxes: ClassVar = {"inbox": "bytes to send", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "bytes received",
        "status": "Connected, Disconnected and Refused, as it happens",
        "signal": "passes on what was told on control",
    }
    where: str

    def __init__(
        self,
        *,
        tries: int | None = 10,
        first_wait: float = 0.25,
        longest_wait: float = 30.0,
        timeout: float = 10.0,
        idle: float | None = None,
        stall: float | None = 30.0,
        name: str | None = None,
    ) -> None:
        """Remember all of it, and look whether it will do; it connects when it starts."""
        super().__init__(name=name)
        more_than(0, timeout, "the seconds of the timeout")
        self.retries = Retries(tries, first_wait, longest_wait)
        self.timeout = timeout
        self.patience = Patience(idle, stall)
        self._stream: Dialled | None = None
        self._told: Shutdown | ProducerFinished | None = None
        self._unfit: NotSuitable | None = None
        self._connections = self._received = self._sent = self._untold = 0

    # what a subclass says

    async def dial(self, stream: Dialled) -> None:
        """Connect `stream`; what goes wrong is raised as asyncio raises it."""
        raise NotImplementedError

    def peer_of(self, transport: asyncio.Transport) -> Peer:
        """Say who is at the other end."""
        raise NotImplementedError

    # its life

    async def main(self) -> None:
        """Connect, converse, and again, until there is nothing left to do."""
        try:
            while not self._is_told():
                wait = await self._once()
                if wait is None or await stopped_within(self, wait, Calling._is_told):
                    break
        finally:
            if self._stream is not None and not self._stream.lost:
                self._stream.transport.abort()
        if self._unfit is not None:
            raise self._unfit
        if isinstance(self._told, Shutdown):
            await self.send(self._told, "signal")
        await asyncio.sleep(0)  # what was broken off is told to be over in the next round

    async def _once(self) -> float | None:
        """Connect once; give the seconds until the next attempt, None for no more."""
        stream = Dialled(self.path, self)
        try:
            if not await self._connect(stream):
                return None
        except (OSError, UnicodeError) as error:
            sentence = trouble(error, self.where)
            wait = self.retries.wait()
            self._tell(Refused(self.where, sentence, -1.0 if wait is None else wait))
            if wait is None:
                raise NetworkError(sentence) from error
            tell_retry(self, self.retries, sentence)
            return wait
        return await self._converse(stream)

    async def _connect(self, stream: Dialled) -> bool:
        """Connect within the time-out; False if it is told to end meanwhile."""
        task = asyncio.create_task(self._dial(stream))
        task.add_done_callback(lambda _: self.stirred())
        try:
            while not task.done():
                if self._is_told() and self._stream is not stream:
                    return False
                await self.wait()  # once it is connected, it is over in a moment
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        task.result()
        return True

    async def _dial(self, stream: Dialled) -> None:
        async with asyncio.timeout(self.timeout):
            await self.dial(stream)

    async def _converse(self, stream: Dialled) -> float | None:
        """See a connection to its end; then say how to go on."""
        began = self.now()
        peer = self.peer_of(stream.transport)
        await self._see_through(stream, Watch(began))
        self._received += stream.received
        self._sent += stream.sent
        self._tell(Disconnected(peer, stream.reason, stream.received, stream.sent))
        if self._told is not None or self._unfit is not None:
            return None
        if stream.said or self.retries.once:
            if stream.reason:
                raise NetworkError(stream.reason) from stream.error
            return None
        if self.inbox.ended:
            return None
        if self.now() - began >= STEADY:
            self.retries.succeeded()
        wait = self.retries.wait()
        if wait is not None:
            tell_retry(
                self, self.retries, stream.reason or f"{self.where} has ended the connection"
            )
        elif stream.reason:
            raise NetworkError(stream.reason) from stream.error
        return wait

    async def _see_through(self, stream: Dialled, watch: Watch) -> None:
        """Wait until the connection is over, or end it when that is due."""
        closing = False
        while not stream.lost:
            if self._is_told():
                closing = True
                if isinstance(self._told, Shutdown) or self._unfit is not None:
                    stream.transport.abort()
                elif not stream.inbox.queue:
                    stream.transport.close()
            patience = self.patience
            farewell = stream.said and not stream.transport.can_write_eof()
            if farewell or closing:
                patience = Patience(FAREWELL, patience.stall)
            await self._wait_until_due(patience.every)
            if not stream.lost:
                self._look(stream, watch, patience, farewell)

    def _look(self, stream: Dialled, watch: Watch, patience: Patience, farewell: bool) -> None:
        waiting = stream.transport.get_write_buffer_size()
        taken = stream.sent - untaken(stream.transport)
        verdict = watch.look(self.now(), stream.received, taken, waiting > 0, patience)
        if verdict is Verdict.IDLE:
            if not farewell:
                stream.reason = f"{self.where} was silent for {patience.idle:g} seconds"
            stream.transport.close()
        elif verdict is Verdict.STALLED:
            stream.reason = f"{self.where} took nothing for {patience.stall:g} seconds"
            stream.transport.abort()

    # waiting

    async def _wait_until_due(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return

    def _is_told(self) -> bool:
        """Read what is told on control; that what feeds it has ended is no reason to end."""
        while self.control.look():
            message = self.control.recv()
            if isinstance(message, Shutdown):
                self._told = message
            elif isinstance(message, ProducerFinished) and not feed_is_over(self, message):
                self._told = self._told or message
        return self._told is not None or self._unfit is not None

    def connected(self, stream: Dialled) -> None:
        """Tell of it."""
        self._stream = stream
        self._connections += 1
        self._tell(Connected(self.peer_of(stream.transport)))

    def stirred(self) -> None:
        """Look again."""
        self._strand.wake()

    def cannot_send(self, error: NotSuitable) -> None:
        """Fail with it."""
        self._unfit = error
        self.stirred()

    # telling

    def _tell(self, what: object) -> None:
        self._untold += not tell(self, what, "status")

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        open_now = [s for s in (self._stream,) if s is not None and not s.lost]
        return {
            "connected": len(open_now),
            "connections_ever": self._connections,
            "bytes_in": self._received + sum(s.received for s in open_now),
            "bytes_out": self._sent + sum(s.sent for s in open_now),
            "untold": self._untold,
        }
