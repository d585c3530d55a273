"""Keeping pictures and sound in step: which of them is to be sent next, and when. Pure.

Laws
1. Nothing is sent before it is due, and of what is due the earlier time goes first; at one time the
   sound does.
2. What comes later than `late` is dropped and counted: a picture always, sound where a gap is to be
   skipped. Where a gap is to be waited out, the clock is put back for it, and no sound is dropped.
3. Nothing is dropped for more than PATIENCE seconds on end: then the clock begins anew, or, where
   sound is in time, a late picture is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

from kamesh.components.media.core.clock import MediaClock

__all__ = ["AUDIO", "GAPS", "VIDEO", "InStep", "Move"]

VIDEO, AUDIO = 0, 1
GAPS = ("skip", "wait")
PATIENCE = 1.0  # seconds
LONGEST = 10.0  # seconds ahead for which anything is waited: what is further is a new beginning
SLACK = 1e-6  # seconds before its time at which a frame may leave: what a sum of times is off


@dataclass(frozen=True, slots=True)
class Move:
    """What to do: "send" or "drop" the head of `stream`, or "wait" until `until` (inf: for news)."""

    what: str
    stream: int = VIDEO
    until: float = inf


class InStep:
    """Decides for two streams, of each of which it is shown the time of the oldest frame.

    Example: with pictures and sound at 0 s, `next((Fraction(0), Fraction(0)), (False, False), 7.0)`
    is `Move("wait", until=7.1)` where `delay` is 0.1, and at 7.1 `Move("send", AUDIO)`.
    """

    def __init__(self, delay: float, late: float, wait: float, after_gap: str) -> None:
        """Take seconds: of delay, of lateness borne, and to wait for a second stream to begin."""
        self._delay, self._late, self._wait, self._after_gap = delay, late, wait, after_gap
        self.clock = MediaClock()
        self.lead = Fraction(0)  # seconds that sound is sent before its time, as a device holds it
        self._since: float | None = None  # when the first frame was seen
        self._dropping: list[float | None] = [None, None]  # since when all that came was late
        self._lateness: list[float | None] = [None, None]  # of the last that was sent
        self.dropped = [0, 0]
        self.shown_late = self.beginnings = 0
        self.skew = self.worst_skew = 0.0  # seconds that sound was later than pictures

    def next(
        self, heads: tuple[Fraction | None, Fraction | None], missing: tuple[bool, bool], now: float
    ) -> Move:
        """Say what to do at `now`; `missing` says which stream has no head and may yet bring one."""
        picture, sound = heads
        if picture is None and sound is None:
            return Move("wait")
        if sound is not None and (picture is None or sound - self.lead <= picture):
            stream, time, leaves = AUDIO, sound, sound - self.lead
        else:
            assert picture is not None
            stream, time, leaves = VIDEO, picture, picture
        if not self.clock.started:
            self._since = now if self._since is None else self._since
            if any(missing) and now < self._since + self._wait:
                return Move("wait", until=self._since + self._wait)
            self._begin(min(each for each in heads if each is not None), now)
        due = self.clock.due(leaves)
        if due != inf and due - now > LONGEST and not any(missing):
            self._begin(time, now)
            due = self.clock.due(leaves)
        if now < due - SLACK:
            return Move("wait", until=due)
        if now - self.clock.due(time) <= self._late:  # sound that leaves late may yet be heard in time
            return self._send(stream, now - due)
        return self._too_late(stream, time, now, sound_comes=heads[AUDIO] is not None or missing[AUDIO])

    def _too_late(self, stream: int, time: Fraction, now: float, *, sound_comes: bool) -> Move:
        if stream == AUDIO and self._after_gap == "wait":
            return self._begin_anew(time, now)
        since = self._dropping[stream]
        if since is None:
            self._dropping[stream] = since = now
        if now - since <= PATIENCE:
            self.dropped[stream] += 1
            return Move("drop", stream)
        if stream == VIDEO and sound_comes:
            self._dropping[stream] = now
            self.shown_late += 1
            return Move("send", stream)
        return self._begin_anew(time, now)

    def _begin_anew(self, time: Fraction, now: float) -> Move:
        self._begin(time, now)
        return Move("wait", until=now)  # that is, ask again

    def _begin(self, time: Fraction, now: float) -> None:
        self.beginnings += 1
        self.clock.start(time, now + self._delay)
        self._dropping = [None, None]
        self._lateness = [None, None]

    def _send(self, stream: int, lateness: float) -> Move:
        self._dropping[stream] = None
        self._lateness[stream] = lateness
        picture, sound = self._lateness
        if picture is not None and sound is not None:
            self.skew = sound - picture
            self.worst_skew = max(self.worst_skew, abs(self.skew))
        return Move("send", stream)
