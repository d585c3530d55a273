"""Lanes: the sound of one input of a mix, cut into the blocks that are asked for. Imports NumPy.

Laws
1. In a TimedLane each sample has its place, counted from time 0; pieces that follow each other are
   put together without a step while their times are off by no more than DRIFT seconds; where
   nothing is, there is silence.
2. A source that begins anew, or comes after its time has passed, goes on where the mix has got to.
3. In a LiveLane what comes is played in order, with at most `most` samples waiting: then the oldest
   are dropped and counted. One that runs dry is silent, is counted, and begins again when it has a
   whole block.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from kamesh.components.media.engine.mixing import Samples

__all__ = ["DRIFT", "LiveLane", "TimedLane"]

DRIFT = 0.08  # seconds


class TimedLane:
    """The sound of one input by its own times.

    Example: `lane.put(480, samples)`, then `lane.take(0, 960)` is 480 samples of silence and these.
    """

    def __init__(self, rate: int) -> None:
        """Begin with nothing."""
        self._pieces: deque[tuple[int, Samples]] = deque()
        self._drift = round(DRIFT * rate)
        self._shift = 0
        self._reached: int | None = None  # where the mix, or what is here, has got to
        self.beginnings = 0  # times that it was moved to where the mix was

    @property
    def end(self) -> int | None:
        """The place after the last sample; None before there is one."""
        return self._pieces[-1][0] + len(self._pieces[-1][1]) if self._pieces else None

    @property
    def start(self) -> int | None:
        """The place of the first sample that waits; None if none does."""
        return self._pieces[0][0] if self._pieces else None

    def put(self, place: int, samples: Samples) -> None:
        """Take the samples that belong at `place` and after."""
        if not len(samples):
            return
        place += self._shift
        reached = self._reached
        if reached is not None:
            if place < reached - self._drift:
                self._shift += reached - place
                self.beginnings += 1
                place = reached
            elif place <= reached + self._drift:
                place = reached
        self._pieces.append((place, samples))
        self._reached = place + len(samples)

    def take(self, start: int, count: int) -> Samples | None:
        """Give `count` samples from `start` on, and forget what is before their end; None: silence."""
        stop = start + count
        block: Samples | None = None
        while self._pieces and self._pieces[0][0] < stop:
            place, samples = self._pieces.popleft()
            first, last = max(start - place, 0), min(stop - place, len(samples))
            if last > first:
                if block is None:
                    block = np.zeros((count, samples.shape[1]), np.float32)
                block[place + first - start : place + last - start] = samples[first:last]
            if last < len(samples):
                self._pieces.appendleft((place + last, samples[last:]))
                break
        self._reached = max(stop, self._reached or stop)
        return block


class LiveLane:
    """The sound of one input as it comes; `most` samples may wait.

    Example: after `lane.put(samples)` `lane.take(960)` is the first 960 of them, or None.
    """

    def __init__(self, most: int) -> None:
        """Begin with nothing."""
        self._pieces: deque[Samples] = deque()
        self._most = most
        self.held = 0  # samples that wait
        self._playing = False
        self.underruns = self.dropped = 0

    def put(self, samples: Samples) -> None:
        """Take what has come."""
        self._pieces.append(samples)
        self.held += len(samples)
        if self.held > self._most:
            self.dropped += self._drop(self.held - self._most)

    def take(self, count: int, *, last: bool = False) -> Samples | None:
        """Give the next `count` samples; None for silence. `last`: no more will come."""
        if not self.held or (not self._playing and self.held < count and not last):
            self.underruns += self._playing and not last
            self._playing = False
            return None
        self._playing = True
        if self.held < count and not last:
            self.underruns += 1
            self._playing = False
        block = np.zeros((count, self._pieces[0].shape[1]), np.float32)
        have = min(count, self.held)
        filled = 0
        while filled < have:
            piece = self._pieces[0]
            part = piece[: have - filled]
            block[filled : filled + len(part)] = part
            filled += len(part)
            if len(part) < len(piece):
                self._pieces[0] = piece[len(part) :]
            else:
                self._pieces.popleft()
        self.held -= have
        return block

    def _drop(self, count: int) -> int:
        left = count
        while left:
            piece = self._pieces[0]
            if len(piece) <= left:
                self._pieces.popleft()
                left -= len(piece)
            else:
                self._pieces[0] = piece[left:]
                left = 0
        self.held -= count
        return count
