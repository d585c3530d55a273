"""Which members keep a link with each other: successors on a few rings.

Laws: every node computes the same rings from the same names, so both ends agree without asking;
each ring is a cycle through all members, so one alone connects the mesh; adding or removing one
member changes the links of its ring neighbours only.

Why rings and not SWIM's "a random member each time": there a probe is one datagram, here it needs
an encrypted connection, and 500 nodes dialing 500 random members a second do nothing else. A few
fixed rings make an expander graph, so news still reaches n members in O(log n) steps and each
member is watched by about twice as many others as there are rings (the monitoring overlay of
Suresh et al., "Stable and Consistent Membership at Scale with Rapid", 2018, section 4.1).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=16384)
def _place(ring: int, name: str) -> int:
    return int.from_bytes(blake2b(f"{ring}:{name}".encode(), digest_size=8).digest())


class Rings:
    """The live members, ordered on each ring by a hash of their names.

    ```python
    rings = Rings(3)
    for name in ("a", "b", "c"):
        rings.add(name)
    rings.successors("a")       # whom "a" dials, at most 3
    rings.predecessors("a")     # who dials "a"
    ```
    """

    def __init__(self, count: int) -> None:
        """Begin with empty rings."""
        self._rings: list[list[tuple[int, str]]] = [[] for _ in range(count)]
        self.names: set[str] = set()

    def __len__(self) -> int:
        """Count the members."""
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        """Whether a member is on the rings."""
        return name in self.names

    def add(self, name: str) -> None:
        """Put a member on every ring."""
        if name not in self.names:
            self.names.add(name)
            for number, ring in enumerate(self._rings):
                insort(ring, (_place(number, name), name))

    def remove(self, name: str) -> None:
        """Take a member off every ring."""
        if name in self.names:
            self.names.remove(name)
            for number, ring in enumerate(self._rings):
                ring.remove((_place(number, name), name))

    def successors(self, name: str) -> set[str]:
        """Return the next member on each ring: those this one should dial."""
        return {ring[bisect_right(ring, (_place(n, name), name)) % len(ring)][1]
                for n, ring in enumerate(self._rings) if ring} - {name}  # fmt: skip

    def predecessors(self, name: str) -> set[str]:
        """Return the member before it on each ring: those that should dial this one."""
        found = set()
        for number, ring in enumerate(self._rings):
            if ring:
                after = bisect_right(ring, (_place(number, name), name))
                before = after - 2 if name in self.names else after - 1
                found.add(ring[before % len(ring)][1])
        return found - {name}
