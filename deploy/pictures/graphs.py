"""The graph that pictures are drawn of: from the reports of nodes, or from a plan that does not run yet.

Laws
1. Nodes and components stand in the order in which messages flow; in a circle, what was started
   first comes first. Nodes that do not answer come last.
2. Linkages to `control` are left out unless asked for or in use, and counted; who only watches is no
   part of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from kamesh.nodes.planned import Plan
from kamesh.nodes.reports import BoxReport, ComponentReport, LinkageReport, NodeReport

__all__ = ["Box", "Graph", "graph_of", "graph_of_plan", "split_label"]

Box: TypeAlias = tuple[str, str, str]  # node, component, box

T = TypeVar("T")

WATCHER = "observer-"  # how the names of those begin that join only to ask and to watch
PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn. `hidden` counts the linkages to control that are left out."""

    title: str
    nodes: tuple[NodeReport, ...]
    linkages: tuple[LinkageReport, ...]
    hidden: int = 0

    @property
    def components(self) -> int:
        """How many there are on all nodes."""
        return sum(len(node.components) for node in self.nodes)


def graph_of(title: str, reports: Iterable[NodeReport], *, everything: bool = False) -> Graph:
    """Make the graph of what runs; with `everything`, linkages to control are drawn too."""
    reports = [
        replace(one, linkages=tuple(each for each in one.linkages if not _only_watching(each)))
        for one in sorted(reports, key=lambda one: one.since)
    ]
    linkages = sorted(
        (each for one in reports for each in one.linkages), key=lambda one: (one.source, one.sink)
    )
    shown = [one for one in linkages if everything or not _only_control(one)]
    return Graph(title, _ordered(reports, linkages), tuple(shown), len(linkages) - len(shown))


def graph_of_plan(plan: Plan, *, everything: bool = False) -> Graph:
    """Make the graph of a plan: nothing runs, so there are no figures."""
    reports = [
        NodeReport(
            name,
            PLANNED,
            0,
            node.host or "this host",
            0.0,
            tuple(
                ComponentReport(
                    each.name,
                    each.use.rpartition(":")[2],
                    PLANNED,
                    0,
                    tuple(BoxReport(box, 0, None, 0, 0, 0, False) for box in each.inboxes),
                    tuple((box, 0) for box in each.outboxes),
                )
                for each in plan.on(name)
            ),
            (),
            tuple(
                LinkageReport(plan.label(one.source), plan.label(sink), one.policy, 0, 0, PLANNED)
                for one in plan.starting(name)
                for sink in one.sinks
            ),
        )
        for name, node in plan.nodes.items()
    ]
    return graph_of(plan.name, reports, everything=everything)


def split_label(label: str) -> Box:
    """Take `studio/OUTER/CAMERA.outbox` apart: ("studio", "OUTER/CAMERA", "outbox")."""
    node, _, rest = label.partition("/")
    component, _, box = rest.rpartition(".")
    return node, component, box


def _only_control(linkage: LinkageReport) -> bool:
    return split_label(linkage.sink)[2] == "control" and split_label(linkage.source)[2] == "signal"


def _only_watching(linkage: LinkageReport) -> bool:
    return split_label(linkage.sink)[0].startswith(WATCHER)


def _ordered(
    reports: Sequence[NodeReport], linkages: Iterable[LinkageReport]
) -> tuple[NodeReport, ...]:
    """Put nodes, and the components of each, in the order of the flow."""
    ends = [
        (split_label(one.source), split_label(one.sink))
        for one in linkages
        if not _only_control(one)
    ]
    across = {(a[0], b[0]) for a, b in ends if a[0] != b[0]}
    flow = {(a[:2], b[:2]) for a, b in ends if a[:2] != b[:2]}
    by_name = {one.name: one for one in reports}
    found: list[NodeReport] = []
    last: tuple[str, str] | None = None
    answering = [one.name for one in reports if one.pid or one.state == PLANNED]
    silent = [name for name in by_name if name not in answering]
    for name in (*_in_flow(answering, across), *silent):
        parts = {(name, one.name): one for one in by_name[name].components}
        order = _in_flow(list(parts), flow, last)
        found.append(replace(by_name[name], components=tuple(parts[one] for one in order)))
        last = order[-1] if order else last
    return tuple(found)


def _in_flow(things: list[T], flow: set[tuple[T, T]], last: T | None = None) -> list[T]:
    """Order things so that each comes after those that feed it, and chains stay together.

    In a circle, one of those with the fewest that are still to come before it goes first.
    """
    before: Mapping[T, set[T]] = {one: {a for a, b in flow if b == one} for one in things}
    left = dict.fromkeys(things)
    order: list[T] = []
    while left:
        waiting = {one: len(before[one] & left.keys()) for one in left}
        fewest = min(waiting.values())
        ready = [one for one in left if waiting[one] == fewest]
        following = [one for one in ready if (last, one) in flow]
        last = (following or ready)[0]
        order.append(last)
        del left[last]
    return order
