"""How a link stands, for whoever asks: `Link.statistics()`.

Law: a snapshot; nothing in it changes afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamesh.link.outgoing import Counters
from kamesh.link.receiving import ReceivingStatistics
from kamesh.link.sending import SendingStatistics

__all__ = ["LinkStatistics", "ReceivingStatistics", "SendingStatistics"]


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """How a link stands, and what has happened on it since it was made."""

    peer: str | None
    state: str
    health: str
    score: int  # our own ill health, 0 is best
    counters: Counters
    sending: tuple[SendingStatistics, ...]
    receiving: tuple[ReceivingStatistics, ...]
