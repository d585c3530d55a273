"""Flattening: from a chassis of chassis to the components that do the work, and who sends to whom.

Laws
1. A chassis that only holds and wires others dissolves; one that decides while it runs (Carousel,
   Seq, any with a `main` of its own) stays whole, as one component.
2. A linkage of the flat graph joins the same outbox to the same inboxes, under the same policy, as
   the feeds of `kamesh.wiring` would: passing on through a chassis leaves no trace.
3. What is told to the `control` of a chassis that dissolves is told to the parts it would tell.
4. What ends at a box of a chassis that nothing takes further is left out: nobody would read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kamesh.chassis import Chassis, Pipeline
from kamesh.component import Component
from kamesh.inbox import Inbox
from kamesh.nodes.planned import Fanout, Place, PlannedLinkage
from kamesh.outbox import Outbox
from kamesh.owner import Owner, Policy
from kamesh.strand import Strand
from kamesh.wiring import Dealer, Linkage

__all__ = ["dissolves", "flat_linkages", "leaves"]

_OWN = ("main", "part_ended", "pass_on_control", "tell_parts")
_USUAL: dict[str, tuple[Callable[..., object], ...]] = {
    name: (getattr(Chassis, name), getattr(Pipeline, name)) for name in _OWN
}


def dissolves(component: Component) -> bool:
    """Say whether a component only holds and wires others, so that these can run on their own."""
    kind = type(component)
    return isinstance(component, Chassis) and all(
        getattr(kind, name) in usual for name, usual in _USUAL.items()
    )


def leaves(top: Component) -> dict[str, Component]:
    """Give the components that do the work, by their path below `top`, in the order of the parts.

    Example: `leaves(Pipeline(Reader(), Pipeline(Upper(), Lower(), name="CASE")))` has the keys
    "Reader", "CASE/Upper" and "CASE/Lower". A `top` that is no chassis is its own only leaf.
    """
    if not dissolves(top):
        return {top.name: top}
    return dict(_below(top, ""))


def _below(chassis: Component, path: str) -> Iterator[tuple[str, Component]]:
    assert isinstance(chassis, Chassis)
    for name, part in chassis.parts.items():
        if dissolves(part):
            yield from _below(part, f"{path}{name}/")
        else:
            yield f"{path}{name}", part


def flat_linkages(
    top: Component, leaf: dict[str, Component], mistakes: list[str]
) -> tuple[PlannedLinkage, ...]:
    """Give the linkages between the boxes of the leaves; what cannot be flat goes to `mistakes`."""
    flattener = _Flattener(top, leaf, mistakes)
    found: list[PlannedLinkage] = []
    for name, component in leaf.items():
        strand = component._strand
        for box in strand.outboxes.values():
            found += flattener.leaving((name, box.name), box)
        flattener.check_inner(name, strand)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reach:
    """One inbox that an outbox comes to, and how."""

    sink: Place
    inbox: Inbox
    policy: Policy
    dealer: Dealer | None


class _Flattener:
    """Follows linkages from box to box until they come to a leaf."""

    def __init__(self, top: Component, leaf: dict[str, Component], mistakes: list[str]) -> None:
        """Note which strand is which."""
        self.top = top
        self.mistakes = mistakes
        self.names: dict[Owner, str] = {one._strand: name for name, one in leaf.items()}
        self.chassis: set[Owner] = set()
        todo = [top._strand]
        while todo:
            strand = todo.pop()
            if strand not in self.names:
                self.chassis.add(strand)
                todo.extend(strand.children)

    def leaving(self, source: Place, box: Outbox) -> list[PlannedLinkage]:
        """Give what leaves one outbox: for each rule one linkage."""
        reaches = list(self._follow(box, Policy.BLOCK, None))
        plain = {one.sink: one for one in reaches if one.dealer is None}
        groups: dict[object, tuple[Fanout, int, list[_Reach]]] = {}
        for one in reaches:
            if one.dealer is not None:
                key: object = (one.dealer, one.policy)
                group = groups.setdefault(key, ("demand", one.dealer.ahead, []))
            elif plain[one.sink] is one:  # of several ways to one inbox the last one counts
                key = (one.policy, self._is_pipe(box, one.inbox))
                group = groups.setdefault(key, ("all", 8, []))
            else:
                continue
            group[2].append(one)
        alone = len(groups) == 1 and len(plain) == 1 and len(reaches) >= 1
        return [
            PlannedLinkage(
                source,
                tuple(dict.fromkeys(one.sink for one in group)),
                "one" if alone and fanout == "all" else fanout,
                group[0].policy.value,
                ahead,
                all(self._is_pipe(box, one.inbox) for one in group),
            )
            for fanout, ahead, group in groups.values()
        ]

    def _follow(
        self, box: Inbox | Outbox, policy: Policy, dealer: Dealer | None
    ) -> Iterator[_Reach]:
        if dealer is not None and len(box.targets) > 1:
            self.mistakes.append(
                f"{dealer.inbox.sources[0].source.label} is shared out by demand, and {box.label} "
                f"copies its share to {' and '.join(one.sink.label for one in box.targets)}: "
                f"put a component of its own between the two, or share out to components"
            )
        for linkage in box.targets:
            first = linkage.policy if policy is Policy.BLOCK else policy
            yield from self._arrive(linkage, linkage.sink, first, dealer)

    def _arrive(
        self, linkage: Linkage, box: Inbox | Outbox, policy: Policy, dealer: Dealer | None
    ) -> Iterator[_Reach]:
        owner = box.owner
        if isinstance(owner, Dealer):  # to share out a share is to share out
            for outbox in owner.outboxes:
                yield from self._follow(outbox, policy, dealer or owner)
        elif owner in self.names and isinstance(box, Inbox):
            yield _Reach((self.names[owner], box.name), box, policy, dealer)
        elif owner in self.chassis or isinstance(box, Outbox):
            if box.targets:
                yield from self._follow(box, policy, dealer)
            elif box.name == "control" and isinstance(owner, Strand):
                for child in owner.children:
                    control = child.inboxes.get("control")
                    if control is not None and not control.sources:
                        yield from self._arrive(linkage, control, policy, dealer)
        else:
            self.mistakes.append(
                f"{linkage} leads to {box.owner.path}, which is not a part of {self.top.path} that "
                f"can be reached from outside: link it to a box of a part"
            )

    def _is_pipe(self, source: Outbox, sink: Inbox) -> bool:
        """Say whether the innermost chassis that holds both has them in a row, in this order."""
        if sink.name == "control" or not isinstance(source.owner, Strand):
            return False
        above = list(_line(source.owner))
        below = list(_line(sink.owner)) if isinstance(sink.owner, Strand) else []
        for up, strand in enumerate(above[1:], 1):
            if strand in below[1:]:
                if not isinstance(strand.component, Pipeline):
                    return False
                parts = [one._strand for one in strand.component.parts.values()]
                return parts.index(above[up - 1]) < parts.index(below[below.index(strand) - 1])
        return False

    def check_inner(self, name: str, leaf: Strand) -> None:
        """Refuse a linkage that goes past the boxes of a leaf straight to or from its inside."""
        inside = {leaf, *_descendants(leaf)}
        for inbox in leaf.inboxes.values():
            self._check_from(name, inbox, inside)
        for strand in inside - {leaf}:
            boxes: list[Inbox | Outbox] = [*strand.inboxes.values(), *strand.outboxes.values()]
            for box in boxes:
                self._check_from(name, box, inside)

    def _check_from(self, name: str, box: Inbox | Outbox, inside: set[Strand]) -> None:
        for linkage in box.targets:
            if linkage.sink.owner not in inside and not isinstance(linkage.sink.owner, Dealer):
                self.mistakes.append(
                    f"{linkage} leaves {name} from the inside: {name} runs whole, so only its "
                    f"outboxes can be linked to others"
                )


def _line(strand: Strand) -> Iterator[Strand]:
    here: Strand | None = strand
    while here is not None:
        yield here
        here = here.parent


def _descendants(strand: Strand) -> Iterator[Strand]:
    for child in strand.children:
        yield child
        yield from _descendants(child)
