"""Ticker: messages in time.

Laws: tick n is due n intervals after the start, by the scheduler's clock, so ticks do not drift; one
that nobody took in time is left out and counted, and those after it are on time again.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from kamesh import Component
from kamesh.components.refusing import more_than, whole

__all__ = ["Ticker"]


class Ticker(Component):
    """Sends its number every `interval` seconds: 1, 2, 3 and so on.

    Example:
        >>> run(Ticker(0.5, count=3))["outbox"]             # after half a second, one, and one and a half
        [1, 2, 3]

    The first tick comes after one interval. Where the receiver is so slow that ticks are late by a
    whole interval or more, those are left out: the numbers show the gap, `missed` counts them.

    Boxes: "outbox" the number of the tick; "control".

    How it ends: after tick number `count` (None: never), or when it is told to on "control".
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the number of the tick",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, interval: float, count: int | None = None, *, name: str | None = None
    ) -> None:
        """Take the interval in seconds; WrongFigure unless it is more than 0, and count 0 or more."""
        super().__init__(name=name)
        more_than(0, interval, "the seconds between two ticks")
        if count is not None:
            whole(0, count, "the number of ticks")
        self.interval = interval
        self.count = count
        self.ticks = 0
        self.missed = 0

    def main(self) -> Generator[None, None, None]:
        """Send each number when it is due."""
        start = self.now()
        number = 1
        while not self.stopping() and (self.count is None or number <= self.count):
            wait = start + number * self.interval - self.now()
            if wait > 0:
                yield self.pause(wait)
                continue
            late = int(-wait / self.interval)
            if late and (self.count is None or number + late <= self.count):
                self.missed += late
                number += late
            self.send(number)
            self.ticks += 1
            number += 1
            yield

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"ticks": self.ticks, "missed": self.missed}
