"""The node's own time: the clock it is given, without the time in which it did not run.

Laws: own time never goes back; a gap is measured against the deadline the node was promised, so
nobody who merely waited long is thought late; what is within `GRAIN` of now is due.

A process that was stopped, or whose loop was held up, finds all its deadlines past when it goes
on. Taking them at their word would make it accuse everybody of its own sleep.
"""

from __future__ import annotations

NEVER = float("inf")
GRAIN = 1e-6  # s, so that rounding cannot make a tick come to nothing


class OwnTime:
    """Turns the shell's clock into own time, and own deadlines into the shell's.

    `late_after` is the lateness, in seconds, that is still thought ordinary.
    """

    def __init__(self, late_after: float) -> None:
        """Begin with no deadline promised."""
        self.now = 0.0
        self.skipped = 0.0
        self._late_after = late_after
        self._promised = NEVER

    def advance(self, now: float) -> bool:
        """Take the shell's clock; True when it is later than promised beyond the ordinary."""
        late = now - self._promised - self._late_after
        if late > 0:
            self.skipped += late
            self._promised += late
        self.now = max(self.now, now - self.skipped)
        return late > 0

    def promise(self, deadline: float) -> float:
        """Return an own deadline in the shell's clock, and remember it as when we should run."""
        self._promised = max(self.now, deadline) + self.skipped
        return self._promised

    def kept(self) -> None:
        """Forget the promise: we run."""
        self._promised = NEVER
