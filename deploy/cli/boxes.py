"""Boxes as they are named on a command line, found in what the nodes say of themselves.

Law: a name that means nothing, or several things, is refused with those that there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kamesh.errors import UnknownBox, UnknownName
from kamesh.linking import did_you_mean
from kamesh.nodes.reports import ComponentReport, NodeReport

__all__ = ["inbox_called", "outbox_called"]


def outbox_called(box: str, reports: Sequence[NodeReport]) -> str:
    """Give an outbox by its whole name, NODE/COMPONENT.box."""
    node, component, name = _component(box, reports)
    names = [each for each, _ in component.outboxes]
    if name in names:
        return f"{node}/{component.name}.{name}"
    if name in [each.name for each in component.inboxes]:
        whole = f"{node}/{component.name}.{name}"
        feeds = [one.source for each in reports for one in each.linkages if one.sink == whole]
        instead = f": it is fed by {', '.join(feeds)}" if feeds else ""
        raise UnknownBox(f"{whole} is an inbox, and only outboxes are recorded{instead}")
    raise _no_box(node, component, name, "outbox", names)


def inbox_called(box: str, reports: Sequence[NodeReport]) -> str:
    """Give an inbox by its whole name, NODE/COMPONENT.box."""
    node, component, name = _component(box, reports)
    names = [each.name for each in component.inboxes]
    if name in names:
        return f"{node}/{component.name}.{name}"
    if name in [each for each, _ in component.outboxes]:
        raise UnknownBox(f"{node}/{component.name}.{name} is an outbox: only an inbox takes messages")
    raise _no_box(node, component, name, "inbox", names)


def _component(
    box: str, reports: Sequence[NodeReport]
) -> tuple[str, ComponentReport, str]:
    path, dot, name = box.rpartition(".")
    if not dot or not path or not name:
        raise UnknownName(f"{box!r} is not a box: write NODE/COMPONENT.box")
    found = [(n, c) for n, c in _components(reports) if path in (c.name, f"{n}/{c.name}")]
    if len(found) == 1:
        return found[0][0], found[0][1], name
    if found:
        places = ", ".join(f"{node}/{component.name}.{name}" for node, component in found)
        raise UnknownName(f"{box!r} is on several nodes: write one of {places}")
    known = [f"{node}/{component.name}" for node, component in _components(reports)]
    near = did_you_mean(path, [*known, *(c.name for _, c in _components(reports))])
    raise UnknownName(
        f"nothing that runs is called {path!r}{near}; there is: "
        + (", ".join(known) or "nothing")
    )


def _components(reports: Sequence[NodeReport]) -> Iterator[tuple[str, ComponentReport]]:
    for report in reports:
        for component in report.components:
            yield report.name, component


def _no_box(
    node: str, component: ComponentReport, name: str, kind: str, names: Sequence[str]
) -> UnknownBox:
    return UnknownBox(
        f"{node}/{component.name} has no {kind} {name!r}{did_you_mean(name, names)}; it has: "
        + (", ".join(names) or "none")
    )
