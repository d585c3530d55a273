"""A feed: a linkage from an observer into an inbox of a running mesh.

Laws
1. What is sent goes together as the link has room, and its window is the inbox's: a reader that is slow
   makes `send` wait, for as long as whoever sends likes to.
2. `delivered` counts the messages that are in the inbox, or were; after the end it is exact, unless the
   node has gone.
3. To leave ends nobody's stream, and waits for nobody: what has found no room by then is not delivered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from kamesh.codec import Unsendable
from kamesh.errors import Ended, KameshError, NotSuitable
from kamesh.nodes.ingress import Unlinked

if TYPE_CHECKING:
    from kamesh.link import Link
    from kamesh.nodes.client import Client

__all__ = ["Feed"]

AHEAD = 256  # messages that wait here for the link at most
FAREWELL = 1.0  # seconds to find out how many messages were delivered, when it is broken off


class Feed:
    """A linkage into one inbox.

    Example:
        async with client.feed("wall/SCREEN.inbox") as feed:
            for frame in frames:
                await feed.send(frame)
        print(feed.delivered)

    How it ends: leaving the `async with` waits until all is in the inbox; by an exception (to be
    cancelled is one) it waits for nothing. Ended is raised when the component has ended, NoAnswer when
    its node has gone.
    """

    def __init__(self, client: Client, box: str, source: str) -> None:
        """Make a feed into `box`; the linkage is made on entering the `async with`."""
        self.box = box
        self.waits = False  # for room
        self._client = client
        self._source = source
        self._node = ""
        self._number = 0
        self._queue: deque[object] = deque()
        self._given = 0  # messages that the link has been given
        self._delivered = 0
        self._changed = asyncio.Event()
        self._trouble: KameshError | None = None
        self._open = self._finishing = self._finished = self._over = False

    @property
    def delivered(self) -> int:
        """How many messages are in the inbox, or were, as far as is known."""
        if not self._over:
            sending = self._link.statistics().sending if self._number else ()
            for one in sending:
                if one.number == self._number:
                    self._delivered = one.acknowledged
        return self._delivered

    @property
    def _link(self) -> Link:
        return self._client.peers.link_to(self._node)

    # -- for whoever sends

    async def __aenter__(self) -> Feed:
        """Make the linkage; UnknownBox if there is no such inbox, Ended if its component has ended."""
        client = self._client
        self._node, name = await client.inbox(self.box)
        self.box = f"{self._node}/{name}"
        self._number = self._link.open(self._source, name, now=client.peers.now())
        client.feeds[self._node, self._number] = self
        client.peers.touch(self._link)
        try:
            await client.answered(self._node, self._until(lambda: self._open))
        except BaseException:
            self._give_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Wait until all is in the inbox; after an error leave at once."""
        try:
            if error is None:
                await self.drained()
        finally:
            if not self._over:
                await self._withdraw()
            self._give_up()

    async def send(self, message: object) -> None:
        """Send a message, waiting for room."""
        if self._finishing:
            raise Ended(f"nothing more can be sent to {self.box} after drained()")
        if self._trouble is not None or len(self._queue) >= AHEAD:
            await self._until(lambda: len(self._queue) < AHEAD)
        self._queue.append(message)
        if len(self._queue) == 1:
            self._client.peers.before_flush(self.pump)

    async def drained(self) -> None:
        """Send nothing more, and wait until all that was sent is in the inbox."""
        self._finishing = True
        self.pump()
        await self._until(lambda: self._over)

    async def _until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; raise what has gone wrong."""
        self.waits = True
        try:
            while self._trouble is None and not true():
                self._changed.clear()
                await self._changed.wait()
        finally:
            self.waits = False
        if self._trouble is not None:
            raise self._trouble

    async def _withdraw(self) -> None:
        """Find out how many messages were delivered, and have no more of them delivered."""
        known = self.delivered
        try:
            async with asyncio.timeout(FAREWELL):
                placed = await self._client.ask(self._node, "withdraw", self._source)
            known = placed if isinstance(placed, int) else known
        except (KameshError, TimeoutError):
            pass  # those that were acknowledged are known
        self._over, self._delivered = True, known

    def _give_up(self) -> None:
        """Be over, for whoever asks, and for the link."""
        self._delivered, self._over = self.delivered, True
        self._queue.clear()
        if self._client.feeds.pop((self._node, self._number), None) is not None:
            self._link.reset(self._number, "the observer leaves", self._client.peers.now())
            self._client.peers.touch(self._link)

    # -- what the client tells it

    def pump(self) -> None:
        """Give the link what it has room for."""
        queue, link, now = self._queue, self._link, self._client.peers.now()
        if self._over or not self._open:
            return
        while queue and (room := link.room(self._number)) > 0:
            batch = [queue.popleft() for _ in range(min(room, len(queue)))]
            try:
                link.send(self._number, batch, now)
            except Unsendable as error:
                self.failed(NotSuitable(f"what is sent to {self.box} {error.why}; {error.way_out}"))
                return
            self._given += len(batch)
        if self._finishing and not (queue or self._finished):
            self._finished = True
            link.finish(self._number, Unlinked(), now)
        self._client.peers.touch(link)
        if len(queue) < AHEAD:
            self._changed.set()

    def opened(self) -> None:
        """Hear that the node takes it."""
        self._open = True
        self._changed.set()

    def acknowledged(self) -> None:
        """Hear that all is in the inbox."""
        self._delivered, self._over = self._given, True
        self._changed.set()

    def stopped(self, reason: str) -> None:
        """Hear that the inbox takes nothing more."""
        self._delivered, self._over = self._given, True
        self.failed(Ended(f"{self.box} takes nothing more: {reason}"))

    def undelivered(self, count: int) -> None:
        """Learn how many of those that the link was given the inbox has not taken."""
        self._delivered = self._given - count

    def gone(self, error: KameshError) -> None:
        """Hear that the node is gone: nothing is sent again to one that comes back."""
        self._give_up()
        self.failed(error)

    def failed(self, error: KameshError) -> None:
        """Hear that it can go on no more."""
        self._trouble = self._trouble or error
        self._changed.set()
