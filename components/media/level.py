"""Level: how loud a sound is, told beside it as it passes.

Law: the sound itself is passed on as it is; what is told of it is by its own times, so it is the same
however fast it passes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Sound
from kamesh.components.media.messages import unexpected
from kamesh.components.refusing import more_than
from kamesh.outbox import Outbox

__all__ = ["Level"]


class Level(Component):
    """Tells how loud a sound is, each `every` seconds, and passes it on.

    A `SoundLevel` has `time` (seconds), `peak` and `rms`, both as parts of full scale over all
    channels: 1.0 is the loudest there can be; 20 * log10(rms) is in dBFS. `every` is 0.1 by default.

    Example:
        >>> sine = DeviceSource("sine=sample_rate=48000:duration=1", "lavfi")
        >>> Graphline(SINE=sine, LEVEL=Level(0.5), KEPT=(kept := DataSink()), linkages={
        ...     ("SINE", "audio"): ("LEVEL", "inbox"), ("LEVEL", "levels"): ("KEPT", "inbox")}).run()
        >>> [(level.time, round(level.peak, 3), round(level.rms, 3)) for level in kept.messages]
        [(0.0, 0.125, 0.088), (0.5, 0.125, 0.088)]

    Boxes: "inbox" `av.AudioFrame`s of any form; "outbox" the same; "levels" `SoundLevel`s; "control".

    How it ends: when the stream ends or it is told on "control", after the last level.
    """

    inboxes: ClassVar = {
        "inbox": "sound: av.AudioFrame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the same sound",
        "levels": "SoundLevels",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}
    formats: Mapping[str, Format] = {"inbox": Sound(), "outbox": Sound()}
    levels: Outbox

    def __init__(self, every: float = 0.1, *, name: str | None = None) -> None:
        """Take the seconds that one measure covers; WrongFigure for 0 or less."""
        super().__init__(name=name)
        more_than(0, every, "the seconds that a level is measured over")
        self.every = every

    def main(self) -> Generator[None, None, None]:
        """Measure what passes."""
        # PyAV and NumPy take a quarter of a second to import: only the node that measures pays for it
        with needing("Level"):
            from kamesh.components.media.engine.metering import Meter
            from kamesh.components.media.engine.samples import SampleReader

        form = (0, 0)  # rate and channels: each change begins a new measure
        reader, meter = SampleReader(1, 1), Meter(1, self.every)
        while not self.stopping():
            for frame in self.inbox:
                if not hasattr(frame, "sample_rate"):
                    raise unexpected("Level", "av.AudioFrame", frame)
                if form != (frame.sample_rate, len(frame.layout.channels)):
                    self.send_all(meter.finish(), "levels")
                    form = (frame.sample_rate, len(frame.layout.channels))
                    reader, meter = SampleReader(*form), Meter(form[0], self.every)
                for place, samples in reader.push(frame):
                    self.send_all(meter.push(place, samples), "levels")
                self.send(frame)
            yield self.pause()
        self.send_all(meter.finish(), "levels")
