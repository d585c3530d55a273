"""Every figure of the membership protocol in one place: what it does and which way to turn it.

Laws: all times are seconds of the node's own monotonic clock; all bounds are hard; a value that
cannot work is refused in a sentence when it is given, not when it bites.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import ceil, log10


@dataclass(frozen=True, slots=True)
class MembershipLimits:
    """The figures of one node. The defaults are those of `lan`; see `local` and `wan`.

    Nodes of one mesh may differ; a node merely judges others by its own figures.
    """

    probe_interval: float = 1.0
    """s between probes of one node, times (local health + 1), and times members / crowd when there
    are more than that. Down: deaths with no broken connection are noticed sooner. Up: less CPU."""
    probe_timeout: float = 0.5
    """s a direct probe may take before others are asked, times (local health + 1). Keep it above
    the 99th percentile of the round trip."""
    indirect_timeout: float = 1.0
    """s the others have, dialing included, times (local health + 1)."""
    indirect_probes: int = 3
    """Nodes asked to probe in our stead (SWIM's k). Up: fewer false suspicions where links are
    lossy one way. 0 asks nobody."""
    crowd: int = 128
    """Members above which probe and gossip intervals grow in proportion, so that the cost of a
    node stays the same. Down on a host that runs all the nodes itself."""

    suspicion_multiplier: float = 4.0
    """A suspect has at least multiplier * max(1, log10(members)) * probe_interval to refute
    (Lifeguard's alpha). Up: fewer false deaths of slow nodes. Down: deaths are known sooner."""
    suspicion_stretch: float = 6.0
    """With no confirmation it has stretch times as long (Lifeguard's beta); each independent
    confirmation shortens that, on a logarithmic curve, to the least."""
    confirmations: int = 3
    """Independent accusers that bring a suspicion down to its least time (Lifeguard's K)."""
    refused_timeout: float = 1.0
    """s a suspect has whose own address refused to be dialed: its host lives, it does not."""

    health_worst: int = 8
    """Local health counts from 0 (well) to worst - 1; timeouts are stretched by it plus one, so by
    at most this (Lifeguard's S). 1 turns the stretching off."""
    late_after: float = 0.25
    """s by which our own tick may come late. Beyond it, the time we did not run is not counted
    against anybody, and our health is counted down. Below 0.1 any collection of garbage counts."""

    gossip_interval: float = 0.2
    """s between rounds of gossip while there is news; the first piece of news waits for none."""
    gossip_fanout: int = 4
    """Links told in one round. Up: news is everywhere sooner, at more messages."""
    retransmit_multiplier: int = 4
    """A piece of news is passed on multiplier * ceil(log10(members + 1)) times by one node, and
    never twice over one link (SWIM's lambda). Below 3 a large mesh may miss some until a sync."""
    queue_records: int = 4096
    """Pieces of news waiting; beyond it the most told goes first."""
    payload_bytes: int = 65536
    """Rough size at which gossip is cut into several messages."""
    piggyback_records: int = 8
    """Pieces of news on a probe or its answer."""
    sync_interval: float = 30.0
    """s between full comparisons of the directory with one linked node, times members / crowd
    when more. It repairs what gossip missed; down only for tests."""

    rings: int = 3
    """Each node keeps links to its successor on so many rings of all members, so has about twice
    as many links, and is probed by as many. 2 still connects; above 4 costs without much gain."""
    patience: float = 1.0
    """s to wait for the other side to make a link that it, rather than we, should make."""
    linger: float = 10.0
    """s before a link nobody wants any longer is given up."""

    dials_per_second: float = 10.0
    """Connections begun a second, in the long run; hints by strangers cannot exceed it."""
    dial_burst: int = 10
    """Connections begun at once."""
    dials_open: int = 32
    """Dials whose outcome is not known yet."""
    dial_timeout: float = 3.0
    """s after which a dial without an outcome counts as failed."""
    redial_first: float = 0.2
    """s before an address that failed is dialed again; doubles with each failure up to
    `redial_most`, with a random quarter either way."""
    redial_most: float = 10.0
    """s, see `redial_first`."""
    hint_spread: float = 0.01
    """s times members: the random time a hint waits, so that of many nodes that heard one
    announcement few dial."""
    reach_interval: float = 20.0
    """s between attempts to reach one of the dead, or a seed not in the mesh: heals partitions."""
    forget_after: float = 600.0
    """s a dead or departed node is remembered (and tried again); must exceed what news takes."""

    members: int = 1024
    """Names in the directory, the dead included; beyond it newcomers are refused and counted."""
    hints: int = 1024
    """Addresses heard of and not dialed yet; beyond it the oldest goes."""
    runs_per_name: int = 4
    """Runs remembered of one name: the holder, one that claims it, and past ones."""
    probes_open: int = 64
    """Probes without an outcome, those for others included."""

    def __post_init__(self) -> None:
        """Refuse figures that cannot work, by name."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in ("indirect_probes", "confirmations", "hint_spread") else 1e-6
            if not isinstance(value, int | float) or not least <= value < 1e9:
                raise ValueError(f"MembershipLimits.{field.name} cannot be {value!r}")
        if self.suspicion_stretch < 1:
            raise ValueError("MembershipLimits.suspicion_stretch is at least 1")

    @classmethod
    def local(cls) -> MembershipLimits:
        """Return figures for nodes of one host: quick, since the round trip is; CPU is shared."""
        return cls(
            probe_interval=0.5,
            probe_timeout=0.4,
            indirect_timeout=0.6,
            suspicion_multiplier=6.0,
            refused_timeout=0.3,
            gossip_interval=0.05,
            crowd=64,
            patience=0.5,
            dial_timeout=2.0,
            redial_first=0.1,
            redial_most=5.0,
            reach_interval=10.0,
        )

    @classmethod
    def lan(cls) -> MembershipLimits:
        """Return figures for one network: the defaults."""
        return cls()

    @classmethod
    def wan(cls) -> MembershipLimits:
        """Return figures for networks joined over the internet: patient."""
        return cls(
            probe_interval=3.0,
            probe_timeout=2.0,
            indirect_timeout=4.0,
            suspicion_multiplier=6.0,
            refused_timeout=3.0,
            gossip_interval=0.5,
            sync_interval=60.0,
            patience=4.0,
            linger=30.0,
            dial_timeout=10.0,
            redial_first=1.0,
            redial_most=60.0,
            reach_interval=60.0,
            late_after=0.5,
        )

    def crowding(self, members: int) -> float:
        """By how much intervals grow in a mesh of so many: 1 up to `crowd`, then in proportion."""
        return max(1.0, members / self.crowd)

    def retransmits(self, members: int) -> int:
        """How often one node passes on one piece of news."""
        return self.retransmit_multiplier * max(1, ceil(log10(members + 1)))

    def least_suspicion(self, members: int) -> float:
        """Seconds a confirmed suspect has to refute."""
        scale = max(1.0, log10(max(1, members)))
        return self.suspicion_multiplier * scale * self.probe_interval
