"""The figures a node shows about its membership. Law: a frozen value, cheap to make."""

from __future__ import annotations

from dataclasses import dataclass

from kamesh.membership.contacts import Contacts
from kamesh.membership.probing import Probing
from kamesh.membership.rumours import Rumours


@dataclass(frozen=True, slots=True)
class MembershipStatistics:
    """Counts since the beginning; the first group are gauges."""

    live: int
    suspected: int
    known: int
    links: int
    health: int
    news_waiting: int
    dials_waiting: int

    probes: int
    probes_failed: int
    deaths_declared: int
    refutations: int
    sent: int
    received: int
    rejected: int
    news_dropped: int
    refused_full: int
    dials: int
    hints: int
    hints_dropped: int
    seconds_not_run: float


def collect(
    rumours: Rumours,
    contacts: Contacts,
    probing: Probing,
    health: int,
    seconds_not_run: float,
    mail: tuple[int, int, int],
) -> MembershipStatistics:
    """Gather the figures from those that keep them; `mail` is sent, received and rejected."""
    return MembershipStatistics(
        live=rumours.directory.live,
        suspected=len(rumours.suspicions),
        known=len(rumours.directory.members),
        links=len(contacts.links),
        health=health,
        news_waiting=len(rumours.news),
        dials_waiting=contacts.dialer.waiting,
        probes=probing.begun,
        probes_failed=probing.failed,
        deaths_declared=rumours.deaths,
        refutations=rumours.refutations,
        sent=mail[0],
        received=mail[1],
        rejected=mail[2],
        news_dropped=rumours.news.dropped,
        refused_full=rumours.full,
        dials=contacts.dialer.dialed,
        hints=contacts.hints,
        hints_dropped=contacts.dialer.hints_dropped,
        seconds_not_run=seconds_not_run,
    )
