"""Reports: what a node tells of itself to whoever asks, in figures.

Law: frozen records of plain values, registered so that they arrive as they were sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamesh import register

__all__ = ["BoxReport", "ComponentReport", "LinkReport", "LinkageReport", "NodeReport"]


@register(name="nodes.BoxReport")
@dataclass(frozen=True, slots=True)
class BoxReport:
    """One inbox: messages now, how many it holds, and messages in all."""

    name: str
    level: int
    bound: int | None
    arrived: int
    taken: int
    dropped: int
    ended: bool


@register(name="nodes.ComponentReport")
@dataclass(frozen=True, slots=True)
class ComponentReport:
    """One component: where it stands, its inboxes, and what its outboxes have sent."""

    name: str
    kind: str
    state: str
    turns: int
    inboxes: tuple[BoxReport, ...]
    outboxes: tuple[tuple[str, int], ...]
    failure: str = ""
    details: tuple[tuple[str, str], ...] = ()


@register(name="nodes.LinkReport")
@dataclass(frozen=True, slots=True)
class LinkReport:
    """One link to another node."""

    peer: str
    state: str
    health: str
    bytes_sent: int
    bytes_received: int
    resent: int
    connections: int


@register(name="nodes.LinkageReport")
@dataclass(frozen=True, slots=True)
class LinkageReport:
    """One linkage: its ends as `NODE/COMPONENT.box`, and messages through it in all."""

    source: str
    sink: str
    policy: str
    sent: int
    dropped: int
    state: str
    waiting: int = 0


@register(name="nodes.NodeReport")
@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node."""

    name: str
    state: str
    pid: int
    endpoint: str
    since: float
    components: tuple[ComponentReport, ...]
    links: tuple[LinkReport, ...]
    linkages: tuple[LinkageReport, ...]
    members: tuple[tuple[str, str], ...] = ()
