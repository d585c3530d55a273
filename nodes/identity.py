"""Who a node is, and what it hears of its peers.

Law: an incarnation is one run of a node; a name is kept over many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kamesh.link import Established, Event

__all__ = ["Identity", "PeerListener"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is: its name, the run it is, and the mesh it belongs to."""

    name: str
    incarnation: bytes
    mesh: str
    capabilities: Mapping[str, object] = field(default_factory=dict)


class PeerListener(Protocol):
    """What a node hears of its peers."""

    def refusal(self, name: str, incarnation: bytes) -> str | None:
        """Say why a peer that has just greeted is not taken, or None."""

    def namesake(self, incarnation: bytes, capabilities: Mapping[str, object]) -> None:
        """Hear from a run that has the name of this one; it may be this one."""

    def peer_up(self, name: str, event: Established, address: str | None) -> None:
        """Hear that a link is established; `address` if this side dialed it."""

    def peer_down(self, name: str, reason: str) -> None:
        """Hear that the connection of a link is gone."""

    def refused(self, address: str, reason: str) -> None:
        """Hear that somebody would not talk to this node, or this node not to them."""

    def dial_failed(self, address: str, reason: str) -> None:
        """Hear that nobody fit to talk to was found at an address."""

    def link_event(self, name: str, event: Event) -> None:
        """Hear anything else that a link has to say."""
