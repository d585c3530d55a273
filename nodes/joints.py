"""Joints: every linkage of a node, those within it and those that leave it or come in.

Laws
1. What the plan says is made before anything runs, whoever of the others is there yet.
2. A linkage is known by its ends: after a restart of either node it is the same one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from kamesh.errors import KameshError, UnknownBox
from kamesh.errors import LinkageRefused as AlreadyLinked
from kamesh.inbox import Inbox
from kamesh.link import (
    Bye,
    Dead,
    Delivered,
    Event,
    FinishAcknowledged,
    Finished,
    LinkageRefused,
    Offered,
    Opened,
    Recovered,
    Reset,
    Room,
    SessionLost,
    Suspect,
    Undelivered,
)
from kamesh.linking import sever
from kamesh.messages import Shutdown
from kamesh.nodes.egress import Egress
from kamesh.nodes.guests import Guest
from kamesh.nodes.hosting import Hosting
from kamesh.nodes.ingress import ENDED, Ingress
from kamesh.nodes.peers import Peers
from kamesh.nodes.pipes import Pipes
from kamesh.nodes.tapping import Tapping
from kamesh.owner import Policy
from kamesh.wiring import Dealer, link

if TYPE_CHECKING:
    from kamesh.nodes.plan import Plan, PlannedLinkage

__all__ = ["Joints"]

log = logging.getLogger("kamesh.links")

FAN_OUT = "all"  # what the plan says is declared, so a second destination is no mistake here
ASK_AGAIN = 0.25  # seconds until a linkage that was refused is offered once more
TIMES = 40


class Joints:
    """The linkages of one node."""

    def __init__(self, node: str, plan: Plan, peers: Peers, hosting: Hosting) -> None:
        """Begin with none made."""
        self.node = node
        self.over: Callable[[], None] = lambda: None  # told when a linkage is over
        self.linked: Callable[[], None] = lambda: None  # told once, when all have found each other
        self.trouble: Callable[[str], None] = log.error  # told what cannot travel
        self._told = False
        self._plan = plan
        self._peers = peers
        self._hosting = hosting
        self.egresses: dict[tuple[str, int], Egress] = {}
        self.ingresses: list[Ingress] = []
        self._by_number: dict[tuple[str, int], Ingress] = {}
        self.watchers: set[str] = set()  # peers that only look on: their coming and going is no news
        self._refusals: dict[tuple[str, int], int] = {}
        self._pipes = Pipes(plan, node)

    @property
    def drained(self) -> bool:
        """Whether all that was sent to other nodes has been consumed there."""
        return not any(e.counts for e in self.egresses.values())

    @property
    def tapped(self) -> bool:
        """Whether there is anything that observers have not seen."""
        return any(isinstance(e, Tapping) for e in self.egresses.values())

    def settled(self, gone: Container[str]) -> bool:
        """Whether all who send here, but for those who are gone, know what became of what they sent."""
        links = [self._peers.links.get(i.peer) for i in self.ingresses if i.peer not in gone]
        return not any(one.statistics().receiving for one in links if one is not None)

    @property
    def all_open(self) -> bool:
        """Whether every linkage that leaves or comes in has found its other end."""
        return all(e.state != "opening" for e in self.egresses.values()) and all(
            i.state != "awaited" for i in self.ingresses
        )

    def look(self) -> None:
        """Tell once that all linkages are open."""
        if not self._told and self.all_open:
            self._told = True
            self.linked()

    def with_peer(self, name: str) -> bool:
        """Say whether a linkage leads to `name` or comes from there."""
        return any(peer == name for peer, _ in self.egresses) or any(
            i.peer == name and i.state != "over" for i in self.ingresses
        )

    def neighbours(self) -> set[str]:
        """Name the nodes that the plan links to this one."""
        return {peer for peer, _ in self.egresses} | {i.peer for i in self.ingresses}

    def undelivered(self) -> int:
        """Count the messages that wait here or have not been acknowledged."""
        return sum(e.waiting for e in self.egresses.values())

    # -- making what the plan says

    def prepare(self) -> None:
        """Make all linkages of the plan that touch this node."""
        if self._hosting.top is not None:
            return  # the chassis has made its own
        for planned in self._plan.starting(self.node):
            self._leave(planned)
        for planned, sink in self._plan.arriving(self.node):
            peer, box = self._plan.node_of(planned.source[0]), _dotted(sink)
            policy = Policy.BLOCK if planned.fanout == "demand" else Policy(planned.policy)
            inbox = self._hosting.inbox(box)
            self.ingresses.append(
                Ingress(self._peers, peer, _dotted(planned.source), box, inbox, policy)
            )

    def _leave(self, planned: PlannedLinkage) -> None:
        outbox = self._hosting.outbox(_dotted(planned.source))
        dealer: Dealer | None = None
        if planned.fanout == "demand":
            dealer = Dealer(f"deal:{_dotted(planned.source)}", len(planned.sinks), planned.ahead)
            link(outbox, dealer.inbox, policy=Policy(planned.policy), fanout=FAN_OUT)
        for place, sink in enumerate(planned.sinks):
            inbox = self._sink(planned, sink)
            if dealer is not None:
                link(dealer.outboxes[place], inbox)
            else:
                link(outbox, inbox, policy=Policy(planned.policy), fanout=FAN_OUT)

    def _sink(self, planned: PlannedLinkage, sink: tuple[str, str]) -> Inbox:
        node = self._plan.node_of(sink[0])
        if node == self.node:
            return self._hosting.inbox(_dotted(sink))
        policy = f"demand:{planned.ahead}" if planned.fanout == "demand" else planned.policy
        return self._egress(node, _dotted(planned.source), _dotted(sink), policy).inbox

    def _egress(
        self, node: str, source: str, sink: str, policy: str, *,
        kind: type[Egress] = Egress, counts: bool = True,
    ) -> Egress:
        egress = kind(
            self._peers, node, source, sink, policy=policy, counts=counts,
            over=self._egress_over, trouble=lambda why: self.trouble(why),
        )
        self.egresses[node, egress.number] = egress
        return egress

    def _egress_over(self, egress: Egress) -> None:
        self.egresses.pop((egress.peer, egress.number), None)
        self._refusals.pop((egress.peer, egress.number), None)
        if isinstance(egress, Tapping):
            sever(egress.inbox)
        self.over()

    def component_ended(self, name: str) -> None:
        """Have those stop whom a Pipeline would stop, now that a component has ended, here or elsewhere."""
        for source in self._pipes.ended(name):
            self._hosting.tell(source, Shutdown(f"{name} has ended"))

    # -- making and undoing while all runs

    def add(self, source: str, node: str, sink: str, policy: str) -> None:
        """Link an outbox of this node to a box of another, or of this one."""
        outbox = self._hosting.outbox(source)
        if node == self.node:
            inbox = self._hosting.inbox(sink)
        elif any((e.peer, e.source, e.sink) == (node, source, sink) for e in self.egresses.values()):
            raise AlreadyLinked(f"{self.node}/{source} is linked to {node}/{sink} already")
        else:
            inbox = self._egress(node, source, sink, policy).inbox
            self._peers.want(node)
        link(outbox, inbox, policy=Policy(policy), fanout="all")

    def tap(self, source: str, observer: str, sink: str, policy: str) -> None:
        """Copy what an outbox sends to an observer; the node waits for one that blocks before it ends."""
        outbox, kept = self._hosting.outbox(source), Policy(policy)
        waits = kept is Policy.BLOCK
        tapping = self._egress(observer, source, sink, policy, kind=Tapping, counts=waits)
        link(outbox, tapping.inbox, policy=kept, fanout="all")

    # -- guests

    def guest(self, observer: str, source: str) -> Guest:
        """Find what an observer sends from `source`; UnknownBox if it sends nothing from there."""
        for one in self.ingresses:
            if isinstance(one, Guest) and (one.peer, one.source) == (observer, source):
                return one
        raise UnknownBox(f"{observer} sends nothing from {source!r}")

    def part_with(self, guest: Guest) -> int:
        """Let a guest leave; give how many of its messages have found room."""
        self.ingresses.remove(guest)
        self._by_number.pop((guest.peer, guest.number), None)
        return guest.leave()

    def dismiss_guests(self, reason: str) -> None:
        """Have all guests leave: they are no part of what the node waits for."""
        for one in [i for i in self.ingresses if isinstance(i, Guest)]:
            self.part_with(one)
            one.dismiss(reason)

    # -- what links say

    def link_event(self, peer: str, event: Event) -> None:
        """Hand it to the end of the linkage that it is about."""
        match event:
            case Offered():
                self._offered(peer, event)
            case Delivered(number, first, messages, maybe_duplicate):
                ingress = self._by_number.get((peer, number))
                if ingress is not None:
                    ingress.delivered(first, messages, maybe_duplicate)
            case Finished(number, failure):
                if (ingress := self._by_number.pop((peer, number), None)) is not None:
                    ingress.finished(failure)
                self._forget_guests()
            case SessionLost(number):
                if (ingress := self._by_number.pop((peer, number), None)) is not None:
                    log.warning("%s/%s began anew; what it had not sent is lost", peer, ingress.source)
                    ingress.restarted()
            case Reset(number, reason, sending=False):
                if (ingress := self._by_number.pop((peer, number), None)) is not None:
                    ingress.lost(reason)
            case Suspect() | Recovered() | Dead() | Bye():
                log.log(self._level(peer, logging.INFO), "link to %s: %s", peer, event)
            case _:
                self._about_egress(peer, event)

    def _about_egress(self, peer: str, event: Event) -> None:
        number = getattr(event, "number", None)
        egress = self.egresses.get((peer, number)) if number is not None else None
        match event:
            case Undelivered(count=count, reason=reason, kept=kept):
                where = f"{egress.source} -> {peer}/{egress.sink}" if egress else f"to {peer}"
                after = "they are sent if it comes back" if kept else "they are lost"
                ended = reason.endswith(ENDED)  # who took them has: as in one process, no trouble
                level = self._level(peer, logging.INFO if ended else logging.ERROR)
                log.log(level, "%s: %d messages undelivered (%s); %s", where, count, reason, after)
            case _ if egress is None:
                return
            case Opened():
                egress.opened()
                self.look()
            case Room():
                egress.pump()
            case FinishAcknowledged():
                egress.acknowledged()
            case Reset(reason=reason):
                egress.close(reason)
                self._far_end_over(egress)
            case LinkageRefused(reason=reason):
                self._refused(peer, egress, reason)

    def _far_end_over(self, egress: Egress) -> None:
        """Hear that whom an egress leads to has ended; an observer that has seen enough is nobody."""
        if not isinstance(egress, Tapping):
            self.component_ended(egress.sink.rpartition(".")[0])

    def _forget_guests(self) -> None:
        """Forget the guests that have left."""
        over = [i for i in self.ingresses if isinstance(i, Guest) and i.state == "over"]
        for one in over:
            self.part_with(one)

    def _level(self, peer: str, level: int) -> int:
        return logging.DEBUG if peer in self.watchers else level

    def _offered(self, peer: str, event: Offered) -> None:
        ends = (peer, event.source, event.sink)
        for ingress in [i for i in self.ingresses if (i.peer, i.source, i.sink) == ends]:
            if ingress.state != "over":
                break
            self.ingresses.remove(ingress)
        else:
            try:
                inbox = self._hosting.inbox(event.sink)
            except KameshError as error:
                link_ = self._peers.link_to(peer)
                link_.refuse(event.number, str(error), self._peers.now())
                self._peers.touch(link_)
                return
            self._forget_guests()
            kind = Guest if peer in self.watchers else Ingress
            ingress = kind(
                self._peers, peer, event.source, event.sink, inbox, _policy(event.policy)
            )
            self.ingresses.append(ingress)
        self._by_number[peer, event.number] = ingress
        word, _, ahead = event.policy.partition(":")
        ingress.offered(event.number, window=int(ahead) if word == "demand" and ahead.isdigit() else None)
        self._peers.touch(self._peers.link_to(peer))
        self.look()

    def _refused(self, peer: str, egress: Egress, reason: str) -> None:
        """Offer it again for a while: the far component may be just starting."""
        key = (peer, egress.number)
        self._refusals[key] = times = self._refusals.get(key, 0) + 1
        if reason.endswith(ENDED) or isinstance(egress, Tapping):
            egress.close(reason)
            self._far_end_over(egress)
        elif times > TIMES:
            egress.refused(reason)
        else:
            egress.offer_again_later(ASK_AGAIN)

    def left(self, peer: str) -> None:
        """Hear that all components of a peer have ended well: nobody there takes anything any more."""
        for egress in [e for (name, _), e in self.egresses.items() if name == peer]:
            egress.give_up(f"{peer}/{egress.sink} {ENDED}")
            self._far_end_over(egress)

    def lost(self, peer: str, reason: str) -> None:
        """Give up every linkage with a peer that does not come back."""
        for egress in [e for (name, _), e in self.egresses.items() if name == peer]:
            egress.give_up(reason)
        for ingress in [i for i in self.ingresses if i.peer == peer]:
            ingress.lost(reason)
        self._forget_guests()

    def give_up(self, reason: str) -> None:
        """Give up all that leaves."""
        for egress in list(self.egresses.values()):
            egress.give_up(reason)


def _policy(word: str) -> Policy:
    """Read the policy that a peer names; what is not known here blocks, and so loses nothing."""
    return Policy(word) if word in {one.value for one in Policy} else Policy.BLOCK


def _dotted(box: tuple[str, str]) -> str:
    return f"{box[0]}.{box[1]}"
