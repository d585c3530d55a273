"""Is the peer there: heartbeat, suspicion, and doubt of ourselves first.

Laws: only sound from the peer's scheduler counts, not that of its I/O thread; time during which we
were not running is never held against the peer; the figures are pure functions of their arguments.

After `ping_seconds` of silence we ask. After `suspect_seconds` x (1 + score) the peer is suspected,
after `dead_seconds` x (1 + score) it is called dead. The score is our own ill health, 0 to
`stretch` - 1: it rises when we come later than we said we would, and falls when we come in time
(local health: Dadgar, Phillips, Currey, "Lifeguard: SWIM-ing with Situational Awareness", 2017).
"""

from __future__ import annotations

from enum import Enum, auto

from kamesh.link.limits import LinkLimits

__all__ = ["Health", "Liveness", "Step", "healed", "health_of", "raised", "stretched"]


class Health(Enum):
    """What we think of the peer. UNKNOWN until it has greeted for the first time."""

    UNKNOWN = auto()
    ALIVE = auto()
    SUSPECT = auto()
    DEAD = auto()


class Step(Enum):
    """What is to be done now."""

    PING = auto()
    SUSPECT = auto()
    DEAD = auto()


def stretched(seconds: float, score: int) -> float:
    """Return the patience we have at this score of our own."""
    return seconds * (1 + score)


def raised(score: int, lateness: float, limits: LinkLimits) -> int:
    """Return the score after having been so late: one more for each `late_seconds`."""
    return min(limits.stretch - 1, score + int(lateness / limits.late_seconds))


def healed(score: int, on_time: float, limits: LinkLimits) -> int:
    """Return the score after having been on time for so long: one less for each `ping_seconds`."""
    return max(0, score - int(on_time / limits.ping_seconds))


def health_of(heard_at: float, now: float, score: int, limits: LinkLimits) -> Health:
    """Return what the silence since `heard_at` means.

    >>> health_of(0.0, 2.0, 0, LinkLimits()), health_of(0.0, 2.0, 1, LinkLimits())
    (<Health.SUSPECT: 3>, <Health.ALIVE: 2>)
    """
    if now >= heard_at + stretched(limits.dead_seconds, score):
        return Health.DEAD
    if now >= heard_at + stretched(limits.suspect_seconds, score):
        return Health.SUSPECT
    return Health.ALIVE


class Liveness:
    """The heartbeat of one peer. Call `heard`, `lost`, and `tick` no later than `deadline()`."""

    __slots__ = (
        "_asked_at",
        "_connected",
        "_healed_at",
        "_heard_at",
        "_limits",
        "_promised",
        "health",
        "score",
    )

    def __init__(self, limits: LinkLimits) -> None:
        self._limits = limits
        self._connected = False
        self._heard_at = 0.0
        self._asked_at = 0.0
        self._healed_at = 0.0
        self._promised = float("inf")  # when we said we would come again
        self.health = Health.UNKNOWN
        self.score = 0

    def begin(self, now: float) -> bool:
        """Watch a peer that has greeted; return whether it had been suspected."""
        again = self.health in (Health.SUSPECT, Health.DEAD)
        self.health = Health.ALIVE
        self._connected = True
        self._heard_at = self._asked_at = self._healed_at = now
        self._promise()
        return again

    def lost(self) -> None:
        """Note that the connection is gone; the silence goes on, but there is nobody to ask."""
        self._connected = False
        self._promise()

    def heard(self, now: float) -> bool:
        """Note that something came from the peer; return whether it had been suspected."""
        if now - self._promised >= self._limits.late_seconds:
            self._late(now - self._promised)
            self._healed_at = now
        self._heard_at = now
        if self.health is Health.ALIVE:
            self._promised = now + self._limits.ping_seconds
            return False
        if self.health is Health.SUSPECT:
            self.health = Health.ALIVE
            self._promise()
            return True
        return False

    def _late(self, lateness: float) -> None:
        """Blame ourselves: take the time that we missed out of the peer's silence."""
        self.score = raised(self.score, lateness, self._limits)
        self._heard_at += lateness
        self._asked_at += lateness

    def tick(self, now: float) -> list[Step]:
        """Say what is due at `now`."""
        if self.health in (Health.UNKNOWN, Health.DEAD):
            return []
        if now - self._promised >= self._limits.late_seconds:
            self._late(now - self._promised)
            self._healed_at = now
        elif self.score:
            left = healed(self.score, now - self._healed_at, self._limits)
            if left != self.score:
                self.score, self._healed_at = left, now
        steps: list[Step] = []
        found = health_of(self._heard_at, now, self.score, self._limits)
        if found is Health.SUSPECT and self.health is Health.ALIVE:
            steps.append(Step.SUSPECT)
            self.health = found
        elif found is Health.DEAD:
            steps.append(Step.DEAD)
            self.health = found
        if self._connected and found is not Health.DEAD and now >= self._ask_at():
            steps.append(Step.PING)
            self._asked_at = now
        self._promise()
        return steps

    def _promise(self) -> None:
        """Work out when to come again."""
        if self.health in (Health.UNKNOWN, Health.DEAD):
            self._promised = float("inf")
            return
        limits = self._limits
        base = limits.suspect_seconds if self.health is Health.ALIVE else limits.dead_seconds
        self._promised = self._heard_at + stretched(base, self.score)
        if self._connected:
            self._promised = min(self._promised, self._ask_at())

    def _ask_at(self) -> float:
        return max(self._heard_at, self._asked_at) + self._limits.ping_seconds

    def deadline(self) -> float | None:
        """Return when `tick` wants to be called next, if at all."""
        return None if self._promised == float("inf") else self._promised
