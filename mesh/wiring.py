"""Wiring: linkages between boxes, and what they come down to.

A linkage joins two boxes: an outbox to an inbox, or a box to another of its kind that it passes on to
(a chassis and its child). Whoever sends is joined by a feed (`outbox.py`) to every inbox at the end
of the chain, so that passing on costs nothing per message.

Laws
1. The order in which linkages are made makes no difference; a linkage undone gives delivery back to
   the nearest end that is left.
2. A second destination is refused unless a fan-out is declared: to all of them, or by demand.
3. What already waits in an inbox that is linked onward goes along, first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from kamesh.errors import LinkageRefused, NotSuitable
from kamesh.inbox import Inbox
from kamesh.outbox import Feed, Outbox
from kamesh.owner import Owner, Policy

__all__ = ["ByDemand", "Dealer", "Linkage", "ToAll", "link", "unlink"]

Box: TypeAlias = Inbox | Outbox


class ToAll:
    """Several destinations, each of which gets every message: `{("A", "outbox"): ToAll(...)}`."""

    def __init__(self, *ends: Any) -> None:
        """Name the destinations."""
        self.ends = ends


class ByDemand:
    """Several destinations that share the work: each message goes to one that has room for it.

    At most `ahead` messages (default 8) wait at each destination; the rest waits at the source, so
    that a slow worker never sits on work another could do.
    """

    def __init__(self, *ends: Any, ahead: int = 8) -> None:
        """Name the destinations."""
        if ahead < 1:
            raise NotSuitable(f"ahead={ahead}: at least 1 message waits at each destination")
        self.ends = ends
        self.ahead = ahead


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """One box joined to another, one way, in order."""

    source: Box
    sink: Box
    policy: Policy = Policy.BLOCK

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.source.label} -> {self.sink.label}"

    @property
    def sent(self) -> int:
        """Messages that have gone through it, from all that feed it."""
        return sum(feed.sent for feed in _feeds_through(self))

    @property
    def dropped(self) -> int:
        """Messages that its policy, or an end that is gone, has dropped."""
        return sum(feed.dropped for feed in _feeds_through(self))


def link(
    source: Box, sink: Box, *, policy: Policy = Policy.BLOCK, fanout: str | None = None
) -> Linkage:
    """Join `source` to `sink`; with `fanout="all"`, beside the destinations that it has."""
    _check(source, sink, fanout)
    linkage = Linkage(source, sink, policy)
    source.targets += (linkage,)
    source.fanout = fanout or source.fanout
    sink.sources += (linkage,)
    _rewire(source, sink)
    return linkage


def unlink(linkage: Linkage) -> bool:
    """Undo `linkage`; say whether it was there to be undone."""
    source, sink = linkage.source, linkage.sink
    if linkage not in source.targets:
        return False
    source.targets = tuple(one for one in source.targets if one is not linkage)
    sink.sources = tuple(one for one in sink.sources if one is not linkage)
    if not source.targets:
        source.fanout = None
    _rewire(source, sink)
    return True


def _check(source: Box, sink: Box, fanout: str | None) -> None:
    if isinstance(source, Inbox) and isinstance(sink, Outbox):
        raise LinkageRefused(
            f"{source.label} is an inbox and {sink.label} an outbox: link the outbox to the inbox"
        )
    if source is sink or source in _downstream(sink):
        raise LinkageRefused(f"{source.label} -> {sink.label} would pass messages on in a circle")
    if any(linkage.sink is sink for linkage in source.targets):
        raise LinkageRefused(f"{source.label} is linked to {sink.label} already")
    if source.targets and fanout is None:
        raise LinkageRefused(
            f"{source.label} goes to {source.targets[0].sink.label} already; to send to "
            f"{sink.label} as well, declare it: ToAll(...) copies to all, ByDemand(...) shares out"
        )


def _rewire(source: Box, sink: Box) -> None:
    """Make of a linkage made or undone what it means to those who send."""
    writers = _resolve(source)
    if isinstance(sink, Outbox):
        sink.owner.rewired()  # whether its own sends have to wait depends on what passes through
    if isinstance(source, Inbox) and source.targets:
        for message in source.empty():
            source.deliver(message)
    for writer in writers:
        writer.room_again()


def _resolve(box: Box) -> list[Owner]:
    """Work out anew the feeds of every outbox from which a message can come to `box`; say whose."""
    outboxes = _outboxes_above(box)
    for outbox in outboxes:
        wanted = dict(_ends(outbox, (), Policy.BLOCK))
        feeds = []
        for feed in outbox.feeds:
            policy, path = wanted.get(feed.sink, (None, ()))
            if policy is feed.policy:
                feed.linkages = path
                feeds.append(feed)
                del wanted[feed.sink]
            else:
                feed.source.owner.rewired()
                feed.sink.remove_feed(feed)
                outbox.gone += feed.sent
        feeds += [Feed(outbox, end, policy, path) for end, (policy, path) in wanted.items()]
        outbox.feeds = tuple(feeds)
        outbox.owner.rewired()
    return [outbox.owner for outbox in outboxes]


def _ends(
    box: Box, path: tuple[Linkage, ...], policy: Policy
) -> Iterator[tuple[Inbox, tuple[Policy, tuple[Linkage, ...]]]]:
    """Find the inboxes at which what `box` sends comes to stay, and by which linkages."""
    if not box.targets and isinstance(box, Inbox):
        yield box, (policy, path)
    for linkage in box.targets:
        first = linkage.policy if policy is Policy.BLOCK else policy
        yield from _ends(linkage.sink, (*path, linkage), first)


def _outboxes_above(box: Box) -> list[Outbox]:
    found: dict[Box, None] = {}
    todo = [box]
    while todo:
        here = todo.pop()
        if here not in found:
            found[here] = None
            todo.extend(linkage.source for linkage in here.sources)
    return [one for one in found if isinstance(one, Outbox)]


def _downstream(box: Box) -> set[Box]:
    """Find the boxes that `box` passes on to without a component in between."""
    found: set[Box] = set()
    todo = [box]
    while todo:
        here = todo.pop()
        if here not in found:
            found.add(here)
            todo.extend(linkage.sink for linkage in here.targets)
    return found


def _feeds_through(linkage: Linkage) -> Iterator[Feed]:
    for outbox in _outboxes_above(linkage.source):
        yield from (feed for feed in outbox.feeds if linkage in feed.linkages)


class Dealer:
    """What stands behind `ByDemand`: deals from one inbox to the outbox with the most room."""

    in_turns = False

    def __init__(self, path: str, places: int, ahead: int) -> None:
        """Make a dealer with an outbox for each of `places` destinations."""
        self.path = path
        self.ahead = ahead
        self._dealing = self._joined = False
        self.inbox = Inbox("inbox", self, bound=max(1, places))
        self.outboxes = [Outbox(f"to-{place}", self) for place in range(places)]
        self._turns = list(self.outboxes)

    def arrived(self, inbox: Inbox) -> None:
        """Deal what there is room for; end when the inbox has, or when nobody is left to deal to."""
        if self._dealing:  # to deal makes room, and who has waited for it may send at once
            return
        self._dealing = True
        try:
            while inbox.queue and self._deal(inbox):
                pass
        finally:
            self._dealing = False
        if inbox.ended:
            for outbox in self.outboxes:
                outbox.finish(inbox.failure)

    def _deal(self, inbox: Inbox) -> bool:
        if not self._joined:  # its destinations are still to be linked
            return False
        outbox = max(self._turns, key=self._room)
        room = self._room(outbox)
        if room < 0:
            inbox.close()
            return False
        if room == 0:
            for one in self.outboxes:
                one.ask_for_room()
            return False
        outbox.put(inbox.queue.popleft())
        inbox.took()
        self._turns.remove(outbox)  # among equals, the one that has waited longest is next
        self._turns.append(outbox)
        return True

    def _room(self, outbox: Outbox) -> int:
        """Say how many messages `outbox` takes; -1 if its destination is gone."""
        if all(feed.sink.closed for feed in outbox.feeds):
            return -1
        waiting = max(len(feed.sink.queue) for feed in outbox.feeds)
        return max(0, min(outbox.room(), self.ahead - waiting))

    def room_again(self) -> None:
        """Go on dealing."""
        self.arrived(self.inbox)

    def rewired(self) -> None:
        """Choose the way for each outbox again."""
        for outbox in self.outboxes:
            outbox.bind()
            self._joined = self._joined or bool(outbox.feeds)

    def room(self) -> int:
        """Say that there is always room to look."""
        return self.ahead
