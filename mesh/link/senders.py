"""All the linkages that one link sends on: their numbers, their turns, their ends.

Laws: a number is never used twice; every linkage gets its turn before any gets a second one; a
linkage leaves this list exactly once, by FINACK, STOP or our own reset, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from kamesh.link import events
from kamesh.link import records as wire
from kamesh.link.batching import Codec, EncodedLike
from kamesh.link.errors import LocalProtocolError, RemoteProtocolError
from kamesh.link.fields import clip, is_box, is_name
from kamesh.link.framing import Flush
from kamesh.link.limits import LinkLimits
from kamesh.link.outgoing import Outgoing
from kamesh.link.sending import Sending, SendingStatistics
from kamesh.link.states import SENDING, Call, Heard, SendingState, step

__all__ = ["Senders"]


class Senders:
    """Said by the caller: open, send, room, finish, reset, reopen. Said by the peer: `on_...`."""

    __slots__ = (
        "_codec",
        "_established",
        "_fresh",
        "_given_up",
        "_incarnation",
        "_limits",
        "_linkages",
        "_next",
        "_out",
        "_waiting",
    )

    def __init__(self, incarnation: bytes, codec: Codec, limits: LinkLimits, out: Outgoing) -> None:
        self._incarnation = incarnation
        self._codec = codec
        self._limits = limits
        self._out = out
        self._linkages: dict[int, Sending] = {}
        self._fresh: dict[int, Sending] = {}  # have something for the wire since the last flush
        self._waiting: dict[int, Sending] = {}  # had more than one turn's worth
        self._given_up: dict[int, str] = {}  # reset while there was no connection to say it on
        self._next = 1
        self._established = False

    # --- our caller ---

    def open(self, source: str, sink: str, policy: str) -> int:
        """Make a linkage; it is offered to the peer now, or as soon as there is a connection."""
        for what, value, fit in (
            ("source", source, is_box),
            ("sink", sink, is_box),
            ("policy", policy, is_name),
        ):
            if not fit(value) or value.encode("utf-8", "ignore").decode() != value:
                raise LocalProtocolError(
                    f"the {what} of a linkage must be text of 1 to "
                    f"{1024 if fit is is_box else 255} characters"
                )
        if len(self._linkages) >= self._limits.linkages:
            raise LocalProtocolError(
                f"{len(self._linkages)} linkages lead to this node already, "
                "and LinkLimits.linkages allows no more"
            )
        number = self._next
        self._next += 1
        session = blake2b(self._incarnation + number.to_bytes(8, "big"), digest_size=16).digest()
        sending = Sending(
            number, source, sink, policy, session, self._codec, self._limits, self._out.counters
        )
        self._linkages[number] = sending
        if self._established:
            self._out.records.append(sending.offer())
        return number

    def _of_ours(self, number: int) -> Sending | None:
        """Return a linkage; None if it is over; raise if it never was."""
        sending = self._linkages.get(number)
        if sending is None and not 1 <= number < self._next:
            raise LocalProtocolError(f"no linkage of ours ever had the number {number}")
        return sending

    def room(self, number: int) -> int:
        """Return how many messages `send` takes now."""
        sending = self._linkages.get(number) or self._of_ours(number)
        return sending.room() if sending is not None else 0

    def window(self, number: int) -> int:
        """Return how many messages may be in flight."""
        sending = self._of_ours(number)
        return sending.window_messages if sending is not None else 0

    def send(self, number: int, messages: Sequence[object], most_bytes: int) -> None:
        """Take messages, in batches of at most so many bytes."""
        sending = self._linkages.get(number) or self._of_ours(number)
        if sending is None:
            raise LocalProtocolError(f"linkage {number} is over: room() says 0 for it")
        sending.send(messages, most_bytes)
        self._has_some(sending)

    def finish(self, number: int, failure: EncodedLike | None) -> None:
        """End the stream after what has been sent."""
        sending = self._of_ours(number)
        if sending is not None:
            sending.finish(failure)
            self._has_some(sending)

    def reset(self, number: int, reason: str) -> None:
        """Give a linkage up."""
        sending = self._of_ours(number)
        if sending is None:
            return
        before = sending.state
        if self._established and before in (SendingState.OFFERED, SendingState.OPEN):
            self._out.records.append(wire.Reset(number, clip(reason)))
        elif sending.known and before is SendingState.WAITING:
            self._given_up[number] = clip(reason)
        self._end(sending, Call.RESET, reason)

    def reopen(self, number: int) -> None:
        """Offer a refused linkage again."""
        sending = self._of_ours(number)
        if sending is None:
            return
        sending.state = step(SENDING, sending.state, Call.REOPEN, sending)
        if self._established:
            self._out.records.append(sending.offer())

    def _end(self, sending: Sending, signal: Call | Heard, reason: str) -> None:
        """Take a linkage out of the list and report what it still held."""
        count = sending.undelivered
        sending.over(signal)
        del self._linkages[sending.number]
        self._has_none(sending.number)
        if count:
            self._out.counters.undelivered += count
            self._out.events.append(events.Undelivered(sending.number, count, reason))

    # --- the connection ---

    def established(self, *, restarted: bool) -> None:
        """Name all that we still send on, then say that this was all."""
        self._established = True
        records = self._out.records
        if not restarted:
            records.extend(wire.Reset(number, reason) for number, reason in self._given_up.items())
        self._given_up.clear()
        for sending in self._linkages.values():
            if sending.state is SendingState.WAITING:
                records.append(sending.offer())
        records.append(wire.Listed())

    def lost(self) -> None:
        """Note that the connection is gone, or about to be."""
        self._established = False
        self._fresh.clear()
        self._waiting.clear()
        for sending in self._linkages.values():
            sending.lost()

    def dead(self, reason: str) -> None:
        """Report what is held for a peer that counts as gone."""
        for sending in self._linkages.values():
            if sending.undelivered:
                self._out.events.append(
                    events.Undelivered(sending.number, sending.undelivered, reason, kept=True)
                )

    def _has_some(self, sending: Sending) -> None:
        """Note that a linkage may have something for the wire."""
        if sending.number not in self._waiting and sending.has_some:
            self._fresh[sending.number] = sending

    def _has_none(self, number: int) -> None:
        self._fresh.pop(number, None)
        self._waiting.pop(number, None)

    def may_flush(self, room: int) -> bool:
        """Return whether anything may go to the wire, on which there is so much room."""
        return bool(self._fresh) or (room > 0 and bool(self._waiting))

    def flush(self, flush: Flush, room: int) -> int:
        """Give about `room` bytes to the wire, turn by turn; return how many went.

        Who has just come goes first, and even without room, but with a little only; whoever has
        more than one turn's worth waits behind all others (sparse flows first: RFC 8290).
        """
        limits, left = self._limits, room
        while self.may_flush(left):
            turns, least = (self._fresh, limits.inline_bytes) if self._fresh else (self._waiting, 1)
            number, sending = next(iter(turns.items()))
            del turns[number]
            records, more = sending.take(max(least, min(limits.flush_bytes, left)))
            for record in records:
                flush.add(record)
                left -= record.size
            if more:
                self._waiting[number] = sending
        return room - left

    # --- the peer ---

    def _of_theirs(self, number: int) -> Sending | None:
        """Return a linkage; None if it is over; raise if it never was."""
        sending = self._linkages.get(number)
        if sending is None and number >= self._next:
            raise RemoteProtocolError(f"the number {number} is of no linkage that we ever opened")
        return sending

    def _opened_up(self, sending: Sending) -> None:
        """Tell our caller of room if it was told that there was none."""
        self._has_some(sending)
        if sending.blocked and sending.room():
            self._out.events.append(events.Room(sending.number))

    def on_opened(self, record: wire.Opened) -> None:
        """Send on a linkage that the peer takes, or goes on with."""
        sending = self._of_theirs(record.number)
        if sending is not None:
            if not sending.was_open:
                self._out.events.append(events.Opened(record.number))
                sending.blocked = False
            sending.opened(record)
            self._opened_up(sending)

    def on_refused(self, record: wire.Refused) -> None:
        """Keep what a refused linkage holds, for our caller to decide."""
        sending = self._of_theirs(record.number)
        if sending is not None:
            sending.state = step(SENDING, sending.state, Heard.REFUSED, sending)
            self._out.events.append(events.LinkageRefused(record.number, record.reason))

    def on_ack(self, record: wire.Ack) -> None:
        """Note what the peer has consumed."""
        sending = self._of_theirs(record.number)
        if sending is not None:
            sending.acknowledge(record)
            self._opened_up(sending)

    def on_finack(self, record: wire.FinAck) -> None:
        """Note that the peer has consumed everything."""
        sending = self._of_theirs(record.number)
        if sending is not None:
            sending.finish_acknowledged()
            del self._linkages[record.number]
            self._has_none(record.number)
            self._out.events.append(events.FinishAcknowledged(record.number))
            self._out.records.append(wire.Forget(record.number))

    def on_stop(self, record: wire.Stop) -> None:
        """End a linkage of which the peer wants no more."""
        sending = self._of_theirs(record.number)
        if sending is not None:
            self._out.events.append(events.Reset(record.number, record.reason, sending=True))
            self._end(sending, Heard.STOP, record.reason)
            self._out.records.append(wire.Forget(record.number))

    def statistics(self) -> tuple[SendingStatistics, ...]:
        """Return how each linkage stands."""
        return tuple(sending.statistics() for sending in self._linkages.values())
