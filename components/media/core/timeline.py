"""A timeline: the times of one or more sources put on one clock that never runs backwards.

Laws: while times go forward they are left as they are, gaps and all; a source that begins anew (its
process was restarted, its film loops) is moved to where the stream has got to; the streams that
belong together are moved by the same amount, so that picture and sound stay in step.
"""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Timeline"]

BACKWARDS = Fraction(1, 2)  # seconds a time may step back before it counts as a new beginning


class Timeline:
    """Places the times of `streams` streams that belong together.

    Example: after `place(0, Fraction(10), frame)` a `place(0, Fraction(0), frame)` gives 10 plus
    one frame, and so does the beginning of stream 1 when it follows.
    """

    def __init__(self, streams: int = 2) -> None:
        """Start with every stream at its own time."""
        self._shifts = [Fraction(0)]
        self._beginnings = [0] * streams
        self._ends: list[Fraction | None] = [None] * streams
        self._last: list[Fraction | None] = [None] * streams

    @property
    def beginnings(self) -> int:
        """How many times the source has begun anew."""
        return len(self._shifts) - 1

    def place(self, stream: int, time: Fraction, duration: Fraction) -> Fraction:
        """Give the time, in seconds, at which this piece of `stream` belongs."""
        last = self._last[stream]
        if last is not None and time < last - BACKWARDS:
            self._beginnings[stream] += 1
            if self._beginnings[stream] == len(self._shifts):
                reached = max(end for end in self._ends if end is not None)
                self._shifts.append(reached - time)
        self._last[stream] = time
        placed = time + self._shifts[self._beginnings[stream]]
        end = self._ends[stream]
        self._ends[stream] = placed + duration if end is None else max(end, placed + duration)
        return placed
