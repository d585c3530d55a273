"""One coupling, seen from one of its ends: what is asked for, what is served, and how far each is.

Pure: messages and the time in, messages out. What comes waits in `pending` until the replica takes it.

Laws
1. The two directions are independent: who wants a stream asks for it with its vector, in a session.
2. What comes in a session is taken in its order without a gap; at a gap, ask anew, once that is taken
   which came before it: however much is lost, something gets through.
3. No more than WINDOW records of a session are on their way or pending, so whatever arrives can be
   taken out of the inbox at once, and an acknowledgement never waits behind messages.
4. Every question that is not answered is asked again, ever more slowly.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from kamesh.components.coupling.log import Entry, Jump, Record, at_least, raised
from kamesh.components.coupling.messages import (
    Ack,
    Again,
    Copy,
    Cut,
    Hello,
    Probe,
    Start,
    Status,
    Streamed,
    Told,
    Vector,
    sound,
)
from kamesh.errors import KameshError

if TYPE_CHECKING:
    from kamesh.components.coupling.log import Log
    from kamesh.components.coupling.statuses import Statuses

__all__ = ["RETRY", "WINDOW", "CouplingRefused", "Peer", "ReplicaSide"]

WINDOW = 256  # records of one session on their way or pending
RETRY = 2.0  # seconds until an unanswered question is asked again; doubled each time
RETRY_MOST = 30.0


class CouplingRefused(KameshError, ValueError):
    """Two backplanes that cannot be coupled."""


class ReplicaSide(Protocol):
    """What a peer needs of the replica."""

    who: str
    name: str
    keeps: str
    vector: dict[str, int]
    log: Log
    statuses: Statuses
    activity: int
    joined: bool

    @property
    def filling(self) -> bool:
        """Whether it is becoming a copy of another."""

    def fresh(self) -> bool:
        """Say whether nothing has been delivered yet."""

    def next_session(self) -> int:
        """Give a number that no session had before."""

    def answer(self, hello: Hello) -> tuple[Start | Copy | Cut, int]:
        """Give how a session begins, and from which position of the log it goes on."""

    def abandoned(self, peer: Peer) -> None:
        """Hear that what was pending from a peer is no more."""


class Peer:
    """One end of one coupling."""

    def __init__(self, replica: ReplicaSide, now: float) -> None:
        """Begin by asking."""
        self.replica = replica
        self.who = ""  # the other one, when it has said so
        self.pending: deque[Streamed] = deque()
        self.started = False  # what was asked for has begun to come, and the beginning was taken
        self.parked: float | None = None  # since when a Cut is not passed
        self.session = 0
        self._expected = self.passed = self._acked = 0
        self._ask = True
        self.asked = now
        self._wait = RETRY
        self.hello: Hello | None = None  # not answered yet
        self.serving = 0  # the session that is served; 0 for none
        self.cursor = 0  # the position of the next record to send
        self.theirs: dict[str, int] = {}  # what the other is known to have
        self._told: dict[str, int] = {}  # the numbers of the statuses it was told
        self._sent = self._done = 0
        self._unacked: deque[tuple[int, Record | Streamed]] = deque()  # with their index
        self._answer: Start | Copy | Cut | None = None
        self._again = 0
        self._probed = now
        self._probe_wait = RETRY
        self.moved = now  # when it last got on, or had nothing to get on with

    # -- how far it is

    @property
    def synced(self) -> bool:
        """Whether both directions have begun."""
        return self.started and self.serving != 0 and self._answer is None

    @property
    def behind(self) -> bool:
        """Whether something is on its way that the other has not acknowledged."""
        return bool(self._unacked)

    @property
    def settled(self) -> bool:
        """Whether the other has acknowledged everything, and was told all there is."""
        at_head = bool(self.serving) and not self._unacked and self.cursor >= self.replica.log.head
        return at_head and not self._news()

    # -- what comes

    def receive(self, message: object, now: float) -> None:
        """Take one message of the other's; CouplingRefused if the two do not fit together."""
        if not sound(message):
            raise CouplingRefused(
                f"{str(message)[:80]!r} came to a coupling of {self.replica.name}, and means nothing "
                f"there: link it to a Couple"
            )
        match message:
            case Start() | Copy() | Cut() | Told():
                self._streamed(message, now)
            case Ack(session, count):
                if session == self.serving:
                    self._acknowledged(count, now)
            case Hello():
                self._greeted(message)
            case Status():
                self._told[message.who] = message.number
                if self.replica.statuses.heard(message):
                    self.replica.activity += 1
            case Probe(session, index):
                if session == self.session and index > self._expected:
                    self._broken(now)
            case Again(session):
                if session == self.session:
                    self.ask(now)

    def _streamed(self, message: Streamed, now: float) -> None:
        if message.session != self.session or message.index < self._expected:
            return  # of another session, or a repeat
        if message.index > self._expected or len(self.pending) >= WINDOW:
            self._broken(now)
            return
        self._expected += 1
        self._wait = RETRY
        self.pending.append(message)
        if isinstance(message, Told):
            raised(self.theirs, {message.origin: message.seq})
        elif isinstance(message, Cut):
            raised(self.theirs, message.vector)
        elif isinstance(message, Copy):
            raised(self.theirs, message.present)

    def _acknowledged(self, count: int, now: float) -> None:
        self._done = max(self._done, count)
        while self._unacked and self._unacked[0][0] < count:
            record = self._unacked.popleft()[1]
            self.moved = self._probed = now
            self._probe_wait = RETRY
            raised(self.theirs, _brings(record))

    def _greeted(self, hello: Hello) -> None:
        if hello.keep != self.replica.keeps:
            raise CouplingRefused(
                f"{self.replica.name} keeps {self.replica.keeps or 'nothing'}, and {hello.who} keeps "
                f"{hello.keep or 'nothing'}: coupled backplanes are given the same `keep`"
            )
        if self.who and hello.who != self.who:  # a new run: it has not heard what was asked before
            self._ask = True
        self.who = hello.who
        self.hello = hello
        self._told.clear()

    def _broken(self, now: float) -> None:
        """Take nothing more of this session; when what is pending is taken, ask for the rest."""
        self._ask = True
        self.asked = now
        self.session = 0
        self.replica.activity += 1

    # -- what the replica takes

    def ask(self, now: float) -> None:
        """Ask for what is not there yet, in a session of its own."""
        self._ask = True
        self.asked = now
        self.session = 0
        self.pending.clear()
        self.replica.abandoned(self)
        self.replica.activity += 1

    def passed_one(self) -> None:
        """Count the oldest pending record as delivered."""
        if isinstance(self.pending.popleft(), Cut):
            self.parked = None
        self.passed += 1
        self.started = True

    def skip_to(self, position: int) -> None:
        """Go on serving from a later position."""
        self.cursor = max(self.cursor, position)

    def give_up(self) -> None:
        """Serve the session no more: it does not get on, or what it needs is in the log no more."""
        self._again, self.serving = self.serving, 0
        self._unacked.clear()
        self._answer = None

    # -- what goes

    def outgoing(self, room: int, now: float) -> list[Any]:
        """Give at most `room` messages to send now."""
        out: list[Any] = []
        if self._asks or (self._unanswered and now >= self.asked + self._wait):
            out.append(self._hello(now))
        if self._again:
            out.append(Again(self._again))
            self._again = 0
        if self.passed > self._acked and self.session:
            out.append(Ack(self.session, self.passed))
            self._acked = self.passed
        out.extend(self._news())
        self._told.update({one.who: one.number for one in out if isinstance(one, Status)})
        if self.replica.filling:
            return out
        if self.hello is not None:
            self._begin(self.hello, now)
        if self.serving:
            self._serve(out, room - len(out), now)
        return out

    def _hello(self, now: float) -> Hello:
        replica = self.replica
        self._wait = RETRY if self._ask else min(2 * self._wait, RETRY_MOST)
        self._ask = False
        self.asked = now
        self.session = replica.next_session()
        self.pending.clear()
        replica.abandoned(self)
        self._expected = self.passed = self._acked = 0
        fresh = replica.fresh() and not replica.joined
        known = tuple(sorted(replica.statuses.known()))
        return Hello(replica.who, self.session, dict(replica.vector), fresh, known, replica.keeps)

    def _begin(self, hello: Hello, now: float) -> None:
        self.hello = None
        self._answer, self.cursor = self.replica.answer(hello)
        self.serving = hello.session
        self.theirs = dict(hello.vector)
        self._sent = self._done = self._again = 0
        self._unacked.clear()
        self.moved = self._probed = now
        self._probe_wait = RETRY

    def _news(self) -> list[Status]:
        """Give the statuses that the other was not told."""
        told = self._told
        return [
            status
            for who, status in self.replica.statuses.newest.items()
            if status.number > told.get(who, -1) and who != self.who
        ]

    def _serve(self, out: list[Any], room: int, now: float) -> None:
        log = self.replica.log
        most = min(room, WINDOW - (self._sent - self._done))
        if self._answer is not None and most > 0:
            self._send(out, self._answer, self._answer, now)
            self._answer = None
            most -= 1
        while most > 0 and self.cursor < log.head:
            record = log.at(self.cursor)
            if record is None and not log.covers(self._sent_or_had()):
                self.give_up()
                return
            if record is None:
                self.cursor = log.after(self.cursor)
                continue
            if not self._has(record):
                self._send(out, record, self._wire(record), now)
                most -= 1
            self.cursor += 1
        if self._unacked and now >= self._probed + self._probe_wait and room > 0:
            self._probed = now
            self._probe_wait = min(2 * self._probe_wait, RETRY_MOST)
            out.append(Probe(self.serving, self._sent))

    def _send(self, out: list[Any], record: Record | Streamed, message: Any, now: float) -> None:
        if not self._unacked:
            self.moved = self._probed = now
        self._unacked.append((self._sent, record))
        self._sent += 1
        out.append(message)

    def _sent_or_had(self) -> dict[str, int]:
        """Give what the other has, or will have when it has taken what is on its way."""
        vector = dict(self.theirs)
        for _, record in self._unacked:
            raised(vector, _brings(record))
        return vector

    def _has(self, record: Entry | Jump) -> bool:
        if isinstance(record, Entry):
            return self.theirs.get(record.origin, 0) >= record.seq
        return at_least(self.theirs, record.vector)

    def _wire(self, record: Entry | Jump) -> Told | Cut:
        if isinstance(record, Entry):
            return Told(self.serving, self._sent, record.origin, record.seq, record.message)
        return Cut(
            self.serving, self._sent, record.vector, record.base, record.missed, True, record.state
        )  # fmt: skip

    # -- time

    @property
    def _asks(self) -> bool:
        return self._ask and not self.pending

    @property
    def _unanswered(self) -> bool:
        return self._expected == 0

    def deadline(self) -> float | None:
        """Say when there is something to do if nothing comes before."""
        times = []
        if self._asks:
            times.append(self.asked)
        elif self._unanswered:
            times.append(self.asked + self._wait)
        if self._unacked:
            times.append(self._probed + self._probe_wait)
        return min(times, default=None)


def _brings(record: Record | Streamed) -> Vector:
    """Say what one has who has taken a record."""
    match record:
        case Entry() | Told():
            return {record.origin: record.seq}
        case Copy():
            return record.floor
        case Jump() | Cut():
            return record.vector
    return {}
