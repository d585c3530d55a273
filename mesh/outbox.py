"""The outbox, and the feed that joins one outbox to one inbox.

Feeds are what linkages come down to once every box that merely passes on has been followed to its end
(`wiring.py`), so a message costs the same however deeply the components at both ends are nested.

Laws
1. A sender never learns of a full inbox by an exception, and never looks for one itself: a component
   that runs in turns is not run, a coroutine waits in `await`.
2. Writers that run in turns append straight to the inbox's queue, and the difference is settled when
   the turn is over; everyone else accounts for each message.
3. Between two turns of a writer an inbox may hold more than its bound by what that one turn sent,
   never by more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kamesh.inbox import Inbox
from kamesh.owner import UNLIMITED, Owner, Policy
from kamesh.waiters import Waiters

if TYPE_CHECKING:
    from kamesh.messages import Failure
    from kamesh.wiring import Linkage

__all__ = ["Feed", "Outbox"]

IN_A_ROW = 256  # messages a coroutine may send before others have a turn

_DONE: Iterator[Any] = iter(())


class Feed:
    """One outbox's way into one inbox, with its policy and its counts."""

    __slots__ = (
        "dropped",
        "limit",
        "linkages",
        "live",
        "plain",
        "policy",
        "sent",
        "sink",
        "source",
    )

    def __init__(self, source: Outbox, sink: Inbox, policy: Policy, linkages: tuple[Linkage, ...]):
        """Join them; the inbox counts one more live feeder unless the outbox has ended."""
        self.source = source
        self.sink = sink
        self.policy = policy
        self.linkages = linkages
        self.sent = 0
        self.dropped = 0
        self.live = not source.ended
        self.plain = False
        self.limit = sink.limit(self)
        sink.add_feed(self)

    def bind(self) -> None:
        """Find out whether the writer may append to the queue itself and settle after its turn.

        It may where both ends run in turns, nothing is dropped, and it is the writer's only way in.
        """
        writer, sink = self.source.owner, self.sink
        self.plain = (
            self.policy is Policy.BLOCK
            and writer.in_turns
            and sink.owner.in_turns
            and sink.owner is not writer
            and not sink.closed
            and not self.source.ended
            and not any(f.source.owner is writer for f in sink.feeds if f is not self)
        )
        self.limit = sink.limit(self)

    def way(self) -> Callable[[object], None]:
        """Give the shortest way in for one message, as long as nothing is linked or closed."""
        if self.plain:
            return self.sink.queue.append
        if self.policy is Policy.BLOCK and not (self.sink.closed or self.sink.targets):
            return self._put_now
        return self.put

    def _put_now(self, message: object) -> None:
        """Bring one message in where nothing has to be decided."""
        sink = self.sink
        sink.queue.append(message)
        self.sent += 1
        sink.level += 1
        sink.arrived += 1
        sink.owner.arrived(sink)

    def put(self, message: object) -> None:
        """Bring one message in, accounted for at once, as the policy says."""
        sink = self.sink
        self.sent += 1
        if sink.closed or (self.policy is not Policy.BLOCK and not self._make_room(sink)):
            self.dropped += 1
            sink.dropped += 1
        else:
            sink.deliver(message)

    def put_all(self, messages: Iterable[object]) -> None:
        """Bring in all of them; the accounts are made once where nothing has to be decided."""
        sink = self.sink
        if self.plain:
            sink.queue.extend(messages)
        elif self.policy is Policy.BLOCK and not sink.closed and not sink.targets:
            batch = messages if isinstance(messages, list) else list(messages)
            sink.queue.extend(batch)
            self._account(len(batch))
        else:
            for message in messages:
                self.put(message)

    def _make_room(self, sink: Inbox) -> bool:
        """Drop what is too old; False if it is the new message that has to go."""
        if self.policy is Policy.LATEST:
            excess = len(sink.queue)
        else:
            excess = 0 if sink.bound is None else len(sink.queue) + 1 - sink.bound
        if excess > 0:
            if self.policy is Policy.DROP_NEWEST:
                return False
            self.dropped += excess
            sink.discard(excess)
        return True

    def settle(self) -> None:
        """Account for what a writer appended in the turn that is now over."""
        self._account(len(self.sink.queue) - self.sink.level)

    def _account(self, more: int) -> None:
        sink = self.sink
        self.sent += more
        sink.arrived += more
        sink.level += more
        if more:
            sink.owner.arrived(sink)


