"""The news a node has still to pass on: a bounded queue that rides on whatever is sent.

Laws:
1. A piece of news goes over one link at most once, and is passed on by one node at most
   ``retransmit_multiplier * ceil(log10(members + 1))`` times (SWIM's dissemination bound; links
   are reliable, and a new link begins with a full comparison, so once a link is enough).
2. Newer news about the same thing replaces the older. What was told longest ago goes first.
3. Bounded: when full, the most told is dropped; the next comparison of directories makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kamesh.membership.member import Member, State


@dataclass(slots=True)
class _News:
    record: Member
    accuser: str
    weight: int
    told: set[str] = field(default_factory=set)
    times: int = 0


_About = tuple[str, bytes, str]


def weight(record: Member) -> int:
    """Estimate the bytes of a record on the wire, without encoding it."""
    if not record.known or record.state in (State.SUSPECT, State.DEAD):
        return 48 + len(record.name)
    boxes = sum(len(part.inboxes) + len(part.outboxes) + 2 for part in record.parts)
    return 96 + len(record.name) + 32 * len(record.addresses) + 10 * boxes


class Broadcasts:
    """News by what it is about: (name, incarnation, accuser), "" where a run speaks or is dead."""

    def __init__(self, most: int) -> None:
        """Begin empty; `most` pieces are kept."""
        self._most = most
        self._queue: dict[_About, _News] = {}
        self._accusers: dict[tuple[str, bytes], list[str]] = {}
        self.dropped = 0

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._queue)

    def put(self, record: Member, *, accuser: str = "", heard_from: str = "") -> None:
        """Add news; it is not told back to whom it came from."""
        run = (record.name, record.incarnation)
        if accuser:
            self._accusers.setdefault(run, []).append(accuser)
        else:  # it spoke, or it is dead: accusations are stale
            for stale in self._accusers.pop(run, ()):
                self._queue.pop((*run, stale), None)
        self._queue.pop((*run, accuser), None)
        if len(self._queue) >= self._most:
            self._drop(max(self._queue, key=lambda about: self._queue[about].times))
            self.dropped += 1
        told = {heard_from} if heard_from else set()
        self._queue[(*run, accuser)] = _News(record, accuser, weight(record), told)

    def take(
        self, peer: str, *, most: int, most_bytes: int, retransmits: int
    ) -> list[tuple[Member, str]]:
        """Return news for one link as (record, accuser), and count it as told there."""
        taken: list[tuple[Member, str]] = []
        done: list[_About] = []
        for about, news in self._queue.items():
            if peer in news.told:
                continue
            most_bytes -= news.weight
            if len(taken) == most or (most_bytes < 0 and taken):
                break
            taken.append((news.record, news.accuser))
            news.told.add(peer)
            news.times += 1
            done.append(about)
        for about in done:
            if self._queue[about].times >= retransmits:
                self._drop(about)
            else:
                self._queue[about] = self._queue.pop(about)  # to the end of the line
        return taken

    def settle(self, peers: Iterable[str]) -> None:
        """Drop what all these linked peers have been told."""
        linked = set(peers)
        for about in [about for about, news in self._queue.items() if linked <= news.told]:
            self._drop(about)

    def known_by(self, record: Member, peer: str) -> None:
        """Hear that a peer believes this already, so it need not be told."""
        news = self._queue.get((record.name, record.incarnation, ""))
        if news is not None and news.record.revision <= record.revision:
            news.told.add(peer)

    def all_known_by(self, peer: str) -> None:
        """Hear that a peer was shown all we believe."""
        for news in self._queue.values():
            news.told.add(peer)

    def link_lost(self, peer: str) -> None:
        """Forget what a peer was told: a new link to it begins anew."""
        for news in self._queue.values():
            news.told.discard(peer)

    def _drop(self, about: _About) -> None:
        name, incarnation, accuser = about
        del self._queue[about]
        accusers = self._accusers.get((name, incarnation))
        if accusers and accuser in accusers:
            accusers.remove(accuser)
            if not accusers:
                del self._accusers[(name, incarnation)]
