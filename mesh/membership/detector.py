"""Probes: is this run there? First ask it, then ask others to ask it, then give up.

Laws:
1. A probe ends once: answered, or failed. Any word from the run itself answers every probe of it.
2. A failed probe is a suspicion, never a death. Being short of connections or probes delays a
   probe and fails none.
3. Times are stretched by our own health when a probe begins, so a sick node is slow to accuse.

SWIM's probe with Lifeguard's nacks: whoever was asked and found nothing either says so in time,
which shows that the asker's own ears are well. (Das, Gupta, Motivala: "SWIM", 2002, section 3.1;
Dadgar et al. 2018, section IV-A.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from kamesh.membership.awareness import Awareness
from kamesh.membership.limits import MembershipLimits


class Step(Enum):
    """What is due for a probe."""

    ASK = "no direct answer: ask others"
    NACK = "we probe for another, who should hear that we got no answer yet"
    FAIL = "no answer at all"


@dataclass(slots=True)
class Probe:
    """One probe. `asker` and `asker_number` are set when it is made for another node."""

    number: int
    name: str
    incarnation: bytes
    direct_until: float
    until: float
    asker: str = ""
    asker_number: int = 0
    asked: set[str] = field(default_factory=set)
    nacks: set[str] = field(default_factory=set)
    pinged: bool = False
    stepped: bool = False


class Detector:
    """The probes without an outcome, and whose turn is next."""

    def __init__(self, limits: MembershipLimits, random: Random, health: Awareness) -> None:
        """Begin with no probes."""
        self._limits = limits
        self._random = random
        self._health = health
        self._probes: dict[int, Probe] = {}
        self._number = 0
        self._turns: list[str] = []

    def __iter__(self) -> Iterator[Probe]:
        """Go through the probes without an outcome."""
        return iter(list(self._probes.values()))

    def of(self, name: str) -> list[Probe]:
        """Return the probes of one name without an outcome."""
        return [probe for probe in self._probes.values() if probe.name == name]

    def next_target(self, candidates: Collection[str]) -> str | None:
        """Say whose turn it is: every candidate once, in an order shuffled anew each time round.

        So each is probed within twice as many rounds as there are candidates (SWIM, section 4.3).
        """
        while candidates:
            while self._turns:
                name = self._turns.pop()
                if name in candidates:
                    return name
            self._turns = sorted(candidates)
            self._random.shuffle(self._turns)
        return None

    def begin(
        self,
        name: str,
        incarnation: bytes,
        now: float,
        *,
        slack: float = 0.0,
        asker: str = "",
        asker_number: int = 0,
    ) -> Probe | None:
        """Begin a probe; None when one of it is under way for the same asker, or too many are.

        `slack` is added to the direct time when the target has to be dialed first.
        """
        if len(self._probes) >= self._limits.probes_open:
            return None
        if any(probe.asker == asker for probe in self.of(name)):
            return None
        self._number += 1
        if asker:  # a nack is due well before the asker gives up
            direct = self._limits.indirect_timeout * 0.8
            whole = self._limits.indirect_timeout * 2
        else:
            direct = self._health.stretched(self._limits.probe_timeout) + slack
            whole = direct + self._health.stretched(self._limits.indirect_timeout)
        probe = Probe(
            self._number, name, incarnation, now + direct, now + whole, asker, asker_number
        )
        self._probes[probe.number] = probe
        return probe

    def acked(self, number: int, sender: str) -> Probe | None:
        """Hear that a helper got an answer: end the probe, if that sender was asked."""
        probe = self._probes.get(number)
        if probe is None or sender not in probe.asked:
            return None
        del self._probes[number]
        if not probe.asker:
            self._health.better()
        return probe

    def nacked(self, number: int, sender: str) -> None:
        """Hear a nack: our ears are well, the target may not be."""
        probe = self._probes.get(number)
        if probe is not None and sender in probe.asked:
            probe.nacks.add(sender)

    def spoke(self, name: str, incarnation: bytes) -> list[Probe]:
        """End every probe of a run that has just said anything; return them."""
        ended = [probe for probe in self.of(name) if probe.incarnation == incarnation]
        for probe in ended:
            del self._probes[probe.number]
            if not probe.asker:
                self._health.better()
        return ended

    def hurry(self, name: str, now: float) -> None:
        """Ask others at once: the target cannot be reached by us."""
        for probe in self.of(name):
            probe.direct_until = min(probe.direct_until, now)

    def postpone(self, probe: Probe, seconds: float) -> None:
        """Give a probe longer: what holds it up is our own rate of dialing."""
        probe.direct_until += seconds
        probe.until += seconds
        probe.stepped = False

    def end(self, probe: Probe) -> None:
        """End a probe whose outcome no longer matters, or is known otherwise."""
        self._probes.pop(probe.number, None)

    def due(self, now: float) -> list[tuple[Probe, Step]]:
        """Return what is due, once each; a failed probe is ended."""
        steps = []
        for probe in list(self._probes.values()):
            if now >= probe.until:
                del self._probes[probe.number]
                if not probe.asker:  # nacks that did not come are our own fault, likely
                    self._health.worse(len(probe.asked - probe.nacks) if probe.asked else 1)
                steps.append((probe, Step.FAIL))
            elif now >= probe.direct_until and not probe.stepped:
                probe.stepped = True
                steps.append((probe, Step.NACK if probe.asker else Step.ASK))
        return steps

    def next_deadline(self) -> float:
        """Say when `due` has something to say next; infinity when nothing is under way."""
        return min(
            (p.until if p.stepped else p.direct_until for p in self._probes.values()),
            default=float("inf"),
        )
