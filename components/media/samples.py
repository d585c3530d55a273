"""Samples: sound frames of any form as arrays of float32, and arrays as frames. Imports PyAV, NumPy.

Laws: an array is samples by channels, full scale 1.0, at one rate; a frame in it already is taken
bit for bit; one channel becomes several alike, and several become one by their mean, so that a voice
is as loud as it was; of other numbers FFmpeg decides.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from kamesh.components.media.mixing import Samples, spread
from kamesh.components.media.resampling import LAYOUTS, Resampling

__all__ = ["SampleReader", "sound_frame"]

SCALE = 32768.0  # of 16 bits


class SampleReader:
    """Takes sound of any form, also changing; gives (place, samples), places in samples from time 0.

    Example: `SampleReader(48000, 2).push(frame)`.
    """

    def __init__(self, rate: int, channels: int) -> None:
        """Begin with nothing inside."""
        self._rate, self._channels = rate, channels
        self._layout: str | None = None  # what FFmpeg makes; "": as it comes, and spread here
        self._machine: Resampling | None = None

    def push(self, frame: av.AudioFrame) -> list[tuple[int, Samples]]:
        """Take a piece; give what comes out."""
        layout = "" if 1 in (self._channels, len(frame.layout.channels)) else layout_of(self._channels)
        out = self.finish() if layout != self._layout else []
        if self._machine is None:
            self._layout, self._machine = layout, Resampling("flt", layout, 0, self._rate)
        return out + [self._read(piece) for piece in self._machine.push(frame)]

    def finish(self) -> list[tuple[int, Samples]]:
        """Give what is inside, and begin anew."""
        machine, self._machine = self._machine, None
        return [self._read(piece) for piece in machine.finish()] if machine else []

    def _read(self, piece: av.AudioFrame) -> tuple[int, Samples]:
        samples = piece.to_ndarray().reshape(piece.samples, -1)
        place = 0
        if piece.pts is not None and piece.time_base:
            place = round(piece.pts * piece.time_base * self._rate)
        return place, spread(samples, self._channels)


def sound_frame(samples: Samples, place: int, rate: int, form: str = "s16") -> av.AudioFrame:
    """Make a frame of samples whose first is at `place`; `form` is "s16" or "flt"."""
    channels = samples.shape[1]
    flat = np.ascontiguousarray(samples).reshape(1, -1)
    if form == "s16":
        whole = np.clip(np.rint(flat * SCALE), -SCALE, SCALE - 1).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole, form, layout_of(channels))
    else:
        frame = av.AudioFrame.from_ndarray(flat, form, layout_of(channels))
    frame.sample_rate = rate
    frame.pts, frame.time_base = place, Fraction(1, rate)
    return frame


def layout_of(channels: int) -> str:
    """Give FFmpeg's name for sound of so many channels."""
    return LAYOUTS.get(channels, f"{channels}c")
