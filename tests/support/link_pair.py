"""Two links over a fake wire, for tests of the protocol and of whatever stands on it.

Laws: nothing is random and nothing waits; time is a number that the test moves; what one side sends
arrives at the other whole and in order, or, when the test cuts the wire, not at all from there on.

    pair = ConnectionPair()
    pair.connect()
    number = pair.a.open("X.outbox", "Y.inbox", now=pair.now)
    pair.settle()                                        # until neither has anything to say
    assert pair.said("a", events.Opened)

(The idea is h11's `ConnectionPair`; `split` feeds one record at a time, as h11 feeds one byte.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import msgpack  # type: ignore[import-untyped]

from kamesh.link import events
from kamesh.link.batching import Codec
from kamesh.link.fields import Buffer, nbytes
from kamesh.link.framing import pack, unpack
from kamesh.link.limits import LinkLimits
from kamesh.link.link import Link

__all__ = ["ConnectionPair", "PlainCodec", "PlainEncoded"]

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class PlainEncoded:
    """What `PlainCodec` makes."""

    payload: bytes
    buffers: tuple[Buffer, ...]
    size: int


class PlainCodec:
    """Lists of what MessagePack knows; bytes of `large` and more travel as buffers."""

    def __init__(self, large: int = 1 << 60) -> None:
        self.large = large

    def encode(self, messages: Sequence[object], /) -> PlainEncoded:
        """Encode, or raise TypeError."""
        buffers: list[Buffer] = []
        items: list[object] = []
        for message in messages:
            if isinstance(message, bytes) and len(message) >= self.large:
                items.append(msgpack.ExtType(1, b""))
                buffers.append(message)
            else:
                items.append(message)
        payload: bytes = msgpack.packb(items)
        return PlainEncoded(payload, tuple(buffers), len(payload) + sum(map(nbytes, buffers)))

    def decode(self, payload: Buffer, buffers: Sequence[Buffer], /) -> list[object]:
        """Decode, or raise whatever msgpack raises."""
        items = msgpack.unpackb(payload)
        if not isinstance(items, list):
            raise ValueError("not a list of messages")
        if buffers:
            rest = iter(buffers)
            return [
                bytes(next(rest)) if isinstance(item, msgpack.ExtType) else item for item in items
            ]
        return items


class ConnectionPair:
    """Links `a` (which dials) and `b`. Offers are accepted unless `accepts` is False."""

    def __init__(
        self, *, limits: LinkLimits | None = None, codec: Codec | None = None, split: bool = False
    ) -> None:
        self.limits = limits or LinkLimits()
        self.codec: Codec = codec or PlainCodec()
        self.split = split
        self.accepts = True
        self.now = 0.0
        self.log: list[tuple[str, events.Event]] = []
        self._wire: dict[str, deque[list[Buffer]]] = {"a": deque(), "b": deque()}  # towards
        self._made = 0
        self.a = self._link("a", "b")
        self.b = self._link("b", "a")

    def _link(self, node: str, peer: str) -> Link:
        self._made += 1
        return Link(
            node=node,
            peer=peer,
            incarnation=self._made.to_bytes(16, "big"),
            mesh="mesh",
            codec=self.codec,
            limits=self.limits,
        )

    def _of(self, name: str) -> Link:
        return self.a if name == "a" else self.b

    # --- the connection ---

    def connect(self) -> None:
        """Connect, greet, and say all there is to say."""
        self.a.connected(self.now, dialed=True)
        self.b.connected(self.now, dialed=False)
        self.settle()

    def cut(self, *, keep: int = 0) -> None:
        """Lose the connection and all that is on the wire but the first `keep` each way."""
        self.flush()
        for name in "ab":
            self.deliver(name, keep)
            self._wire[name].clear()
        for name in "ab":
            self._of(name).disconnected(self.now)
            self._of(name).take_frames()
            self.note(name)

    def restart(self, name: str) -> Link:
        """Kill one side with -9 and start it again; the connection is lost with it."""
        for wire in self._wire.values():
            wire.clear()
        fresh = self._link(name, "b" if name == "a" else "a")
        if name == "a":
            self.a = fresh
            self.b.disconnected(self.now)
        else:
            self.b = fresh
            self.a.disconnected(self.now)
        self.note("b" if name == "a" else "a")
        return fresh

    # --- the wire ---

    def flush(self) -> int:
        """Put on the wire what both have to say; return how many messages that were."""
        count = 0
        for name, other in (("a", "b"), ("b", "a")):
            for frames in self._of(name).take_frames():
                messages = [frames]
                if self.split:
                    messages = [
                        message
                        for record in unpack(frames, self.limits)
                        for message in pack([record], self.limits)
                    ]
                self._wire[other].extend(messages)
                count += len(messages)
        return count

    def deliver(self, name: str, most: int = 1) -> int:
        """Deliver up to `most` of the messages on the way to one side."""
        count = 0
        while self._wire[name] and count < most:
            self._of(name).received(self._wire[name].popleft(), self.now)
            self.note(name)
            count += 1
        return count

    def settle(self) -> None:
        """Deliver until nothing moves."""
        for _ in range(100_000):
            moved = self.flush()
            for name in "ab":
                moved += self.deliver(name, 1)
                self.note(name)
            if not moved:
                return
        raise AssertionError("the two never stop talking")

    def inject(self, name: str, frames: list[Buffer]) -> None:
        """Let one side receive what the other never said."""
        self._of(name).received(frames, self.now)
        self.note(name)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with every deadline kept and every message delivered."""
        until = self.now + seconds
        while True:
            due = [d for d in (self.a.next_deadline(), self.b.next_deadline()) if d is not None]
            following = min([until, *due])
            self.now = max(self.now, following)
            self.a.tick(self.now)
            self.b.tick(self.now)
            self.settle()
            if following >= until:
                return

    # --- events ---

    def note(self, name: str) -> None:
        """Write down what one side tells, and accept what it is offered."""
        for event in self._of(name).take_events():
            self.log.append((name, event))
            if isinstance(event, events.Offered) and self.accepts:
                self._of(name).accept(event.number, now=self.now)

    def said(self, name: str, kind: type[E]) -> list[E]:
        """Return the events of one kind that one side told, in order."""
        return [
            cast(E, event) for who, event in self.log if who == name and isinstance(event, kind)
        ]

    def messages(self, name: str, number: int) -> list[object]:
        """Return every message delivered to one side on one linkage."""
        return [
            message
            for event in self.said(name, events.Delivered)
            if event.number == number
            for message in event.messages
        ]

    def consume(self, name: str, number: int) -> None:
        """Say that all that was delivered to one side on one linkage has been consumed."""
        delivered = [event for event in self.said(name, events.Delivered) if event.number == number]
        if delivered:
            last = delivered[-1]
            self._of(name).consumed(number, last.first_seq + len(last.messages) - 1, self.now)
