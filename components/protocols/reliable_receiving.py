"""The receiving half of the simple reliable multicast, without I/O: notice, ask, put in order.

Laws
1. Each stream is given out in the order of its numbers, each message once; what is missing and cannot
   be had any more is given out as a Gap at its place. Nothing is left out in silence.
2. Who misses something waits a random time before it asks, and waits twice as long each time it has
   asked, or has heard somebody else ask for the same (Floyd, Jacobson, Liu, McCanne, Zhang: A Reliable
   Multicast Framework, 1997, III.B, with C1 = C2 = 2).
3. Who listened before a stream began is owed it from its first message; who came later, from the next
   one that is sent.
4. Whatever the network brings, what is kept is bounded: the window of each stream, and the streams.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from kamesh.components.plumbing.order import Gap, OrderRecovery
from kamesh.components.protocols.reliable_frames import MOST_RUNS, Ask, Beat, Data, decoded, encoded

__all__ = ["Recoverer"]

C1 = C2 = 2.0  # one-way delays: the least that a request waits, and how much longer at random
DOUBLINGS = 5  # of the wait between requests, at most
LEAST_ASKED = 5  # times, before something is given up
STREAMS = 256  # senders that are followed at a time
SILENT = 60.0  # seconds after which a sender that is not heard is forgotten
SLACK = 0.001  # seconds by which an age may be off: it comes in whole milliseconds


@dataclass(slots=True)
class _Wanted:
    """A number that is missing: since when, when to ask for it, and how often that was done."""

    since: float
    due: float
    doublings: int = 0
    asked: int = 0


@dataclass(slots=True)
class _Stream:
    """What is known of one sender."""

    order: OrderRecovery[bytes]
    heard: float
    highest: int = 0
    looked: int = 0  # up to which number it was noted what is missing
    last: bool = False
    wanted: dict[int, _Wanted] = field(default_factory=dict)

    @property
    def next(self) -> int:
        """The number of the next one to give out."""
        assert self.order.expects is not None  # it is made with one
        return self.order.expects


class Recoverer:
    """Gives out, in order, what comes in any order or not at all.

    `delay` is the seconds that a frame takes one way, about; `patience` the seconds after which
    something that was asked for in vain is given up (if that was LEAST_ASKED times); `window` how many
    messages of a stream wait for one that is missing.

    Example:
        recoverer = Recoverer(now=0.0)
        given = recoverer.heard(frame, now=0.1)     # [b"hello", Gap(2, 3), b"world"]
        asks, given_up = recoverer.due(now=0.2)
    """

    def __init__(
        self,
        now: float,
        *,
        delay: float = 0.01,
        patience: float = 10.0,
        window: int = 1024,
        rng: random.Random | None = None,
    ) -> None:
        """Begin to listen."""
        self.began = now
        self.delay = delay
        self.patience = patience
        self.window = window
        self.rng = rng or random.Random()
        self.streams: dict[int, _Stream] = {}
        self.asks = self.suppressed = self.unknown = self.refused = 0
        self._over: dict[int, None] = {}  # sessions that have ended, so that they do not begin again

    def heard(self, data: bytes | bytearray | memoryview, now: float) -> list[bytes | Gap]:
        """Take a frame in; give what can be given out now."""
        frame = decoded(data)
        match frame:
            case None:
                self.unknown += 1
            case Ask():
                self._somebody_asks(frame, now)
            case Data() | Beat():
                stream = self._stream(frame, now)
                if stream is not None:
                    return self._take(stream, frame, now)
        return []

    def _stream(self, frame: Data | Beat, now: float) -> _Stream | None:
        """Find the stream of a frame, or begin one; None for one that is none of ours."""
        stream = self.streams.get(frame.session)
        if stream is not None:
            stream.heard = now
            return stream
        if frame.session in self._over:
            return None
        if len(self.streams) >= STREAMS and not self._forget_a_silent_one(now):
            self.refused += 1
            return None
        from_start = now - frame.age + SLACK >= self.began
        if isinstance(frame, Beat):
            first = 1 if from_start else frame.highest + 1
        elif frame.repair and not from_start:  # of what was sent before: not the next one
            return None
        else:
            first = 1 if from_start else frame.number
        stream = _Stream(OrderRecovery(self.window, first), now, looked=first - 1)
        self.streams[frame.session] = stream
        return stream

    def _take(self, stream: _Stream, frame: Data | Beat, now: float) -> list[bytes | Gap]:
        if isinstance(frame, Data):
            stream.highest = max(stream.highest, frame.number)
            stream.wanted.pop(frame.number, None)
            given = stream.order.add(frame.number, frame.message)
        else:
            stream.highest = max(stream.highest, frame.highest)
            stream.last = stream.last or frame.last
            given = stream.order.give_up(frame.lowest - 1)  # its sender does not have these any more
        self._look_for_missing(stream, now)
        if stream.last and stream.next > stream.highest:
            self._forget(frame.session)
        return given

    def _look_for_missing(self, stream: _Stream, now: float) -> None:
        """Note what is newly missing, and forget what was given up."""
        first, wanted = stream.next, stream.wanted
        while wanted and (oldest := next(iter(wanted))) < first:  # they are noted in their order
            del wanted[oldest]
        end = min(stream.highest, first + self.window - 1)
        for number in range(max(stream.looked + 1, first), end + 1):
            if number not in stream.order:
                wanted[number] = _Wanted(now, now + self._wait(0))
        stream.looked = max(stream.looked, end)

    def _wait(self, doublings: int) -> float:
        return self.delay * (C1 + C2 * self.rng.random()) * float(2**doublings)

    def _somebody_asks(self, ask: Ask, now: float) -> None:
        """Hold back what somebody else has just asked for."""
        stream = self.streams.get(ask.session)
        if stream is None:
            return
        for number, wanted in stream.wanted.items():
            if any(first <= number <= last for first, last in ask.runs):
                self.suppressed += 1
                self._back_off(wanted, now)

    def _back_off(self, wanted: _Wanted, now: float) -> None:
        wanted.doublings = min(wanted.doublings + 1, DOUBLINGS)
        wanted.due = now + self._wait(wanted.doublings)

    # -- what time brings

    def next_due(self) -> float | None:
        """Say when `due` has something to do; None: not before something is heard."""
        return min(
            (one.due for stream in self.streams.values() for one in stream.wanted.values()),
            default=None,
        )

    def due(self, now: float) -> tuple[list[bytes], list[bytes | Gap]]:
        """Give the requests to send now, and what is given out because it is waited for no longer."""
        asks: list[bytes] = []
        given: list[bytes | Gap] = []
        for session, stream in list(self.streams.items()):
            given += self._out_of_patience(stream, now)
            due = sorted(n for n, wanted in stream.wanted.items() if wanted.due <= now)
            for number in due:
                stream.wanted[number].asked += 1
                self._back_off(stream.wanted[number], now)
            runs = _runs(due)
            for at in range(0, len(runs), MOST_RUNS):
                self.asks += 1
                asks.append(encoded(Ask(session, tuple(runs[at : at + MOST_RUNS]))))
            if stream.last and stream.next > stream.highest:
                self._forget(session)
        return asks, given

    def _out_of_patience(self, stream: _Stream, now: float) -> list[bytes | Gap]:
        given: list[bytes | Gap] = []
        while self._in_vain(stream, stream.next, now):
            upto = stream.next
            while self._in_vain(stream, upto + 1, now):
                upto += 1
            given += stream.order.give_up(upto)
            self._look_for_missing(stream, now)
        return given

    def _in_vain(self, stream: _Stream, number: int, now: float) -> bool:
        wanted = stream.wanted.get(number)
        return (
            wanted is not None
            and wanted.asked >= LEAST_ASKED
            and now - wanted.since >= self.patience
        )

    def _forget_a_silent_one(self, now: float) -> bool:
        """Make room for a new sender; one of which something is missing is not forgotten."""
        for session, stream in self.streams.items():
            if now - stream.heard > SILENT and not stream.wanted:
                self._forget(session)
                return True
        return False

    def _forget(self, session: int) -> None:
        del self.streams[session]
        self._over[session] = None
        while len(self._over) > STREAMS:
            del self._over[next(iter(self._over))]

    def flush(self) -> list[bytes | Gap]:
        """Give out all that waits, and what is missing as gaps: no more will be heard."""
        given: list[bytes | Gap] = []
        for stream in self.streams.values():
            given += stream.order.flush(upto=stream.highest)
        self.streams.clear()
        return given


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Put ascending numbers into runs, first and last."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
