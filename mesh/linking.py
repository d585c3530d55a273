"""Linking by name: from the pairs that people write to the boxes that `wiring.py` joins.

Law: a pair that names nothing is refused with the names there are, and the likely one first.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from kamesh.errors import LinkageRefused, UnknownBox
from kamesh.fitting import check_fit
from kamesh.inbox import Inbox
from kamesh.outbox import Outbox
from kamesh.owner import Policy
from kamesh.wiring import ByDemand, Dealer, Linkage, ToAll, link, unlink

if TYPE_CHECKING:
    from kamesh.component import Component

__all__ = [
    "End", "Ends", "did_you_mean", "ends_of", "link_ends", "policy_of", "sever", "touches",
]

End: TypeAlias = tuple[Any, str]
Ends: TypeAlias = End | ToAll | ByDemand | Sequence[End]


def link_ends(holder: Component, source: End, to: Ends, policy: Policy) -> list[Linkage]:
    """Make the linkages from `source` to the one box, or the several, that `to` names."""
    start = _box(holder, source, leaving=True)
    sinks = [_box(holder, end, leaving=False) for end in ends_of(to)]
    for sink in sinks:
        check_fit(start, sink)
    made: list[Linkage] = []
    try:
        if isinstance(to, ByDemand):
            dealer = Dealer(f"{holder.path}/deal:{start.name}", len(sinks), to.ahead)
            for box, sink in zip(dealer.outboxes, sinks, strict=True):
                made.append(link(box, sink))
            made.insert(0, link(start, dealer.inbox, policy=policy))
        else:
            fanout = None if _is_end(to) else "all"
            for sink in sinks:
                made.append(link(start, sink, policy=policy, fanout=fanout))
    except LinkageRefused:
        for linkage in made:  # all of them or none
            unlink(linkage)
        raise
    return made


def ends_of(to: Ends) -> list[End]:
    """List the boxes that `to` names."""
    if _is_end(to):
        return [to]
    if isinstance(to, ToAll | ByDemand):
        to = to.ends
    if not isinstance(to, list | tuple) or not to:
        raise LinkageRefused(f"{to!r} is not a box: write (part, box), ToAll(...) or ByDemand(...)")
    return list(to)


def policy_of(word: Policy | str) -> Policy:
    """Give the policy of that name."""
    try:
        return Policy(word)
    except ValueError:
        names = [one.value for one in Policy]
        raise LinkageRefused(
            f"there is no policy {word!r}{did_you_mean(word, names)}; there is {', '.join(names)}"
        ) from None


def touches(linkage: Linkage, component: Component) -> bool:
    """Say whether `linkage` begins or ends at `component`."""
    return component._strand in (linkage.source.owner, linkage.sink.owner)


def sever(box: Inbox | Outbox) -> None:
    """Undo every linkage to and from `box`."""
    for linkage in (*box.targets, *box.sources):
        unlink(linkage)


def did_you_mean(word: object, among: Iterable[str]) -> str:
    """Suggest the nearest of the names there are, if one is near."""
    near = difflib.get_close_matches(str(word), list(among), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _is_end(to: object) -> TypeGuard[End]:
    return isinstance(to, tuple) and len(to) == 2 and isinstance(to[1], str)


def _box(holder: Component, end: object, *, leaving: bool) -> Inbox | Outbox:
    """Find the box that messages leave from, or go to, at the end of a linkage.

    They leave a part by its outboxes and enter it by its inboxes. At the holder itself it is the other
    way round: what it is sent goes on from its inboxes, and what it sends comes to its outboxes.
    """
    if not (isinstance(end, tuple) and len(end) == 2):
        raise LinkageRefused(f"{end!r} is not a box: write it as (part, box)")
    part, name = holder.part(end[0]), end[1]
    strand = part._strand
    inward = leaving == (part is holder)
    boxes: Mapping[str, Inbox | Outbox] = strand.inboxes if inward else strand.outboxes
    if name in boxes:
        return boxes[name]
    if part is holder:  # a component may also link its own outbox, or to its own inbox
        other: Mapping[str, Inbox | Outbox] = strand.outboxes if inward else strand.inboxes
        if name in other:
            return other[name]
    kind = "inbox" if inward else "outbox"
    raise UnknownBox(
        f"{part.path} ({type(part).__name__}) has no {kind} {name!r}{did_you_mean(name, boxes)}; "
        f"its {'inboxes' if inward else 'outboxes'}: " + ", ".join(map(repr, boxes))
    )
