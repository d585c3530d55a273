"""Metering: how loud sound is, by peak and by root mean square. Imports NumPy.

Law: every sample counts in one measure, and a measure covers `every` seconds of the sound's own time,
the last one what is left.
"""

from __future__ import annotations

import numpy as np

from kamesh.components.media.engine.mixing import Samples
from kamesh.components.media.messages import SoundLevel

__all__ = ["Meter"]


class Meter:
    """Measures sound of one rate, as it comes.

    Example: `Meter(48000, 0.1).push(0, samples)` gives a SoundLevel for each tenth of a second.
    """

    def __init__(self, rate: int, every: float) -> None:
        """Begin with nothing measured."""
        self._rate, self._length = rate, max(1, round(every * rate))
        self._start = self._count = 0
        self._peak = self._squares = 0.0
        self._values = 0

    def push(self, place: int, samples: Samples) -> list[SoundLevel]:
        """Take samples, the first of them at `place`; give what is measured by now."""
        found: list[SoundLevel] = []
        while len(samples):
            if not self._count:
                self._start = place
            part, samples = np.split(samples, [self._length - self._count])
            self._count += len(part)
            place += len(part)
            self._values += part.size
            self._peak = max(self._peak, float(np.abs(part).max()))
            self._squares += float(np.square(part, dtype=np.float64).sum())
            if self._count == self._length:
                found += self.finish()
        return found

    def finish(self) -> list[SoundLevel]:
        """Give the measure of what is left."""
        if not self._count:
            return []
        level = SoundLevel(
            self._start / self._rate, self._peak, (self._squares / self._values) ** 0.5
        )
        self._count = self._values = 0
        self._peak = self._squares = 0.0
        return [level]
