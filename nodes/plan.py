"""Planning: from a wired component and its placement to the plan that every node reads.

Laws
1. Planning starts nothing and changes nothing; the same graph gives the same plan in every process.
2. Placement covers all that is below the part it names. Two different nodes for one component are
   refused, with who said what; so is a name that is nowhere.
3. All mistakes are found before any is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kamesh.backplane import AtBackplane, Backplane
from kamesh.chassis import Chassis
from kamesh.component import Component
from kamesh.linking import did_you_mean
from kamesh.nodes.flatten import dissolves, flat_linkages, leaves
from kamesh.nodes.planned import (
    DEFAULT_LISTEN,
    DEFAULT_NODE,
    Fanout,
    Place,
    Plan,
    PlannedComponent,
    PlannedLinkage,
    PlannedNode,
    PlanRefused,
    wrong_with_name,
)

__all__ = [
    "DEFAULT_LISTEN",
    "DEFAULT_NODE",
    "Fanout",
    "Place",
    "Plan",
    "PlanRefused",
    "PlannedComponent",
    "PlannedLinkage",
    "PlannedNode",
    "node_name",
    "plan_of",
    "wrong_with_name",
]


def plan_of(
    component: Component,
    placement: Mapping[str, str] | None = None,
    *,
    split: bool = False,
    default: str | None = DEFAULT_NODE,
    name: str = "",
    source: str = "",
) -> tuple[Plan, dict[str, Component]]:
    """Flatten a wired component and place its parts; give the plan and the components by name.

    `placement` adds to what the chassis themselves say, by path: `{"CASE/Upper": "second"}`. What
    is placed by nobody goes to the node `default`; with `default=None` that is refused. `split`
    puts every component on a node of its own, named after it, whatever the placement says.

    Who publishes to a backplane or subscribes to one runs on the node of that backplane.

    Raises PlanRefused with a sentence for each mistake.

    Example: `plan, components = plan_of(Pipeline(Reader(), Upper(), Echoer()), split=True)` has
    the nodes "reader", "upper" and "echoer".
    """
    mistakes: list[str] = []
    parts = leaves(component)
    linkages = flat_linkages(component, parts, mistakes)
    wanted = dict(placement or {})
    nodes = _one_each(parts) if split else _placed(component, parts, wanted, default, mistakes)
    _join_backplanes(parts, nodes)
    tolerated = set(_tolerated(component, ""))
    if mistakes:
        raise PlanRefused(mistakes)
    planned = {
        each: PlannedComponent(
            each,
            nodes[each],
            inboxes=tuple(part._strand.inboxes),
            outboxes=tuple(part._strand.outboxes),
            on_failure="continue" if each in tolerated else "stop",
        )
        for each, part in parts.items()
    }
    names = list(dict.fromkeys(nodes.values())) or [default or DEFAULT_NODE]
    plan = Plan(
        name or node_name(component.name),
        {each: PlannedNode(each) for each in names},
        planned,
        linkages,
        source,
    )
    return plan, parts


def _join_backplanes(parts: Mapping[str, Component], nodes: dict[str, str]) -> None:
    """Have those who publish and subscribe run where their backplane does: it is found within a node."""
    homes = {part.topic: nodes[each] for each, part in parts.items() if isinstance(part, Backplane)}
    for each, part in parts.items():
        if isinstance(part, AtBackplane) and part.topic in homes:
            nodes[each] = homes[part.topic]


def _tolerated(chassis: Component, path: str, by_all: bool = False) -> Iterator[str]:
    """Give the leaves whose failure a chassis that holds them declares to be no reason to stop."""
    if not (isinstance(chassis, Chassis) and dissolves(chassis)):
        return
    for name, part in chassis.parts.items():
        forgiven = by_all or chassis.on_failure == "continue"
        if dissolves(part):
            yield from _tolerated(part, f"{path}{name}/", forgiven)
        elif forgiven:
            yield f"{path}{name}"


def node_name(component: str) -> str:
    """Make a node's name of a component's: "console-reader" of "OUTER/ConsoleReader"."""
    last = component.rpartition("/")[2]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", last)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "node"


def _one_each(parts: Mapping[str, Component]) -> dict[str, str]:
    nodes: dict[str, str] = {}
    taken: set[str] = set()
    for each in parts:
        wanted = name = node_name(each)
        number = 1
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name)
        nodes[each] = name
    return nodes


@dataclass(frozen=True, slots=True)
class _Wish:
    """Where something is to run, and who says so."""

    path: str
    node: str
    by: str


def _placed(
    top: Component,
    parts: Mapping[str, Component],
    more: dict[str, str],
    default: str | None,
    mistakes: list[str],
) -> dict[str, str]:
    """Find the node of every leaf."""
    wishes = [*_wishes(top, "", mistakes), *_given(more, top, parts, mistakes)]
    for wish in wishes:
        wrong = wrong_with_name(wish.node)
        if wrong:
            mistakes.append(
                f"{wish.by} places {wish.path} on {wish.node!r}, no name for a node: {wrong}"
            )
    nodes: dict[str, str] = {}
    for each in parts:
        mine = [one for one in wishes if each == one.path or each.startswith(f"{one.path}/")]
        if len({one.node for one in mine}) > 1:
            mistakes.append(_contradiction(each, mine))
        if mine:
            nodes[each] = mine[-1].node
        elif default is not None:
            nodes[each] = default
        else:
            mistakes.append(
                f"{each} is placed on no node: name one for it in placement={{{each!r}: ...}}"
            )
    return nodes


def _wishes(component: Component, path: str, mistakes: list[str]) -> Iterator[_Wish]:
    """Give what the chassis say, the outer before the inner."""
    if not isinstance(component, Chassis):
        return
    placement: Mapping[str, str] = getattr(component, "placement", {})
    if placement and not dissolves(component):
        mistakes.append(
            f"{component.path} runs whole, because its {type(component).__name__} decides over its "
            f"parts while it runs: place {component.path} itself, not its parts"
        )
        return
    for name, node in placement.items():
        if name not in component.parts:
            mistakes.append(
                f"{component.path} places {name!r}, which is not one of its parts"
                f"{did_you_mean(name, component.parts)}"
            )
            continue
        yield _Wish(f"{path}{name}", node, component.path)
    if dissolves(component):
        for name, part in component.parts.items():
            yield from _wishes(part, f"{path}{name}/", mistakes)


def _given(
    more: Mapping[str, str],
    top: Component,
    parts: Mapping[str, Component],
    mistakes: list[str],
) -> Iterator[_Wish]:
    """Give what the caller's placement says, by path."""
    known = {*parts, *(path for each in parts for path in _above(each))}
    for path, node in more.items():
        if path in known:
            yield _Wish(path, node, "the placement given")
        else:
            mistakes.append(
                f"the placement given names {path!r}, which is not in {top.path}"
                f"{did_you_mean(path, known)}"
            )


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _contradiction(each: str, wishes: list[_Wish]) -> str:
    said = " and ".join(
        f"on {one.node!r} by {one.by}" + ("" if one.path == each else f" (which places {one.path})")
        for one in {one.node: one for one in wishes}.values()
    )
    return f"{each} is placed {said}: a component runs on one node, so place it once"
