"""All the linkages that one link receives on: offers, data, consumption, acknowledgement.

Laws: an acknowledgement waits at most `ack_seconds` for company, and not at all when it is a good
part of the window; a linkage that is done or stopped is remembered until its sender has understood;
too many offers cost the offers, not the link.
"""

from __future__ import annotations

from kamesh.link import events
from kamesh.link import records as wire
from kamesh.link.batching import Codec
from kamesh.link.errors import LocalProtocolError, RemoteProtocolError
from kamesh.link.fields import clip
from kamesh.link.limits import LinkLimits
from kamesh.link.outgoing import Outgoing
from kamesh.link.receiving import Poisoned, Receiving, ReceivingStatistics
from kamesh.link.records import Record
from kamesh.link.states import Call, Fact, Heard, ReceivingState

__all__ = ["Receivers"]


class Receivers:
    """Said by the caller: accept, refuse, consumed, stop. Said by the peer: `on_...`."""

    __slots__ = (
        "_codec",
        "_due",
        "_established",
        "_highest",
        "_limits",
        "_linkages",
        "_out",
        "_waiting",
    )

    def __init__(self, codec: Codec, limits: LinkLimits, out: Outgoing) -> None:
        self._codec = codec
        self._limits = limits
        self._out = out
        self._linkages: dict[int, Receiving] = {}
        self._waiting: dict[int, float] = {}  # ACKs that wait for company, and until when; in order
        self._due: dict[int, None] = {}  # ACKs that do not wait
        self._highest = 0  # number ever offered
        self._established = False

    # --- our caller ---

    def _of_ours(self, number: int) -> Receiving | None:
        """Return a linkage; None if it is over; raise if it never was."""
        receiving = self._linkages.get(number)
        if receiving is None and not 1 <= number <= self._highest:
            raise LocalProtocolError(f"no linkage with the number {number} was ever offered to us")
        return receiving

    def accept(self, number: int, window_messages: int | None, window_bytes: int | None) -> None:
        """Take what was offered, with this window or the one of the limits."""
        messages = self._limits.window_messages if window_messages is None else window_messages
        size = self._limits.window_bytes if window_bytes is None else window_bytes
        if messages < 1 or size < 1:
            raise LocalProtocolError(f"a window of {messages} messages, {size} bytes takes nothing")
        receiving = self._of_ours(number)
        if (
            receiving is not None
            and receiving.accept(messages, size)
            and receiving.named
            and (self._established)
        ):
            self._out.records.append(receiving.answer())

    def refuse(self, number: int, reason: str) -> None:
        """Do not take what was offered."""
        receiving = self._of_ours(number)
        if receiving is None:
            return
        if receiving.state is ReceivingState.OFFERED:
            receiving.move(Call.REFUSE)
            self._drop(receiving)
            if receiving.named and self._established:
                self._out.records.append(wire.Refused(number, clip(reason)))
        else:
            self._stop(receiving, Call.REFUSE, reason)

    def stop(self, number: int, reason: str) -> None:
        """Want no more of a linkage."""
        receiving = self._of_ours(number)
        if receiving is not None:
            self._stop(receiving, Call.STOP, reason)

    def _stop(self, receiving: Receiving, signal: Call, reason: str) -> None:
        before = receiving.state
        if receiving.stop(signal, clip(reason)) is not ReceivingState.STOPPED:
            return
        if before is not ReceivingState.STOPPED:
            self._waiting.pop(receiving.number, None)
            self._due.pop(receiving.number, None)
            if receiving.named and self._established:
                self._out.records.append(wire.Stop(receiving.number, receiving.reason))

    def consumed(self, number: int, upto: int, now: float) -> None:
        """Note that all up to `upto` has been consumed."""
        receiving = self._linkages.get(number) or self._of_ours(number)
        if receiving is None:
            return
        at_once = receiving.consume(upto)
        if self._done(receiving) or not receiving.opened:
            return
        if receiving.consumed > receiving.acked:
            if at_once or not self._limits.ack_seconds:
                self._due[number] = None
            elif number not in self._waiting:
                self._waiting[number] = now + self._limits.ack_seconds

    def _done(self, receiving: Receiving) -> bool:
        """Say FINACK if the stream has ended and all of it has been consumed."""
        if not receiving.done():
            return False
        self._waiting.pop(receiving.number, None)
        self._due.pop(receiving.number, None)
        if receiving.opened:
            self._out.records.append(wire.FinAck(receiving.number))
        return True

    def _drop(self, receiving: Receiving) -> None:
        """Hold nothing more of a linkage."""
        del self._linkages[receiving.number]
        self._waiting.pop(receiving.number, None)
        self._due.pop(receiving.number, None)

    # --- the connection, the clock, the wire ---

    def established(self, *, restarted: bool) -> None:
        """Begin on a connection; if the peer restarted, what it was sending is over."""
        self._established = True
        if restarted:
            for receiving in list(self._linkages.values()):
                before = receiving.state
                receiving.move(Fact.RESTARTED)
                self._drop(receiving)
                if before not in (ReceivingState.DONE, ReceivingState.STOPPED):
                    complete = before is ReceivingState.ENDED
                    self._out.events.append(events.SessionLost(receiving.number, complete))

    def lost(self) -> None:
        """Note that the connection is gone, or about to be."""
        self._established = False
        self._waiting.clear()
        self._due.clear()
        for receiving in self._linkages.values():
            receiving.lost()

    def deadline(self) -> float | None:
        """Return until when the first acknowledgement waits."""
        return next(iter(self._waiting.values())) if self._waiting else None

    def tick(self, now: float) -> None:
        """Let acknowledgements go that have waited long enough, and all others with them."""
        deadline = self.deadline()
        if deadline is not None and now >= deadline:
            self._due.update(dict.fromkeys(self._waiting))
            self._waiting.clear()

    def acknowledgements(self, *, all_of_them: bool) -> list[Record]:
        """Return those that are due, or all."""
        if all_of_them and self._waiting:
            self._due.update(dict.fromkeys(self._waiting))
            self._waiting.clear()
        if not self._due:
            return []
        due, self._due = self._due, {}
        for number in due:
            self._waiting.pop(number, None)
        return [self._linkages[number].acknowledge() for number in due]

    # --- the peer ---

    def _of_theirs(self, number: int, what: str) -> Receiving:
        receiving = self._linkages.get(number)
        if receiving is None:
            raise RemoteProtocolError(f"{what} came for the linkage {number}, which is not open")
        return receiving

    def on_open(self, record: wire.Open) -> None:
        """Take an offer, or go on after a reconnect."""
        receiving = self._linkages.get(record.number)
        records = self._out.records
        if receiving is None:
            if len(self._linkages) >= self._limits.linkages:
                self._out.counters.offers_refused += 1
                records.append(
                    wire.Refused(
                        record.number,
                        f"there are {len(self._linkages)} linkages "
                        "from this node already, and that is the limit",
                    )
                )
                return
            self._highest = max(self._highest, record.number)
            self._linkages[record.number] = Receiving(
                record, self._codec, self._limits, self._out.counters
            )
            self._out.events.append(
                events.Offered(
                    record.number,
                    record.source,
                    record.sink,
                    record.base_seq > 1 or record.sent_upto > 0,
                    record.policy,
                )
            )
            return
        receiving.offered_again(record)
        if receiving.state is ReceivingState.STOPPED:
            records.append(wire.Stop(record.number, receiving.reason))
        elif receiving.state is not ReceivingState.OFFERED:
            records.append(receiving.answer())
            records.append(receiving.acknowledge())

    def on_data(self, record: wire.Data) -> None:
        """Take messages."""
        receiving = self._of_theirs(record.number, "DATA")
        try:
            delivered = receiving.data(record)
        except Poisoned as fault:
            self._poisoned(receiving, str(fault))
            return
        if delivered is not None:
            self._out.events.append(delivered)

    def on_fin(self, record: wire.Fin) -> None:
        """Take the end of a stream."""
        receiving = self._of_theirs(record.number, "FIN")
        try:
            news, failure = receiving.fin(record)
        except Poisoned as fault:
            self._poisoned(receiving, str(fault))
            return
        if news:
            self._out.events.append(events.Finished(record.number, failure))
        self._done(receiving)

    def _poisoned(self, receiving: Receiving, reason: str) -> None:
        """End a linkage that would otherwise cost every connection there will be."""
        self._stop(receiving, Call.STOP, reason)
        self._out.events.append(events.Reset(receiving.number, reason))

    def on_reset(self, record: wire.Reset) -> None:
        """Note that the sender gives a linkage up."""
        receiving = self._linkages.get(record.number)
        if receiving is not None:
            self._over(receiving, Heard.RESET, record.reason)

    def on_forget(self, record: wire.Forget) -> None:
        """Note that the sender knows of a linkage that it is done or stopped."""
        receiving = self._linkages.get(record.number)
        if receiving is not None:
            receiving.move(Heard.FORGET)
            self._drop(receiving)

    def on_listed(self, _: wire.Listed) -> None:
        """Drop what has not been named by now: it has no sender any more."""
        for receiving in [r for r in self._linkages.values() if not r.named]:
            self._over(
                receiving,
                Fact.UNNAMED,
                "its sender gave it up while there was no connection to say so",
            )

    def _over(self, receiving: Receiving, signal: Heard | Fact, reason: str) -> None:
        before = receiving.state
        receiving.move(signal)
        self._drop(receiving)
        if before in (ReceivingState.OFFERED, ReceivingState.OPEN):
            self._out.events.append(events.Reset(receiving.number, reason))

    def statistics(self) -> tuple[ReceivingStatistics, ...]:
        """Return how each linkage stands."""
        return tuple(receiving.statistics() for receiving in self._linkages.values())
