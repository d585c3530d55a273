"""Passing on news, and comparing directories.

Laws: news goes in rounds while there is any, the first at once; a new link, and one link now and
then, compares whole directories in short, and each side asks for what it lacks, of one node at a
time; what is told is cut to a bounded size.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from kamesh.membership.broadcasts import weight
from kamesh.membership.contacts import Contacts
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.messages import Entry, Mark, Message, News, Record, Sync, Told, Want
from kamesh.membership.rumours import Rumours
from kamesh.membership.wire import MOST_RECORDS

_NEVER = float("inf")
_MOST_PEERS_AT_LEAVING = 64
_ASKED_FOR = 2.0  # s before another node is asked for the same


class Exchange:
    """The news queue and the directory, wired to links and the mail."""

    def __init__(
        self,
        limits: MembershipLimits,
        random: Random,
        rumours: Rumours,
        contacts: Contacts,
        post: Callable[[str, Message], None],
    ) -> None:
        """Keep what it works with."""
        self._limits = limits
        self._random = random
        self._rumours = rumours
        self._contacts = contacts
        self._post = post
        self._last_round = float("-inf")
        self._asked: dict[tuple[str, bytes], tuple[str, float]] = {}

    # --- news ---

    def next_round(self) -> float:
        """Say when the next round of news is due; infinity when there is none."""
        if not self._rumours.news:
            return _NEVER
        crowding = self._limits.crowding(self._rumours.directory.live)
        return self._last_round + self._limits.gossip_interval * crowding

    def round(self, now: float) -> None:
        """Tell some linked nodes what they have not been told by us."""
        self._last_round = now
        peers = list(self._contacts.links)
        self._random.shuffle(peers)
        self._tell(peers[: self._limits.gossip_fanout])
        self._rumours.news.settle(self._contacts.links)

    def farewell(self) -> None:
        """Tell all linked nodes at once, as far as it is sensible."""
        self._tell(list(self._contacts.links)[:_MOST_PEERS_AT_LEAVING])

    def _tell(self, peers: list[str]) -> None:
        for peer in peers:
            news = self.piggyback(peer, self._limits.queue_records)
            if news:
                self._post(peer, News(news))

    def piggyback(self, peer: str, most: int) -> list[Record]:
        """Return news for one link, at most so many pieces."""
        return self._rumours.news.take(
            peer,
            most=most,
            most_bytes=self._limits.payload_bytes,
            retransmits=self._limits.retransmits(self._rumours.directory.live),
        )

    # --- comparing ---

    def compare(self, peer: str, *, back: bool) -> None:
        """Send a linked node all we believe, in short, and ourselves in full once settled."""
        me = self._rumours.me
        digest = [
            Entry(run.name, run.incarnation, run.revision, run.state, run.declared)
            for run in self._rumours.directory
            if run.incarnation != me.incarnation
        ]
        self._rumours.news.all_known_by(peer)
        self._post(peer, Sync(digest, back, [(me, "")] if self._rumours.settled else []))

    def compare_with_anyone(self) -> None:
        """Compare with one linked node: its fingerprint first, and all if that differs."""
        if self._contacts.links:
            peer = self._random.choice(list(self._contacts.links))
            self._post(peer, Mark(self._rumours.directory.fingerprint))

    def marked(self, message: Mark, peer: str) -> None:
        """Compare in full with a linked node that believes something else."""
        if message.fingerprint != self._rumours.directory.fingerprint:
            self.compare(peer, back=True)

    def compared(self, message: Sync, peer: str, now: float) -> None:
        """Ask a linked node for what its digest has and we have not."""
        wanted = self._rumours.compare(message.digest, peer, now)
        self._asked = {run: asked for run, asked in self._asked.items() if asked[1] > now}
        room = MOST_RECORDS - len(self._asked)
        fresh = [run for run in wanted if run not in self._asked][:room]
        if fresh:
            self._asked.update(dict.fromkeys(fresh, (peer, now + _ASKED_FOR)))
            self._post(peer, Want(fresh))
        elif not wanted:
            self._rumours.settle()
        if message.back:
            self.compare(peer, back=False)

    def wanted(self, message: Want, peer: str) -> None:
        """Tell a linked node what it asked for."""
        chunk: list[Record] = []
        size = 0
        for name, incarnation in message.runs:
            for record in self._rumours.tell(name, incarnation):
                size += weight(record)
                if chunk and size > self._limits.payload_bytes:
                    self._post(peer, Told(chunk))
                    chunk, size = [], weight(record)
                chunk.append((record, self._rumours.me.name))
        self._post(peer, Told(chunk))

    def link_lost(self, peer: str) -> None:
        """Ask somebody else for what this peer can no longer tell."""
        self._rumours.news.link_lost(peer)
        if any(asked == peer for asked, _ in self._asked.values()):
            self._asked = {run: a for run, a in self._asked.items() if a[0] != peer}
            self.compare_with_anyone()
