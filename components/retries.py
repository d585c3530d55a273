"""Retries: how long to wait before something is tried again, and when to leave off.

Pure: chance and counts come in, seconds come out. The wait doubles with each try up to a longest one,
and of each a random half is taken off, so that many who failed together do not come back together
("Exponential Backoff and Jitter", Marc Brooker, 2015: the "equal jitter" of it).

Laws
1. The number of tries is limited, unless it is said that it is not; a success begins the count anew.
2. Failures are told of at the first, and then each time that they are twice as many: whoever waits is
   told why, and no log is filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import random

from kamesh.components.refusing import WrongFigure, more_than, whole

__all__ = ["Retries"]


@dataclass(slots=True)
class Retries:
    """At most `tries` in a row (None: for ever), the first wait `first` seconds, none above `longest`.

    Example:
        retries = Retries(tries=3)
        while (wait := retries.wait()) is not None: ...     # after a failure
        retries.succeeded()
    """

    tries: int | None = 4
    first: float = 0.5
    longest: float = 30.0
    failures: int = 0

    def __post_init__(self) -> None:
        """WrongFigure for fewer tries than 1 or for times that are none."""
        if self.tries is not None:
            whole(1, self.tries, "the number of tries (None: for ever)")
        more_than(0, self.first, "the seconds of the first wait")
        more_than(0, self.longest, "the seconds of the longest wait")
        if self.first > self.longest:
            raise WrongFigure(
                f"the first wait of {self.first:g} seconds is longer than the longest, {self.longest:g}"
            )

    @property
    def once(self) -> bool:
        """Whether it is tried a single time."""
        return self.tries == 1

    @property
    def to_be_told(self) -> bool:
        """Whether it is time to tell of the failures: there are 1, 2, 4, 8, ..."""
        return self.failures.bit_count() == 1

    def wait(self, at_least: float = 0.0, chance: float | None = None) -> float | None:
        """Give the seconds to wait after one more failure; None to leave off.

        `at_least` is what the other side has asked for; more than `longest` is not granted. `chance`
        is from 0 to 1; random unless given.
        """
        self.failures += 1
        if self.tries is not None and self.failures >= self.tries:
            return None
        doubled = min(self.first * 2.0 ** min(self.failures - 1, 60), self.longest)
        jittered = doubled * (0.5 + (random() if chance is None else chance) / 2)
        return max(jittered, min(at_least, self.longest))

    def succeeded(self) -> None:
        """Begin the count anew."""
        self.failures = 0
