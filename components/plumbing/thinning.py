"""Throttle and Debounce: a stream made thinner, where only the newest message matters.

They drop what is out of date, and count it; a RateLimiter drops nothing and makes the source wait.

Laws
1. At most one message is held, and it is the newest that came.
2. The last message of a stream is always sent.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.refusing import more_than
from kamesh.components.sending import sending

__all__ = ["Debounce", "Throttle"]


class _Thinning(Component):
    """What both have: the newest message, and when it is due."""

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "some of it",
        "signal": "passes on what was told on control",
    }

    def __init__(self, seconds: float, *, name: str | None = None) -> None:
        """Take the seconds; WrongFigure unless they are above 0."""
        super().__init__(name=name)
        more_than(0, seconds, f"the seconds of a {type(self).__name__}")
        self.seconds = seconds
        self.dropped = 0
        self._held: list[Any] = []  # the newest message, or nothing
        self._due = 0.0  # when it may be sent

    def main(self) -> Generator[None, None, None]:
        """Keep the newest, and send it when it is due."""
        while not self.stopping():
            for message in self.inbox:
                self.dropped += len(self._held)
                self._held = [message]
                self.came()
            left = self._due - self.now()
            if self._held and left <= 0:
                if self.room() > 0:
                    self.send(self._held.pop())
                    self.went()
                yield
            else:
                yield self.pause(left if self._held else None)
        yield from sending(self, self._held)

    def came(self) -> None:
        """Hear that a message has come."""

    def went(self) -> None:
        """Hear that one was sent."""

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"dropped": self.dropped}


class Throttle(_Thinning):
    """Sends on at most one message every so many seconds: the newest.

    The first goes at once. What comes less than `seconds` after one was sent waits for the rest of
    that time, and is dropped when a newer one comes.

    Example:
        >>> run(Throttle(1.0), [1, 2, 3])["outbox"]
        [3]
        >>> from kamesh.components.ticker import Ticker
        >>> run(Pipeline(Ticker(0.4, count=6), Throttle(1.0)))["outbox"]
        [1, 3, 5, 6]

    Boxes: "inbox" anything; "outbox" some of it; "control".

    How it ends: with its inbox, or when told on "control", after the last message is sent; told
    Shutdown, at once.
    """

    def went(self) -> None:
        """Have the next one wait."""
        self._due = self.now() + self.seconds


class Debounce(_Thinning):
    """Sends on a message once none has come after it for so many seconds.

    Each message that comes sooner takes the place of the one before: out of a burst the last is sent,
    `seconds` after it came.

    Example:
        >>> run(Debounce(1.0), [1, 2, 3])["outbox"]
        [3]
        >>> from kamesh.components.ticker import Ticker
        >>> run(Pipeline(Ticker(0.4, count=6), Debounce(0.3)))["outbox"]
        [1, 2, 3, 4, 5, 6]

    Boxes: "inbox" anything; "outbox" the last of each burst; "control".

    How it ends: with its inbox, or when told on "control", after the last message is sent; told
    Shutdown, at once.
    """

    def came(self) -> None:
        """Begin to wait anew."""
        self._due = self.now() + self.seconds
