"""Bucket: how much may pass by now, at a steady rate with bursts. A token bucket, without a clock.

The bucket holds up to `burst` tokens, begins full, and gains `rate` of them a second. What passes takes
its cost out. What costs more than the bucket holds passes when it is full, and leaves a debt, so that
the rate is kept over time all the same.

Laws
1. In any t seconds no more passes than `burst + rate * t`, but for one thing that alone is above `burst`.
2. Times are exact: each is one division away from when the bucket was last full, so none drifts.
"""

from __future__ import annotations

from kamesh.components.refusing import more_than

__all__ = ["Bucket"]


class Bucket:
    """A token bucket; times are seconds of whatever clock its user has.

    Example:
        >>> bucket = Bucket(rate=10, burst=2)
        >>> [bucket.take(1, now=0.0), bucket.take(1, now=0.0)], bucket.due(1)
        ([None, None], 0.1)
    """

    def __init__(self, rate: float, burst: float, what: str = "tokens") -> None:
        """Take the tokens a second, and how many it holds; WrongFigure unless both are above 0."""
        more_than(0, rate, f"{what} a second")
        more_than(0, burst, f"a burst of {what}")
        self.rate = rate
        self.burst = burst
        self._full_at: float | None = None  # a time at which it was full
        self._spent: float = 0  # since then

    def due(self, cost: float) -> float:
        """Tell from when on something of that cost may pass."""
        if self._full_at is None:
            return float("-inf")
        lacking = self._spent + min(cost, self.burst) - self.burst
        return self._full_at + lacking / self.rate

    def take(self, cost: float, now: float) -> None:
        """Take out the cost of what passes at `now`."""
        if self._full_at is None or now > self._full_at + self._spent / self.rate:
            self._full_at, self._spent = now, 0
        self._spent += cost
