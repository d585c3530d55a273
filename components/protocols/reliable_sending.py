"""The sending half of the simple reliable multicast, without I/O: number, keep, send again.

Laws
1. What is sent is kept until `keep` later messages have been sent, and can be had again until then.
2. However many ask for a message, it is sent again at most once in HOLD one-way delays, the time in
   which a repair that is under way may still meet a request for it (Floyd and others 1997, III.B).
3. While it is silent it says how far it has come: soon, then ever less often, so that the loss of the
   last message is noticed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from kamesh.components.protocols.reliable_frames import Ask, Beat, Data, decoded, encoded

__all__ = ["Annotator"]

HOLD = 3.0  # one-way delays
FIRST_BEAT, LONGEST_BEAT = 10.0, 100.0  # one-way delays between two beats: at first, and at most


class Annotator:
    """Numbers messages, and sends again those that are asked for.

    `session` is 64 bits that no other sender has; `delay` the seconds that a frame takes one way, about;
    `keep` how many messages can be had again.

    Example:
        annotator = Annotator(session, now=0.0)
        frame = annotator.annotate(b"hello", now=0.0)
        annotator.heard(an_ask, now=0.1)
        frames = list(annotator.repairs(now=0.1))
    """

    def __init__(self, session: int, now: float, *, delay: float = 0.01, keep: int = 1024) -> None:
        """Begin with number 1."""
        self.session = session
        self.delay = delay
        self.keep = keep
        self.highest = 0
        self.repaired = self.asked = self.unknown = 0
        self.next_beat = now
        self.last_asked = now
        self._began = now
        self._beat_after = FIRST_BEAT
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._again: dict[int, None] = {}  # to be sent again, in the order they were asked for
        self._sent_again: dict[int, float] = {}  # when, of those that are kept

    @property
    def lowest(self) -> int:
        """The lowest number that can still be had."""
        return next(iter(self._kept), self.highest + 1)

    def annotate(self, message: bytes, now: float) -> bytes:
        """Give the frame of a new message."""
        self.highest += 1
        self._kept[self.highest] = message
        if len(self._kept) > self.keep:
            gone, _ = self._kept.popitem(last=False)
            self._again.pop(gone, None)
            self._sent_again.pop(gone, None)
        self._beat_after = FIRST_BEAT
        self.next_beat = now + self._beat_after * self.delay
        return encoded(Data(self.session, now - self._began, self.highest, message))

    def heard(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Take in a frame from the network; all but the requests for this session are not for it."""
        frame = decoded(data)
        if frame is None:
            self.unknown += 1
        if not isinstance(frame, Ask) or frame.session != self.session:
            return
        self.asked += 1
        self.last_asked = now
        for first, last in frame.runs:
            if first < self.lowest:
                self.next_beat = now  # it asks for what is gone: say so
            for number in range(max(first, self.lowest), min(last, self.highest) + 1):
                if now >= self._sent_again.get(number, now - HOLD * self.delay) + HOLD * self.delay:
                    self._again[number] = None

    def repairs(self, now: float) -> Iterator[bytes]:
        """Give the frames to send again; those that are not taken wait for the next time."""
        while self._again:
            number = next(iter(self._again))
            del self._again[number]
            self._sent_again[number] = now
            self.repaired += 1
            yield encoded(
                Data(self.session, now - self._began, number, self._kept[number], repair=True)
            )

    def beat(self, now: float, *, last: bool = False) -> bytes:
        """Give the frame that says how far it has come; the next is due at `next_beat`."""
        self.next_beat = now + self._beat_after * self.delay
        self._beat_after = min(self._beat_after * 2, LONGEST_BEAT)
        return encoded(Beat(self.session, now - self._began, self.highest, self.lowest, last))
