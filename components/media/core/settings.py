"""How a programme is to be encoded, as `Encode` was told.

Laws: plain values, so that any node can hold them; what cannot be meant is refused when it is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from kamesh.components.refusing import WrongFigure, whole

__all__ = ["EncodeSettings"]


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """The words of `Encode`, which says what each means; an empty codec leaves its stream out."""

    video: str = "libx264"
    audio: str = "aac"
    bitrate: int = 2_500_000
    gop: int = 0
    preset: str = "veryfast"
    tune: str = "zerolatency"
    audio_bitrate: int = 128_000
    rate: Fraction | None = None
    sample_rate: int = 48000
    channels: int = 2

    def __post_init__(self) -> None:
        """Refuse what cannot be meant; WrongFigure says why."""
        if not self.video and not self.audio:
            raise WrongFigure("both video and audio were left out: name at least one encoder")
        for word in ("bitrate", "audio_bitrate"):
            whole(1000, getattr(self, word), f"{word}, in bits a second,")
        whole(0, self.gop, "gop, the number of frames in a group (0: a second of them),")
        whole(1, self.sample_rate, "the number of samples a second")
        if self.channels not in (1, 2, 6):
            raise WrongFigure(f"sound is encoded with 1, 2 or 6 channels, not {self.channels}")
