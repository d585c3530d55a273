"""One linkage that we send on: a window, and what is kept until it has been acknowledged.

Laws: numbers of messages begin at 1, rise by one and are never used for anything else; a batch is
kept from `send` until all of it is acknowledged, through any number of connections; what is on the
wire and not acknowledged never exceeds the window the peer gave last, but for one single message
that is larger than the window itself and goes alone.

    queue (encoded, to be sent) --take--> kept (sent, not acknowledged) --acknowledge--> gone
          ^-------------------------opened (after a reconnect)--'
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from kamesh.link.batching import Batch, Batcher, Codec, EncodedLike
from kamesh.link.errors import LocalProtocolError, RemoteProtocolError
from kamesh.link.fields import LARGEST
from kamesh.link.limits import LinkLimits
from kamesh.link.outgoing import Counters
from kamesh.link.records import Ack, Data, Fin, Loaded, Open, Opened
from kamesh.link.states import (
    SENDING,
    STREAM,
    Call,
    Fact,
    Heard,
    SendingState,
    StreamState,
    step,
)

__all__ = ["Sending", "SendingStatistics"]


@dataclass(frozen=True, slots=True)
class SendingStatistics:
    """How a linkage that we send on stands. `sent` and the rest count messages, unless they say."""

    number: int
    source: str
    sink: str
    state: str
    finishing: bool
    accepted: int  # by `send`, in all
    sent: int  # at least once
    acknowledged: int
    held_bytes: int  # not acknowledged
    window_messages: int
    window_bytes: int


class Sending:
    """See the module. What is raised says whose fault it is."""

    __slots__ = (
        "_batcher",
        "_counters",
        "_failure",
        "_fin_said",
        "_held_bytes",
        "_kept",
        "_queue",
        "_sent_here",
        "_transit_bytes",
        "_window_bytes",
        "acked",
        "blocked",
        "given",
        "known",
        "number",
        "policy",
        "sent",
        "session",
        "sink",
        "source",
        "state",
        "stream",
        "was_open",
        "window_messages",
    )

    def __init__(
        self,
        number: int,
        source: str,
        sink: str,
        policy: str,
        session: bytes,
        codec: Codec,
        limits: LinkLimits,
        counters: Counters,
    ) -> None:
        self.number = number
        self.source = source
        self.sink = sink
        self.policy = policy
        self.session = session
        self.state = SendingState.WAITING
        self.stream = StreamState.STREAMING
        self.known = False  # the peer has been told of this linkage, on whatever connection
        self.was_open = False
        self.blocked = False  # our caller was told that there is no room
        self.acked = 0  # highest message acknowledged
        self.given = 0  # highest message that our caller gave us
        self.sent = 0  # highest message that ever was on a wire
        self._sent_here = 0  # highest message that the peer can know of on this connection
        self._queue: deque[Batch] = deque()
        self._kept: deque[Batch] = deque()
        self._transit_bytes = 0  # in _kept
        self._held_bytes = 0  # in _kept and _queue
        self.window_messages = 0
        self._window_bytes = 0
        self._failure: EncodedLike | None = None
        self._fin_said = False  # on this connection
        self._batcher = Batcher(codec, limits)
        self._counters = counters

    def __str__(self) -> str:
        return f"linkage {self.number} ({self.source} to {self.sink})"

    # --- our caller ---

    def room(self) -> int:
        """Return how many messages may be given now; remember that there was none."""
        room = 0
        if self.state is SendingState.OPEN and self.stream is StreamState.STREAMING:
            room = self.window_messages - (self.given - self.acked)
            if room > 0:
                fit = int((self._window_bytes - self._held_bytes) / self._batcher.mean)
                if fit < room:
                    room = fit if fit > 0 else int(not self._held_bytes and self._window_bytes > 0)
            else:
                room = 0
        self.blocked = not room
        return room

    def send(self, messages: Sequence[object], most_bytes: int) -> None:
        """Encode, in batches of at most `most_bytes`, and queue. Nothing changed if this raises."""
        if self.state is not SendingState.OPEN or self.stream is not StreamState.STREAMING:
            step(STREAM, self.stream, Call.SEND, self)
            step(SENDING, self.state, Call.SEND, self)
        count = len(messages)
        room = self.window_messages - (self.given - self.acked)
        if count > room:
            raise LocalProtocolError(
                f"{count} messages were given to {self}, which has room for "
                f"{max(0, room)}: ask room() first"
            )
        if self.given + count > LARGEST:
            raise LocalProtocolError(f"{self} has used up its numbers: open another one")
        most_bytes = min(most_bytes, self._window_bytes)
        batches = self._batcher.encode(messages, self.given + 1, most_bytes)
        self.given += count
        self._queue.extend(batches)
        for batch in batches:
            self._held_bytes += batch.size

    def finish(self, failure: EncodedLike | None) -> None:
        """Let FIN follow the last message."""
        state = step(SENDING, self.state, Call.FINISH, self)
        self.stream = step(STREAM, self.stream, Call.FINISH, self)
        self.state = state
        self._failure = failure

    @property
    def has_some(self) -> bool:
        """Whether anything waits for the wire, be there a window for it or not."""
        return bool(self._queue) or (self.stream is StreamState.FINISHING and not self._fin_said)

    @property
    def undelivered(self) -> int:
        """How many messages our caller gave us that are not acknowledged."""
        return self.given - self.acked

    # --- the connection ---

    def offer(self) -> Open:
        """Name this linkage on a connection that has just been greeted."""
        self.state = step(SENDING, self.state, Fact.ESTABLISHED, self)
        self.known = True
        return Open(
            self.number,
            self.source,
            self.sink,
            self.session,
            self.acked + 1,
            self.policy,
            self.sent,
        )

    def lost(self) -> None:
        """Note that the connection is gone; all that is held is kept."""
        self.state = step(SENDING, self.state, Fact.LOST, self)
        self._fin_said = False

    def over(self, signal: Call | Heard) -> None:
        """End this linkage by reset or stop; what is held is let go."""
        self.state = step(SENDING, self.state, signal, self)
        self._queue.clear()
        self._kept.clear()
        self._transit_bytes = self._held_bytes = 0

    # --- the peer ---

    def opened(self, record: Opened) -> None:
        """Go on from where the peer stands: what it has not received goes to the queue again."""
        state = step(SENDING, self.state, Heard.OPENED, self)
        if not self.acked < record.expected <= self.sent + 1:
            raise RemoteProtocolError(
                f"OPENED expects message {record.expected} of {self}, of which {self.acked} are "
                f"acknowledged and {self.sent} were sent"
            )
        self.state = state
        self.was_open = True
        self.window_messages = record.window_messages
        self._window_bytes = record.window_bytes
        self._sent_here = record.expected - 1
        kept, queue = self._kept, self._queue
        while kept and kept[-1].last >= record.expected:
            batch = kept.pop()
            self._transit_bytes -= batch.size
            queue.appendleft(batch)

    def acknowledge(self, record: Ack) -> None:
        """Let go of what has been consumed. An acknowledgement that goes backwards is ignored."""
        step(SENDING, self.state, Heard.ACK, self)
        if record.upto > self._sent_here:
            raise RemoteProtocolError(
                f"ACK up to message {record.upto} of {self}, of which only "
                f"{self._sent_here} have been sent"
            )
        if record.upto < self.acked:
            return
        self.window_messages = record.window_messages
        self._window_bytes = record.window_bytes
        self._acknowledged(record.upto)

    def finish_acknowledged(self) -> None:
        """Note that the peer has consumed all there was."""
        state = step(SENDING, self.state, Heard.FINACK, self)
        stream = step(STREAM, self.stream, Heard.FINACK, self)
        if not self._fin_said:
            raise RemoteProtocolError(f"FINACK for {self} before its FIN was sent")
        self.state, self.stream = state, stream
        self._acknowledged(self.given)

    def _acknowledged(self, upto: int) -> None:
        self.acked = upto
        kept = self._kept
        while kept and kept[0].last <= upto:
            size = kept.popleft().size
            self._transit_bytes -= size
            self._held_bytes -= size

    # --- the wire ---

    def take(self, allowance: int) -> tuple[list[Loaded], bool]:
        """Return what may go on the wire, about `allowance` bytes, and whether there is more."""
        records: list[Loaded] = []
        if self.state is not SendingState.OPEN:
            return records, False
        queue, counters = self._queue, self._counters
        while queue:
            if allowance <= 0:
                return records, True
            batch = queue[0]
            if not self._fits(batch):
                if self._kept or not self._splits(batch):
                    return records, False
                continue
            del queue[0]
            self._kept.append(batch)
            self._transit_bytes += batch.size
            allowance -= batch.size
            count, encoded = batch.last - batch.first + 1, batch.encoded
            records.append(
                Data(self.number, batch.first, count, encoded.payload, tuple(encoded.buffers))
            )
            counters.batches_sent += 1
            counters.messages_sent += count
            counters.bytes_sent += batch.size
            if batch.first <= self.sent:
                counters.messages_resent += min(batch.last, self.sent) - batch.first + 1
            self._sent_here = batch.last
            self.sent = max(self.sent, batch.last)
        if self.stream is StreamState.FINISHING and not self._fin_said:
            self._fin_said = True
            failure = self._failure
            records.append(
                Fin(self.number, self.given, False, b"")
                if failure is None
                else Fin(self.number, self.given, True, failure.payload, tuple(failure.buffers))
            )
        return records, False

    def _fits(self, batch: Batch) -> bool:
        """Return whether a batch may go now."""
        if batch.last - self.acked > self.window_messages:
            return False
        if self._transit_bytes + batch.size <= self._window_bytes:
            return True
        return not self._kept and batch.first == batch.last and self._window_bytes > 0

    def _splits(self, batch: Batch) -> bool:
        """Cut a batch that does not fit while nothing is in flight; return whether it can be."""
        if not (self.window_messages and self._window_bytes) or batch.first == batch.last:
            return False
        pieces = self._batcher.split(batch, self.acked, self.window_messages, self._window_bytes)
        del self._queue[0]
        self._queue.extendleft(reversed(pieces))
        self._held_bytes += sum(piece.size for piece in pieces) - batch.size
        return True

    def statistics(self) -> SendingStatistics:
        """Return how this linkage stands."""
        return SendingStatistics(
            self.number,
            self.source,
            self.sink,
            self.state.name.lower(),
            self.stream is not StreamState.STREAMING,
            self.given,
            self.sent,
            self.acked,
            self._held_bytes,
            self.window_messages,
            self._window_bytes,
        )
