"""Coupled backplanes: several that are as one, in whatever shape they are coupled.

The decisions are the replica's (`replica.py`); these components bring it messages, the time and room.

Laws
1. What is delivered in a turn is sent in that turn: between two turns the state is the fold of all that
   was sent, so whoever is linked then and given the state misses nothing and hears nothing twice.
2. A coupling never fills its outbox: it goes on reading acknowledgements however slow the other side is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import Any, ClassVar

from kamesh.backplane import AtBackplane, Backplane, SubscribeTo
from kamesh.components.coupling.keep import Keep, Reducer, keeping
from kamesh.components.coupling.messages import Snapshot
from kamesh.components.coupling.peer import CouplingRefused, Peer
from kamesh.components.coupling.replica import Replica
from kamesh.components.refusing import more_than, whole
from kamesh.errors import NotSuitable
from kamesh.owner import Policy
from kamesh.strand import Strand
from kamesh.wiring import link

__all__ = ["Couple", "CoupledBackplane", "Follow"]

log = logging.getLogger("kamesh.coupling")

TURN = 256  # messages delivered or published in one turn
ROUNDS = 32  # turns of everybody until those are there who are from the beginning, however deep
NO_ROOM = 0.05  # seconds until a coupling looks again whether there is room


class CoupledBackplane(Backplane):
    """Is a backplane that can be coupled with others, here and on other nodes, so that all are one.

    `Couple(name)` at each of two of them, linked both ways, couples them; chains, stars, circles, full
    meshes and parallel couplings are all right. What is published at any of them reaches each
    subscriber of each of them once, in its publisher's order, and never before what its publisher's
    backplane had delivered first. `PublishTo(name)` and `SubscribeTo(name, policy=...)` are used as
    with any backplane; `Follow(name)` gets what is kept first.

    `keep` says what is kept for those who come late: `last(n)`, `latest_by(key)`, a function `(state,
    message) -> state`, or an object with `empty()` and `apply(state, message)` that leave the state
    they are given as it is. All that are coupled have the same. Without it late ones hear what is
    published from then on. `log` messages (default 1024) of each publishing backplane are held for
    those whose coupling was interrupted, and nobody publishes further than half of that ahead of the
    slowest. `patience` (10 seconds) is how long others are waited for: before the first message, for
    the couplings that are there from the beginning; later for one that does not get on. Such a one goes
    on from a snapshot when it can, and what it could not be told one by one is counted and reported.

    Example:
        >>> sink = DataSink()
        >>> Graphline(
        ...     OSLO=CoupledBackplane("OSLO", until_finished=True),
        ...     ROME=CoupledBackplane("ROME", until_finished=True),
        ...     HERE=Couple("OSLO"), THERE=Couple("ROME"),
        ...     WRITE=Pipeline(DataSource(["ciao", "hei"]), PublishTo("ROME")),
        ...     READ=Pipeline(SubscribeTo("OSLO"), sink),
        ...     linkages={
        ...         ("HERE", "outbox"): ("THERE", "inbox"),
        ...         ("THERE", "outbox"): ("HERE", "inbox"),
        ...     },
        ... ).run()
        >>> sink.messages
        ['ciao', 'hei']

    Boxes: "inbox" what is published here; "outbox" to subscribers; "followed" the same to followers,
    with a Snapshot wherever it goes on from one; "reports" a Missed for what could not be delivered one
    by one (it is logged as well); "control".

    How it ends: when told to on "control"; with `until_finished`, when nobody publishes any more, at it
    or at any that can be reached through couplings (all with `until_finished`), and everything is
    delivered. Its end is the end of the stream for all subscribers.
    """

    inboxes: ClassVar = {"inbox": "what is published", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "to the subscribers",
        "followed": "to the followers, with snapshots",
        "reports": "Missed, for what could not be delivered one by one",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        name: str,
        *,
        keep: Keep | Reducer | Callable[[Any, Any], Any] | None = None,
        log: int = 1024,
        patience: float = 10.0,
        until_finished: bool = False,
        component_name: str | None = None,
    ) -> None:
        """Make a backplane called `name`; WrongFigure for a log below 2 or a patience not above 0."""
        super().__init__(name, until_finished=until_finished, component_name=component_name)
        if not isinstance(name, str):
            raise NotSuitable(f"a backplane is called by a text, not by {name!r}")
        whole(2, log, f"the number of messages in the log of the backplane {name!r}")
        more_than(0, patience, f"the seconds of patience of the backplane {name!r}")
        self.keep = keeping(keep)
        self.log = log
        self.patience = patience
        self.couples: dict[Strand, None] = {}
        self._replica: Replica | None = None

    @property
    def replica(self) -> Replica:
        """Its part in the whole, made when it is first asked for: each run is one of its own."""
        if self._replica is None:
            self._replica = Replica(self.topic, self.keep, size=self.log, patience=self.patience)
        return self._replica

    def main(self) -> Generator[None, None, None]:
        """Deliver what comes from others and what is published here."""
        replica = self.replica
        self.offer()
        for _ in range(ROUNDS):
            yield
        while not self._strand.told():
            before = replica.activity
            now = self.now()
            self._take(now)
            if self.until_finished:  # where nobody publishes there is nobody to wait for
                publishing = self.inbox.live > 0 or self.data_ready("inbox")
                replica.ended = replica.opened and not publishing
            replica.tend(now)
            if replica.over():
                break
            if replica.activity != before:
                self._wake_couples()
            due = min(replica.deadlines(now), default=None)
            self.pause(None if due is None else max(0.0, due - now))
            yield
        replica.ended = True
        replica.tend(self.now())
        self._wake_couples()

    def _take(self, now: float) -> None:
        replica = self.replica
        room = min(TURN, self.room())
        room -= replica.advance(room, now)
        replica.may_open(now)
        while room > 0 and self.data_ready("inbox") and replica.may_publish(now):
            replica.publish(self.recv("inbox"))
            room -= 1
        messages, whole = [], []
        while replica.out:
            message = replica.out.popleft()
            whole.append(message)
            if not isinstance(message, Snapshot):
                messages.append(message)
        self.send_all(messages)
        self.send_all(whole, "followed")
        while replica.reports:
            missed = replica.reports.popleft()
            log.warning("%s missed %d messages: %s", missed.who, missed.count, missed.why)
            self.send(missed, "reports")

    def wind_up(self, now: float) -> None:
        """Take what still comes when it has ended: for nobody here, but to pass it on."""
        before = self.replica.activity
        self.replica.advance(TURN, now)
        self.replica.out.clear()
        self.replica.tend(now)
        if self.replica.activity != before:
            self._wake_couples()

    def _wake_couples(self) -> None:
        for strand in self.couples:
            strand.wake()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        replica = self.replica
        return {
            "couplings": len(replica.peers),
            "reached": len(replica.statuses.reached()),
            "delivered": replica.delivered,
            "repeats": replica.repeats,
            "missed": replica.missed,
            "logged": len(replica.log),
        }


class Couple(AtBackplane):
    """Couples a CoupledBackplane with another one, at which there is a Couple too.

    The outbox of each is linked to the inbox of the other, like any boxes: in one graph, across nodes,
    or over any stream of bytes between a MessagesToBytes and a BytesToMessages. Linkages may be undone
    and made again, and Couples may come and go, at any time. `name` is the backplane; it is found
    whenever it comes, and has to be on the same node.

    Example: see CoupledBackplane.
        >>> Couple("NEWS").topic
        'NEWS'

    Boxes: "inbox" from the other Couple; "outbox" to it; "control".

    How it ends: when the other one has ended; when its backplane has, after what there is to pass on
    (for as long as the backplane's patience); or when told to on "control". The backplane goes on. It
    fails if what it is linked with is not such a Couple, or one of a backplane that keeps other things.
    """

    inboxes: ClassVar = {
        "inbox": "from the other Couple",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "to the other Couple",
        "signal": "passes on what was told on control",
    }

    def main(self) -> Generator[None, None, None]:
        """Be what the two replicas talk through."""
        strand = yield from self.find()
        if strand is None:
            return
        plane = _coupled(strand, self.path)
        replica = plane.replica
        peer = replica.attach(self.now())
        plane.couples[self._strand] = None
        try:
            strand.wake()
            ended: float | None = None
            while not self._strand.told():
                now = self.now()
                if self._receive(peer, now):
                    strand.wake()
                if plane.state == "ended":
                    ended = now if ended is None else ended
                    plane.wind_up(now)
                limited = self._send(peer, now)
                if self.inbox.ended:
                    break
                if ended is not None and (peer.settled or now >= ended + plane.patience):
                    break
                dues = [peer.deadline(), now + NO_ROOM if limited else None]
                dues.append(None if ended is None else ended + plane.patience)
                due = min((one for one in dues if one is not None), default=None)
                self.pause(None if due is None else max(0.0, due - now))
                yield
        finally:
            replica.detach(peer)
            plane.couples.pop(self._strand, None)
            strand.wake()

    def _receive(self, peer: Peer, now: float) -> bool:
        came = False
        while self.data_ready("inbox"):
            peer.receive(self.recv("inbox"), now)
            came = True
        return came

    def _send(self, peer: Peer, now: float) -> bool:
        """Send what there is room for; say whether there was too little."""
        room = min(TURN, self.room("outbox") - 1)
        messages = peer.outgoing(room, now) if room > 0 else []
        self.send_all(messages)
        return len(messages) >= room


class Follow(SubscribeTo):
    """Sends on what a CoupledBackplane keeps, as a Snapshot, and then what is published to it.

    The first message is a Snapshot whose `state` is the fold of everything before; exactly what comes
    after follows. Whenever the backplane itself had to go on from a snapshot there is another one,
    which takes the place of everything before it. A slow reader makes publishers wait; with
    `catch_up=True` it gets a new Snapshot instead of what it was too slow for, and nobody waits.

    Example:
        >>> board = Graphline(
        ...     PLANE=CoupledBackplane("BOARD", keep=last(2), until_finished=True),
        ...     DRAW=PublishTo("BOARD"), SEE=Follow("BOARD"),
        ...     linkages={("", "inbox"): ("DRAW", "inbox"), ("SEE", "outbox"): ("", "outbox")},
        ... )
        >>> with board.background() as handle:
        ...     print(handle.get("outbox", timeout=5))
        ...     handle.put("a line")
        ...     print(handle.get("outbox", timeout=5))
        Snapshot(state=(), missed=0)
        a line

    Boxes: "stream" from the backplane (linked to it by itself); "outbox" a Snapshot, and what is
    published; "control".

    How it ends: when the backplane does, or when told to on "control". It fails if the backplane keeps
    nothing.
    """

    inboxes: ClassVar = {
        "stream": "from the backplane",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a Snapshot, and what is published",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, name: str, *, catch_up: bool = False, component_name: str | None = None
    ) -> None:
        """Follow the backplane called `name`."""
        policy = Policy.DROP_OLDEST if catch_up else Policy.BLOCK
        super().__init__(name, policy=policy, component_name=component_name)

    def main(self) -> Generator[None, None, None]:
        """Send on the state and, from that very moment, the stream."""
        strand = yield from self.find()
        if strand is None:
            return
        plane = _coupled(strand, self.path)
        if plane.keep is None:
            raise CouplingRefused(
                f"{self.path} follows {self.topic}, which keeps nothing: give it a keep=, or use "
                f"SubscribeTo({self.topic!r})"
            )
        stream = self._inbox("stream")
        source = strand.outboxes["followed"]
        self._strand.made.append(link(source, stream, policy=self.policy, fanout="all"))
        self.send(Snapshot(plane.replica.given()))
        dropped = stream.dropped
        while not self.stopping():
            if stream.dropped > dropped and self.room("outbox") > 0:
                passed = stream.dropped - dropped + len(stream)
                dropped = stream.dropped
                while self.data_ready("stream"):
                    self.recv("stream")
                self.send(Snapshot(plane.replica.given(), passed))
            self.send_all(stream)
            yield self.pause()


def _coupled(strand: Strand, who: str) -> CoupledBackplane:
    plane = strand.component
    if not isinstance(plane, CoupledBackplane):
        raise CouplingRefused(
            f"{who} is for coupled backplanes, and {strand.path} is a {type(plane).__name__}: make it "
            f"a CoupledBackplane"
        )
    return plane
