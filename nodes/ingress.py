"""The ingress: where a linkage comes into this node.

To the inbox it feeds it is an outbox like any other; what comes to it left another node by its egress.

Laws
1. It is there before anything comes, so that the inbox it feeds does not end too early.
2. What its policy drops is dropped here, where the message would have waited.
3. A message is consumed when the component that took it has come back to its scheduler, not before;
   only then is it acknowledged.
4. When the component it feeds has ended, the far side is told.
5. To be unlinked is not to end: who was fed by it goes on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from kamesh.codec import register
from kamesh.inbox import Inbox
from kamesh.messages import Failure
from kamesh.nodes.peers import Peers
from kamesh.outbox import Outbox
from kamesh.owner import Policy
from kamesh.wiring import Linkage, link, unlink

__all__ = ["ENDED", "Ingress", "Unlinked"]

ENDED = "has ended"  # how the reason ends when a component takes no more because it has
WINDOW = 4096  # messages that may be on their way at most


@register(name="nodes.Unlinked")
@dataclass(frozen=True, slots=True)
class Unlinked:
    """What a stream ends with when its linkage was undone."""


class Ingress:
    """Where a linkage comes into this node."""

    in_turns = False

    def __init__(
        self, peers: Peers, peer: str, source: str, sink: str, inbox: Inbox,
        policy: Policy = Policy.BLOCK,
    ) -> None:
        """Feed `inbox` with what will come; it stays open from now on."""
        self.peer, self.source, self.sink = peer, source, sink
        self.path = f"from {peer}/{source}"
        self.outbox = Outbox("ingress", self)
        self.state = "awaited"
        self.received = 0
        self.maybe_duplicate = 0
        self.number = 0
        self._inbox = inbox
        self._peers = peers
        self._waiting: deque[tuple[int, list[object]]] = deque()  # the first's number; no room yet
        self._placed: deque[tuple[int, int]] = deque()  # (the inbox's count when it was put, number)
        self._ending: tuple[Failure | Unlinked | None] | None = None
        self._told = False  # that the component here has ended
        self.linkage: Linkage = link(self.outbox, inbox, policy=policy)
        self.hear()

    def hear(self) -> None:
        """Ask to be told when the component has come back from what it took."""
        self._inbox.hearers += (self._consumed,)

    # -- as the owner of its outbox

    def arrived(self, inbox: Inbox) -> None:
        """Have no inbox."""

    def room(self) -> int:
        """Say how much the inbox takes."""
        return self.outbox.room()

    def rewired(self) -> None:
        """Choose the way again."""
        self.outbox.bind()

    def room_again(self) -> None:
        """Put in what waits, or tell the far side that nobody is left to take it."""
        waiting = self._waiting
        if self._inbox.closed:
            self._stop()
            waiting.clear()
        room = self.outbox.room()
        while waiting and room > 0:
            first, messages = waiting.popleft()
            if len(messages) > room:
                waiting.appendleft((first + room, messages[room:]))
                del messages[room:]
            self._place(first + len(messages) - 1, messages)
            room = self.outbox.room()
        self._look_for_end()

    # -- what the link says

    def offered(self, number: int, *, window: int | None = None) -> None:
        """Take the linkage that the far side offers."""
        self.number = number
        self.state = "open"
        if self._inbox.closed:
            self._peers.link_to(self.peer).refuse(number, f"{self._inbox.label} {ENDED}", self._peers.now())
            return
        bound = self._inbox.bound
        size = window or (None if bound is None else max(1, min(WINDOW, 4 * bound)))
        self._peers.link_to(self.peer).accept(number, window_messages=size, now=self._peers.now())

    def delivered(self, first: int, messages: list[object], maybe_duplicate: int) -> None:
        """Put in what there is room for."""
        self.received += len(messages)
        self.maybe_duplicate += maybe_duplicate
        if self._inbox.closed:
            self._stop()
            return
        last = first + len(messages) - 1
        if not self._waiting and self.outbox.room() >= len(messages):
            self._place(last, messages)
            return
        self._waiting.append((first, messages))
        self.room_again()
        self._ask_for_room()

    def _ask_for_room(self) -> None:
        if self._waiting:
            for feed in self.outbox.feeds:
                feed.sink.waiting[self] = None

    def _place(self, last: int, messages: list[object]) -> None:
        self.outbox.extend(messages)
        self._placed.append((self._inbox.arrived, last))

    def _consumed(self, count: int) -> None:
        placed, upto = self._placed, 0
        while placed and placed[0][0] <= count:
            upto = placed.popleft()[1]
        if placed and upto == 0:
            upto = self._partly(count)
        if upto:
            link_ = self._peers.link_to(self.peer)
            link_.consumed(self.number, upto, self._peers.now())
            self._peers.touch(link_)
        if self._inbox.closed:
            self._stop()
        if self.state == "over" and not placed:
            self._inbox.hearers = tuple(h for h in self._inbox.hearers if h != self._consumed)
        self._ask_for_room()

    def _partly(self, count: int) -> int:
        """Give the number of the last message consumed of the first batch that is not all consumed."""
        at, last = self._placed[0]
        upto = last - (at - count)
        alone = len(self._inbox.feeds) == 1 and self.linkage.policy is Policy.BLOCK
        return upto if alone and upto > 0 else 0

    def finished(self, failure: object) -> None:
        """Hear that no more will come, and how that came about."""
        self._ending = (failure if isinstance(failure, Failure | Unlinked) else None,)
        self._look_for_end()

    def _look_for_end(self) -> None:
        self._ask_for_room()
        if self._ending is not None and not self._waiting and self.state != "over":
            self.state = "over"
            if isinstance(self._ending[0], Unlinked):
                unlink(self.linkage)
            else:
                self.outbox.finish(self._ending[0])

    def lost(self, reason: str) -> None:
        """End the stream with a failure: its sender will not come back."""
        if self.state != "over":
            self.finished(Failure(f"{self.peer}/{self.source}", "PeerLost", reason))

    def restarted(self) -> None:
        """Hear that the sender begins anew: the stream goes on with what it sends."""
        self.state = "awaited"

    def _stop(self) -> None:
        """Tell the far side that the component here has ended; also when its stream had ended before."""
        if self.number and not self._told:
            self._told = True
            self.state = "over"
            link_ = self._peers.link_to(self.peer)
            link_.stop_receiving(self.number, f"{self._inbox.label} {ENDED}", self._peers.now())
            self._peers.touch(link_)
