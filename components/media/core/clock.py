"""MediaClock: when, by the clock of the loop, what bears a time is due. Pure.

Laws
1. Media time goes on in a straight line, at `rate` media seconds a second, from where it was started,
   moved or set going again; while it is held nothing is due.
2. Against a sound device it is drawn, not jerked: by the delay-locked loop of F. Adriaensen ("Using a
   DLL to filter time", 2005), BANDWIDTH wide. Only what is off by more than STEP seconds moves it.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, pi, sqrt

from kamesh.components.refusing import WrongFigure

__all__ = ["MediaClock"]

BANDWIDTH = 0.05  # hertz: jitter of the device's reports is smoothed over some three seconds
STEP = 0.25  # seconds
MOST_DRIFT = 0.01  # of the rate: no sound device is as far off as one per cent
LONGEST = 1.0  # seconds between two reports that the loop is still stable with


class MediaClock:
    """Maps media times, in seconds, to times of the loop's clock, and back.

    Example: after `clock.start(Fraction(10), now=100.0)` `clock.due(Fraction(12))` is 102.0.
    """

    def __init__(self, rate: float = 1.0) -> None:
        """Take how many seconds of media pass in a second; WrongFigure unless more than 0."""
        self._rate = _checked(rate)
        self._at: Fraction | float = 0  # this media time is, or was, at `_since`
        self._since: float | None = None
        self._held = False
        self._reported: float | None = None  # when the device was heard of last
        self.drift = 0.0  # how much faster the device runs than the loop's clock: 1e-5 is 10 ppm
        self.steps = 0  # times that it was off by more than STEP

    @property
    def started(self) -> bool:
        """Whether it has been started."""
        return self._since is not None

    @property
    def held(self) -> bool:
        """Whether it stands still."""
        return self._held

    @property
    def rate(self) -> float:
        """Seconds of media in a second, as it was set; the drift comes on top."""
        return self._rate

    def start(self, time: Fraction | float, now: float) -> None:
        """Have what bears `time` due at `now`: at the beginning, and after each discontinuity."""
        self._at, self._since, self._reported = time, now, None

    def due(self, time: Fraction | float) -> float:
        """Say when what bears `time` is due; never (inf) while it is held or not started."""
        if self._since is None or self._held:
            return inf
        return self._since + float(time - self._at) / self._speed()

    def time(self, now: float) -> float:
        """Give the media time at `now`; 0 before the start."""
        if self._since is None or self._held:
            return float(self._at)
        return float(self._at) + (now - self._since) * self._speed()

    def hold(self, now: float) -> None:
        """Stand still from `now` on."""
        if not self._held:
            self._fix(now)
            self._held = True

    def go_on(self, now: float) -> None:
        """Go on from `now`, where it was held."""
        if self._held:
            self._held = False
            self._since = now if self._since is not None else None

    def set_rate(self, rate: float, now: float) -> None:
        """Go faster or slower from `now` on; WrongFigure unless more than 0."""
        self._fix(now)
        self._rate = _checked(rate)

    def follow(self, played: float, now: float) -> None:
        """Hear that the device has, at `now`, played up to the media time `played`."""
        if self._since is None or self._held:
            return
        error = played - self.time(now)
        if abs(error) > STEP:
            self.steps += self._reported is not None
            self.start(played, now)
        elif self._reported is not None and now > self._reported:
            passed = now - self._reported
            width = 2 * pi * BANDWIDTH * min(passed, LONGEST)
            at = self.time(now) + min(1.0, sqrt(2) * width) * error
            drift = self.drift + width**2 * error / passed
            self.drift = min(max(drift, -MOST_DRIFT), MOST_DRIFT)
            self._at, self._since = at, now
        self._reported = now

    def _speed(self) -> float:
        return self._rate * (1 + self.drift)

    def _fix(self, now: float) -> None:
        """Count from `now` on: what was before is settled."""
        if self._since is not None:
            self._at, self._since, self._reported = self.time(now), now, None


def _checked(rate: float) -> float:
    if not 0 < rate < inf:
        raise WrongFigure(f"a clock goes at more than 0 seconds a second, not at {rate}")
    return rate
