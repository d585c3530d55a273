"""SoundOutput and SoundInput: loudspeaker and microphone, through PortAudio (extra `sound`).

Laws
1. The device is waited for in a thread of its own, never in the event loop.
2. A device that is not there, or cannot do what is asked, is refused in one sentence that names those
   there are; what it plays too late, or loses, is counted.
3. A stop is obeyed within a tenth of a second; at the end of the stream all of it is heard first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Sound
from kamesh.components.media.engine.soundopening import SoundDevices
from kamesh.components.media.messages import unexpected
from kamesh.components.media.pulling import Puller
from kamesh.components.refusing import more_than, whole
from kamesh.components.sending import shut_down

__all__ = ["SoundInput", "SoundOutput"]

PIECE = 0.02  # seconds that are given to a device at once
AHEAD = 50  # pieces that a microphone may be ahead of who reads: a second


class SoundOutput(ThreadedComponent):
    """Plays sound on a loudspeaker, as it comes.

    `device` is its name, a part of it, or its number (default: the system's own); `rate` in samples a
    second and `channels` are those of the first piece where they are left at 0, or what the device
    can do if it cannot do these. `latency` is how many seconds the device may hold (default 0.1): the
    less, the sooner it is heard and the easier it runs dry, which is counted.

    The device sets the pace: whoever feeds it waits for it. Put `Sync` before it where pictures are
    to be in step, and link "played" to its box of that name.

    Example:
        >>> try:
        ...     run(SoundOutput("no such loudspeaker"), [])
        ... except ComponentFailed as failed:
        ...     print(failed)
        SoundOutput failed: there is no sound device 'no such loudspeaker' to play on: ...

    Boxes: "inbox" `av.AudioFrame`s of any form, also changing; "played" (float) the media time in
    seconds that has been heard, after each piece; "control".

    How it ends: when the stream has ended and all of it was heard; told on "control", when what has
    come was; told Shutdown, at once. It fails, with a sentence, if there is no such device or it goes
    away, or PortAudio is not installed.
    """

    inboxes: ClassVar = {
        "inbox": "sound: av.AudioFrame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "played": "the seconds of media that have been heard",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}
    outgoing: ClassVar = 4
    formats: Mapping[str, Format] = {"inbox": Sound()}

    def __init__(
        self,
        device: str | int | None = None,
        *,
        rate: int = 0,
        channels: int = 0,
        latency: float = 0.1,
        name: str | None = None,
    ) -> None:
        """Check the figures; the device is looked for when it starts, and opened for the first piece."""
        super().__init__(name=name)
        _check_form(rate, channels)
        more_than(0, latency, "the seconds that a sound device holds")
        self.device, self.rate, self.channels, self.latency = device, rate, channels, latency
        self.samples = self.underruns = 0

    def main(self) -> None:
        """Play piece after piece."""
        # PyAV and PortAudio take a quarter of a second to import: only who plays pays for it
        with needing("SoundOutput"):
            import av

            from kamesh.components.media.engine.samples import SampleReader

        devices = SoundDevices("SoundOutput")
        device = devices.find(self.device, "output")
        stream: Any = None
        reader: SampleReader | None = None
        with devices.trouble(device):
            try:
                for frame in self.inbox:
                    if not isinstance(frame, av.AudioFrame):
                        raise unexpected("SoundOutput", "av.AudioFrame", frame)
                    if stream is None or reader is None:
                        rate = self.rate or frame.sample_rate
                        channels = self.channels or len(frame.layout.channels)
                        rate, channels = devices.form(device, "output", rate, channels)
                        stream = devices.open_output(device, rate, channels, self.latency)
                        reader = SampleReader(rate, channels)
                    self._play(stream, rate, reader.push(frame))
                if stream is not None and reader is not None:
                    self._play(stream, rate, reader.finish())
                    if not shut_down(self):
                        stream.stop()  # waits until all of it was heard
            finally:
                if stream is not None:
                    stream.abort()
                    stream.close()

    def _play(self, stream: Any, rate: int, pieces: list[tuple[int, Any]]) -> None:
        size = max(1, round(PIECE * rate))
        for place, samples in pieces:
            for first in range(0, len(samples), size):
                part = samples[first : first + size]
                if shut_down(self):  # it does not wait for the end of a long piece
                    return
                self.underruns += bool(stream.write(part))
                self.samples += len(part)
                heard = (place + first + len(part)) / rate - stream.latency
                self.send(heard, "played")

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"samples": self.samples, "underruns": self.underruns}


class SoundInput(ThreadedComponent):
    """Records sound from a microphone, with times from 0.

    `device` is its name, a part of it, or its number (default: the system's own); `rate` in samples a
    second (default 48000) and `channels` (default 1) are what the device can do if it cannot do
    these. Each piece is `block` seconds (default 0.02) of "s16". What is not read within a second is
    lost and counted, and the times show the gap.

    Example:
        >>> try:
        ...     Pipeline(SoundInput("no such microphone"), DataSink()).run()
        ... except ComponentFailed as failed:
        ...     print(failed)
        Pipeline/SoundInput failed: there is no sound device 'no such microphone' to record from: ...

    Boxes: "outbox" `av.AudioFrame`s; "control".

    How it ends: when told on "control". It fails, with a sentence, if there is no such device or it
    goes away, or PortAudio is not installed.
    """

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "sound: av.AudioFrame",
        "signal": "passes on what was told on control",
    }
    outgoing: ClassVar = 16
    formats: Mapping[str, Format] = {"outbox": Sound(("s16",))}

    def __init__(
        self,
        device: str | int | None = None,
        *,
        rate: int = 48000,
        channels: int = 1,
        block: float = PIECE,
        name: str | None = None,
    ) -> None:
        """Check the figures; the device is opened when it starts."""
        super().__init__(name=name)
        _check_form(rate, channels)
        more_than(0, block, "the seconds of a piece of sound")
        self.device, self.rate, self.channels, self.block = device, rate, channels, block
        self.samples = self.overruns = 0

    def main(self) -> None:
        """Send piece after piece."""
        # PyAV and PortAudio take a quarter of a second to import: only who records pays for it
        with needing("SoundInput"):
            import kamesh.components.media.engine.samples  # noqa: F401

        devices = SoundDevices("SoundInput")
        device = devices.find(self.device, "input")
        for frame in Puller(self, lambda: self._frames(devices, device), AHEAD):
            self.samples += frame.samples
            self.send(frame)

    def _frames(self, devices: SoundDevices, device: int) -> Iterator[Any]:
        """Give piece after piece; in the puller's thread."""
        import av  # as in main

        from kamesh.components.media.engine.samples import layout_of

        with devices.trouble(device):
            rate, channels = devices.form(device, "input", self.rate, self.channels)
            stream = devices.open_input(device, rate, channels)
            size = max(1, round(self.block * rate))
            place, start = 0, self.now()
            try:
                while True:
                    samples, lost = stream.read(size)
                    if lost:
                        self.overruns += 1
                        place = max(place, round((self.now() - start) * rate) - size)
                    frame = av.AudioFrame.from_ndarray(
                        samples.reshape(1, -1), "s16", layout_of(channels)
                    )
                    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                    frame.pts = place
                    place += size
                    yield frame
            finally:
                stream.abort()
                stream.close()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"samples": self.samples, "overruns": self.overruns}


def _check_form(rate: int, channels: int) -> None:
    if rate:
        whole(8000, rate, "the number of samples a second", 192_000)
    if channels:
        whole(1, channels, "the number of channels", 64)
