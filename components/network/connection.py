"""Connection: one accepted connection and the protocol component that was made for it.

Laws
1. The other end's end of stream ends the protocol's inbox; the protocol may go on sending. The end of
   its outbox is told the other end once all is written; when the protocol has ended as well, the
   connection is closed.
2. A connection is not closed under what the other end still has to read: after the end of stream it
   has LINGER seconds to say its own, and what it says is discarded.
3. A connection that is lost ends the protocol's inbox, with a failure if it broke; a protocol that goes
   on all the same is told to finish, and GRACE seconds later ended.
4. TLS has no half of a connection to close: the other end's end of stream is the end of both, once the
   protocol has had a turn to answer what came before.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from kamesh import Component, Failure, ProducerFinished
from kamesh.components.network.messages import Peer
from kamesh.components.network.patience import Patience, Verdict, Watch
from kamesh.components.network.stream import Stream
from kamesh.components.network.taking import untaken
from kamesh.components.network.trouble import trouble
from kamesh.errors import NotSuitable
from kamesh.runtime import Runtime
from kamesh.strand import Strand
from kamesh.wiring import link

__all__ = ["Connection", "Host"]

LINGER = 2.0  # seconds
GRACE = 5.0  # seconds


class Host(Protocol):
    """What holds connections: a server."""

    loop: asyncio.AbstractEventLoop

    def begin(self, connection: Connection) -> None:
        """Hear that it is connected: a protocol is to be given to it."""

    def protocol_over(self, connection: Connection, error: BaseException | None) -> None:
        """Hear that its protocol has ended."""

    def forget(self, connection: Connection) -> None:
        """Hear that both the connection and the protocol are over."""


class Connection(Stream):
    """A connection with a protocol component at its boxes."""

    __slots__ = (
        "_eof_sent",
        "_said",
        "_timer",
        "_watch",
        "connected",
        "host",
        "number",
        "peer",
        "reason",
        "strand",
        "talks",
    )

    peer: Peer
    strand: Strand

    def __init__(self, path: str, number: int, host: Host) -> None:
        """Make one for a connection that is about to be."""
        super().__init__(path)
        self.number = number
        self.host = host
        self.talks = False  # there is a protocol, and it has not ended
        self.connected = False
        self.reason = ""  # why it is over, if not simply at its end
        self._said = False  # all that the protocol had to say is written
        self._eof_sent = False
        self._timer: asyncio.TimerHandle | None = None
        self._watch = Watch(host.loop.time())

    # the connection begins, and a protocol is given to it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the host."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connected = True
        self.host.begin(self)

    def join(self, component: Component, runtime: Runtime) -> None:
        """Link the protocol's boxes to the connection, and start it."""
        strand = self.strand = component._strand
        self.talks = True
        strand.on_end = self._protocol_over
        if "inbox" in strand.inboxes:
            link(self.outbox, strand.inboxes["inbox"])
        if "outbox" in strand.outboxes:
            link(strand.outboxes["outbox"], self.inbox)
        strand.start(runtime)

    # the protocol ends

    def all_said(self) -> None:
        """End this end's half of the connection."""
        self._said = True
        self._part()

    def unfit(self, error: NotSuitable) -> None:
        """Let the protocol fail that sends what is not of bytes; it may be in its turn."""
        self.host.loop.call_soon(self._fail, error)

    def _fail(self, error: NotSuitable) -> None:
        if self.talks:
            self.strand.fail(error)
        else:  # it has ended meanwhile
            self.host.protocol_over(self, error)

    def _protocol_over(self, strand: Strand, error: BaseException | None) -> None:
        self.talks = False
        if not self.inbox.live and not self.inbox.queue:
            self._said = True
        self.host.protocol_over(self, error)
        if self.connected:
            self._part()
        else:
            self._forget()

    def _part(self) -> None:
        """Go as far towards the end as both sides have come."""
        if not self._said or not self.connected:
            return
        if not self.transport.can_write_eof() or (self.peer_done and not self.talks):
            self.transport.close()  # TLS has a time-out of its own for its farewell
            return
        if not self._eof_sent:
            self._eof_sent = True
            try:
                self.transport.write_eof()
            except OSError:  # it is gone: connection_lost says so as well
                self.transport.abort()
        if not self.talks and self._timer is None:
            self._timer = self.host.loop.call_later(LINGER, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.get_write_buffer_size():  # else the host's patience decides
            self.transport.abort()

    # the other end ends

    def eof_received(self) -> bool:
        """End the protocol's inbox; True to keep the other half open."""
        super().eof_received()
        if self.transport.can_write_eof():
            return self.talks or not self._said
        if self.talks and self.strand.runtime is not None:
            self.strand.runtime.scheduler.run_now()
        self.clogged = True
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """End the protocol's inbox, and take no more from it."""
        self.connected = False
        if self._timer is not None:
            self._timer.cancel()
        if error is not None and not self.reason:
            self.reason = trouble(error, str(self.peer))
        failure = None
        if self.reason:
            kind = type(error or ConnectionAbortedError()).__name__
            failure = Failure(self.path, kind, self.reason, says_all=True)
        self.outbox.finish(failure)
        self.inbox.close()
        if self.talks:
            self.finish()
            self._timer = self.host.loop.call_later(GRACE, self.strand.stop)
        else:
            self._forget()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.host.forget(self)

    # the host looks

    def look(self, now: float, patience: Patience) -> Verdict:
        """Let it go if it has been idle or stalled for too long; say what was found."""
        if not self.connected:
            return Verdict.KEEP
        waiting = self.transport.get_write_buffer_size()
        taken = self.sent - untaken(self.transport)
        verdict = self._watch.look(
            now, self.received, taken, waiting > 0 or self.clogged, patience
        )
        if verdict is Verdict.IDLE:
            self.reason = f"{self.peer} was silent for {patience.idle:g} seconds"
            self.transport.abort() if waiting else self.transport.close()
        elif verdict is Verdict.STALLED:
            self.reason = f"{self.peer} took nothing for {patience.stall:g} seconds"
            self.transport.abort()
        return verdict

    def finish(self) -> None:
        """Tell the protocol that it is to end."""
        control = self.strand.inboxes.get("control") if self.talks else None
        if control is not None:
            control.deliver(ProducerFinished(self.path))

    def stop(self) -> None:
        """End the protocol and the connection at once."""
        if self.talks:
            self.strand.stop()
        if self.connected:
            self.transport.abort()