class Outbox:
    """A named mouth out. Awaiting it waits for room in all it feeds."""

    __slots__ = (
        "_in_a_row",
        "_waiters",
        "ended",
        "failure",
        "fanout",
        "feeds",
        "gone",
        "name",
        "owner",
        "put",
        "sources",
        "targets",
        "unheard",
    )

    def __init__(self, name: str, owner: Owner) -> None:
        """Make an outbox that is linked to nothing: what it is sent is discarded and counted."""
        self.name = name
        self.owner = owner
        self.feeds: tuple[Feed, ...] = ()
        self.put: Callable[[object], None] = self._discard
        self.targets: tuple[Linkage, ...] = ()  # linkages out of it, and into it
        self.sources: tuple[Linkage, ...] = ()
        self.fanout: str | None = None
        self.ended = False
        self.failure: Failure | None = None  # what it ended with
        self.unheard = 0  # messages sent while nothing was linked, or after the end
        self.gone = 0  # messages sent by feeds that are no more
        self._waiters: Waiters | None = None
        self._in_a_row = 0  # times that there was room at once

    @property
    def label(self) -> str:
        """`COMPONENT.box`, as people write it."""
        return f"{self.owner.path}.{self.name}"

    @property
    def sent(self) -> int:
        """Messages sent in all to what was linked, counted once for each inbox."""
        return self.gone + sum(feed.sent for feed in self.feeds)

    def bind(self) -> None:
        """Choose, now that the feeds are known, the shortest way a message can take."""
        for feed in self.feeds:
            feed.bind()
        match () if self.ended else self.feeds:
            case ():
                self.put = self._discard
            case (feed,):
                self.put = feed.way()
            case feeds:
                self.put = _to_each(tuple(feed.way() for feed in feeds))

    def extend(self, messages: Iterable[object]) -> None:
        """Send all of `messages`, in order."""
        if len(self.feeds) == 1 and not self.ended:
            self.feeds[0].put_all(messages)
        else:
            for message in messages:
                self.put(message)

    def room(self) -> int:
        """Say how many messages may be sent before an inbox that this outbox feeds is full."""
        return min((feed.limit - len(feed.sink.queue) for feed in self.feeds), default=UNLIMITED)

    def finish(self, failure: Failure | None = None) -> None:
        """End: nothing more is sent, and every inbox it feeds hears of it."""
        if self.ended:
            return
        if failure is not None and failure.component == self.owner.path:
            failure = replace(failure, box=self.name)
        self.ended, self.failure = True, failure
        self.owner.rewired()
        for feed in self.feeds:
            if feed.live:
                feed.live = False
                feed.sink.feed_ended(failure)
        self.room_again()

    def ask_for_room(self) -> None:
        """Have the owner told when there is room."""
        for feed in self.feeds:
            feed.sink.waiting[self.owner] = None

    def room_again(self) -> None:
        """Let go who waits for room, if there is some."""
        if self._waiters is not None:
            if self.ended or self.room() > 0:
                self._waiters.let_go()
            else:
                self.ask_for_room()

    def interrupt(self) -> None:
        """Let go who waits for room, once, though there may be none: something else has come."""
        if self._waiters is not None:
            self._waiters.let_go(False)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until there is room."""
        for feed in self.feeds:
            if len(feed.sink.queue) >= feed.limit:
                return self._wait_for_room().__await__()
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:  # nobody else has had a turn meanwhile
            self._in_a_row = 0
            return asyncio.sleep(0).__await__()
        return _DONE  # type: ignore[return-value]  # an iterator that is over is all `await` needs

    async def _wait_for_room(self) -> None:
        if self._waiters is None:
            self._waiters = Waiters()
        going_on = True
        while going_on and self.room() <= 0 and not self.ended:
            self.ask_for_room()
            going_on = await self._waiters.wait()

    def _discard(self, message: object) -> None:
        self.unheard += 1


def _to_each(puts: tuple[Callable[[object], None], ...]) -> Callable[[object], None]:
    def put(message: object) -> None:
        for one in puts:
            one(message)

    return put
