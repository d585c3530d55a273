"""Routes: where the outboxes of a node lead, as people write it.

Law: read off the feeds themselves, so it is true whoever made the linkages and whenever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kamesh.nodes.egress import Egress
from kamesh.outbox import Feed, Outbox
from kamesh.strand import Strand
from kamesh.wiring import Dealer

__all__ = ["Route", "messages_sent", "routes_from"]


@dataclass(frozen=True, slots=True)
class Route:
    """One outbox's way to one box: `NODE/COMPONENT.box`, and the feed that goes there."""

    target: str
    feed: Feed
    state: str


def messages_sent(outbox: Outbox) -> int:
    """Count what an outbox has sent to those it is linked to, however many they are or came to watch."""
    return max((feed.sent for feed in outbox.feeds), default=0)


def routes_from(outbox: Outbox, node: str, names: Mapping[int, str]) -> Iterator[Route]:
    """Give the routes of `outbox`; `names` are the components' names by their ids."""
    for feed in outbox.feeds:
        owner = feed.sink.owner
        if isinstance(owner, Dealer):
            for dealt in owner.outboxes:
                yield from routes_from(dealt, node, names)
        elif isinstance(owner, Egress):
            yield Route(f"{owner.peer}/{owner.sink}", feed, owner.state)
        elif isinstance(owner, Strand):
            name = names.get(owner.component.id, owner.path)
            state = "over" if feed.sink.closed else "open"
            yield Route(f"{node}/{name}.{feed.sink.name}", feed, state)
