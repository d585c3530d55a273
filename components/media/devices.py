"""DeviceSource: a camera, a microphone, a screen, or FFmpeg's own generators, as pictures and sound.

Laws: which kinds of devices there are is what this build of FFmpeg has, and is said where one is
missing; times begin at 0; a device that goes away ends the stream with a sentence; a stop is obeyed
at once, whatever the device does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import NotInstalled, needing
from kamesh.components.formats import Format, Pictures, Sound
from kamesh.components.media.pulling import Puller
from kamesh.components.media.trouble import MediaError, because
from kamesh.components.refusing import WrongFigure, mapping, more_than
from kamesh.outbox import Outbox

__all__ = ["DeviceSource", "device_kinds"]

DEVICE_KINDS = (
    "alsa", "android_camera", "avfoundation", "bktr", "decklink", "dshow", "fbdev", "gdigrab",
    "iec61883", "jack", "kmsgrab", "lavfi", "libcdio", "libdc1394", "openal", "oss", "pulse",
    "sndio", "v4l2", "vfwcap", "x11grab",
)  # fmt: skip
AHEAD = 8  # frames fetched and not yet sent
MOST_DAMAGED = 100  # frames in a row that cannot be decoded before the device is given up


def device_kinds() -> tuple[str, ...]:
    """Name the kinds of devices that this build of FFmpeg can read from."""
    with needing("DeviceSource"):
        import av  # only who asks pays for it

    def has(kind: str) -> bool:
        try:
            av.ContainerFormat(kind, "r")
        except ValueError:
            return False
        return True

    return tuple(kind for kind in DEVICE_KINDS if has(kind))


class DeviceSource(ThreadedComponent):
    """Gives what a device gives, as pictures and sound, with times from 0.

    `device` is its name ("/dev/video0", "hw:0", ":0.0"), `kind` what FFmpeg calls its kind ("v4l2",
    "alsa", "x11grab"), `options` what FFmpeg may be told of it, such as {"video_size": "640x480",
    "framerate": "25"}. The kind "lavfi" has no device: `device` is then a filter graph without
    inputs, such as "testsrc=rate=25,realtime"; without `realtime` it gives frames as fast as they
    are taken. `timeout`: seconds to wait for the next frame (default 10).

    Example:
        >>> source = DeviceSource("testsrc=size=64x48:rate=25:duration=1", "lavfi")
        >>> Pipeline(source, kept := DataSink()).run()
        >>> len(kept.messages), kept.messages[0].width
        (25, 64)

    Boxes: "outbox" `av.VideoFrame`; "audio" `av.AudioFrame`, which ends at once where there is no
    sound, as "outbox" does where there are no pictures; "control".

    How it ends: when told on "control", within a second, or when the device has no more. It fails,
    with a sentence, if there is no such device, another program has it, or it goes away.
    """

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "audio": "sound: av.AudioFrame",
        "signal": "passes on what was told on control",
    }
    formats: Mapping[str, Format] = {"outbox": Pictures(), "audio": Sound()}
    audio: Outbox

    def __init__(
        self,
        device: str,
        kind: str = "v4l2",
        *,
        options: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        name: str | None = None,
    ) -> None:
        """Check the kind; the device is opened when it starts."""
        super().__init__(name=name)
        self.device = device
        self.kind = kind
        self.options = mapping(options, "options")
        more_than(0, timeout, "the seconds of the timeout")
        self.timeout = timeout
        self.frames = self.damaged = 0
        try:
            kinds = device_kinds()
        except NotInstalled:
            return  # it is said on the node where it runs
        if kind not in kinds:
            raise WrongFigure(
                f"this build of FFmpeg reads from no {kind!r} devices: it has {', '.join(kinds)}"
            )

    def main(self) -> None:
        """Send frame after frame."""
        # PyAV takes a tenth of a second to import: only the node that has the device pays for it
        with needing("DeviceSource"):
            import kamesh.components.media.engine.demuxing  # noqa: F401

        for message in Puller(self, self._frames, AHEAD):
            if isinstance(message, str):
                self.finish(message)
            elif hasattr(message, "sample_rate"):
                self.send(message, "audio")
            else:
                self.send(message)
                self.frames += 1

    def _frames(self) -> Iterator[Any]:
        """Give frames, and the name of each box that will have none; in the puller's thread."""
        import av  # as in main

        from kamesh.components.media.engine.demuxing import open_media

        where = f"the {self.kind} device {self.device}"
        with open_media(
            self.device, where, form=self.kind, options=self.options,
            timeout=(self.timeout, self.timeout),
        ) as device:  # fmt: skip
            streams = [*device.streams.video[:1], *device.streams.audio[:1]]
            if not streams:
                raise MediaError(f"{where} gives neither pictures nor sound")
            yield from (["outbox"] if not device.streams.video else [])
            yield from (["audio"] if not device.streams.audio else [])
            start: Fraction | None = None
            packets = device.demux(streams)
            while True:
                try:
                    packet = next(packets, None)
                except (av.error.FFmpegError, OSError) as error:
                    raise MediaError(f"{where} went away: {because(error)}") from error
                if packet is None:
                    return
                for frame in self._decoded(packet, where):
                    frame.time_base = frame.time_base or packet.stream.time_base
                    if frame.pts is not None:
                        time = frame.pts * frame.time_base
                        start = time if start is None else start
                        frame.pts = round((time - start) / frame.time_base)
                    yield frame

    def _decoded(self, packet: Any, where: str) -> list[Any]:
        import av  # as in main

        try:
            frames: list[Any] = packet.decode()
        except av.error.InvalidDataError as error:
            self.damaged += 1
            if self.damaged >= MOST_DAMAGED and not self.frames:
                raise MediaError(f"{where} cannot be decoded: {because(error)}") from error
            return []
        return frames

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames, "damaged": self.damaged}

