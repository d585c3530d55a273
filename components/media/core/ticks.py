"""Ticks: which pictures are shown at which ticks of a steady rate. Pure.

Laws
1. A picture belongs to the tick nearest to its time, and is shown until the next one's. Of several
   that belong to one tick the last is shown.
2. In all, as many are shown as the rate has ticks in the time that the pictures cover: nothing drifts.
3. A gap longer than LONGEST seconds stays a gap; a step back of times is followed.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Generic, TypeVar

from kamesh.components.refusing import WrongFigure

__all__ = ["LONGEST", "Ticks", "checked_rate"]

LONGEST = 10  # seconds that a picture is repeated for at most

T = TypeVar("T")


class Ticks(Generic[T]):
    """Places pictures on the ticks of `rate` a second.

    Example: with rate 50, `place(Fraction(0), a)` gives nothing yet, `place(Fraction(1, 25), b)` gives
    [(0, a), (1, a)], and `finish()` [(2, b), (3, b)].
    """

    def __init__(self, rate: Fraction) -> None:
        """Begin with no picture."""
        self._rate = rate
        self._held: tuple[int, Fraction, T] | None = None
        self._length = 1 / rate  # how long the last picture lasted
        self.repeated = self.dropped = 0

    def place(self, time: Fraction, item: T, length: Fraction = Fraction(0)) -> list[tuple[int, T]]:
        """Take the next picture, at `time` seconds; give what is now known to be shown, by tick.

        `length` in seconds is how long it lasts, if it is known.
        """
        tick = floor(time * self._rate + Fraction(1, 2))
        shown: list[tuple[int, T]] = []
        if self._held is not None:
            first, before, kept = self._held
            end = tick
            if time > before and tick - first <= LONGEST * self._rate:
                self._length = time - before
            else:
                end = first + 1
            shown = self._shown(first, end, kept)
        if length:
            self._length = length
        self._held = (tick, time, item)
        return shown

    def finish(self) -> list[tuple[int, T]]:
        """Give the last picture, for as long as it lasts."""
        if self._held is None:
            return []
        first, time, item = self._held
        self._held = None
        end = floor((time + self._length) * self._rate + Fraction(1, 2))
        return self._shown(first, end, item)

    def _shown(self, first: int, end: int, item: T) -> list[tuple[int, T]]:
        self.dropped += end <= first
        self.repeated += max(0, end - first - 1)
        return [(tick, item) for tick in range(first, end)]


def checked_rate(rate: int | float | str | Fraction) -> Fraction:
    """Give a rate exactly; WrongFigure, in a sentence, for what is none."""
    try:
        exact = Fraction(rate).limit_denominator(1001)
    except (TypeError, ValueError, ArithmeticError):
        raise WrongFigure(f"{rate!r} is not a frame rate: write 25 or '30000/1001'") from None
    if not 0 < exact <= 1000:
        raise WrongFigure(f"pictures come at up to 1000 a second, and at more than 0, not {rate}")
    return exact
