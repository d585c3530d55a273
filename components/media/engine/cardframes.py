"""Card frames: the test card's pictures and its tone as PyAV frames. Imports PyAV and NumPy.

Laws: picture and sound of one number cover the same time, and the sound of all numbers together is
without a gap; the blip begins with the first sample of the frame whose flash is lit.
"""

from __future__ import annotations

from fractions import Fraction
from math import pi

import av
import numpy as np
from numpy.typing import NDArray

from kamesh.components.media.engine.card import Card, flash_is_on

__all__ = ["CardFrames"]

TONE_LEVEL = 10 ** (-26 / 20)  # of full scale: quiet enough to leave running
BLIP_LEVEL = 10 ** (-12 / 20)
FADE = 0.002  # seconds, so that the blip does not click
BT709, LIMITED = 1, 1


class CardFrames:
    """Makes frame after frame, or any one of them.

    Example: `CardFrames((1280, 720), Fraction(25), tone=440, sample_rate=48000).picture(7)`.
    `tone` in hertz (0: silence but for the blip, which is two octaves above, or 1 kHz).
    """

    def __init__(
        self,
        size: tuple[int, int],
        rate: Fraction,
        *,
        tone: float,
        sample_rate: int,
        label: str = "KAMESH",
    ) -> None:
        """Draw all that never moves."""
        self.card = Card(size, rate, label)
        self._rate = rate
        self._tone = tone
        self._blip = tone * 4 or 1000.0
        self._sample_rate = sample_rate

    def picture(self, number: int) -> av.VideoFrame:
        """Make the picture of frame `number`: yuv420p, its time in units of one frame."""
        card, still = self.card, self.card.still
        frame = av.VideoFrame(card.width, card.height, "yuv420p")
        luma = _pixels(frame.planes[0])[:, : card.width]
        luma[:] = still.y
        card.draw(luma, number)
        for plane, source in ((frame.planes[1], still.u), (frame.planes[2], still.v)):
            _pixels(plane)[:, : card.width // 2] = source
        frame.pts = number
        frame.time_base = 1 / self._rate
        frame.colorspace, frame.color_range = BT709, LIMITED
        return frame

    def sound(self, number: int) -> av.AudioFrame:
        """Make the sound of frame `number`: s16, two channels, its time in samples."""
        start, stop = self._sample(number), self._sample(number + 1)
        at = np.arange(start, stop, dtype=np.float64)
        wave = TONE_LEVEL * np.sin(2 * pi * self._tone / self._sample_rate * at)
        if flash_is_on(number, self._rate):
            wave = self._with_blip(wave, at, number)
        samples = np.repeat(np.rint(wave * 32767).astype(np.int16), 2)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
        frame.sample_rate = self._sample_rate
        frame.pts = start
        frame.time_base = Fraction(1, self._sample_rate)
        return frame

    def _with_blip(
        self, wave: NDArray[np.float64], at: NDArray[np.float64], number: int
    ) -> NDArray[np.float64]:
        """Lay the blip over the tone, faded in where the flash lights up and out where it goes."""
        loud: NDArray[np.float64] = np.ones_like(at)
        fade = np.minimum((at - at[0]) / (FADE * self._sample_rate), 1)
        if not flash_is_on(number - 1, self._rate) or number == 0:
            loud *= fade
        if not flash_is_on(number + 1, self._rate):
            loud *= fade[::-1]
        blip: NDArray[np.float64] = (
            np.sin(2 * pi * self._blip / self._sample_rate * at) * BLIP_LEVEL
        )
        return wave + blip * loud

    def _sample(self, number: int) -> int:
        return int(number * self._sample_rate / self._rate)


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """Look at a plane as rows of bytes; what is written there is written to the frame."""
    pixels: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)
    return pixels.reshape(plane.height, plane.line_size)
