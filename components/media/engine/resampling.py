"""Resampling: sound of any form, also changing, to one form. Imports PyAV.

Laws
1. Times are counted in samples from the first piece, without a gap or an overlap; where what comes
   is off its time by more than DRIFT seconds, as after a loss, the count begins anew from there.
2. When the form of what comes changes, what is inside comes out first.
3. Sound that has the form already is passed on as it is.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.audio.resampler import AudioResampler

from kamesh.components.media.trouble import MediaError, because

__all__ = ["DRIFT", "Resampling"]

DRIFT = Fraction(8, 100)
LAYOUTS = {1: "mono", 2: "stereo", 4: "4.0", 6: "5.1", 8: "7.1"}
Form = tuple[str, str, int]


class Resampling:
    """Takes sound, gives sound of one form; "" and 0 keep what comes.

    Example: `Resampling("s16", "stereo", 0, 48000).push(frame)`.
    """

    def __init__(self, form: str, layout: str, channels: int, rate: int) -> None:
        """Begin with nothing inside."""
        self._form = form
        self._layout = layout or (LAYOUTS.get(channels, f"{channels}c") if channels else "")
        self._rate = rate
        self._source: Form | None = None
        self._target: Form = ("", "", 0)
        self._resampler: AudioResampler | None = None
        self._anchor = Fraction(0)  # seconds at which the count of samples began
        self._given = 0
        self._due: Fraction | None = None  # when the next piece should come
        self.changes = 0

    def push(self, frame: av.AudioFrame) -> list[Any]:
        """Take a piece; give what comes out."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        out: list[Any] = []
        time = self._time(frame)
        if source != self._source or self._due is None or abs(time - self._due) > DRIFT:
            out = self.finish()
            self.changes += self._source is not None and source != self._source
            self._begin(source, time)
        self._due = time + Fraction(frame.samples, frame.sample_rate)
        if self._resampler is None:
            return [*out, frame]
        return out + self._resampled(frame)

    def finish(self) -> list[Any]:
        """Give what is inside."""
        return self._resampled(None) if self._resampler is not None else []

    def _time(self, frame: av.AudioFrame) -> Fraction:
        if frame.pts is None or not frame.time_base:
            return self._due or Fraction(0)
        return frame.pts * frame.time_base

    def _begin(self, source: Form, time: Fraction) -> None:
        self._source = source
        self._target = (self._form or source[0], self._layout or source[1], self._rate or source[2])
        self._anchor, self._given = time, 0
        self._resampler = None if self._target == source else AudioResampler(*self._target)

    def _resampled(self, frame: av.AudioFrame | None) -> list[Any]:
        assert self._resampler is not None
        rate = self._target[2]
        try:
            pieces = self._resampler.resample(frame)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(
                f"sound in {self._source} cannot be made {self._target}: {because(error)}"
            ) from error
        for piece in pieces:
            piece.pts = round(self._anchor * rate) + self._given
            piece.time_base = Fraction(1, rate)
            self._given += piece.samples
        return list(pieces)
