"""Which address to dial when: a wish list with ranks, a rate, and patience with what failed.

Laws:
1. Never more than `dials_per_second` in the long run, `dial_burst` at once, `dials_open` without
   an outcome, whatever strangers announce.
2. A rank goes before a lower one, so a flood of hints starves no probe. Hints are bounded, and the
   oldest goes.
3. An address that failed waits twice as long each time; our own address is never dialed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from random import Random

from kamesh.membership.events import Dial
from kamesh.membership.limits import MembershipLimits


class Rank(IntEnum):
    """Why an address is to be dialed; the lower number goes first."""

    PROBE = 0
    CONTACT = 1
    SEED = 2
    HINT = 3
    REACH = 4


_ONE = 1 - 1e-9  # a dial's worth, arithmetic forgiven


@dataclass(slots=True)
class _Wish:
    name: str | None
    rank: Rank
    due: float


@dataclass(slots=True)
class _Failure:
    times: int
    until: float


class Dialer:
    """Wishes by address, dials without an outcome, and addresses that failed."""

    def __init__(self, limits: MembershipLimits, random: Random) -> None:
        """Begin with a full allowance."""
        self._limits = limits
        self._random = random
        self._wishes: dict[str, _Wish] = {}
        self._open: dict[str, tuple[str | None, float]] = {}
        self._failures: dict[str, _Failure] = {}
        self._own: dict[str, None] = {}
        self._tokens = float(limits.dial_burst)
        self._counted = 0.0
        self.dialed = 0
        self.hints_dropped = 0

    @property
    def waiting(self) -> int:
        """Count the addresses that wait to be dialed."""
        return len(self._wishes)

    def wish(self, address: str, name: str | None, rank: Rank, due: float) -> None:
        """Ask for an address to be dialed; a better rank or an earlier time replaces the wish."""
        if address in self._own or address in self._open:
            return
        failure = self._failures.get(address)
        if failure is not None and rank is not Rank.PROBE:
            due = max(due, failure.until)
        wish = self._wishes.get(address)
        if wish is not None:
            wish.rank = min(wish.rank, rank)
            wish.due = min(wish.due, due)
            wish.name = name or wish.name
            return
        if rank is Rank.HINT and len(self._wishes) >= self._limits.hints:
            oldest = next((a for a, w in self._wishes.items() if w.rank is Rank.HINT), None)
            if oldest is not None:
                del self._wishes[oldest]
                self.hints_dropped += 1
        self._wishes[address] = _Wish(name, rank, due)

    def forget(self, name: str) -> None:
        """Drop the wishes for a name: it is linked, or said goodbye."""
        for address in [a for a, wish in self._wishes.items() if wish.name == name]:
            del self._wishes[address]

    def waits(self, name: str) -> bool:
        """Whether a dial that hopes for this name has not been begun yet."""
        return any(wish.name == name for wish in self._wishes.values())

    def failures(self, address: str) -> int:
        """Count how often an address failed since it was last reached."""
        failure = self._failures.get(address)
        return 0 if failure is None else failure.times

    def wished(self, address: str) -> bool:
        """Whether an address waits to be dialed, or is being dialed."""
        return address in self._wishes or address in self._open

    def is_own(self, address: str) -> None:
        """Learn that an address is ours: it is never dialed again."""
        self.resolved(address)
        self._wishes.pop(address, None)
        self._own[address] = None
        if len(self._own) > self._limits.hints:
            del self._own[next(iter(self._own))]

    def reached(self, address: str) -> None:
        """Hear that a dial made a link."""
        self.resolved(address)
        self._failures.pop(address, None)
        self._wishes.pop(address, None)

    def failed(self, address: str, now: float) -> str | None:
        """Hear that a dial failed: the address has to wait. Returns the name hoped for."""
        name, _ = self._open.pop(address, (None, 0.0))
        times = 1 + self.failures(address)
        longest = self._limits.redial_most
        wait = min(longest, self._limits.redial_first * 2.0 ** min(times - 1, 30))
        self._failures.pop(address, None)
        if len(self._failures) >= 2 * self._limits.hints:
            del self._failures[next(iter(self._failures))]
        self._failures[address] = _Failure(times, now + wait * self._random.uniform(0.75, 1.25))
        return name

    def resolved(self, address: str) -> None:
        """Hear the outcome of a dial that is neither success nor failure."""
        self._open.pop(address, None)

    def overdue(self, now: float) -> list[str]:
        """Return addresses whose dial had no outcome within its time; call `failed` for each."""
        return [address for address, (_, until) in self._open.items() if until <= now]

    def take(self, now: float, wanted: Callable[[str | None, str, Rank], bool]) -> list[Dial]:
        """Return the dials to begin now; wishes no longer `wanted` are dropped."""
        self._refill(now)
        ready = [(w.rank, w.due, address) for address, w in self._wishes.items() if w.due <= now]
        dials = []
        for _, _, address in sorted(ready):
            if self._tokens < _ONE or len(self._open) >= self._limits.dials_open:
                break
            wish = self._wishes.pop(address)
            if wanted(wish.name, address, wish.rank):
                self._tokens -= 1
                self._open[address] = (wish.name, now + self._limits.dial_timeout)
                dials.append(Dial(wish.name, address))
        self.dialed += len(dials)
        return dials

    def next_deadline(self, now: float) -> float:
        """Say when a dial is due or overdue next, the rate considered."""
        soonest = min((until for _, until in self._open.values()), default=float("inf"))
        if self._wishes and len(self._open) < self._limits.dials_open:
            due = min(wish.due for wish in self._wishes.values())
            if self._tokens < _ONE:
                due = max(due, self._counted + (1 - self._tokens) / self._limits.dials_per_second)
            soonest = min(soonest, due)
        return soonest

    def _refill(self, now: float) -> None:
        earned = max(0.0, now - self._counted) * self._limits.dials_per_second
        self._tokens = min(float(self._limits.dial_burst), self._tokens + earned)
        self._counted = now
