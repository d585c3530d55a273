"""Guests: where messages come in that an observer sends, such as a journal that is played.

A guest feeds an inbox like any other ingress, with the link's own window, but it is no part of the graph.

Laws
1. A message is its sender's until it is in the inbox, and the inbox's from then on: only then is it
   acknowledged. An inbox that is full makes the guest wait, and by the window whoever sends.
2. Whenever and however a guest leaves, the stream it fed goes on with those that still feed it, and what
   has found no room by then is dropped: it was never acknowledged.
"""

from __future__ import annotations

from kamesh.nodes.ingress import Ingress, Unlinked
from kamesh.wiring import unlink

__all__ = ["Guest"]

LEAST, MOST = 64, 1024  # messages that may be on their way, whatever the inbox holds


class Guest(Ingress):
    """Where messages of an observer come in."""

    placed = 0  # messages that are in the inbox, or were

    def hear(self) -> None:
        """Ask to be told of nothing: who takes a message from the inbox is not the guest's affair."""

    def offered(self, number: int, *, window: int | None = None) -> None:
        """Take the linkage, with a window that keeps what waits before the inbox small."""
        bound = self._inbox.bound or MOST
        super().offered(number, window=window or max(LEAST, min(MOST, bound)))
        if self._inbox.closed:  # it has been refused
            self.leave()

    def _place(self, last: int, messages: list[object]) -> None:
        self.outbox.extend(messages)
        self.placed += len(messages)
        link = self._peers.link_to(self.peer)
        link.consumed(self.number, last, self._peers.now())
        self._peers.touch(link)

    def finished(self, failure: object) -> None:
        """Leave, as soon as all that has come is in the inbox."""
        super().finished(Unlinked())

    def lost(self, reason: str) -> None:
        """Leave: whoever sends is gone."""
        self.leave()

    def leave(self) -> int:
        """Feed the inbox no more, and drop what has found no room; give how many messages had."""
        self._waiting.clear()
        self.state = "over"
        unlink(self.linkage)
        return self.placed

    def dismiss(self, reason: str) -> None:
        """Leave, and tell whoever sends why."""
        self.leave()
        link = self._peers.link_to(self.peer)
        link.stop_receiving(self.number, reason, self._peers.now())
        self._peers.touch(link)
