"""The figures a node shows about its membership. Law: a frozen value, cheap to make."""

from __future__ import annotations

from dataclasses import dataclass


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
