"""Stream: a connection of bytes as the owner of one inbox (to be sent) and one outbox (received).

It is what asyncio calls a protocol, and stands where a component's strand would: boxes are linked to it
directly, so that a message costs no component and no task of its own.

Laws
1. What the boxes it feeds do not take is not read from the network: no more than AHEAD bytes, or what
   the box holds, wait there; what the network does not take is not taken from its inbox.
2. What is sent in one turn goes out in one piece.
3. The other end's end of stream ends the outbox; the end of what feeds the inbox, once all of it is
   written, is told by `all_said`.
"""

from __future__ import annotations

import asyncio

from kamesh.components.refusing import as_bytes
from kamesh.errors import NotSuitable
from kamesh.inbox import Inbox
from kamesh.outbox import Feed, Outbox
from kamesh.owner import UNLIMITED

__all__ = ["AHEAD", "Stream"]

AHEAD = 1 << 18  # bytes that may have been received and not been taken
PIECE = 1 << 16  # bytes received at a time
TOGETHER = 1 << 18  # bytes that are joined to be sent in one piece
BOUND = 64  # messages that wait while the network takes none

_SCRATCH = memoryview(bytearray(PIECE))  # filled and copied from within one call: all may share it


class Stream(asyncio.BufferedProtocol):
    """A connection with an inbox and an outbox; subclasses say what its beginning and end mean."""

    __slots__ = (
        "ahead",
        "clogged",
        "feeds",
        "held",
        "inbox",
        "mark",
        "outbox",
        "path",
        "peer_done",
        "received",
        "sent",
        "transport",
    )

    in_turns = True
    transport: asyncio.Transport

    def __init__(self, path: str) -> None:
        """Make one that is linked and connected to nothing."""
        self.path = path
        self.inbox = Inbox("inbox", self, BOUND)
        self.outbox = Outbox("outbox", self)
        self.feeds: tuple[Feed, ...] = ()
        self.received = self.sent = 0  # bytes
        self.ahead = 0  # bytes received since what they go to was empty
        self.held = False  # nothing is read: there is no room
        self.mark = 0  # how many messages may still wait when it is read again
        self.clogged = False  # nothing is written: the network takes no more
        self.peer_done = False

    # from the network

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to put what is received."""
        return _SCRATCH

    def buffer_updated(self, count: int) -> None:
        """Pass on what was received; read no more while nobody takes it."""
        self.received += count
        full = waits = False
        self.outbox.put(_SCRATCH[:count].tobytes())
        for feed in self.feeds:
            waiting = len(feed.sink.queue)
            if feed.plain:
                feed.settle()
            if waiting > 1:
                waits = True
            if waiting >= feed.limit:
                full = True
        self.ahead = self.ahead + count if waits else count
        if full or self.ahead > AHEAD:
            self._hold()

    def _hold(self) -> None:
        """Read nothing until half of what waits has been taken."""
        if not self.held and any(feed.sink.queue for feed in self.feeds):
            self.held = True
            self.transport.pause_reading()
            self.mark = self._waiting() // 2
        for feed in self.feeds:
            if feed.sink.queue:
                feed.sink.waiting[self] = None

    def _waiting(self) -> int:
        return max((len(feed.sink.queue) for feed in self.feeds), default=0)

    def eof_received(self) -> bool:
        """End the outbox: the other end has said all it had to; True to go on sending."""
        self.peer_done = True
        self.outbox.finish()
        return True

    def pause_writing(self) -> None:
        """Let wait what is to be sent."""
        self.clogged = True

    def resume_writing(self) -> None:
        """Send what has waited."""
        self.clogged = False
        self.arrived(self.inbox)

    # from the boxes

    def arrived(self, inbox: Inbox) -> None:
        """Write what there is, in one piece if it is not very large."""
        queue = inbox.queue
        if queue and not self.clogged:
            if self.transport.is_closing():  # broken, and `connection_lost` is on its way
                queue.clear()
            try:
                if len(queue) == 1:
                    self._write(queue.popleft())
                elif queue:
                    self._write_several()
            except NotSuitable as error:
                queue.clear()
                self.unfit(error)
            inbox.took()
        if not inbox.live and inbox.ended:
            self.all_said()

    def _write_several(self) -> None:
        queue = self.inbox.queue
        pieces = [as_bytes(piece, self.path) for piece in queue]
        if sum(map(len, pieces)) <= TOGETHER:
            queue.clear()
            self._write(b"".join(pieces))
        while queue and not self.clogged:
            self._write(queue.popleft())

    def _write(self, data: object) -> None:
        if data.__class__ is not bytes:
            data = as_bytes(data, self.path)
        self.sent += len(data)
        self.transport.write(data)

    def unfit(self, error: NotSuitable) -> None:
        """Hear that something was to be sent which is not of bytes; it has been dropped."""

    def all_said(self) -> None:
        """Hear that what feeds the inbox has ended and everything is written."""

    def room_again(self) -> None:
        """Read on, if half of what waited has been taken."""
        if self.held and self._waiting() <= self.mark:
            self.held = False
            self.ahead //= 2
            if not self.peer_done:
                self.transport.resume_reading()
        elif self.held:
            self._hold()

    def rewired(self) -> None:
        """Account for what was sent so far, and choose the way again."""
        for feed in self.feeds:
            if feed.plain:
                feed.settle()
        self.outbox.bind()
        self.feeds = self.outbox.feeds

    def room(self) -> int:
        """Say that there is always room to look."""
        return UNLIMITED
