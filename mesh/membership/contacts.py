"""Which links this node has, wants, and no longer needs; and the addresses it may dial for them.

Laws:
1. A hint admits nobody: it is an address to dial, and who answers there says so itself.
2. Ring neighbours are linked; the one whose successor the other is dials first, the other after
   `patience`. Links nobody wants are given up after `linger`, in meshes large enough to care.
3. The dead are tried now and then, and seeds for ever: so partitions heal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from kamesh.membership.dialer import Dialer, Rank
from kamesh.membership.events import Dial
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.member import LONGEST_NAME, Member, State, is_address
from kamesh.membership.overlay import Rings
from kamesh.membership.rumours import Rumours

_FEW = 20  # live members below which each tries to reach the dead more often
_ASK_AGAIN = 6  # lingers between two requests to close one unneeded link


@dataclass(slots=True)
class Linked:
    """A link that is up: to which run, when it last said something, when it was last wanted.

    Until `closing` it may go down in order, either end having said so.
    """

    incarnation: bytes
    heard: float
    wanted: float
    closing: float = 0.0


class Contacts:
    """The links that are up, the rings, and the dialer."""

    def __init__(self, limits: MembershipLimits, random: Random, rumours: Rumours) -> None:
        """Begin with no links."""
        self.links: dict[str, Linked] = {}
        self.dialer = Dialer(limits, random)
        self.neighbours: set[str] = set()
        self.hints = 0
        self._limits = limits
        self._random = random
        self._rumours = rumours
        self._rings = Rings(limits.rings)
        self._turnover = -1
        self._seeds: dict[str, None] = {}
        self._aliases: dict[str, tuple[str, bytes]] = {}
        self.learn_own()

    # --- hints ---

    def heard_of(
        self, name: str, address: str, now: float, incarnation: bytes | None = None
    ) -> bool:
        """Take a hint; False when it is no use: malformed, ourselves, or somebody there already."""
        directory = self._rumours.directory
        if not is_address(address) or not 0 < len(name) <= LONGEST_NAME:
            return False
        if incarnation is not None and incarnation == self._rumours.me.incarnation:
            self.dialer.is_own(address)
            return False
        if self._occupied(name, address, incarnation):
            return False
        self.hints += 1
        wait = self._limits.hint_spread * max(0, directory.live - 1) * self._random.random()
        self.dialer.wish(address, name, Rank.HINT, now + wait)
        return True

    def add_seed(self, address: str, now: float) -> None:
        """Take an address to be tried for ever, until somebody of the mesh is found there."""
        if not is_address(address):
            raise ValueError(f"{address!r} is not an address such as tcp://10.0.0.1:40123")
        if len(self._seeds) >= self._limits.hints:
            raise ValueError(f"there are {self._limits.hints} seed addresses already")
        self._seeds[address] = None
        self.dialer.wish(address, None, Rank.SEED, now)

    def _occupied(self, name: str, address: str, incarnation: bytes | None) -> bool:
        """Whether a live member is known to be at an address, as that run if one is given."""
        members = self._rumours.directory.members
        alias, run = self._aliases.get(address, (name, incarnation))
        member = members.get(alias)
        if member is None or not member.live:
            return False
        if incarnation is not None and incarnation != member.incarnation:
            return False
        return address in member.addresses or (address in self._aliases
                                               and run == member.incarnation)  # fmt: skip

    # --- facts ---

    def up(self, name: str, incarnation: bytes, address: str | None, now: float) -> None:
        """Note a link."""
        if address is not None:
            self.dialer.reached(address)
            self._aliases[address] = (name, incarnation)
            if len(self._aliases) > self._limits.hints:
                del self._aliases[next(iter(self._aliases))]
        self.links[name] = Linked(incarnation, heard=now, wanted=now)
        self.dialer.forget(name)

    def down(self, name: str) -> Linked | None:
        """Note that a link is gone."""
        return self.links.pop(name, None)

    def hears(self, name: str, incarnation: bytes, since: float) -> bool:
        """Whether a run has said something over a link that is up, at or after a time."""
        link = self.links.get(name)
        return link is not None and link.incarnation == incarnation and link.heard >= since

    # --- planning ---

    def address_of(self, member: Member) -> str | None:
        """Return the address of a member that failed least."""
        return min(member.addresses, key=self.dialer.failures, default=None)

    def plan(self, now: float) -> list[str]:
        """Wish for the links that are wanted, and return the names of those to give up."""
        me = self._rumours.me.name
        self._follow_turnover()
        ahead, behind = self._rings.successors(me), self._rings.predecessors(me)
        self.neighbours = ahead | behind
        for name in self.neighbours - self.links.keys():
            first = name in ahead and (name not in behind or me < name)
            member = self._rumours.directory.members[name]
            address = self.address_of(member)
            if address is not None:
                due = now if first else now + self._limits.patience
                self.dialer.wish(address, name, Rank.CONTACT, due)
        for seed in self._seeds:
            if not self.dialer.wished(seed) and not self._seed_found(seed):
                self.dialer.wish(seed, None, Rank.SEED, now)
        return self._give_up(now)

    def _give_up(self, now: float) -> list[str]:
        unwanted = []
        small = self._rumours.directory.live <= 2 * self._limits.rings + 2
        for name, link in self.links.items():
            if small or name in self.neighbours or name not in self._rings:
                link.wanted = max(link.wanted, now)
            elif now - link.wanted >= self._limits.linger:
                link.wanted = now + self._limits.linger * (_ASK_AGAIN - 1)  # then ask again
                unwanted.append(name)
        return unwanted

    def _follow_turnover(self) -> None:
        directory = self._rumours.directory
        if directory.turnover == self._turnover:
            return
        self._turnover = directory.turnover
        for name in directory.present - self._rings.names:
            self._rings.add(name)
        for name in self._rings.names - directory.present:
            self._rings.remove(name)

    def _seed_found(self, seed: str) -> bool:
        if seed in self._aliases:
            name, incarnation = self._aliases[seed]
            return self._occupied(name, seed, incarnation)
        members: Sequence[Member] = list(self._rumours.directory.members.values())
        return any(seed in member.addresses for member in members if member.live)

    def reach(self, now: float) -> float:
        """Wish for one of the dead; return the seconds until the next attempt."""
        members = self._rumours.directory.members.values()
        dead = [m for m in members if m.state is State.DEAD and m.addresses]
        if dead:
            chosen = self._random.choice(dead)
            address = self._random.choice(chosen.addresses)
            self.dialer.wish(address, chosen.name, Rank.REACH, now)
        few = min(1.0, max(1, self._rumours.directory.live) / _FEW)
        return max(1.0, self._limits.reach_interval * few) * self._random.uniform(0.75, 1.25)

    def dials(self, now: float) -> list[Dial]:
        """Return the dials to begin now."""
        return self.dialer.take(now, self._still_wanted)

    def _still_wanted(self, name: str | None, address: str, rank: Rank) -> bool:
        if rank is Rank.SEED:
            return not self._seed_found(address)
        if name is None or name in self.links:
            return False
        if rank is Rank.HINT:
            return not self._occupied(name, address, None)
        if rank is Rank.CONTACT:
            return name in self.neighbours
        return True

    def learn_own(self) -> None:
        """Never dial our own addresses."""
        for address in self._rumours.me.addresses:
            self.dialer.is_own(address)
