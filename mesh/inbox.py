"""The inbox: a named, bounded queue in.

Laws
1. It keeps what arrives in order until it is taken; every message that is not kept is counted.
2. A full inbox refuses nothing: it makes its writers wait, unless a linkage has another policy.
3. `level` is the length the accounts agree on; `len()` is what the queue holds in mid-turn.
4. It has ended when something has fed it, all that fed it has ended, and it is empty.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

from kamesh.errors import EmptyInbox
from kamesh.owner import DEFAULT_BOUND, UNLIMITED, Owner, Policy

if TYPE_CHECKING:
    from kamesh.messages import Failure
    from kamesh.outbox import Feed
    from kamesh.wiring import Linkage

__all__ = ["Inbox", "InboxStatistics"]

_NOTHING: deque[Any] = deque(maxlen=0)  # stands in for a queue until something is linked or arrives
_DONE: Iterator[Any] = iter(())


@dataclass(frozen=True, slots=True)
class InboxStatistics:
    """One inbox in figures: messages now, room, and messages in all since it was made."""

    name: str
    level: int
    bound: int | None
    arrived: int
    taken: int
    dropped: int
    ended: bool


class Inbox:
    """A named, bounded queue in.

    Iterating takes everything that has arrived and that there is room to answer; `async for` takes
    messages until the stream ends. `len()` is what waits.
    """

    __slots__ = (
        "_bound",
        "_handing_out",
        "_wakers",
        "arrived",
        "closed",
        "discarded",
        "dropped",
        "failure",
        "fanout",
        "feeds",
        "finished",
        "hearers",
        "level",
        "live",
        "name",
        "owner",
        "queue",
        "sources",
        "taken",
        "targets",
        "waiting",
    )

    def __init__(self, name: str, owner: Owner, bound: int | None = DEFAULT_BOUND) -> None:
        """Make an empty inbox that nothing feeds."""
        self.name = name
        self.owner = owner
        self._bound = bound
        self.queue: deque[Any] = _NOTHING
        self.level = self.arrived = self.taken = self.dropped = 0
        self.feeds: tuple[Feed, ...] = ()
        self.live = self.finished = 0  # feeders that have not ended, and how many have
        self.failure: Failure | None = None
        self.closed = False  # its owner has ended
        self.targets: tuple[Linkage, ...] = ()
        self.sources: tuple[Linkage, ...] = ()
        self.fanout: str | None = None
        self.waiting: dict[Owner, None] = {}  # writers to tell of room
        self.discarded = 0  # dropped after they had been in the queue
        self.hearers: tuple[Callable[[int], None], ...] = ()  # told how many in all have left
        self._handing_out: Iterator[Any] = _DONE
        self._wakers: list[asyncio.Future[None]] | None = None

    @property
    def label(self) -> str:
        """`COMPONENT.box`, as people write it."""
        return f"{self.owner.path}.{self.name}"

    @property
    def bound(self) -> int | None:
        """How many messages it holds before its writers wait; None for no limit. May be set."""
        return self._bound

    @bound.setter
    def bound(self, bound: int | None) -> None:
        self._bound = bound
        for feed in self.feeds:
            feed.limit = self._limit(feed)
        self.release()

    @property
    def ended(self) -> bool:
        """Whether all that fed it has ended and everything has been taken."""
        return self.finished > 0 and self.live == 0 and not self.queue

    def __len__(self) -> int:
        """Count the messages that wait."""
        return len(self.queue)

    def __bool__(self) -> bool:
        """Be true whatever it holds: `if self.inbox` asks whether there is an inbox."""
        return True

    # taking

    def __iter__(self) -> Iterator[Any]:
        """Take what has arrived, no more than there is room to answer one for one."""
        queue = self.queue
        for _ in self._handing_out:  # an iteration left unfinished takes no more
            pass
        self._handing_out = handing_out = repeat(queue, min(len(queue), max(self.owner.room(), 0)))
        return map(deque.popleft, handing_out)

    def recv(self) -> Any:
        """Take the oldest message; EmptyInbox if there is none."""
        if not self.queue:
            raise EmptyInbox(f"nothing has arrived at {self.label}; ask data_ready() first")
        next(self._handing_out, None)  # a `for` that is under way hands out one fewer
        message = self.queue.popleft()
        if not self.owner.in_turns:
            self.took()
        return message

    def took(self) -> None:
        """Account for what was taken since the last time, and tell who waits for the room."""
        count = self.level - len(self.queue)
        self.level -= count
        self.taken += count
        if self.waiting:
            self.release()

    def consumed(self, in_hand: int = 0) -> None:
        """Hear that the owner is done with all it has taken but the last `in_hand`."""
        count = self.taken + self.discarded - in_hand
        for hear in self.hearers:
            hear(count)

    def release(self) -> None:
        """Tell the writers that wait, if there is room."""
        if self.waiting and (self._bound is None or len(self.queue) < self._bound or self.closed):
            waiting, self.waiting = self.waiting, {}
            for writer in waiting:
                writer.room_again()

    # arriving

    def open(self) -> None:
        """Make the queue real."""
        if self.queue is _NOTHING:
            self.queue = deque()

    def deliver(self, message: object) -> None:
        """Bring one message in, accounted for at once; where nothing is linked on, it stays here."""
        if self.targets:
            for linkage in self.targets:
                if isinstance(linkage.sink, Inbox):  # an inbox passes on to inboxes only
                    linkage.sink.deliver(message)
            return
        self.open()
        self.queue.append(message)
        self.level += 1
        self.arrived += 1
        self.owner.arrived(self)

    def discard(self, count: int) -> None:
        """Drop the `count` oldest messages, and count them."""
        for _ in range(count):
            if self.queue:  # a thread may have taken it meanwhile
                self.queue.popleft()
                self.level -= 1
                self.dropped += 1
                self.discarded += 1
        next(self._handing_out, None)

    def add_feed(self, feed: Feed) -> None:
        """Count one more feeder."""
        self.open()
        self.feeds += (feed,)
        self.live += feed.live
        self.finished += not feed.live
        feed.limit = self._limit(feed)

    def remove_feed(self, feed: Feed) -> None:
        """Forget a feeder that was unlinked; to be unlinked is not to end."""
        self.feeds = tuple(f for f in self.feeds if f is not feed)
        self.waiting.pop(feed.source.owner, None)
        if feed.live:
            self.live -= 1
            if self.ended:
                self.owner.arrived(self)

    def feed_ended(self, failure: Failure | None) -> None:
        """Hear that a feeder has ended, with `failure` if it broke."""
        self.live -= 1
        self.finished += 1
        self.failure = self.failure or failure
        if self.live == 0:
            self.owner.arrived(self)

    def close(self) -> None:
        """Close for good: its owner has ended. What is unread counts as dropped, writers go on."""
        if self.closed:
            return
        self.closed = True
        self.dropped += len(self.queue)
        self.queue.clear()
        self.level = 0
        self.waiting.clear()
        for feed in self.feeds:
            feed.limit = UNLIMITED
            feed.source.bind()
        for feed in self.feeds:
            feed.source.owner.room_again()

    def _limit(self, feed: Feed) -> int:
        blocks = feed.policy is Policy.BLOCK and not self.closed and self._bound is not None
        return self._bound if blocks and self._bound is not None else UNLIMITED

    # waiting, for async components

    def __aiter__(self) -> Inbox:
        """Take messages until the stream ends, or the component is told to stop."""
        return self

    async def __anext__(self) -> Any:
        """Take the next message, waiting for it."""
        if self.hearers:
            self.consumed()
        while not self.queue or self.owner.stopped:
            if self.ended or self.owner.stopping():
                raise StopAsyncIteration
            await self.wait()
        message = self.queue.popleft()
        self.level -= 1
        self.taken += 1
        if self.waiting:
            self.release()
        return message

    def wait(self) -> asyncio.Future[None]:
        """Give what is done when something arrives here or on `control`, or the stream ends."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._wakers is None:
            self._wakers = []
        self._wakers.append(future)
        return future

    def unwait(self, future: asyncio.Future[None]) -> None:
        """Take back a `wait()` that nobody waits for any more."""
        if self._wakers is not None and future in self._wakers:
            self._wakers.remove(future)

    def wake(self) -> None:
        """Let go who waits."""
        if self._wakers:
            waiting, self._wakers = self._wakers, None
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def statistics(self) -> InboxStatistics:
        """Give the figures."""
        return InboxStatistics(
            self.name, self.level, self._bound, self.arrived, self.taken, self.dropped, self.ended
        )
