"""Probe: decode a recording again and say what is in it, as proof of what arrived.

Laws: every frame is decoded, none is counted from a header; where the pictures are of the test
card, their numbers are read off the pictures themselves, so a lost or repeated frame cannot hide; a
file that breaks off is reported as far as it goes. The report is plain; PyAV is imported when
`probe` is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.codec import register
from kamesh.components.extras import needing
from kamesh.components.media.record import Recorded

if TYPE_CHECKING:
    from kamesh.components.media.engine.card import Plane

__all__ = ["MediaReport", "Probe", "count_frames", "numbers_missing", "probe"]


@register(name="media.MediaReport")
@dataclass(frozen=True, slots=True)
class MediaReport:
    """What a recording holds.

    `numbered` frames bore a test card's number, from `first` to `last`; `missing` numbers between
    those were not there and `repeated` frames bore a number that an earlier one had. -1 stands for
    none. `seconds` is the time the pictures cover; `audio_seconds` the sound.
    """

    path: str
    size: int
    format: str
    video_codec: str
    audio_codec: str
    width: int
    height: int
    frames: int
    keyframes: int
    seconds: float
    audio_samples: int
    audio_seconds: float
    damaged: int
    numbered: int
    first: int
    last: int
    missing: int
    repeated: int

    def __str__(self) -> str:
        """Put it in a sentence."""
        picture = f"{self.frames} frames of {self.video_codec} {self.width} x {self.height}"
        sound = (
            f"{self.audio_seconds:.2f} s of {self.audio_codec}" if self.audio_codec else "no sound"
        )
        text = (
            f"{self.path}: {picture} in {self.seconds:.2f} s, {self.keyframes} key frames, {sound}"
        )
        if self.numbered:
            text += (
                f"; test card frames {self.first} to {self.last}, "
                f"{self.missing} missing, {self.repeated} repeated"
            )
        return text + (f"; {self.damaged} damaged" if self.damaged else "")


def numbers_missing(numbers: list[int]) -> tuple[int, int]:
    """Give how many numbers between the least and the greatest are missing, and how many recur."""
    if not numbers:
        return 0, 0
    distinct = set(numbers)
    return max(distinct) - min(distinct) + 1 - len(distinct), len(numbers) - len(distinct)


def count_frames(path: str | Path) -> int:
    """Count the pictures of a file by decoding them all."""
    return probe(path).frames


def probe(path: str | Path) -> MediaReport:
    """Decode the file at `path` from beginning to end and report.

    Example: `print(probe("out.ts"))`. MediaFileError, in a sentence, if it is not media or has no
    pictures.
    """
    with needing("probe"):
        import av  # PyAV and NumPy are heavy, and a node that only passes a report on needs neither

        from kamesh.components.media.engine.card import read_number
        from kamesh.components.media.engine.reader import MediaFile

    numbers: list[int] = []
    keyframes = frames = samples = 0
    rate = 1
    span = [0.0, 0.0]
    with MediaFile(path) as media:
        for time, frame in media.frames():
            if isinstance(frame, av.AudioFrame):
                samples += frame.samples
                rate = frame.sample_rate
                continue
            frames += 1
            keyframes += bool(frame.key_frame)
            span = [
                min(span[0], float(time)) if frames > 1 else float(time),
                max(span[1], float(time)),
            ]
            number = read_number(_luma(frame))
            if number is not None:
                numbers.append(number)
        missing, repeated = numbers_missing(numbers)
        video, audio = media.video.codec_context, media.audio and media.audio.codec_context
        return MediaReport(
            path=str(path), size=Path(path).stat().st_size, format=media.format,
            video_codec=video.name, audio_codec=audio.name if audio else "",
            width=video.width, height=video.height, frames=frames, keyframes=keyframes,
            seconds=span[1] - span[0] + float(1 / media.rate) if frames else 0.0,
            audio_samples=samples, audio_seconds=samples / rate, damaged=media.damaged,
            numbered=len(numbers), first=min(numbers, default=-1), last=max(numbers, default=-1),
            missing=missing, repeated=repeated,
        )  # fmt: skip


class Probe(ThreadedComponent):
    """Reports on each recording that is named to it; in a thread, as decoding takes its time.

    Example:
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> Pipeline(card, Encode(audio=""), Record("card.ts"), Probe(), kept := DataSink()).run()
        >>> kept.messages[0].frames
        25

    Boxes: "inbox" paths, or `Recorded` as Record sends it; "outbox" a `MediaReport` for each;
    "control".

    How it ends: when its inbox has, or when told on "control". It fails for a file that
    is not media.
    """

    inboxes: ClassVar = {
        "inbox": "paths, or a Recorded",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a MediaReport for each",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 8}

    def main(self) -> None:
        """Probe one after the other."""
        for named in self.inbox:
            self.send(probe(named.path if isinstance(named, Recorded) else named))


def _luma(frame: Any) -> Plane:
    """Look at the brightness of a picture, converting it only if it is not planar 8-bit already."""
    import numpy as np  # see above

    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    rows: Plane = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[
        : frame.height, : frame.width
    ]
    return rows
