"""How well this node itself is: Lifeguard's local health multiplier.

Laws: the score is 0 when well and never leaves 0 .. worst - 1; it only ever stretches our own
patience with others, never shortens it. (Dadgar, Phillips, Currey: "Lifeguard: Local Health
Awareness for More Accurate Failure Detection", 2018, section IV-A.)
"""

from __future__ import annotations


class Awareness:
    """A saturating counter.

    ```python
    health = Awareness(worst=8)
    health.worse()                  # a probe of ours failed, we had to refute, our tick came late
    health.stretched(0.5)           # 1.0: twice the patience
    health.better()                 # a probe of ours succeeded
    ```
    """

    __slots__ = ("_worst", "score")

    def __init__(self, worst: int) -> None:
        """Begin in good health."""
        self._worst = max(1, worst)
        self.score = 0

    def better(self) -> None:
        """Count a success of ours."""
        self.score = max(0, self.score - 1)

    def worse(self, by: int = 1) -> None:
        """Count something that may be our own fault."""
        self.score = min(self._worst - 1, self.score + by)

    def stretched(self, seconds: float) -> float:
        """Return a time span as long as our health asks for: times score + 1."""
        return seconds * (self.score + 1)
