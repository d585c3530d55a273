"""Pace: when each message of a journal is due while it is played.

Laws
1. A message is due as long after the beginning as it was recorded after `start`, divided by the speed;
   a late one moves none of the others.
2. A decision of its own, without a clock: it is told the times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kamesh.components.refusing import WrongFigure

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, and from when to when (seconds of the journal; `until` not included).

    A `speed` of 2 takes half the time, 0 or None takes none: each message is due at once.

    Example: `Pace(2.0, start=10.0).due(13.0)` is 1.5.
    """

    speed: float | None = 1.0
    start: float = 0.0
    until: float | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense; WrongFigure."""
        for name, figure in (("speed", self.speed), ("start", self.start), ("until", self.until)):
            optional = figure is None and name != "start"
            if not (optional or isinstance(figure, int | float)):
                raise WrongFigure(f"{name}={figure!r}: it is a number")
        if self.speed is not None and not 0 <= self.speed < math.inf:
            raise WrongFigure(f"speed={self.speed!r}: it is 0 or more; 0 or None is as fast as it goes")
        if not 0 <= self.start < math.inf:
            raise WrongFigure(f"start={self.start!r}: a journal begins at 0 seconds")
        if self.until is not None and not self.until > self.start:
            raise WrongFigure(f"until={self.until!r} is not after start={self.start!r}")

    def over(self, seconds: float) -> bool:
        """Say whether what was recorded then is not played any more."""
        return self.until is not None and seconds >= self.until

    def played(self, seconds: float) -> bool:
        """Say whether what was recorded then is played."""
        return seconds >= self.start and not self.over(seconds)

    def due(self, seconds: float) -> float:
        """Say how many seconds after the beginning what was recorded then is due."""
        return (seconds - self.start) / self.speed if self.speed else 0.0

    def lap(self, length: float) -> float:
        """Say how many recorded seconds one time through a journal of this length takes."""
        end = length if self.until is None else min(self.until, length)
        return max(0.0, end - self.start)
