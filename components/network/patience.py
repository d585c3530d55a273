"""Patience: when a connection has been quiet, or has taken nothing of what is sent to it, for too long.

Pure: the clock and the counts of bytes come in, a verdict comes out.

Laws
1. Whoever sends or takes a byte is not idle; whoever takes none of what waits for it is stalled,
   whatever it sends meanwhile.
2. A verdict comes no earlier than its time, and within a quarter more of it where looks are `every`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kamesh.components.refusing import more_than

__all__ = ["Patience", "Verdict", "Watch"]


class Verdict(Enum):
    """What is to be done with a connection."""

    KEEP = "keep"
    IDLE = "idle"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection may be quiet, and may take nothing that waits; seconds, None for ever."""

    idle: float | None = 3600.0
    stall: float | None = 30.0

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        for name in ("idle", "stall"):
            seconds = getattr(self, name)
            if seconds is not None:  # for no limit
                more_than(0, seconds, f"the seconds of {name}")

    @property
    def every(self) -> float | None:
        """How often to look: four times within the shorter of the two; None for never."""
        return min((t / 4 for t in (self.idle, self.stall) if t is not None), default=None)


class Watch:
    """What was seen of one connection when it was last looked at."""

    __slots__ = ("_quiet_since", "_received", "_stuck_since", "_taken")

    def __init__(self, now: float) -> None:
        """Begin at the moment it connects."""
        self._received = self._taken = 0
        self._quiet_since = self._stuck_since = now

    def look(self, now: float, received: int, taken: int, waiting: bool, patience: Patience) -> Verdict:
        """Judge by the bytes received and taken since the beginning, and whether any wait now."""
        if taken != self._taken or not waiting:
            self._stuck_since = now
        if taken != self._taken or received != self._received:
            self._quiet_since = now
        self._received, self._taken = received, taken
        if patience.stall is not None and now - self._stuck_since >= patience.stall:
            return Verdict.STALLED
        if patience.idle is not None and now - self._quiet_since >= patience.idle:
            return Verdict.IDLE
        return Verdict.KEEP
