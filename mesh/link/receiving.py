"""One linkage that we receive on: what is expected next, what has been consumed.

Laws: messages are handed on in order, each once in our lifetime, and those that an earlier
incarnation of ours may have had are marked; nothing is acknowledged before it was consumed; what a
peer sends beyond the window, out of order or after the end is its fault, not ours to sort out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from kamesh.link.batching import Codec
from kamesh.link.errors import LocalProtocolError, RemoteProtocolError
from kamesh.link.events import Delivered
from kamesh.link.fields import LARGEST
from kamesh.link.limits import LinkLimits
from kamesh.link.outgoing import Counters
from kamesh.link.records import Ack, Data, Fin, Open, Opened
from kamesh.link.states import RECEIVING, Call, Fact, Heard, ReceivingState, Signal, step

__all__ = ["Poisoned", "Receiving", "ReceivingStatistics"]


class Poisoned(RemoteProtocolError):
    """The same batch has come undecodable too often: end the linkage, not the connection."""


@dataclass(frozen=True, slots=True)
class ReceivingStatistics:
    """How a linkage that we receive on stands. All counts are of messages."""

    number: int
    source: str
    sink: str
    state: str
    received: int
    consumed: int
    acknowledged: int
    window_messages: int
    window_bytes: int


class Receiving:
    """See the module. `named` and `opened` are of this connection; all else outlives it."""

    __slots__ = (
        "_codec",
        "_counters",
        "_held",
        "_held_bytes",
        "_limits",
        "_poison",
        "_seen_upto",
        "_unacked_bytes",
        "_window_bytes",
        "_window_messages",
        "acked",
        "consumed",
        "expected",
        "last",
        "named",
        "number",
        "opened",
        "policy",
        "reason",
        "session",
        "sink",
        "source",
        "state",
    )

    def __init__(self, offer: Open, codec: Codec, limits: LinkLimits, counters: Counters) -> None:
        self.number = offer.number
        self.source = offer.source
        self.sink = offer.sink
        self.policy = offer.policy
        self.session = offer.session
        self.state = ReceivingState.OFFERED
        self.named = True  # by OPEN, on this connection
        self.opened = False  # we answered OPENED on this connection
        self.reason = ""  # why it was stopped
        self.expected = offer.base_seq
        self.consumed = self.acked = offer.base_seq - 1
        self.last: int | None = None  # what FIN said
        self._seen_upto = offer.sent_upto  # an earlier incarnation of ours may have seen these
        self._held: deque[tuple[int, int]] = deque()  # (last, bytes) of batches not consumed
        self._held_bytes = 0  # not acknowledged, consumed or not
        self._unacked_bytes = 0  # of these, consumed
        self._window_messages = 0
        self._window_bytes = 0
        self._poison = (0, 0)  # the message expected when decoding failed, and how often
        self._codec = codec
        self._limits = limits
        self._counters = counters

    def __str__(self) -> str:
        return f"linkage {self.number} ({self.source} to {self.sink})"

    def move(self, signal: Signal) -> ReceivingState:
        """Take one step of the table; return the new state."""
        self.state = step(RECEIVING, self.state, signal, self)
        return self.state

    # --- OPEN and its answer ---

    def offered_again(self, offer: Open) -> None:
        """Note that the sender names this linkage on a new connection."""
        if self.named:
            raise RemoteProtocolError(f"OPEN came twice for {self} on one connection")
        if offer.session != self.session:
            raise RemoteProtocolError(f"OPEN uses the number of {self} for something else")
        if self.state is ReceivingState.OFFERED:
            self.expected = offer.base_seq
            self.consumed = self.acked = offer.base_seq - 1
            self._seen_upto = offer.sent_upto
        elif self.state is not ReceivingState.STOPPED and offer.base_seq > self.acked + 1:
            raise RemoteProtocolError(
                f"OPEN of {self} begins at message {offer.base_seq}, and "
                f"only {self.acked} have been acknowledged"
            )
        self.move(Heard.OPEN)
        self.named = True

    def accept(self, window_messages: int, window_bytes: int) -> bool:
        """Take it, with this window; return whether that was news."""
        news = self.state is ReceivingState.OFFERED
        self.move(Call.ACCEPT)
        if news:
            self._window_messages = window_messages
            self._window_bytes = window_bytes
        return news

    def answer(self) -> Opened:
        """Say where we stand."""
        self.opened = True
        return Opened(self.number, self.expected, self._window_messages, self._window_bytes)

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.named = self.opened = False

    # --- data ---

    def data(self, record: Data) -> Delivered | None:
        """Return what is new in a batch, or None if nothing is."""
        if self.move(Heard.DATA) is ReceivingState.STOPPED:
            return None
        first, count = record.first_seq, record.count
        last = first + count - 1
        expected, counters = self.expected, self._counters
        if not self.opened:
            raise RemoteProtocolError(f"DATA for {self} before it was opened")
        if first > expected:
            raise RemoteProtocolError(
                f"DATA for {self} begins at message {first}, and {expected} should have come first"
            )
        if last > LARGEST:
            raise RemoteProtocolError(f"DATA for {self} goes beyond the last number")
        if last < expected:
            counters.duplicates_dropped += count
            return None
        size = record.size
        if last - self.acked > self._window_messages or (
            self._held_bytes + size > self._window_bytes and (count > 1 or self._held_bytes)
        ):
            raise RemoteProtocolError(
                f"DATA for {self} exceeds the window of "
                f"{self._window_messages} messages, {self._window_bytes:,} "
                "bytes"
            )
        messages = self._decode(record, count)
        if first < expected:
            counters.duplicates_dropped += expected - first
            del messages[: expected - first]
        self.expected = last + 1
        self._held.append((last, size))
        self._held_bytes += size
        counters.batches_received += 1
        counters.messages_received += len(messages)
        counters.bytes_received += size
        again = min(self._seen_upto, last) - expected + 1 if self._seen_upto >= expected else 0
        counters.maybe_duplicates += again
        return Delivered(self.number, expected, messages, again)

    def _decode(self, record: Data | Fin, count: int) -> list[object]:
        """Decode, or say whose fault it is."""
        try:
            messages = self._codec.decode(record.payload, record.buffers)
        except Exception as error:  # the codec's word for it, or whatever a codec's fault is
            raise self._undecodable(f"{type(error).__name__}: {error}") from error
        if len(messages) != count:
            raise self._undecodable(f"{len(messages)} messages where {count} were announced")
        return messages

    def _undecodable(self, what: str) -> RemoteProtocolError:
        """Count a failure; after too many of the same batch it is the linkage that must end."""
        seq, times = self._poison
        times = times + 1 if seq == self.expected else 1
        self._poison = (self.expected, times)
        self._counters.undecodable += 1
        text = f"{self} cannot be decoded from message {self.expected} on ({what})"
        if times >= self._limits.poison_attempts:
            return Poisoned(text)
        return RemoteProtocolError(text)

    def fin(self, record: Fin) -> tuple[bool, object]:
        """Note the end; return whether it is news, and the failure if there was one."""
        before = self.state
        if before is not ReceivingState.STOPPED:
            if not self.opened:
                raise RemoteProtocolError(f"FIN for {self} before it was opened")
            if record.last != self.expected - 1:
                raise RemoteProtocolError(
                    f"FIN for {self} after message {record.last}, and {self.expected - 1} have come"
                )
        failure: object = None
        if before is ReceivingState.OPEN and record.failed:
            failure = self._decode(record, 1)[0]
        self.move(Heard.FIN)
        if before is not ReceivingState.OPEN:
            return False, None
        self.last = record.last
        return True, failure

    # --- consumption ---

    def consume(self, upto: int) -> bool:
        """Note that all up to `upto` is consumed; return whether an ACK is due at once."""
        self.move(Call.CONSUME)
        if self.state in (ReceivingState.OFFERED, ReceivingState.STOPPED):
            return False
        if upto >= self.expected:
            raise LocalProtocolError(
                f"message {upto} of {self} cannot have been consumed: "
                f"{self.expected - 1} have been delivered"
            )
        if upto <= self.consumed:
            return False
        self.consumed = upto
        held = self._held
        while held and held[0][0] <= upto:
            self._unacked_bytes += held.popleft()[1]
        part = self._limits.ack_fraction
        return (
            upto - self.acked
        ) * part >= self._window_messages or self._unacked_bytes * part >= self._window_bytes

    def done(self) -> bool:
        """Return whether all there will ever be has been consumed, and note it."""
        if self.state is ReceivingState.ENDED and self.consumed == self.last:
            self.move(Fact.ALL_CONSUMED)
        return self.state is ReceivingState.DONE

    def acknowledge(self) -> Ack:
        """Say what has been consumed."""
        self.acked = self.consumed
        self._held_bytes -= self._unacked_bytes
        self._unacked_bytes = 0
        return Ack(self.number, self.acked, self._window_messages, self._window_bytes)

    def stop(self, signal: Call, reason: str) -> ReceivingState:
        """Want no more of it; remember why."""
        state = self.move(signal)
        if state is ReceivingState.STOPPED:
            self.reason = self.reason or reason
            self._held.clear()
            self._held_bytes = self._unacked_bytes = 0
        return state

    def statistics(self) -> ReceivingStatistics:
        """Return how this linkage stands."""
        return ReceivingStatistics(
            self.number,
            self.source,
            self.sink,
            self.state.name.lower(),
            self.expected - 1,
            self.consumed,
            self.acked,
            self._window_messages,
            self._window_bytes,
        )
