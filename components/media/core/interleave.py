"""Interleaving: the items of several streams in one order of time.

Laws: an item leaves as soon as no live stream can bring an earlier one, in order of time, and in
order of arrival within its stream; a stream that brings nothing holds the others back for `span`
seconds of their own time at the most, so what is held is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf
from typing import Generic, TypeVar

__all__ = ["Interleaver"]

T = TypeVar("T")


class Interleaver(Generic[T]):
    """Merges streams numbered from 0.

    Example:
        merged = Interleaver(2)
        merged.put(0, 0.04, picture)
        merged.put(1, 0.05, sound)
        list(merged.take())  # [picture]: no earlier sound can come any more
    """

    def __init__(self, streams: int, *, span: float = 2.0) -> None:
        """Expect so many streams; `span` in seconds."""
        self._queues: list[deque[tuple[float, T]]] = [deque() for _ in range(streams)]
        self._reached = [-inf] * streams
        self._span = span
        self.held = 0

    def put(self, stream: int, time: float, item: T) -> None:
        """Add the next item of a stream, with its time in seconds."""
        self._queues[stream].append((time, item))
        self._reached[stream] = max(self._reached[stream], time)
        self.held += 1

    def end(self, stream: int) -> None:
        """Expect no more of this stream."""
        self._reached[stream] = inf

    def wanted(self) -> int:
        """Say which stream is furthest behind: the one to read next, if there is a choice."""
        return min(range(len(self._reached)), key=self._reached.__getitem__)

    def take(self) -> Iterator[T]:
        """Give what may leave now, oldest first."""
        while self.held:
            stream = min(
                (i for i, queue in enumerate(self._queues) if queue),
                key=lambda i: self._queues[i][0][0],
            )
            time, item = self._queues[stream][0]
            newest = max(queue[-1][0] for queue in self._queues if queue)
            if time > min(self._reached) and newest - time <= self._span:
                return
            self._queues[stream].popleft()
            self.held -= 1
            yield item
