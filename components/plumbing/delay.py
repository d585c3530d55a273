"""Delay: a stream later by so many seconds, its messages as far apart as they came.

Laws
1. A message is sent `seconds` after it was taken, never earlier, and in order.
2. No more than `size` messages are held; then the source waits, and what it sends later is late by
   that much more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import ClassVar

from kamesh import Component
from kamesh.components.refusing import at_least, whole
from kamesh.components.sending import shut_down

__all__ = ["Delay"]


class Delay(Component):
    """Sends on what comes, `seconds` later.

    Up to `size` messages (default 1024) are held at a time; a busier stream needs more: its messages
    a second times `seconds`.

    Example:
        >>> from kamesh.components.ticker import Ticker
        >>> class When(Component):
        ...     def main(self):
        ...         while not self.stopping():
        ...             for message in self.inbox:
        ...                 self.send((message, self.now()))
        ...             yield self.pause()
        >>> run(Pipeline(Ticker(0.5, count=3), Delay(2.0), When()))["outbox"]
        [(1, 2.5), (2, 3.0), (3, 3.5)]

    Boxes: "inbox" anything; "outbox" the same, later; "control".

    How it ends: with its inbox, or when told on "control", after what it holds is sent in its time;
    told Shutdown, at once.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the same, later",
        "signal": "passes on what was told on control",
    }

    def __init__(self, seconds: float, size: int = 1024, *, name: str | None = None) -> None:
        """Take the delay; WrongFigure for less than 0 seconds or a size below 1."""
        super().__init__(name=name)
        at_least(0, seconds, "the seconds of a delay")
        whole(1, size, "the number of messages a delay holds")
        self.seconds = seconds
        self.size = size

    def main(self) -> Generator[None, None, None]:
        """Hold what has arrived, and send what is due."""
        held: deque[tuple[float, object]] = deque()
        while not (self.stopping() and not held) and not shut_down(self):
            now = self.now()
            while len(held) < self.size and self.data_ready():
                held.append((now + self.seconds, self.recv()))
            room, sent = self.room(), 0
            while held and held[0][0] <= now and sent < room:
                self.send(held.popleft()[1])
                sent += 1
            if not sent and (not held or held[0][0] > now):
                self.pause(held[0][0] - now if held else None)
            yield
