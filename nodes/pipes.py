"""Pipes: which components are to stop because nobody is left who takes what they send.

A Pipeline ends those before a part that has ended. Spread over nodes there is no Pipeline left to do it, so
each node does it for its own components, from what the plan says.

Law: a component is told once, when the last of all that its pipes lead to has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kamesh.nodes.plan import Plan

__all__ = ["Pipes"]


class Pipes:
    """The pipes that begin at one node."""

    def __init__(self, plan: Plan, node: str) -> None:
        """Take from the plan what begins here."""
        self._takers: dict[str, set[str]] = {}
        for linkage in plan.linkages:
            if linkage.pipe and plan.node_of(linkage.source[0]) == node:
                takers = self._takers.setdefault(linkage.source[0], set())
                takers.update(component for component, _ in linkage.sinks)

    def ended(self, component: str) -> Iterator[str]:
        """Note that a component has ended; give those that nobody takes from any more."""
        for source, takers in list(self._takers.items()):
            takers.discard(component)
            if not takers:
                del self._takers[source]
                yield source
