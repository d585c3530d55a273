"""How long a suspect has to speak up: Lifeguard's suspicion timeout.

Laws: it starts at the most and only ever shrinks, on a logarithmic curve, with each independent
accuser; it never falls below the least; an accuser counts once. (Dadgar et al. 2018, section IV-B.)
"""

from __future__ import annotations

from math import log


def timeout(accusers: int, wanted: int, least: float, most: float) -> float:
    """Return the seconds a suspect has, given how many accused it beyond the first.

    ``most - (most - least) * log(accusers + 1) / log(wanted + 1)``, not below `least`; `least` at
    once when no confirmation can be expected (a mesh too small for it).
    """
    if wanted <= 0:
        return least
    fraction = log(accusers + 1) / log(wanted + 1)
    return max(least, most - (most - least) * fraction)


class Suspicion:
    """One suspect run, from the first accusation until it refutes or its time is over."""

    __slots__ = ("accusers", "deadline", "least", "most", "started", "wanted")

    def __init__(self, accuser: str, now: float, *, wanted: int, least: float, most: float) -> None:
        """Begin with one accuser; `wanted` more bring the time down to the least."""
        self.accusers = {accuser}
        self.wanted = wanted
        self.least = least
        self.most = most
        self.started = now
        self.deadline = now + timeout(0, wanted, least, most)

    def confirm(self, accuser: str) -> bool:
        """Count one more accuser; True when it was new and still wanted, so worth passing on."""
        if accuser in self.accusers or len(self.accusers) > self.wanted:
            return False
        self.accusers.add(accuser)
        more = len(self.accusers) - 1
        self.deadline = self.started + timeout(more, self.wanted, self.least, self.most)
        return True

    def hasten(self, deadline: float) -> None:
        """Bring the end forward: its own address refused us."""
        self.deadline = min(self.deadline, deadline)

    def begin_again(self, now: float) -> None:
        """Give the whole time once more: it has spoken to us since, so it will refute."""
        self.started = now
        more = len(self.accusers) - 1
        self.deadline = now + timeout(more, self.wanted, self.least, self.most)
