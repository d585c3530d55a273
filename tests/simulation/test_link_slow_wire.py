"""Links over wires with a bandwidth and a delay, in virtual time: full, and never thought dead."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest
from link_pair import PlainCodec

from kamesh.link import Link, LinkLimits, events
from kamesh.link.fields import Buffer

MBIT = 1_000_000 / 8  # bytes a second


class SlowWire:
    """Two links; each direction carries one message after the other, then delays it."""

    def __init__(self, bandwidth: float, delay: float, jitter: float, limits: LinkLimits) -> None:
        self.random = Random(11)
        self.bandwidth = bandwidth
        self.delay = delay
        self.jitter = jitter
        self.now = 0.0
        self.links = {
            name: Link(
                node=name, peer=peer, incarnation=name.encode() * 16, mesh="m",
                codec=PlainCodec(), limits=limits,
            )
            for name, peer in ("ab", "ba")
        }  # fmt: skip
        self.free_at = dict.fromkeys("ab", 0.0)  # when the wire away from this side is free
        self.towards: dict[str, deque[tuple[float, list[Buffer]]]] = {n: deque() for n in "ab"}
        self.told: list[events.Event] = []
        self.consumed_bytes = 0
        self.small_sent_at: dict[int, float] = {}
        self.small_delays: list[float] = []
        for name, link in self.links.items():
            link.connected(0.0, dialed=name == "a")
        self.bulk = self.links["a"].open("BULK", "sink", now=0.0)
        self.small = self.links["a"].open("SMALL", "sink", now=0.0)
        self.size = 0

    def pump(self, name: str) -> None:
        """Put on the wire what a link says; consume at once whatever is delivered."""
        link, other = self.links[name], "b" if name == "a" else "a"
        for event in link.take_events():
            self.told.append(event)
            if isinstance(event, events.Offered):
                link.accept(event.number, now=self.now)
            elif isinstance(event, events.Delivered):
                last = event.first_seq + len(event.messages) - 1
                link.consumed(event.number, last, self.now)
                if event.number == self.bulk:
                    self.consumed_bytes += self.size * len(event.messages)
                else:
                    for seq in range(event.first_seq, last + 1):
                        self.small_delays.append(self.now - self.small_sent_at.pop(seq))
        for frames in link.take_frames():
            begin = max(self.now, self.free_at[name])
            self.free_at[name] = begin + sum(map(len, frames)) / self.bandwidth
            arrival = self.free_at[name] + self.delay + self.random.uniform(0, self.jitter)
            queue = self.towards[other]
            queue.append((max(arrival, queue[-1][0] if queue else 0.0), frames))

    def run(self, seconds: float, size: int) -> None:
        """Send bulk messages whenever there is room, and a small one ten times a second."""
        self.size = size
        sent, next_small = 0, 0.0
        sender = self.links["a"]
        while self.now < seconds:
            while room := min(sender.room(self.bulk), 64):
                sender.send(self.bulk, ["x" * (size - 3)] * room, self.now)
            if self.now >= next_small:
                next_small += 0.1
                if sender.room(self.small):
                    sent += 1
                    self.small_sent_at[sent] = self.now
                    sender.send(self.small, [sent], self.now)
            for name in "ab":
                self.pump(name)
            due = [d for link in self.links.values() if (d := link.next_deadline()) is not None]
            due += [queue[0][0] for queue in self.towards.values() if queue]
            self.now = max(self.now, min([*due, next_small]))
            for name in "ab":
                while self.towards[name] and self.towards[name][0][0] <= self.now:
                    self.links[name].received(self.towards[name].popleft()[1], self.now)
                    self.pump(name)
                self.links[name].tick(self.now)
                self.pump(name)


@pytest.mark.parametrize(
    ("bandwidth", "delay", "jitter", "size", "seconds", "limits", "share"),
    [
        (1 * MBIT, 0.15, 0.1, 1_000, 60.0, LinkLimits(), 0.7),
        (1 * MBIT, 0.15, 0.1, 60_000, 60.0, LinkLimits(), 0.7),
        (1 * MBIT, 0.15, 0.1, 1_000, 60.0, LinkLimits.wan(), 0.7),
        (10 * MBIT, 0.02, 0.0, 10_000, 20.0, LinkLimits(), 0.85),
        (100 * MBIT, 0.1, 0.01, 50_000, 10.0, LinkLimits(), 0.7),
        (1000 * MBIT, 0.001, 0.0, 50_000, 2.0, LinkLimits(), 0.85),
    ],
    ids=["1 Mbit/s", "1 Mbit/s, large", "1 Mbit/s, wan", "10 Mbit/s", "100 Mbit/s far", "1 Gbit/s"],
)
def test_a_full_wire_is_used_and_nobody_is_thought_dead(
    bandwidth: float, delay: float, jitter: float, size: int, seconds: float, limits: LinkLimits,
    share: float,
) -> None:  # fmt: skip
    """Most of what the wire can carry, no death, and small messages that do not wait for ever."""
    wire = SlowWire(bandwidth, delay, jitter, limits)
    wire.run(seconds, size)
    assert not any(isinstance(e, events.Dead | events.CloseConnection) for e in wire.told)
    window = 8_388_608 / (2 * delay + jitter)
    assert wire.consumed_bytes / seconds >= share * min(bandwidth, window)
    patient = sorted(wire.small_delays)
    assert len(patient) > 15
    assert patient[len(patient) * 9 // 10] < limits.suspect_seconds


def test_without_pacing_a_slow_wire_would_have_looked_dead() -> None:
    """The test above can fail: a budget that never binds fills the wire for longer than 5 s."""
    wire = SlowWire(1 * MBIT, 0.15, 0.1, LinkLimits(pace_bytes=1 << 29))
    wire.run(20.0, 1_000)
    assert any(isinstance(e, events.Dead) for e in wire.told)
