"""The wires of the in-memory network: what is under way between two ends, and what holds it up.

Laws: order is kept on each way; what waits behind a cut arrives when it heals, as TCP sends again;
what is taken off a way is always a suffix. All chance is drawn from one seeded generator.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kamesh.transport.interface import TransportLimits

__all__ = ["Clock", "Conditions", "End", "Owner", "Wires"]

RETRY_SECONDS = 0.2
"""After a cut has healed, the next retransmission comes within this time (Linux's least RTO)."""


class Clock(Protocol):
    """What the network needs of time; every asyncio event loop has it."""

    def time(self) -> float:
        """Return the seconds now."""
        ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> object:
        """Call back after `delay` seconds; equal times in the order of calling."""
        ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the way from one transport to another is like.

    Every message takes `delay` seconds and up to `jitter` more, behind the one before it, after
    having left at `bandwidth` bytes a second (None: at once).
    """

    delay: float = 0.0005
    jitter: float = 0.0
    bandwidth: float | None = None


class Owner(Protocol):
    """What an end belongs to."""

    name: str
    limits: TransportLimits

    def take(self, end: End, frames: list[bytes], size: int) -> None:
        """Take a message that has arrived."""
        ...

    def lose(self, end: End, reason: str) -> None:
        """Take the news that the connection is over."""
        ...


class Packet:
    """One message under way, or (without frames) the end of what its sender had to say."""

    __slots__ = ("begins", "due", "frames", "here", "size")

    def __init__(self, frames: list[bytes] | None, size: int, begins: float, due: float) -> None:
        """Put on the way: the first byte arrives at `begins`, the last at `due`."""
        self.frames, self.size, self.begins, self.due = frames, size, begins, due
        self.here = False


class End:
    """One end of a connection, and what is under way towards it.

    `greeted` once its owner has been told of it; `mute` once nothing it sends arrives any more.
    """

    __slots__ = (
        "address", "alive", "dialed", "greeted", "heard", "inbound", "key", "mute", "owner", "peer",
    )  # fmt: skip

    def __init__(self, owner: Owner, address: str, *, dialed: bool, now: float) -> None:
        """Begin alive, without a peer."""
        self.owner, self.address, self.dialed = owner, address, dialed
        self.key: bytes | None = None
        self.alive, self.greeted, self.mute = True, False, False
        self.peer: End | None = None
        self.inbound: deque[Packet] = deque()
        self.heard = now

    @property
    def way_in(self) -> tuple[str, str]:
        """From whom to whom what it hears travels."""
        return (self.peer.owner.name if self.peer is not None else "", self.owner.name)

    def __repr__(self) -> str:
        """Show whose end it is and of what."""
        way = "to" if self.dialed else "from"
        return f"<connection {way} {self.address} at {self.owner.name}>"


class Wires:
    """All ways between the transports of one network."""

    def __init__(self, clock: Clock, seed: int, default: Conditions) -> None:
        """Begin with every way open and alike."""
        self.clock = clock
        self.random = random.Random(seed)
        self.conditions: dict[tuple[str, str], Conditions] = {}
        self.cuts: dict[tuple[str, str], float] = {}
        self._default = default

    def reachable(self, a: str, b: str) -> bool:
        """Say whether TCP gets on between the two: both ways are needed, one acknowledges."""
        return (a, b) not in self.cuts and (b, a) not in self.cuts

    def trip(self, a: str, b: str) -> float:
        """Return how long a small packet takes from `a` to `b` this time."""
        conditions = self.conditions.get((a, b), self._default)
        return conditions.delay + self.random.random() * conditions.jitter

    def carry(self, end: End, frames: list[bytes] | None, size: int) -> None:
        """Put a message on its way towards `end`, behind what is under way already."""
        bandwidth = self.conditions.get(end.way_in, self._default).bandwidth
        last = end.inbound[-1].due if end.inbound else 0.0
        begins = max(self.clock.time() + self.trip(*end.way_in), last)
        due = begins + (size / bandwidth if bandwidth else 0.0)
        packet = Packet(frames, size, begins, due)
        end.inbound.append(packet)
        self.clock.call_later(due - self.clock.time(), self._arrive, end, packet)

    def later(self, delay: float, end: End, reason: str) -> None:
        """Tell an end after `delay` that it is lost."""
        self.clock.call_later(delay, end.owner.lose, end, reason)

    def hold(self, end: End, cut: tuple[str, str]) -> None:
        """Let an end give up after its patience, unless that cut has healed by then."""
        patience = end.owner.limits.unacknowledged * (1 + self.random.random() / 3)
        self.clock.call_later(patience, self._give_up, end, cut, self.cuts[cut])

    def resume(self, end: End) -> None:
        """Let what waited for an end arrive; if the other end has given up, let it know."""
        if end.peer is None or not end.peer.alive:
            self.later(self.random.random(), end, f"{end.address} had given up the connection")
            return
        when = self.clock.time() + self.random.random() * RETRY_SECONDS
        for packet in end.inbound:
            when = max(when, packet.due)
            self.clock.call_later(when - self.clock.time(), self._arrive, end, packet)

    def reset(self, end: End, reason: str) -> None:
        """Break the way towards an end: a prefix of what is under way still arrives."""
        keep = 0 if end.way_in in self.cuts else self.random.randint(0, len(end.inbound))
        while len(end.inbound) > keep:
            end.inbound.pop()
        if end.peer is not None:
            end.peer.mute = True
        rest = max(end.inbound[-1].due - self.clock.time(), 0.0) if end.inbound else 0.0
        self.later(rest + self.random.random() * 2 * self.trip(*end.way_in), end, reason)

    def silence(self, end: End) -> float:
        """Return the seconds since the last byte reached an end; 0 while a message arrives."""
        now = self.clock.time()
        if end.way_in not in self.cuts and any(packet.begins <= now for packet in end.inbound):
            return 0.0
        return now - end.heard

    def _arrive(self, end: End, packet: Packet) -> None:
        packet.here = True
        while end.alive and end.inbound and end.inbound[0].here and end.way_in not in self.cuts:
            first = end.inbound.popleft()
            end.heard = self.clock.time()
            if first.frames is None:
                end.owner.lose(end, f"{end.address} closed the connection")
                continue
            try:
                end.owner.take(end, first.frames, first.size)
            except BaseException:  # the clock reports it; the rest still arrives
                self.clock.call_later(0.0, self._arrive, end, packet)
                raise

    def _give_up(self, end: End, cut: tuple[str, str], since: float) -> None:
        if self.cuts.get(cut) == since:
            seconds = end.owner.limits.unacknowledged
            end.owner.lose(end, f"{end.address} was out of reach for {seconds:g} s")
