"""The egress: where a linkage leaves this node.

To the components of its own node it is an inbox like any other; what they send here goes over the link
to the far end, the ingress of another node.

Laws
1. What the far inbox has no room for waits here, and then makes the writers wait.
2. All that has gathered when the loop comes round goes together.
3. What cannot travel fails its sender, with the type, the box and a way out.
4. When the far component has ended, what is sent from then on is dropped and counted, as it would be here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from kamesh.codec import Unsendable
from kamesh.errors import ComponentFailed
from kamesh.inbox import Inbox
from kamesh.link import Link
from kamesh.messages import Failure
from kamesh.nodes.ingress import Unlinked
from kamesh.nodes.peers import Peers
from kamesh.owner import UNLIMITED
from kamesh.scheduler import ENDED
from kamesh.strand import Strand

__all__ = ["Egress"]

log = logging.getLogger("kamesh.links")

UNOPENED = 64  # messages that wait here while the far side has not said how many it takes
MOST = 1024  # messages that wait here at most


class Egress:
    """Where a linkage leaves this node."""

    in_turns = True
    unopened = UNOPENED

    def __init__(
        self, peers: Peers, peer: str, source: str, sink: str, *, policy: str = "block",
        counts: bool = True, over: Callable[[Egress], None] | None = None,
        trouble: Callable[[str], None] = log.error,
    ) -> None:
        """Open a linkage from the box `source` of this node to the box `sink` of `peer`."""
        self.peer, self.source, self.sink = peer, source, sink
        self.policy = policy
        self.path = f"to {peer}/{sink}"
        self.counts = counts  # whether the node waits for it before it ends
        self.inbox = Inbox("egress", self, bound=self.unopened)
        self.sent = 0
        self.undelivered = 0
        self.state = "opening"
        self._over = over
        self._trouble = trouble
        self._peers = peers
        self._link: Link = peers.link_to(peer)
        self.number = self._link.open(source, sink, now=peers.now(), policy=policy)
        self._finished = False
        peers.touch(self._link)

    # -- as the owner of its inbox

    def arrived(self, inbox: Inbox) -> None:
        """Have what is here sent when the loop comes round."""
        self._peers.before_flush(self.pump)

    def room_again(self) -> None:
        """Feed nothing that could be full."""

    def rewired(self) -> None:
        """Feed nothing."""

    def room(self) -> int:
        """Say that there is always room to look."""
        return UNLIMITED

    # -- sending

    def pump(self) -> None:
        """Give the link what it has room for."""
        link_, number = self._link, self.number
        if self.state == "over":
            return
        while self.some():
            room = link_.room(number)
            if room <= 0:
                break
            batch = self.take(room)
            try:
                link_.send(number, batch, self._peers.now())
            except Unsendable as error:
                self.refuse(error, batch)
                continue
            self.sent += len(batch)
        self.inbox.took()
        if self.inbox.ended and not (self._finished or self.some()):
            self._finished = True
            self.state = "ending"
            link_.finish(number, self.inbox.failure, self._peers.now())
        self._peers.touch(link_)

    def some(self) -> bool:
        """Say whether anything is to be sent."""
        return bool(self.inbox.queue)

    def take(self, room: int) -> list[object]:
        """Take what is sent next, at most `room` messages."""
        queue = self.inbox.queue
        if room < len(queue):
            return [queue.popleft() for _ in range(room)]
        batch = list(queue)
        queue.clear()
        return batch

    def refuse(self, error: Unsendable, batch: list[object]) -> None:
        """Fail the sender of a message that cannot travel; what was with it goes on."""
        bad = error.index
        self.inbox.queue.extendleft(reversed(batch[:bad] + batch[bad + 1 :]))
        self.undelivered += 1
        component, _, box = self.source.rpartition(".")
        failure = Failure(
            component, type(error).__name__,
            f"what it sent from {box!r} to {self.peer}/{self.sink} {error.why}; {error.way_out}",
        )
        writers = {feed.source.owner for feed in self.inbox.feeds}
        for writer in writers:
            if len(writers) == 1 and isinstance(writer, Strand) and writer.state is not ENDED:
                writer.fail(ComponentFailed(failure))
                return
        self._trouble(str(failure))

    @property
    def waiting(self) -> int:
        """Messages that have not been acknowledged, or not even been given to the link."""
        held = sum(
            one.accepted - one.acknowledged
            for one in self._link.statistics().sending
            if one.number == self.number
        )
        return len(self.inbox.queue) + held

    def finish(self) -> None:
        """End the linkage after what has been sent; it was unlinked."""
        if not self._finished and self.state != "over":
            self.pump()
            self._finished = True
            self.state = "ending"
            self._link.finish(self.number, Unlinked(), self._peers.now())
            self._peers.touch(self._link)

    def offer_again_later(self, seconds: float) -> None:
        """Offer a refused linkage once more."""
        self._peers.later(seconds, self._offer_again)

    def _offer_again(self) -> None:
        if self.state == "opening":
            self._link.reopen(self.number, self._peers.now())
            self._peers.touch(self._link)

    # -- what the link says

    def opened(self) -> None:
        """Take as many as the far side does."""
        self.state = "open"
        self.inbox.bound = max(1, min(MOST, self._link.window(self.number)))
        self.pump()

    def refused(self, reason: str) -> None:
        """Give up: nobody is there to send to."""
        log.error("%s -> %s/%s was refused: %s", self.source, self.peer, self.sink, reason)
        self.close("refused")

    def acknowledged(self) -> None:
        """Be over: all has been consumed."""
        self.close("done")

    def close(self, reason: str) -> None:
        """Let the writers go on; what they send from now on is dropped and counted."""
        if self.state == "over":
            return
        self.state = "over"
        self.inbox.close()
        if self._over is not None:
            self._over(self)

    def give_up(self, reason: str) -> None:
        """Reset the linkage from this side."""
        if self.state != "over":
            self._link.reset(self.number, reason, self._peers.now())
            self._peers.touch(self._link)
            self.close(reason)
