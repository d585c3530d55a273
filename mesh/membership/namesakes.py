"""Two runs with one name: which of them has to give it up, and how it learns so.

Laws:
1. The elder keeps the name, undisturbed. Which is the elder is told by `since`, as the runs say.
2. A run is silent of itself until it has heard what the mesh believes. If its name is held there,
   it calls itself the younger, however its clock stands.
3. A run gives up only to an elder that has answered it by naming it as `rival`: an older record
   may be that of a run that has died since, perhaps its own former one.
"""

from __future__ import annotations

from kamesh.membership.events import NameTaken
from kamesh.membership.member import Member

_MOST = 256  # namesakes remembered


def conflict(elder: Member, rival: Member | None) -> NameTaken | None:
    """Return what any node may report once an elder has answered a younger run that lives."""
    if rival is None or not (elder.live and rival.live and elder.age < rival.age):
        return None
    return NameTaken(elder.name, elder.incarnation, rival.incarnation, mine=False)


class Namesakes:
    """What was answered and what was reported, once each."""

    def __init__(self) -> None:
        """Begin with no namesakes."""
        self._answered: dict[bytes, int] = {}
        self._reported: dict[bytes, int] = {}

    def lost_to(self, me: Member, other: Member) -> bool:
        """Whether a live run of our name is the elder, and has heard of us."""
        return other.age < me.age and other.rival == me.incarnation

    def to_answer(self, me: Member, other: Member) -> bool:
        """Whether a younger run of our name is to be answered: once for each word of its own."""
        return other.age > me.age and _first(self._answered, other.incarnation, other.revision)

    def first_report(self, taken: NameTaken) -> bool:
        """Whether a conflict has not been reported yet."""
        return _first(self._reported, taken.loser, 0)


def _first(seen: dict[bytes, int], incarnation: bytes, revision: int) -> bool:
    if seen.get(incarnation) == revision:
        return False
    seen[incarnation] = revision
    if len(seen) > _MOST:
        del seen[next(iter(seen))]
    return True
