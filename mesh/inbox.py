"""The inbox: a named, bounded queue in.

Laws
1. It keeps what arrives in order until it is taken; every message that is not kept is counted.
2. A full inbox refuses nothing: it makes its writers wait, unless a linkage has another policy.
3. `level` is the length the accounts agree on; `len()` is what the queue holds in mid-turn.
4. It has ended when something has fed it, all that fed it has ended, and it is empty.
5. `arrived` = `taken` + `level` + what was dropped out of the queue; all that was sent to it is
   `taken` + `level` + `dropped`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

from kamesh.errors import EmptyInbox, NotSuitable
from kamesh.owner import DEFAULT_BOUND, UNLIMITED, Owner, Policy

if TYPE_CHECKING:
    from kamesh.messages import Failure
    from kamesh.outbox import Feed
    from kamesh.wiring import Linkage

__all__ = ["ControlInbox", "Inbox", "InboxStatistics"]

_NOTHING: deque[Any] = deque(maxlen=0)  # stands in for a queue until something is linked or arrives
_DONE: Iterator[Any] = iter(())


@dataclass(frozen=True, slots=True)
class InboxStatistics:
    """One inbox in figures: messages now, and messages in all since it was made."""

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
        "unseen",
        "waiting",
    )

    def __init__(self, name: str, owner: Owner, bound: int | None = DEFAULT_BOUND) -> None:
        """Make an empty inbox that nothing feeds."""
        self.name = name
        self.owner = owner
        self._bound = _checked(bound, name)
        self.queue: deque[Any] = _NOTHING
        self.level = self.arrived = self.taken = self.dropped = 0
        self.feeds: tuple[Feed, ...] = ()
        self.live = self.finished = 0  # feeders that have not ended, and how many have
        self.unseen = False  # something has arrived since it was last looked at
        self.failure: Failure | None = None
        self.closed = False  # its owner has ended
        self.targets: tuple[Linkage, ...] = ()
        self.sources: tuple[Linkage, ...] = ()
        self.fanout: str | None = None
        self.waiting: dict[Owner, None] = {}  # writers to tell of room
        self.discarded = 0  # dropped after they had been in the queue
        self.hearers: tuple[Callable[[int], None], ...] = ()  # told how many in all have left
        self._handing_out: Iterator[Any] = _DONE

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
        self._bound = _checked(bound, self.name)
        for feed in self.feeds:
            feed.limit = self.limit(feed)
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
        self.unseen = False
        self._handing_out = handing_out = repeat(queue, min(len(queue), max(self.owner.room(), 0)))
        return map(deque.popleft, handing_out)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Take messages until the stream ends; for components whose `main` is `async def`."""
        raise NotSuitable(f"{self.label}: `async for` is for `async def main`; write `for` here")

    def recv(self) -> Any:
        """Take the oldest message; EmptyInbox if there is none."""
        self.unseen = False
        if not self.queue:
            raise EmptyInbox(f"nothing has arrived at {self.label}; ask data_ready() first")
        next(self._handing_out, None)  # a `for` that is under way hands out one fewer
        message = self.queue.popleft()
        if not self.owner.in_turns:
            self.took()
        return message

    def look(self) -> bool:
        """Say whether a message waits; its owner has then seen what there is."""
        self.unseen = False
        return len(self.queue) > 0

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
        if self.waiting and (self._bound is None or len(self.queue) < self._bound):
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
                assert isinstance(linkage.sink, Inbox)  # an inbox passes on to nothing else
                linkage.sink.deliver(message)
        elif self.closed:
            self.dropped += 1
        else:
            self.open()
            self.queue.append(message)
            self.level += 1
            self.arrived += 1
            self.owner.arrived(self)

    def discard(self, count: int) -> None:
        """Drop the `count` oldest messages, and count them."""
        for _ in range(count):
            try:
                self.queue.popleft()
            except IndexError:  # a thread has taken it meanwhile
                break
            next(self._handing_out, None)
            self.level -= 1
            self.dropped += 1
            self.discarded += 1
        if self.hearers:
            self.consumed()  # nobody will work on them: whoever sent them may go on

    def empty(self) -> list[Any]:
        """Take out all that waits, as if it had never arrived."""
        for _ in self._handing_out:  # an iteration that is under way has nothing left to take
            pass
        messages = []
        with suppress(IndexError):  # one by one: a thread may be taking as well
            while True:
                messages.append(self.queue.popleft())
        self.level -= len(messages)
        self.arrived -= len(messages)
        return messages

    def put_back(self, messages: list[Any]) -> None:
        """Take in what waited elsewhere before."""
        self.open()
        self.queue.extend(messages)
        self.level += len(messages)
        self.arrived += len(messages)
        if messages:
            self.owner.arrived(self)

    def add_feed(self, feed: Feed) -> None:
        """Count one more feeder; one that has ended already is one that ends now."""
        self.open()
        self.feeds += (feed,)
        self.live += 1
        if not feed.live:
            self.feed_ended(feed.source.failure)

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
        for feed in self.feeds:
            feed.source.owner.rewired()
        unread = len(self.empty())
        self.arrived += unread
        self.dropped += unread
        self.waiting.clear()
        for feed in self.feeds:
            feed.source.owner.room_again()

    def limit(self, feed: Feed) -> int:
        """Say how many messages may be here before the writer of `feed` has to wait.

        Nobody waits for a component that has ended, nor for itself, nor in order to pass on what
        others send.
        """
        if (
            self._bound is None
            or feed.policy is not Policy.BLOCK
            or self.closed
            or feed.source.owner is self.owner
            or feed.source.sources
        ):
            return UNLIMITED
        return self._bound

    def statistics(self) -> InboxStatistics:
        """Give the figures."""
        return InboxStatistics(
            self.name, self.level, self._bound, self.arrived, self.taken, self.dropped, self.ended
        )


class ControlInbox(Inbox):
    """The inbox that stop messages come to: it is read even while there is no room to answer."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        """Take everything that has arrived."""
        while self.queue:
            yield self.recv()


def _checked(bound: int | None, name: str) -> int | None:
    if bound is not None and bound < 1:
        raise NotSuitable(f"{name!r} cannot hold {bound} messages: a bound is 1 or more, or None")
    return bound
