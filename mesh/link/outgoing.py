"""What the parts of a link have to say: records for the peer, events for the caller, and counts.

Laws: the three are only ever appended to by the parts and only ever emptied by the link; a count
never goes down.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from kamesh.link.events import Event
from kamesh.link.records import Record

__all__ = ["Counters", "Outgoing"]


@dataclass(slots=True)
class Counters:
    """What has happened on a link since it was made."""

    connections: int = 0
    restarts: int = 0  # of the peer
    violations: int = 0  # of the protocol, by the peer
    stale: int = 0  # transport messages that came when nobody was listening to them
    messages_sent: int = 0
    bytes_sent: int = 0
    messages_resent: int = 0
    batches_sent: int = 0
    messages_received: int = 0
    bytes_received: int = 0
    batches_received: int = 0
    duplicates_dropped: int = 0
    maybe_duplicates: int = 0
    undecodable: int = 0
    undelivered: int = 0  # given up for good
    offers_refused: int = 0  # because there were too many linkages
    requests_lost: int = 0
    gossip_dropped: int = 0


@dataclass(slots=True)
class Outgoing:
    """Shared by a link and its parts."""

    records: deque[Record] = field(default_factory=deque)
    events: list[Event] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
