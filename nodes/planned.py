"""The plan: components, linkages and nodes as plain values, the same in every process.

A plan is made once, from a wired component (`plan.py`) or from a topology file (`kamesh.deploy`),
and read by every node, which then runs its own part of it.

Laws
1. A plan is values only: equal plans come of equal graphs, whoever makes them.
2. A box is named by its component and its own name; a component by its path below the top.
3. What cannot be a plan is refused with a sentence, never half read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kamesh.errors import KameshError

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
    "wrong_with_name",
]

DEFAULT_NODE = "main"
DEFAULT_LISTEN = "tcp://127.0.0.1:0"
LONGEST_NAME = 100  # bytes: room for more in an announcement and in a file name

Place: TypeAlias = tuple[str, str]  # (component, box)
Fanout: TypeAlias = Literal["one", "all", "demand"]

_NAME = re.compile(r"\w[\w.-]*")


class PlanRefused(KameshError, ValueError):
    """A graph or its placement cannot be planned; `mistakes` has a sentence for each reason."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        """Keep the sentences; together they are the message."""
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True)
class PlannedComponent:
    """One component and where it runs.

    `use` is "module:Class" where it comes from a topology, with the `arguments` for its constructor
    and its `bounds` (messages per inbox, None for no limit); it is empty where a program made the
    component itself. `on_failure` is "continue" where a chassis that held it says so.
    """

    name: str
    node: str
    use: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    inboxes: tuple[str, ...] = ()
    outboxes: tuple[str, ...] = ()
    bounds: Mapping[str, int | None] = field(default_factory=dict)
    on_failure: str = "stop"


@dataclass(frozen=True, slots=True)
class PlannedLinkage:
    """What leaves one outbox under one rule.

    `fanout` says how the sinks share it: "one" has one sink, "all" gives each sink everything,
    "demand" gives each message to one that has room (at most `ahead` waiting at each). Where
    several linkages have one source, each of them carries everything. `pipe` marks a step of a
    Pipeline: when every sink of its source has ended, the source is told to stop.
    """

    source: Place
    sinks: tuple[Place, ...]
    fanout: Fanout = "one"
    policy: str = "block"
    ahead: int = 8
    pipe: bool = False


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One node: its name, the host it runs on ("" is this one), and the address it listens on."""

    name: str
    host: str = ""
    listen: str = DEFAULT_LISTEN


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs where, and how it is linked. `source` is the file that it came from.

    Example: `plan.on("encoder")` gives the components of the node "encoder", and
    `plan.leaving("encoder")` the linkages for which it needs a link to another node.
    """

    name: str
    nodes: Mapping[str, PlannedNode]
    components: Mapping[str, PlannedComponent]
    linkages: tuple[PlannedLinkage, ...] = ()
    source: str = ""

    def node_of(self, component: str) -> str:
        """Give the name of the node on which a component runs."""
        return self.components[component].node

    def on_failure(self, component: str) -> str:
        """Say what the failure of a component does: "stop" ends the run, "continue" does not."""
        planned = self.components.get(component)
        return "stop" if planned is None else planned.on_failure

    def label(self, place: Place) -> str:
        """Write a box as people do: `studio/CAMERA.outbox`."""
        return f"{self.node_of(place[0])}/{place[0]}.{place[1]}"

    def on(self, node: str) -> tuple[PlannedComponent, ...]:
        """Give the components of one node."""
        return tuple(one for one in self.components.values() if one.node == node)

    def starting(self, node: str) -> tuple[PlannedLinkage, ...]:
        """Give the linkages that start on `node`, whole, wherever their sinks are."""
        return tuple(one for one in self.linkages if self.node_of(one.source[0]) == node)

    def arriving(self, node: str) -> tuple[tuple[PlannedLinkage, Place], ...]:
        """Give the linkage and the sink of all that is sent to `node` from another."""
        return tuple(
            (one, sink)
            for one in self.linkages
            for sink in one.sinks
            if self.node_of(one.source[0]) != node == self.node_of(sink[0])
        )


def wrong_with_name(name: object) -> str | None:
    """Say what is wrong with the name of a node or a component, or None if nothing is.

    Names are part of `node/COMPONENT.box`, of file names and of announcements.
    """
    if not isinstance(name, str) or not name:
        return "a name is a text of at least one letter"
    if not _NAME.fullmatch(name):
        return "a name is made of letters, digits, '-', '_' and '.', and begins with none of '-.'"
    if len(name.encode()) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} bytes"
    return None
