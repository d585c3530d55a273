"""An all-knowing witness of streams, for simulations of whatever carries them.

Laws held at every delivery: within one incarnation of the receiver messages come in order and none
is missing; a new incarnation begins no later than where its forerunners stopped; a message that was
delivered before is marked, and there are no more of those than a window; no inbox holds more than
its window. A broken law is an AssertionError.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Inbox", "Stream", "require"]


def require(law: bool, broken: str) -> None:
    """Raise AssertionError unless the law holds; works under `python -O`, as `assert` does not."""
    if not law:
        raise AssertionError(broken)


@dataclass(slots=True)
class Stream:
    """What one incarnation of a node sends to another node. Messages are numbered from 1."""

    name: str
    total: int  # how many it wants to send
    window: int = 0  # the largest that was ever granted
    given: int = 0  # to the link
    delivered: int = 0  # highest ever, to whatever incarnation
    consumed: int = 0  # highest ever
    finishing: bool = False
    finished: bool = False  # the receiver was told, in whatever incarnation
    acknowledged: bool = False  # the sender was told that all was consumed
    dead: bool = False  # the sender crashed
    reset: bool = False  # by its sender or its receiver
    may_send: bool = False  # the link said Opened or Room since it last had none

    def saw_finish_acknowledged(self) -> None:
        """Hold the law of acknowledgement: consumed, all of it, before it is said."""
        require(self.finished, f"{self}: its end was acknowledged before it came")
        require(self.consumed == self.total, f"{self}: acknowledged before it was consumed")
        self.acknowledged = True

    def check_end(self) -> None:
        """Hold what must be true when the world has healed and come to rest."""
        if not self.dead and not self.reset:
            require(self.given == self.total, f"{self}: the sender was never let send")
            require(self.delivered == self.total, f"{self}: not all was delivered")
            require(self.finished, f"{self}: its end never came")
            require(self.acknowledged, f"{self}: its end was never acknowledged")


@dataclass(slots=True)
class Inbox:
    """What one incarnation of a receiver has got of a stream, and not consumed."""

    stream: Stream
    window: int
    window_bytes: int
    waiting: deque[tuple[int, int]] = field(default_factory=deque)  # (number, bytes)
    next: int = 0  # 0 before the first
    again: int = 0  # messages that had been delivered before
    ended: bool = False

    def __post_init__(self) -> None:
        self.stream.window = max(self.stream.window, self.window)

    def saw(self, first: int, numbers: Sequence[int], sizes: Sequence[int], marked: int) -> None:
        """Hold the laws of delivery; the first `marked` messages were marked as perhaps seen."""
        stream = self.stream
        for place, (number, size) in enumerate(zip(numbers, sizes, strict=True)):
            require(number == first + place, f"{stream}: {number} came as {first + place}")
            if self.next:
                require(number == self.next, f"{stream}: {number} came instead of {self.next}")
            else:
                require(number <= stream.delivered + 1, f"{stream}: a gap before {number}")
            if number <= stream.delivered:
                require(place < marked, f"{stream}: {number} came twice, unmarked")
                self.again += 1
            self.next = number + 1
            stream.delivered = max(stream.delivered, number)
            self.waiting.append((number, size))
        held = sum(size for _, size in self.waiting)
        require(self.again <= stream.window, f"{stream}: {self.again} came twice")
        require(stream.delivered <= stream.given, f"{stream}: more came than was sent")
        require(len(self.waiting) <= self.window, f"{stream}: more than the window")
        require(
            held <= self.window_bytes or len(self.waiting) == 1,
            f"{stream}: more bytes than the window",
        )

    def saw_end(self) -> None:
        """Hold the law of the end: it comes after all of the stream."""
        stream = self.stream
        require(stream.finishing, f"{stream}: ended before its sender said so")
        require(stream.delivered == stream.total, f"{stream}: ended before all had come")
        require(self.next in (0, stream.total + 1), f"{stream}: ended at {self.next}")
        self.ended = stream.finished = True

    def saw_loss(self, *, complete: bool) -> None:
        """Hold the law of loss: a session is only lost with its sender."""
        require(self.stream.dead or self.stream.reset, f"{self.stream}: lost, and its sender lives")
        require(complete == self.ended, f"{self.stream}: {complete=} and {self.ended=}")

    def consume(self, most: int) -> int:
        """Take up to `most` messages; return the number of the last one, or 0."""
        last = 0
        for _ in range(min(most, len(self.waiting))):
            last, _ = self.waiting.popleft()
        self.stream.consumed = max(self.stream.consumed, last)
        return last
