"""Sync: pictures and sound sent on when they are due, in step with each other.

Laws
1. Frame and piece leave at their time by one clock, the scheduler's, drawn to that of the sound device
   where one reports; they are not changed.
2. What is held is one picture and one piece of sound; all else waits in the inboxes, which are
   bounded, and then at the source.
3. A source that begins anew goes on where it had got to, with both streams.

What is decided is in `instep.py` and `clock.py`, apart from any component.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from fractions import Fraction
from math import inf
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.formats import Format, Pictures, Sound
from kamesh.components.media.core.feeding import all_over
from kamesh.components.media.core.instep import AUDIO, GAPS, VIDEO, InStep
from kamesh.components.media.core.timeline import Timeline
from kamesh.components.media.messages import unexpected
from kamesh.components.media.trouble import MediaError
from kamesh.components.plumbing.streams import more_may_come
from kamesh.components.refusing import WrongFigure, at_least
from kamesh.components.sending import shut_down
from kamesh.inbox import Inbox

__all__ = ["Sync"]


class Sync(Component):
    """Sends pictures and sound on, each when it is due, in step.

    It begins when both streams have shown themselves; one that is linked and brings nothing is waited
    for `wait` seconds (default 2). The first frame is due `delay` seconds after that (default 0.1):
    frames may come as irregularly as that and still leave in time. A picture that is more than `late`
    seconds late (default 0.1) is dropped and counted. Sound that is later, as after a gap in what
    comes, is skipped and counted with `after_gap="skip"`, so that the delay stays as it was; with
    "wait" none of it is dropped, and all that follows is later by as much.

    Example:
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> sync = Sync()
        >>> _ = run(Graphline(CARD=card, SYNC=sync, SEEN=DataSink(), HEARD=DataSink(), linkages={
        ...     ("CARD", "outbox"): ("SYNC", "inbox"), ("CARD", "audio"): ("SYNC", "audio"),
        ...     ("SYNC", "outbox"): ("SEEN", "inbox"), ("SYNC", "sound"): ("HEARD", "inbox")}))
        >>> sync.details()["pictures"], sync.details()["skew"]
        (25, 0.0)

    Boxes: "inbox" `av.VideoFrame`s; "audio" `av.AudioFrame`s; "hold" True to stand still and False to
    go on; "played" the media time in seconds that a sound device has got to, as `SoundOutput` reports
    it; "outbox" the pictures; "sound" the sound; "control".

    How it ends: when both streams have ended and the last of them was due, or when told on "control";
    told Shutdown, at once. It fails, with a sentence, for what is neither, or a picture without a time.
    """

    inboxes: ClassVar = {
        "inbox": "pictures: av.VideoFrame",
        "audio": "sound: av.AudioFrame",
        "hold": "True to stand still, False to go on",
        "played": "the seconds that a sound device has got to",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the pictures, each when it is due",
        "sound": "the sound, each piece when it is due",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16, "audio": 64}
    formats: Mapping[str, Format] = {
        "inbox": Pictures(), "audio": Sound(), "outbox": Pictures(), "sound": Sound(),
    }  # fmt: skip
    audio: Inbox
    hold: Inbox
    played: Inbox

    def __init__(
        self,
        delay: float = 0.1,
        late: float = 0.1,
        wait: float = 2.0,
        after_gap: str = "skip",
        *,
        name: str | None = None,
    ) -> None:
        """Check the figures; WrongFigure says which will not do."""
        super().__init__(name=name)
        at_least(0, delay, "the seconds of a delay")
        at_least(0, late, "the seconds that a picture may be late")
        at_least(0, wait, "the seconds to wait for a stream")
        if after_gap not in GAPS:
            raise WrongFigure(f"after a gap sound is to 'skip' or 'wait', not {after_gap!r}")
        self._step = InStep(delay, late, wait, after_gap)
        self._lead = Fraction(delay).limit_denominator(1_000_000)
        self._timeline = Timeline()
        self._heads: list[tuple[Fraction, Any] | None] = [None, None]
        self._ends = [Fraction(0), Fraction(0)]  # where what bears no time goes
        self._shift = Fraction(0)  # from the time that the last sound bore to the one it was given
        self.sent = [0, 0]

    def main(self) -> Generator[None, None, None]:
        """Send what is due, and wait for what is not."""
        boxes, outboxes = (self.inbox, self.audio), ("outbox", "sound")
        while not shut_down(self):
            told = self.stopping()
            self._hear()
            for stream, box in enumerate(boxes):
                if self._heads[stream] is None and box.queue:
                    self._heads[stream] = self._placed(stream, box.recv())
            picture, sound = (None if head is None else head[0] for head in self._heads)
            if picture is sound is None and (told or all_over(boxes)):
                return
            missing = [
                head is None and more_may_come(self, box)
                for head, box in zip(self._heads, boxes, strict=True)
            ]
            now = self.now()
            move = self._step.next((picture, sound), (missing[VIDEO], missing[AUDIO]), now)
            if move.what == "wait":
                yield self.pause(None if move.until == inf else max(0.0, move.until - now))
                continue
            head, self._heads[move.stream] = self._heads[move.stream], None
            if move.what == "send" and head is not None:
                self.send(head[1], outboxes[move.stream])
                self.sent[move.stream] += 1
            yield None

    def _hear(self) -> None:
        """Do what was told at the boxes beside the streams."""
        clock, now = self._step.clock, self.now()
        self._step.lead = self._lead if self.played.feeds else Fraction(0)
        while self.hold.queue:
            (clock.hold if self.hold.recv() else clock.go_on)(now)
        while self.played.queue:
            clock.follow(self.played.recv() + float(self._shift), now)

    def _placed(self, stream: int, frame: Any) -> tuple[Fraction, Any]:
        """Give a frame with the time that it has on a timeline that never runs backwards."""
        if hasattr(frame, "sample_rate") is not (stream == AUDIO):
            wants = ("av.VideoFrame on its inbox", "av.AudioFrame on its box for audio")[stream]
            raise unexpected("Sync", wants, frame)
        time = self._ends[stream]
        if frame.pts is not None and frame.time_base:
            time = frame.pts * frame.time_base
        elif stream == VIDEO:
            raise MediaError("Sync goes by the times of pictures, and this one bears none")
        if stream == AUDIO:
            length = Fraction(frame.samples, frame.sample_rate)
        else:
            length = (getattr(frame, "duration", 0) or 0) * (frame.time_base or Fraction(0))
            length = length or max(min(time - self._ends[stream], Fraction(1)), Fraction(0))
        placed = self._timeline.place(stream, time, length)
        self._ends[stream] = time + length if stream == AUDIO else time
        if stream == AUDIO:
            self._shift = placed - time
        return placed, frame

    def details(self) -> dict[str, float]:
        """Give the figures that are its own; skews in seconds, sound later than pictures."""
        step = self._step
        return {
            "pictures": self.sent[VIDEO],
            "sounds": self.sent[AUDIO],
            "pictures_dropped": step.dropped[VIDEO],
            "sounds_dropped": step.dropped[AUDIO],
            "shown_late": step.shown_late,
            "beginnings": step.beginnings,
            "skew": round(step.skew, 6),
            "worst_skew": round(step.worst_skew, 6),
            "drift": step.clock.drift,
        }
