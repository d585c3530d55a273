"""Dialled: one connection of a client, between the client's own boxes.

Laws
1. The client's boxes pass on to those of the connection while it holds, and keep what comes when it
   does not.
2. What the system has not taken of a message goes back to the client's inbox, whole and in its place,
   when the connection is lost; what it has taken is as good as sent, and nobody can say more.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from kamesh.components.network.stream import Stream
from kamesh.components.network.trouble import trouble
from kamesh.components.refusing import as_bytes
from kamesh.errors import NotSuitable
from kamesh.inbox import Inbox
from kamesh.outbox import Outbox
from kamesh.wiring import Linkage, link, unlink

__all__ = ["Caller", "Dialled"]


class Caller(Protocol):
    """What dials: a client."""

    inbox: Inbox
    outbox: Outbox
    where: str

    def connected(self, stream: Dialled) -> None:
        """Hear that `stream` is connected, before anything is received."""

    def stirred(self) -> None:
        """Hear that something has changed about the connection."""

    def cannot_send(self, error: NotSuitable) -> None:
        """Hear that what it was given to send is not of bytes."""


class Dialled(Stream):
    """A connection that a client has made."""

    __slots__ = ("_in_hand", "_links", "caller", "error", "lost", "reason", "said")

    def __init__(self, path: str, caller: Caller) -> None:
        """Make one for a connection that is about to be."""
        super().__init__(path)
        self.caller = caller
        self.lost = False
        self.error: Exception | None = None
        self.reason = ""  # why it is over, if not by an end of stream
        self.said = False  # all that feeds the client has ended, and is written
        self._in_hand: list[object] = []  # the message that the system has not taken all of
        self._links: tuple[Linkage, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Link the client's boxes to it, at once: what comes first is not to be missed.

        The transport is to hold no more than one message (of TLS, some records as well).
        """
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        plain = transport.can_write_eof()
        transport.set_write_buffer_limits(0 if plain else 1, 0)  # TLS takes 0 for always full
        self.caller.connected(self)
        self._links = link(self.outbox, self.caller.outbox), link(self.caller.inbox, self.inbox)
        self.arrived(self.inbox)

    def arrived(self, inbox: Inbox) -> None:
        """Write what there is; not before all that has waited is here, which may be the last."""
        if self._links:
            super().arrived(inbox)

    def resume_writing(self) -> None:
        """Go on with the next message."""
        self._in_hand.clear()
        super().resume_writing()
        if not self.inbox.queue:
            self.caller.stirred()

    def _write_several(self) -> None:
        queue = self.inbox.queue
        while queue and not self.clogged:
            self._write(queue.popleft())

    def _write(self, data: object) -> None:
        piece = as_bytes(data, self.path)
        self.sent += len(piece)
        self.transport.write(piece)
        if self.clogged:
            self._in_hand.append(piece)

    def all_said(self) -> None:
        """End this end's half of the connection, where there is such a thing."""
        self.said = True
        if self.peer_done:
            self.transport.close()
        elif self.transport.can_write_eof():
            try:
                self.transport.write_eof()
            except OSError:  # it is gone: connection_lost says so as well
                self.transport.abort()
        self.caller.stirred()

    def unfit(self, error: NotSuitable) -> None:
        """Let the client fail."""
        self.caller.cannot_send(error)

    def eof_received(self) -> bool:
        """Close: the other end has said all it had to; what is written already still goes out."""
        self.peer_done = True
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Give the client its boxes back, and what was not sent."""
        self.lost = True
        self.error = error
        if error is not None and not self.reason:
            self.reason = trouble(error, self.caller.where)
        unsent = [*self._in_hand, *self.inbox.empty()]
        self.rewired()
        for linkage in self._links:
            unlink(linkage)
        if unsent:
            inbox = self.caller.inbox
            inbox.put_back([*unsent, *inbox.empty()])
        self.inbox.close()
        self.caller.stirred()
