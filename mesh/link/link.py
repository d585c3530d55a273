"""The link: what carries all linkages between two nodes, through any number of connections.

Laws: pure. Bytes and time go in; frames, events and a deadline come out; nothing here reads a
clock, opens a socket or waits. Whatever the peer sends, `received` does not raise. Whatever our
caller does wrong raises `LocalProtocolError` and changes nothing. The shell's whole duty is:

    after any call:        for frames in link.take_frames(): transport.send(connection, frames)
                           for event in link.take_events(): carry it out
    at link.next_deadline(): link.tick(now)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import kamesh.codec as standard_codec
from kamesh.link import events
from kamesh.link import records as wire
from kamesh.link.batching import Codec
from kamesh.link.calls import Calls
from kamesh.link.errors import LocalProtocolError, RemoteProtocolError
from kamesh.link.events import Event
from kamesh.link.fields import Buffer, clip, is_id, is_name, is_plain
from kamesh.link.framing import Flush, unpack
from kamesh.link.greeting import disagreement, version_of
from kamesh.link.limits import LinkLimits
from kamesh.link.liveness import Health, Liveness, Step
from kamesh.link.records import VERSION_MAX, VERSION_MIN, Record
from kamesh.link.states import LINK, Call, Fact, Heard, LinkState, Signal, step
from kamesh.link.statistics import LinkStatistics

__all__ = ["Link"]


class Link(Calls):
    """One link to one peer.

        link = Link(node="a", peer="b", incarnation=os.urandom(16), mesh="home")
        link.connected(now, dialed=True)
        number = link.open("CAMERA.outbox", "SCREEN.inbox", now=now)
        ...                                      # on Opened(number):
        link.send(number, messages, now)         # at most link.room(number) of them

    `peer` may be None when it is not known whom an address leads to; it is set by the greeting.
    """

    def __init__(
        self,
        *,
        node: str,
        peer: str | None,
        incarnation: bytes,
        mesh: str,
        codec: Codec = standard_codec,
        limits: LinkLimits | None = None,
        capabilities: Mapping[str, object] | None = None,
    ) -> None:
        plain = dict(capabilities or {})
        for what, value, fits in (
            ("node", node, is_name),
            ("mesh", mesh, is_name),
            ("peer", "-" if peer is None else peer, is_name),
            ("incarnation", incarnation, is_id),
            ("capabilities", plain, is_plain),
        ):
            if not fits(value):
                raise LocalProtocolError(
                    f"{value!r} will not do as {what} of a link: {(fits.__doc__ or '').lower()}"
                )
        super().__init__(incarnation, codec, limits or LinkLimits())
        self.node = node
        self.peer = peer
        self.mesh = mesh
        self.incarnation = incarnation
        self.state = LinkState.DISCONNECTED
        self.peer_incarnation: bytes | None = None
        self._capabilities = plain
        self._liveness = Liveness(self.limits)
        self._greeted = False  # we said HELLO or WELCOME on this connection
        self._greet_by: float | None = None
        self._ping: int | None = None  # to be asked
        self._pong: int | None = None  # to be answered
        self._token = 0
        self._measure = False  # how long an answer takes while nothing is in front of it
        self._flush = Flush(self.limits)
        self._parting: list[list[Buffer]] = []  # the last messages of a connection
        self._handlers: dict[type[Record], Callable[[Any], None]] = {
            wire.Data: self._receivers.on_data,
            wire.Ack: self._senders.on_ack,
            wire.Open: self._receivers.on_open,
            wire.Opened: self._senders.on_opened,
            wire.Refused: self._senders.on_refused,
            wire.Fin: self._receivers.on_fin,
            wire.FinAck: self._senders.on_finack,
            wire.Reset: self._receivers.on_reset,
            wire.Stop: self._senders.on_stop,
            wire.Forget: self._receivers.on_forget,
            wire.Listed: self._receivers.on_listed,
            wire.Request: self._requests.on_request,
            wire.Reply: self._requests.on_reply,
            wire.Gossip: self._requests.on_gossip,
            wire.Ping: self._on_ping,
            wire.Pong: self._on_pong,
            wire.Bye: self._on_bye,
            wire.Refuse: self._on_refuse,
        }

    def __str__(self) -> str:
        return f"the link from {self.node!r} to {self.peer or 'a node not yet known'!r}"

    def _move(self, signal: Signal) -> None:
        self.state = step(LINK, self.state, signal, self)

    # --- the connection ---

    def connected(self, now: float, *, dialed: bool, greeted: bool = False) -> None:
        """Begin on a connection. Whoever dialed says HELLO, unless the shell has (`greeted`)."""
        self._move(Call.CONNECTED)
        self._now = now
        self._pacing.begin()
        self._out.counters.connections += 1
        self._greet_by = now + self.limits.greeting_seconds
        self._greeted = greeted
        if dialed and not greeted:
            self._say(wire.Hello)

    def disconnected(self, now: float) -> None:
        """Note that the connection is gone, why ever. What is not acknowledged is kept."""
        self._leave(Fact.LOST)
        self._parting.clear()

    def _say(self, greeting: type[wire.Hello]) -> None:
        self._greeted = True
        self._out.records.append(
            greeting(
                VERSION_MIN, VERSION_MAX, self.mesh, self.node, self.incarnation, self._capabilities
            )
        )

    def _leave(self, signal: Signal, last: Record | None = None) -> None:
        """Say a last word if there is one, and nothing more on this connection."""
        self._move(signal)
        self._greet_by = self._ping = self._pong = None
        self._measure = False
        self._out.records.clear()
        self._senders.lost()
        self._receivers.lost()
        self._requests.lost()
        self._liveness.lost()
        if last is not None:
            self._flush.add(last)
            self._parting += self._flush.take()

    def _close(self, signal: Signal, reason: str, last: Record | None = None) -> None:
        self._leave(signal, last)
        self._out.events.append(events.CloseConnection(reason))

    def received(self, frames: Sequence[Buffer], now: float) -> None:
        """Take one transport message. Never raises: what is wrong with it is the peer's affair."""
        if self.state in (LinkState.DISCONNECTED, LinkState.CLOSING):
            self._out.counters.stale += 1
            return
        self._now = now
        if self.state is LinkState.ESTABLISHED and self._liveness.heard(now):
            self._out.events.append(events.Recovered())
        try:
            for record in unpack(frames, self.limits):
                if self.state is LinkState.ESTABLISHED:
                    handler = self._handlers.get(type(record))
                    if handler is None:
                        raise RemoteProtocolError("a second greeting on one connection")
                    handler(record)
                elif self.state is LinkState.GREETING:
                    self._on_first(record, now)
        except RemoteProtocolError as fault:
            reason = clip(str(fault))
            self._out.counters.violations += 1
            greeting = self.state is LinkState.GREETING
            self._close(
                Fact.FAULT,
                f"node {self.peer or '?'!r} broke the link protocol: {reason}",
                wire.Refuse(reason) if greeting else wire.Bye(reason, fault=True),
            )

    def _on_first(self, record: Record, now: float) -> None:
        """Judge the first word of the peer."""
        if isinstance(record, wire.Refuse):
            self._on_refuse(record)
            return
        if isinstance(record, wire.Bye):
            self._on_bye(record)
            return
        if not isinstance(record, wire.Hello):
            raise RemoteProtocolError(f"{record.KIND.name} came before any greeting")
        reason = disagreement(record, mesh=self.mesh, node=self.node, peer=self.peer)
        if reason is not None:
            self._out.events.append(events.Refused(reason))
            self._close(Fact.FAULT, reason, wire.Refuse(reason))
            return
        self._move(Heard.GREETING)
        if not self._greeted:
            self._say(wire.Welcome)
        self._greet_by = None
        self.peer = record.node
        known, self.peer_incarnation = self.peer_incarnation, record.incarnation
        restarted = known is not None and known != record.incarnation
        self._out.counters.restarts += restarted
        if self._liveness.begin(now):
            self._out.events.append(events.Recovered())
        self._out.events.append(
            events.Established(
                record.node,
                record.incarnation,
                restarted,
                version_of(record) or 0,
                record.capabilities,
            )
        )
        self._requests.established()
        self._measure = True
        self._receivers.established(restarted=restarted)
        self._senders.established(restarted=restarted)

    def _on_refuse(self, record: wire.Refuse) -> None:
        self._out.events.append(events.Refused(record.reason))
        self._close(Heard.REFUSE, record.reason)

    def _on_bye(self, record: wire.Bye) -> None:
        if not record.fault:
            self._out.events.append(events.Bye(record.reason))
        self._close(Heard.BYE, f"node {self.peer or '?'!r} closed the connection: {record.reason}")

    def _on_ping(self, record: wire.Ping) -> None:
        self._pong = record.token

    def _on_pong(self, record: wire.Pong) -> None:
        if record.token > self._token:
            raise RemoteProtocolError("PONG for a PING that was never sent")
        self._pacing.heard(record.token, self._now)

    # --- farewell, time ---

    def goodbye(self, reason: str, now: float) -> None:
        """Say all that can be said, then that we leave. `CloseConnection` follows."""
        if self.state is LinkState.ESTABLISHED:
            for ack in self._receivers.acknowledgements(all_of_them=True):
                self._flush.add(ack)
            self._parting = self.take_frames()
        if self.state is LinkState.GREETING or self.state is LinkState.ESTABLISHED:
            self._close(Call.GOODBYE, "we said goodbye", wire.Bye(clip(reason), fault=False))

    def decline(self, reason: str, now: float) -> None:
        """Turn away whoever is greeting, and say why. `CloseConnection` follows."""
        if self.state is LinkState.GREETING:
            self._close(Call.GOODBYE, reason, wire.Refuse(clip(reason)))

    def tick(self, now: float) -> None:
        """Do what is due. Call it at `next_deadline()`, or whenever else."""
        self._now = now
        self._receivers.tick(now)
        self._requests.tick(now)
        if self._greet_by is not None and now >= self._greet_by:
            self._close(
                Fact.SILENCE,
                f"the other side did not greet within {self.limits.greeting_seconds:g} seconds",
            )
        for due in self._liveness.tick(now):
            if due is Step.PING:
                self._token += 1
                self._ping = self._token
            elif due is Step.SUSPECT:
                self._out.events.append(events.Suspect())
            else:
                self._dead()

    def _dead(self) -> None:
        reason = f"nothing was heard of node {self.peer!r} for {self.limits.dead_seconds:g} seconds"
        self._out.events.append(events.Dead(reason))
        self._senders.dead(reason)
        if self.state is LinkState.ESTABLISHED:
            self._close(Fact.SILENCE, reason)

    def next_deadline(self) -> float | None:
        """Return when `tick` wants to be called, if at all."""
        found = self._liveness.deadline()
        for deadline in (self._receivers.deadline(), self._requests.deadline(), self._greet_by):
            if deadline is not None and (found is None or deadline < found):
                found = deadline
        return found

    # --- out ---

    def take_frames(self) -> list[list[Buffer]]:
        """Return the transport messages to be sent now, in order."""
        if self.state is LinkState.CLOSING:
            parting, self._parting = self._parting, []
            return parting
        flush, records, senders, pacing = self._flush, self._out.records, self._senders, self._pacing
        while records:
            flush.add(records.popleft())
        if self._measure:
            self._measure = False
            self._mark()
        if self._pong is not None:
            flush.add(wire.Pong(self._pong))
            self._pong = None
        if self._ping is not None:
            flush.add(wire.Ping(self._ping))
            self._ping = None
        if self.state is not LinkState.ESTABLISHED:
            return flush.take()
        room = pacing.room()
        may = senders.may_flush(room)
        for ack in self._receivers.acknowledgements(all_of_them=may or flush.busy):
            flush.add(ack)
        while True:
            if may:
                pacing.sent(senders.flush(flush, min(room, pacing.budget // 4)))
            if pacing.wants_mark():  # also where the budget has shrunk below what is loose
                self._mark()
            if not may:
                return flush.take()
            room = pacing.room()
            may = senders.may_flush(room)

    def _mark(self) -> None:
        """Put a PING behind what goes out now, to learn when it has arrived."""
        self._token += 1
        self._pacing.mark(self._token, self._now)
        self._flush.add(wire.Ping(self._token))
        self._flush.close()

    def take_events(self) -> list[Event]:
        """Return what has happened since the last call, in order."""
        taken, self._out.events = self._out.events, []
        return taken

    @property
    def health(self) -> Health:
        """What we think of the peer."""
        return self._liveness.health

    def statistics(self) -> LinkStatistics:
        """Return how everything stands."""
        return LinkStatistics(
            self.peer,
            self.state.name.lower(),
            self.health.name.lower(),
            self._liveness.score,
            replace(self._out.counters),
            self._senders.statistics(),
            self._receivers.statistics(),
        )
