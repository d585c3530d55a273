"""What was heard of other nodes: news told from repetition, and everything else counted.

Laws: bounded, the oldest is forgotten first, so a flood of fakes never keeps a real node out; what
is not of our mesh, is our own, or cannot be read, is counted and goes no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kamesh.discovery.announcement import Announcement, Malformed, from_txt

MOST_KNOWN = 1024


@dataclass(frozen=True, slots=True)
class DiscoveryStatistics:
    """Counts since start; `known` is a gauge. `interfaces` are those in use now."""

    known: int
    found: int
    gone: int
    repeated: int
    own: int
    other_mesh: int
    malformed: int
    forgotten: int
    questions: int
    interfaces: tuple[str, ...]


class Hearsay:
    """The announcements known, by the name of their service instance."""

    def __init__(self, me: Announcement, most: int = MOST_KNOWN) -> None:
        """Begin having heard nothing."""
        self._me = me
        self._most = most
        self._known: dict[str, Announcement] = {}
        self._counts = dict.fromkeys(
            ("found", "gone", "repeated", "own", "other_mesh", "malformed", "forgotten"), 0
        )

    def __len__(self) -> int:
        """Count the nodes known."""
        return len(self._known)

    def heard(
        self,
        instance: str,
        entries: Mapping[bytes, bytes | None],
        hosts: Iterable[str],
        port: int | None,
    ) -> Announcement | None:
        """Take what an instance announces; return it if it is news of our mesh."""
        try:
            said = from_txt(entries, hosts, port)
        except Malformed:
            self.unreadable()
            return None
        instance = instance.lower()
        if said.mesh != self._me.mesh:
            self._counts["other_mesh"] += 1
        elif said.incarnation == self._me.incarnation:
            self._counts["own"] += 1
        elif self._known.get(instance) == said:
            self._counts["repeated"] += 1
        else:
            self._remember(instance, said)
            return said
        return None

    def unreadable(self) -> None:
        """Count an announcement that cannot be one of ours."""
        self._counts["malformed"] += 1

    def _remember(self, instance: str, said: Announcement) -> None:
        self._known.pop(instance, None)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
            self._counts["forgotten"] += 1
        self._known[instance] = said
        self._counts["found"] += 1

    def goodbye(self, instance: str) -> str | None:
        """Forget an instance; return the node's name if it was known."""
        said = self._known.pop(instance.lower(), None)
        if said is None:
            return None
        self._counts["gone"] += 1
        return said.node

    def forget(self) -> None:
        """Forget all, so that it will be news again."""
        self._known.clear()

    def statistics(self, questions: int, interfaces: tuple[str, ...]) -> DiscoveryStatistics:
        """Return the counts, with what is counted elsewhere."""
        return DiscoveryStatistics(
            known=len(self._known), questions=questions, interfaces=interfaces, **self._counts
        )
