"""TestCard: colour bars, a clock that moves and a tone, made as they are needed.

Laws: frame n is due n frames after the start, by the scheduler's clock, so the pace neither drifts
nor depends on how long a frame takes; a reader that is slow makes the card wait and never lose a
frame; when it falls behind it makes up for it as fast as it is read.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from fractions import Fraction
from typing import ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Pictures, Sound
from kamesh.components.refusing import WrongFigure, at_least, more_than, whole

__all__ = ["TestCard"]

SMALLEST, LARGEST = (160, 90), (7680, 4320)  # pixels


class TestCard(Component):
    """Makes pictures and sound that show at a glance, and prove by number, that a stream is whole.

    The picture: the 75 % bars of BT.709, a clock (hours, minutes, seconds, frames), the frame's
    number in figures and again as a row of blocks that `probe` reads, a dial that turns once a
    second, a bar that crosses once in four seconds, and a circle that is round if nothing is
    stretched. At the start of each second a field lights up for two frames and a blip sounds with
    it.

    `size` in pixels, both even, 160 x 90 to 7680 x 4320; `rate` in frames a second (25,
    "30000/1001"); `seconds` to run, None for ever; `tone` in hertz, 0 for none but the blip;
    `sample_rate` in hertz; `realtime=False` makes frames as fast as they are taken. A frame of 1280
    x 720 costs about 0.6 ms.

    Example:
        >>> card = TestCard(size=(160, 90), rate=25, seconds=2, realtime=False)
        >>> Graphline(CARD=card, ENCODE=Encode(), FILE=Record("card.ts"), linkages={
        ...     ("CARD", "outbox"): ("ENCODE", "inbox"), ("CARD", "audio"): ("ENCODE", "audio"),
        ...     ("ENCODE", "outbox"): ("FILE", "inbox")}).run()
        >>> report = probe("card.ts")
        >>> report.first, report.last, report.missing
        (0, 49, 0)

    Boxes: "outbox" `av.VideoFrame` (yuv420p, time in frames); "audio" `av.AudioFrame` (s16, stereo,
    time in samples), one for each picture; "control".

    How it ends: after `seconds`, or when told on "control"; both streams end.
    """

    __test__ = False  # its name is no invitation to pytest

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "audio": "sound: av.AudioFrame",
        "signal": "passes on what was told on control",
    }
    formats: Mapping[str, Format] = {"outbox": Pictures(), "audio": Sound()}

    def __init__(
        self,
        size: tuple[int, int] = (1280, 720),
        rate: int | float | str | Fraction = 25,
        seconds: float | None = None,
        tone: float = 440,
        sample_rate: int = 48000,
        realtime: bool = True,
        *,
        label: str = "KAMESH",
        name: str | None = None,
    ) -> None:
        """Check the figures; WrongFigure says which will not do. Nothing is drawn yet."""
        super().__init__(name=name)
        self.size = _size(size)
        self.rate = _rate(rate)
        if seconds is not None:
            more_than(0, seconds, "the seconds of a test card")
        whole(8000, sample_rate, "the number of samples a second", 192_000)
        at_least(0, tone, "the tone in Hz")
        if tone >= sample_rate / 2:
            raise WrongFigure(
                f"a tone of {tone} Hz cannot be made of {sample_rate} samples a second: it is below half "
                "of that"
            )
        self.total = None if seconds is None else max(1, round(seconds * self.rate))
        self.tone = tone
        self.sample_rate = sample_rate
        self.realtime = realtime
        self.label = label
        self.formats = {
            "outbox": Pictures(("yuv420p",), (self.size,), (self.rate,)),
            "audio": Sound(("s16",), (sample_rate,), (2,)),
        }
        self.frames = 0

    def main(self) -> Generator[None, None, None]:
        """Send frame after frame, each when it is due."""
        # PyAV and NumPy take a quarter of a second to import: only the node that draws pays for it
        with needing("TestCard"):
            from kamesh.components.media.engine.cardframes import CardFrames

        card = CardFrames(
            self.size, self.rate, tone=self.tone, sample_rate=self.sample_rate, label=self.label
        )
        start = self.now()
        while self.frames != self.total and not self.stopping():
            wait = start + float(self.frames / self.rate) - self.now() if self.realtime else 0
            if wait > 0:
                yield self.pause(wait)
                continue
            self.send(card.picture(self.frames))
            self.send(card.sound(self.frames), "audio")
            self.frames += 1
            yield None

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames}


def _size(size: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise WrongFigure(f"the size of a test card is a width and a height, and not {size!r}")
    width, height = size
    for pixels in size:
        whole(0, pixels, "a width or height in pixels")
    if width % 2 or height % 2:
        raise WrongFigure(f"a test card of {width} x {height} cannot be made: both must be even")
    for value, least, most in zip(size, SMALLEST, LARGEST, strict=True):
        if not least <= value <= most:
            raise WrongFigure(
                f"a test card of {width} x {height} cannot be made: "
                f"from {SMALLEST[0]} x {SMALLEST[1]} to {LARGEST[0]} x {LARGEST[1]} it can"
            )
    return width, height


def _rate(rate: int | float | str | Fraction) -> Fraction:
    try:
        exact = Fraction(rate).limit_denominator(1001)
    except (TypeError, ValueError, ArithmeticError):
        raise WrongFigure(f"{rate!r} is not a frame rate: write 25 or '30000/1001'") from None
    if not 1 <= exact <= 240:
        raise WrongFigure(f"a test card has from 1 to 240 frames a second, not {rate}")
    return exact
