"""Requests: what a node does for whoever asks it over a link.

Law: a request that cannot be carried out is answered with the reason in a sentence; it never disturbs
what runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kamesh.errors import Ended, Full, KameshError, UnknownBox
from kamesh.link import Requested
from kamesh.nodes.egress import Egress
from kamesh.nodes.refusals import refusal_of
from kamesh.nodes.reports import BoxReport, ComponentReport, LinkageReport, LinkReport, NodeReport
from kamesh.nodes.routes import messages_sent, routes_from
from kamesh.wiring import unlink

if TYPE_CHECKING:
    from kamesh.nodes.node import Node

__all__ = ["Requests"]


class Requests:
    """Answers the requests that come to one node."""

    def __init__(self, node: Node) -> None:
        """Answer for `node`."""
        self._node = node
        self._verbs: Mapping[str, Callable[[str, Any], Any]] = {
            "report": self._report,
            "tap": self._tap,
            "send": self._send,
            "withdraw": self._withdraw,
            "link": self._link,
            "unlink": self._unlink,
            "stop": self._stop,
        }
        self._stopping: asyncio.Task[None] | None = None

    def requested(self, peer: str, event: Requested) -> None:
        """Carry out one request and answer it."""
        node = self._node
        link = node.peers.link_to(peer)
        verb = self._verbs.get(event.verb)
        try:
            if verb is None:
                raise UnknownBox(f"node {node.name} does not know how to {event.verb!r}")
            answer, ok = verb(peer, event.arguments), True
        except (KameshError, TypeError, ValueError, LookupError) as error:
            answer, ok = refusal_of(error), False
        link.reply(event.id, ok, answer, node.peers.now())
        node.peers.touch(link)

    def _report(self, peer: str, arguments: Any) -> NodeReport:
        return report_of(self._node)

    def _tap(self, peer: str, arguments: Any) -> str:
        """Copy what an outbox sends to the asking observer; the policy says what a slow one misses."""
        source, sink, policy = arguments
        self._node.joints.tap(source, peer, sink, policy)
        return str(source)

    def _send(self, peer: str, arguments: Any) -> None:
        box, message = arguments
        inbox = self._node.hosting.inbox(box)
        if inbox.closed:
            raise Ended(f"{self._node.name}/{box}: the component has ended")
        if inbox.bound is not None and len(inbox.queue) >= inbox.bound:
            raise Full(f"{self._node.name}/{box} is full: {inbox.bound} messages wait there")
        inbox.deliver(message)

    def _withdraw(self, peer: str, arguments: Any) -> int:
        """Let an observer feed an inbox no more; the answer is how many of its messages are in."""
        joints = self._node.joints
        return joints.part_with(joints.guest(peer, arguments))

    def _link(self, peer: str, arguments: Any) -> None:
        source, target_node, sink, policy = arguments
        self._node.joints.add(source, target_node, sink, policy)

    def _unlink(self, peer: str, arguments: Any) -> int:
        """Undo the routes from a box to `NODE/COMPONENT.box`; the count is the answer."""
        source, target = arguments
        node = self._node
        outbox = node.hosting.outbox(source)
        count = 0
        for route in list(routes_from(outbox, node.name, _names(node))):
            if route.target == target and route.feed.linkages:
                owner = route.feed.sink.owner
                count += unlink(route.feed.linkages[0])
                if isinstance(owner, Egress):
                    owner.finish()
        return count

    def _stop(self, peer: str, arguments: Any) -> None:
        """End in order; the answer goes out first."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._node.stop())


def _names(node: Node) -> dict[int, str]:
    return {component.id: name for name, component in node.hosting.named()}


def report_of(node: Node) -> NodeReport:
    """Describe a node as it stands."""
    names = _names(node)
    components, linkages = [], []
    for name, component in node.hosting.named():
        figures = component.statistics()
        components.append(
            ComponentReport(
                name, figures.kind, figures.state, figures.turns,
                tuple(
                    BoxReport(b.name, b.level, b.bound, b.arrived, b.taken, b.dropped, b.ended)
                    for b in figures.inboxes
                ),
                tuple((n, messages_sent(box)) for n, box in component._strand.outboxes.items()),
                str(component.failure or ""),
                tuple((word, str(value)) for word, value in figures.details.items()),
            )
        )
        for box_name, outbox in component._strand.outboxes.items():
            linkages += [
                LinkageReport(
                    f"{node.name}/{name}.{box_name}", route.target, route.feed.policy.value,
                    route.feed.sent, route.feed.dropped, route.state, len(route.feed.sink.queue),
                )
                for route in routes_from(outbox, node.name, names)
            ]
    return NodeReport(
        node.name, node.state, os.getpid(), node.endpoint, node.since,
        tuple(components), tuple(_link_reports(node)), tuple(linkages),
        tuple((m.name, m.state.name.lower()) for m in node.standing.membership.members.values()),
    )


def _link_reports(node: Node) -> list[LinkReport]:
    reports = []
    for peer, link in node.peers.links.items():
        figures = link.statistics()
        counts = figures.counters
        reports.append(
            LinkReport(
                peer, figures.state, figures.health, counts.bytes_sent, counts.bytes_received,
                counts.messages_resent, counts.connections,
            )
        )
    return reports
