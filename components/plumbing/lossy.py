"""LossyConnector: what a bad network does to a stream, as a part for tests; the same every time.

Laws
1. What happens is decided by the seed and the order of the messages alone, never by when they come;
   the delay it gives a message too.
2. Each message is lost, or sent once or twice; every loss, double and reordering is counted.
3. What is held is bounded: then the source waits.

Kamaelia had Throwaway, Duplicate and Reorder beside its simple reliable multicast; its component of
this name dropped what the receiver had no room for, which here is the policy "drop_newest" of a linkage.
"""

from __future__ import annotations

from collections.abc import Generator
from heapq import heappop, heappush
from random import Random
from typing import ClassVar

from kamesh import Component
from kamesh.components.refusing import WrongFigure, at_least, integer, whole
from kamesh.components.sending import shut_down

__all__ = ["LossyConnector"]

HELD = 1024  # messages that are on their way at a time


class LossyConnector(Component):
    """Loses, doubles, reorders and delays messages, by chance that a seed decides.

    `loss`, `duplication` and `reordering` are how likely each is for a message, from 0 to 1 (default
    0). One that is reordered comes after 1 to `depth` (default 4) of those that follow. With `delay`
    each message takes up to that many seconds, each its own time, so that they overtake each other.
    `seed` (default 0) decides all of it: the same seed and messages, the same result.

    Example:
        >>> bad = LossyConnector(loss=0.2, duplication=0.2, reordering=0.2, seed=12)
        >>> run(bad, range(8))["outbox"]
        [0, 1, 2, 3, 6, 5, 7, 7]
        >>> bad.lost, bad.doubled, bad.reordered
        (1, 1, 1)

    Boxes: "inbox" anything; "outbox" what is left of it; "control".

    How it ends: with its inbox, or when told on "control", after all that is on its way has come; told
    Shutdown, at once.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "what is left of it",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        *,
        loss: float = 0.0,
        duplication: float = 0.0,
        reordering: float = 0.0,
        depth: int = 4,
        delay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        """Take the figures; WrongFigure for a chance outside 0 to 1, or a delay below 0."""
        super().__init__(name=name)
        chances = {"loss": loss, "duplication": duplication, "reordering": reordering}
        for what, chance in chances.items():
            if not (isinstance(chance, int | float) and 0 <= chance <= 1):
                raise WrongFigure(f"the chance of {what} is from 0 to 1, not {chance!r}")
        whole(1, depth, "the depth of reordering")
        at_least(0, delay, "the seconds of delay")
        integer(seed, "the seed")
        self.loss = loss
        self.duplication = duplication
        self.reordering = reordering
        self.depth = depth
        self.delay = delay
        self.passed = self.lost = self.doubled = self.reordered = 0
        self._chance = Random(seed)
        self._held_back: list[tuple[int, int, object]] = []  # until message number, when it came
        self._on_the_way: list[tuple[float, int, object]] = []  # until when, its place, what
        self._came = self._places = 0

    def main(self) -> Generator[None, None, None]:
        """Do it to what has arrived, and send what has been on its way for long enough."""
        while not self.stopping():
            while len(self._on_the_way) < HELD and self.data_ready():
                self._take(self.recv())
            yield from self._deliver()
        while self._held_back:
            self._set_out(heappop(self._held_back)[2])
        while self._on_the_way and not shut_down(self):
            yield from self._deliver()

    def _take(self, message: object) -> None:
        """Decide what becomes of one message, and let those go that were held back for it."""
        self._came += 1
        chances = [self._chance.random() for _ in range(3)]
        after = self._chance.randint(1, self.depth)  # always asked: what is chosen for one message
        if chances[0] < self.loss:  # does not change what is chosen for the next
            self.lost += 1
        else:
            if chances[1] < self.duplication:
                self.doubled += 1
                self._set_out(message)
            if chances[2] < self.reordering:
                self.reordered += 1
                heappush(self._held_back, (self._came + after, self._came, message))
            else:
                self._set_out(message)
        while self._held_back and self._held_back[0][0] <= self._came:
            self._set_out(heappop(self._held_back)[2])

    def _set_out(self, message: object) -> None:
        due = self.now() + (self._chance.uniform(0, self.delay) if self.delay else 0.0)
        self._places += 1
        heappush(self._on_the_way, (due, self._places, message))

    def _deliver(self) -> Generator[None, None, None]:
        """Send what is due; if nothing is, wait."""
        now, room = self.now(), max(self.room(), 0)
        ready: list[object] = []
        while self._on_the_way and self._on_the_way[0][0] <= now and len(ready) < room:
            ready.append(heappop(self._on_the_way)[2])
        self.passed += len(ready)
        self.send_all(ready)
        due = self._on_the_way[0][0] if self._on_the_way else None
        if not ready and (due is None or due > now):
            self.pause(None if due is None else due - now)
        yield

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {
            "passed": self.passed,
            "lost": self.lost,
            "doubled": self.doubled,
            "reordered": self.reordered,
            "on the way": len(self._on_the_way) + len(self._held_back),
        }
