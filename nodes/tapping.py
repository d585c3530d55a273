"""Tapping: a copy of what an outbox sends, for an observer.

Laws
1. What is not copied is counted, and told in the stream itself: a `Missed` stands where messages are
   missing. With `drop_oldest` that is the exact place, with `drop_newest` behind what waited then.
2. Whatever cannot travel is missed, and fails nobody: to be watched is no reason to fail.
3. Who sends is held up by a tap that blocks, and by no other.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamesh.codec import Unsendable, register
from kamesh.nodes.egress import MOST, Egress

__all__ = ["Missed", "Tapping"]


@register(name="nodes.Missed")
@dataclass(frozen=True, slots=True)
class Missed:
    """So many messages were not copied, because the observer was slow or (`why`) could not be."""

    count: int
    why: str = ""


class Tapping(Egress):
    """Where the copy leaves this node."""

    unopened = MOST  # a good deal from the start, for an observer that has not answered yet
    _told = 0  # of the messages dropped, those that the observer knows of

    def pump(self) -> None:
        """Have what was dropped told behind what waits now, if it was the newest."""
        if self.policy == "drop_newest" and self.inbox.dropped > self._told and self.state != "over":
            self.inbox.put_back([self._missing()])
        super().pump()

    def some(self) -> bool:
        """Say whether anything is to be sent, be it only how much is missing."""
        return bool(self.inbox.queue) or self.inbox.dropped > self._told

    def take(self, room: int) -> list[object]:
        """Take what is sent next, and what is missing before it."""
        if self.inbox.dropped == self._told:
            return super().take(room)
        return [self._missing(), *(super().take(room - 1) if room > 1 else [])]

    def _missing(self) -> Missed:
        missing, self._told = self.inbox.dropped - self._told, self.inbox.dropped
        return Missed(missing)

    def refuse(self, error: Unsendable, batch: list[object]) -> None:
        """Have the observer told of what cannot travel, in its place; all else goes on."""
        bad = error.index
        batch[bad] = Missed(1, f"{error.why}; {error.way_out}")
        self.inbox.queue.extendleft(reversed(batch))
