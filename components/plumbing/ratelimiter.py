"""RateLimiter: a stream held to so many messages, or bytes, a second. Nothing is lost.

Laws
1. In any t seconds no more passes than `burst + per_second * t`, in messages and in bytes alike
   (`bucket.py`).
2. A message for which the clock wakes it late counts from when it was due, so that the rate is met and
   not only kept to; no more than LATENESS is made up for in this way.
3. It holds no message: what may not pass yet waits in its inbox, and so does the source.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.plumbing.bucket import Bucket
from kamesh.components.plumbing.measuring import byte_length
from kamesh.components.refusing import WrongFigure, function, more_than

__all__ = ["RateLimiter"]


LATENESS = 0.05  # seconds that a waking may be late and still be made up for


class RateLimiter(Component):
    """Sends on no more than so many messages, or bytes, a second; the rest waits.

    `per_second` is messages a second, `bytes_per_second` bytes a second; at least one of them is given.
    After a rest, up to `burst` messages (default 1) and `byte_burst` bytes (default: a second's worth)
    pass at once. A message of more bytes than `byte_burst` passes when none are owed, and those after
    it wait the longer. `measure` gives the bytes of a message (default: of bytes, text and arrays as they
    are). RateLimiter(1 / s) keeps messages s seconds apart.

    Example:
        >>> class When(Component):
        ...     def main(self):
        ...         while not self.stopping():
        ...             for message in self.inbox:
        ...                 self.send((message, self.now()))
        ...             yield self.pause()
        >>> run(Pipeline(RateLimiter(per_second=2), When()), "abc")["outbox"]
        [('a', 0.0), ('b', 0.5), ('c', 1.0)]

    Boxes: "inbox" anything; "outbox" the same, in time; "control".

    How it ends: with its inbox, or when told on "control", after what has come is sent at its rate;
    told Shutdown, at once.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the same, in time",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        per_second: float | None = None,
        burst: int = 1,
        *,
        bytes_per_second: float | None = None,
        byte_burst: float | None = None,
        measure: Callable[[Any], int] = byte_length,
        name: str | None = None,
    ) -> None:
        """Take the rates; WrongFigure for none at all, or one that is not above 0."""
        super().__init__(name=name)
        function(measure, "measure= of a RateLimiter")
        if byte_burst is not None:
            more_than(0, byte_burst, "a burst of bytes")
        self._buckets: list[tuple[Bucket, Callable[[Any], int]]] = []
        if per_second is not None:
            self._buckets.append((Bucket(per_second, burst, "messages"), lambda _: 1))
        if bytes_per_second is not None:
            held = bytes_per_second if byte_burst is None else byte_burst
            self._buckets.append((Bucket(bytes_per_second, held, "bytes"), measure))
        if not self._buckets:
            raise WrongFigure("a RateLimiter needs per_second=, bytes_per_second=, or both")

    def main(self) -> Generator[None, None, None]:
        """Send what may be sent by now."""
        wait: float | None = None
        while not self.stopping():
            room, now = self.room(), self.now()
            waited, wait = wait is not None, None
            while room > 0 and self.data_ready():
                first = self.inbox.queue[0]
                costs = [(bucket, measure(first)) for bucket, measure in self._buckets]
                due = max(bucket.due(cost) for bucket, cost in costs)
                if due > now:
                    wait = due - now
                    break
                at = max(due, now - LATENESS) if waited else now
                for bucket, cost in costs:
                    bucket.take(cost, at)
                self.send(self.recv())
                room -= 1
            yield self.pause(wait)
