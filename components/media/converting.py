"""Scale, Resample, FrameRate: pictures and sound brought to the form that somebody needs.

They are components with a thread of their own: to scale a picture of 1280 x 720 to 640 x 360 was
measured to take 0.5 ms, one of four times the pixels takes four times as long, and meanwhile the
scheduler would run nothing else.

Laws: each frame is converted from the form that it has itself, so a change in mid-stream is followed;
one that has the right form already is passed on as it is; frames handed in are not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import NotInstalled, needing
from kamesh.components.formats import Format, Pictures, Sound
from kamesh.components.media.core.ticks import Ticks, checked_rate
from kamesh.components.media.messages import unexpected
from kamesh.components.media.trouble import MediaError
from kamesh.components.refusing import WrongFigure, whole

__all__ = ["FrameRate", "Resample", "Scale"]

MOST = 16384  # pixels


class Scale(ThreadedComponent):
    """Brings pictures to one size, or one pixel format, or both.

    `width` and `height` in pixels; -1 for one of them keeps the shape of the picture (rounded to an
    even number), -1 for both the size. `format` is FFmpeg's name of a pixel format ("yuv420p",
    "rgb24"), "" to keep it.

    Example:
        >>> card = TestCard(size=(320, 180), seconds=1, realtime=False)
        >>> Pipeline(card, Scale(160, format="rgb24"), kept := DataSink()).run()
        >>> picture = kept.messages[0]
        >>> picture.width, picture.height, picture.format.name
        (160, 90, 'rgb24')

    Boxes: "inbox" `av.VideoFrame` of any size and format, also changing; "outbox" `av.VideoFrame`;
    "control".

    How it ends: when the stream ends or it is told on "control".
    """

    inboxes: ClassVar = {
        "inbox": "pictures: av.VideoFrame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 8}
    outgoing: ClassVar = 4
    formats: Mapping[str, Format] = {"inbox": Pictures(), "outbox": Pictures()}

    def __init__(
        self,
        width: int = -1,
        height: int = -1,
        format: str = "",  # noqa: A002  FFmpeg's own word
        *,
        name: str | None = None,
    ) -> None:
        """Check the words; WrongFigure says which will not do."""
        super().__init__(name=name)
        for said in (width, height):
            if said != -1:
                whole(1, said, "a width or height in pixels (-1: by the other)", MOST)
        self.width, self.height, self.format = width, height, format
        if format:
            check_pixel_format(format)
        sizes = ((width, height),) if -1 not in (width, height) else ()
        self.formats = {
            "inbox": Pictures(), "outbox": Pictures((format,) if format else (), sizes),
        }  # fmt: skip
        self.frames = self.passed = 0

    def main(self) -> None:
        """Scale picture after picture."""
        # PyAV takes a tenth of a second to import: only the node that scales pays for it
        with needing("Scale"):
            import av

        for frame in self.inbox:
            if not isinstance(frame, av.VideoFrame):
                raise unexpected("Scale", "av.VideoFrame", frame)
            form = self.format or frame.format.name
            size = self._size(frame.width, frame.height)
            self.frames += 1
            if (size, form) == ((frame.width, frame.height), frame.format.name):
                self.passed += 1
                self.send(frame)
            else:
                self.send(frame.reformat(width=size[0], height=size[1], format=form))

    def _size(self, width: int, height: int) -> tuple[int, int]:
        if self.width == self.height == -1:
            return width, height
        if self.height == -1:
            return self.width, _even(height * self.width / width)
        if self.width == -1:
            return _even(width * self.height / height), self.height
        return self.width, self.height

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames, "passed": self.passed}


class Resample(ThreadedComponent):
    """Brings sound to one rate, one number of channels and one sample format.

    `rate` in samples a second, `channels` 1, 2, ... or, for more than their number says, `layout` by
    FFmpeg's name ("5.1"); `format` is FFmpeg's name of a sample format ("s16", "fltp"). What is left
    out is kept as it comes.

    Example:
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> Graphline(CARD=card, MONO=Resample(16000, 1), KEPT=(kept := DataSink()), linkages={
        ...     ("CARD", "audio"): ("MONO", "inbox"), ("MONO", "outbox"): ("KEPT", "inbox")}).run()
        >>> sum(piece.samples for piece in kept.messages), kept.messages[0].layout.name
        (16000, 'mono')

    Boxes: "inbox" `av.AudioFrame` of any form, also changing; "outbox" `av.AudioFrame`, its times in
    samples and without a step for as long as what comes has none; "control".

    How it ends: when the stream ends or it is told on "control": what is inside comes out first.
    """

    inboxes: ClassVar = {
        "inbox": "sound: av.AudioFrame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "sound: av.AudioFrame",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}
    formats: Mapping[str, Format] = {"inbox": Sound(), "outbox": Sound()}

    def __init__(
        self,
        rate: int = 0,
        channels: int = 0,
        format: str = "",  # noqa: A002  FFmpeg's own word
        *,
        layout: str = "",
        name: str | None = None,
    ) -> None:
        """Check the words; WrongFigure says which will not do."""
        super().__init__(name=name)
        if rate:
            whole(1000, rate, "the number of samples a second", 768_000)
        if channels and layout:
            raise WrongFigure("say channels or layout, not both")
        if channels:
            whole(1, channels, "the number of channels", 64)
        self.rate, self.channels, self.format, self.layout = rate, channels, format, layout
        _check_sound(format, layout)
        self.formats = {
            "inbox": Sound(),
            "outbox": Sound(
                (format,) if format else (), (rate,) if rate else (), (channels,) if channels else ()
            ),
        }
        self.samples = self.changes = 0

    def main(self) -> None:
        """Resample piece after piece."""
        # PyAV takes a tenth of a second to import: only the node that resamples pays for it
        with needing("Resample"):
            import av

            from kamesh.components.media.engine.resampling import Resampling

        machine = Resampling(self.format, self.layout, self.channels, self.rate)
        for frame in self.inbox:
            if not isinstance(frame, av.AudioFrame):
                raise unexpected("Resample", "av.AudioFrame", frame)
            self._send_all(machine.push(frame))
            self.changes = machine.changes
        self._send_all(machine.finish())

    def _send_all(self, pieces: list[Any]) -> None:
        for piece in pieces:
            self.samples += piece.samples
            self.send(piece)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"samples": self.samples, "changes": self.changes}


class FrameRate(ThreadedComponent):
    """Brings pictures to a steady rate: some are shown twice, or left out, as their times ask.

    `rate` in pictures a second: 25, "30000/1001". A picture belongs to the tick of that rate that is
    nearest to its time; in a gap the one before it is repeated, for ten seconds at the most.

    Example:
        >>> card = TestCard(size=(160, 90), rate=25, seconds=1, realtime=False)
        >>> Pipeline(card, FrameRate(10), kept := DataSink()).run()
        >>> [float(picture.pts * picture.time_base) for picture in kept.messages[:3]]
        [0.0, 0.1, 0.2]

    Boxes: "inbox" `av.VideoFrame`s that bear times; "outbox" `av.VideoFrame`s, their times counted
    in ticks; "control".

    How it ends: when the stream ends or it is told on "control", after the last picture. It fails,
    with a sentence, for a picture without a time.
    """

    inboxes: ClassVar = Scale.inboxes
    outboxes: ClassVar = Scale.outboxes
    bounds: ClassVar = {"inbox": 8}
    outgoing: ClassVar = 4
    formats: Mapping[str, Format] = {"inbox": Pictures(), "outbox": Pictures()}

    def __init__(self, rate: int | float | str | Fraction, *, name: str | None = None) -> None:
        """Check the rate."""
        super().__init__(name=name)
        self.rate = checked_rate(rate)
        self.formats = {"inbox": Pictures(), "outbox": Pictures(rates=(self.rate,))}
        self._ticks: Ticks[Any] = Ticks(self.rate)

    def main(self) -> None:
        """Place picture after picture."""
        # PyAV takes a tenth of a second to import: only the node that does this pays for it
        with needing("FrameRate"):
            import av

            from kamesh.components.media.engine.cloning import Cloner

        cloner, unit = Cloner(), 1 / self.rate
        for frame in self.inbox:
            if not isinstance(frame, av.VideoFrame):
                raise unexpected("FrameRate", "av.VideoFrame", frame)
            if frame.pts is None or not frame.time_base:
                raise MediaError("FrameRate goes by the times of pictures, and this one bears none")
            length = (getattr(frame, "duration", 0) or 0) * frame.time_base
            for tick, shown in self._ticks.place(frame.pts * frame.time_base, frame, length):
                self.send(cloner.clone(shown, tick, unit))
        for tick, shown in self._ticks.finish():
            self.send(cloner.clone(shown, tick, unit))

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"repeated": self._ticks.repeated, "dropped": self._ticks.dropped}


def check_pixel_format(name: str) -> None:
    """Refuse a pixel format that FFmpeg does not have; where PyAV is missing nothing is asked."""
    try:
        with needing("Scale"):
            import av  # only who names a format pays for it
    except NotInstalled:
        return
    try:
        av.VideoFormat(name)
    except (TypeError, ValueError):
        raise WrongFigure(f"FFmpeg has no pixel format {name!r}: write 'yuv420p', 'rgb24'") from None


def _check_sound(form: str, layout: str) -> None:
    try:
        with needing("Resample"):
            import av  # only who names a format pays for it
    except NotInstalled:
        return
    try:
        if form:
            av.AudioFormat(form)
    except (TypeError, ValueError):
        raise WrongFigure(f"FFmpeg has no sample format {form!r}: write 's16', 'fltp'") from None
    try:
        if layout:
            av.AudioLayout(layout)
    except (TypeError, ValueError):
        raise WrongFigure(f"FFmpeg has no channel layout {layout!r}: write 'stereo'") from None


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)
