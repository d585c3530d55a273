"""Samples: sound frames of any form as arrays of float32, and arrays as frames. Imports PyAV, NumPy.

Laws: an array is samples by channels, full scale 1.0, at one rate; a frame in it already is taken
bit for bit; one channel becomes several alike, and several become one by their mean, so that a voice
is as loud as it was; of other numbers FFmpeg decides.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from kamesh.components.media.engine.mixing import Samples, spread
from kamesh.components.media.engine.resampling import LAYOUTS, Resampling

__all__ = ["SampleReader", "sound_frame"]

SCALE = 32768.0  # of 16 bits
PLAIN = {"s16", "s16p", "flt", "fltp"}  # what is read without FFmpeg if its rate is right


class SampleReader:
    """Takes sound of any form, also changing; gives (place, samples), places in samples from time 0.

    Example: `SampleReader(48000, 2).push(frame)`.
    """

    def __init__(self, rate: int, channels: int) -> None:
        """Begin with nothing inside."""
        self._rate, self._channels = rate, channels
        self._layout: str | None = None  # what FFmpeg makes; "": as it comes, and spread here
        self._machine: Resampling | None = None
        self._next = 0  # the place of what bears no time

    def push(self, frame: av.AudioFrame) -> list[tuple[int, Samples]]:
        """Take a piece; give what comes out."""
        have = len(frame.layout.channels)
        alike = have == self._channels or 1 in (self._channels, have)
        if alike and frame.sample_rate == self._rate and frame.format.name in PLAIN:
            return [*self.finish(), self._read(frame)]
        layout = "" if alike else layout_of(self._channels)
        out = self.finish() if layout != self._layout else []
        if self._machine is None:
            self._layout, self._machine = layout, Resampling("flt", layout, 0, self._rate)
        return out + [self._read(piece) for piece in self._machine.push(frame)]

    def finish(self) -> list[tuple[int, Samples]]:
        """Give what is inside, and begin anew."""
        machine, self._machine = self._machine, None
        return [self._read(piece) for piece in machine.finish()] if machine else []

    def _read(self, piece: av.AudioFrame) -> tuple[int, Samples]:
        values: NDArray[Any] = piece.to_ndarray()
        planar = values.shape[0] > 1 or piece.samples == values.shape[1]
        values = values.T if planar else values.reshape(piece.samples, -1)
        samples: Samples = values if values.dtype == np.float32 else values * np.float32(1 / SCALE)
        place, unit = piece.pts, piece.time_base
        if place is None or not unit:
            place = self._next
        elif (unit.numerator, unit.denominator) != (1, self._rate):
            place = round(place * unit * self._rate)
        self._next = place + len(samples)
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
