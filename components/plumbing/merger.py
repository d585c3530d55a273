"""Mergers: several streams into one, as they come or in the order of a key.

Laws
1. Each stream's messages stay in their order, and each is sent once.
2. No stream is starved: where several wait, they take turns.
3. What waits, waits in the inboxes, and these are bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from heapq import heapify, heappop, heapreplace
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.plumbing.streams import more_may_come
from kamesh.components.refusing import at_least, box_names, function
from kamesh.inbox import Inbox

__all__ = ["Merger", "OrderedMerger"]


class _Merging(Component):
    """What both have: inboxes by names of the user's own."""

    inboxes: ClassVar = {"control": "told here to finish or to stop"}

    def __init__(self, inboxes: Iterable[str] | int, *, name: str | None = None) -> None:
        """Take the names of the inboxes, or how many there are."""
        super().__init__(name=name)
        taken = (*self._strand.inboxes, *self._strand.outboxes)
        names = box_names(inboxes, f"a {type(self).__name__}", taken)
        self._boxes = [self._inbox(self.add_inbox(each)) for each in names]


class Merger(_Merging):
    """Sends on what comes at any of its inboxes, as it comes.

    `inboxes` are their names, or a number n for "1" to "n". Where messages wait at several of
    them, these take turns, one message each, so that a busy one never keeps out another. (Several
    outboxes may also be linked to one inbox directly: then they share its room as they can.)

    Example:
        >>> run(Merger(["left", "right"]), {"left": "abc", "right": "x"})["outbox"]
        ['a', 'x', 'b', 'c']

    Boxes: those named are its inboxes (there is an "inbox" only if you name one so, and in a Pipeline
    that is the one in the row); "outbox" all of it; "control".

    How it ends: when all the streams that feed it have ended, or when told on "control".
    """

    outboxes: ClassVar = {
        "outbox": "what comes at all inboxes",
        "signal": "passes on what was told on control",
    }

    def main(self) -> Generator[None, None, None]:
        """Send on what has arrived, one of each in turn."""
        turns = deque(self._boxes)
        while not self.stopping():
            room, passed = self.room(), 0
            while room > 0 and passed < len(turns):
                box = turns[0]
                turns.rotate(-1)
                passed += 1
                if box.queue:
                    self.send(box.recv())
                    room, passed = room - 1, 0
            yield self.pause()


class OrderedMerger(_Merging):
    """Merges streams that are sorted into one that is sorted.

    `inboxes` are their names, or a number n for "1" to "n". `key` gives what to sort by, such as
    a time (default: the message itself); of equals, the one at the earlier named inbox goes first. It
    waits until every stream that may still bring something has a message to compare. With `patience`
    it waits that many seconds for one that is silent, and then goes on without it until it speaks. (Give
    it where the streams are parts of one: while one of them is silent, the others' inboxes fill, and a
    source that has to wait for these would never send what is waited for.)
    What is sent on "outbox" is always in order: a message that comes too late for that, or from a
    stream that is itself not sorted, goes to "late", and is counted.

    Example:
        >>> run(OrderedMerger(["left", "right"]), {"left": [1, 4, 2], "right": [2, 3, 5]})
        {'outbox': [1, 2, 3, 4, 5], 'late': [2], 'signal': [...]}

    Boxes: those named are its inboxes; "outbox" all of it, in order; "late" what came too late;
    "control".

    How it ends: when all the streams that feed it have ended, or when told on "control"; told
    ProducerFinished it waits for no stream any more, and sends what there is.
    """

    outboxes: ClassVar = {
        "outbox": "what comes at all inboxes, in order",
        "late": "what came too late to be in order",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        inboxes: Iterable[str] | int,
        *,
        key: Callable[[Any], Any] = lambda message: message,
        patience: float | None = None,
        name: str | None = None,
    ) -> None:
        """Take the names; WrongFigure for a patience below 0 seconds."""
        super().__init__(inboxes, name=name)
        if patience is not None:
            at_least(0, patience, "the seconds to wait for a silent stream")
        function(key, "the key of an OrderedMerger")
        self.key = key
        self.patience = patience
        self.late = 0
        self._sent_any = False
        self._last: Any = None  # the key of what was sent last

    def main(self) -> Generator[None, None, None]:
        """Merge what has arrived as far as can be told what is next."""
        silent: set[Inbox] = set()  # streams that are waited for no more until they speak
        since: float | None = None  # when the wait for those that have nothing began
        while not self.stopping():
            silent = {box for box in silent if not box.queue}
            awaited = {box for box in self._boxes if box not in silent and self._lacks(box)}
            moved = not awaited and self._merge(silent)
            left = None
            if not awaited or not any(box.queue for box in self._boxes):
                since = None
            elif self.patience is not None:
                since = self.now() if since is None else since
                left = since + self.patience - self.now()
                if left <= 0:
                    silent |= awaited
                    moved = True  # it can go on at once
            if not moved:
                self.pause(left)
            yield

    def _lacks(self, box: Inbox) -> bool:
        return not box.queue and more_may_come(self, box)

    def _merge(self, silent: set[Inbox]) -> bool:
        """Send the least of all until one has nothing left; say whether anything was sent."""
        key, boxes = self.key, self._boxes
        heads = [(key(box.queue[0]), place) for place, box in enumerate(boxes) if box.queue]
        heapify(heads)
        room, sent = self.room(), 0
        while heads and sent < room:
            value, place = heads[0]
            box = boxes[place]
            self._send_on(value, box.recv())
            sent += 1
            if box.queue:
                heapreplace(heads, (key(box.queue[0]), place))
            elif box not in silent and more_may_come(self, box):
                break
            else:
                heappop(heads)
        return sent > 0

    def _send_on(self, value: Any, message: object) -> None:
        if self._sent_any and value < self._last:
            self.late += 1
            self.send(message, "late")
        else:
            self._sent_any, self._last = True, value
            self.send(message)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"late": self.late}
