"""FileSource: a film from a file, as pictures and sound, at the pace it was made for.

It is a component with a thread of its own because decoding holds up whoever does it: measured on
H.264 with one thread, 1.3 ms for a picture of 1280 x 720 and 8 for a key frame, 3.5 and 18 ms for
1920 x 1080, and a disk that must be waited for on top; in the scheduler every other component would
wait as long.

Laws: each frame is sent when it is due by the clock, never before, and none is left out when
reading falls behind; times go on without a step from one round of a loop to the next; a file that
cannot be played is refused in a sentence before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.files.errors import a_path
from kamesh.components.formats import Format, Pictures, Sound
from kamesh.components.media.core.selection import Choice, check_choice
from kamesh.outbox import Outbox

__all__ = ["FileSource"]

SLACK = 0.002  # seconds before its time at which a frame may leave: finer than a thread can sleep


class FileSource(ThreadedComponent):
    """Plays a media file of any kind that FFmpeg reads.

    `realtime=False` sends frames as fast as they are taken; `loop` begins again at the end, for
    ever. `video` and `audio` choose among several streams: None is the best there is, a number the
    n-th of its kind, "deu" that language; audio=False leaves the sound out. Times begin at 0.

    Example:
        >>> Pipeline(TestCard(size=(160, 90), seconds=1, realtime=False), Encode(audio=""),
        ...          Record("film.ts")).run()
        >>> Pipeline(FileSource("film.ts", realtime=False), kept := DataSink()).run()
        >>> len(kept.messages), kept.messages[0].width
        (25, 160)

    Boxes: "outbox" `av.VideoFrame`, in whatever pixel format the file has; "audio" `av.AudioFrame`,
    which ends at once when the file has no sound; "control".

    How it ends: at the end of the file, or when told on "control". It fails, with a sentence, if
    the file is missing, is not media, has no pictures, or breaks off where it cannot be read.
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
        path: str | Path,
        realtime: bool = True,
        loop: bool = False,
        *,
        video: Choice = None,
        audio: Choice = None,
        name: str | None = None,
    ) -> None:
        """Remember what to play; the file is opened when it starts."""
        super().__init__(name=name)
        self.file = a_path(path)
        self.realtime = realtime
        self.loop = loop
        self.choices = (check_choice("video", video), check_choice("audio", audio))
        self.frames = 0
        self.damaged = 0

    def main(self) -> None:
        """Send each frame when it is due."""
        start = self.now()
        for time, frame in self._frames():
            while self.realtime and (wait := start + float(time) - self.now()) > SLACK:
                if self.stopping():
                    return
                self.pause(wait)
            if self.stopping():
                return
            if hasattr(frame, "sample_rate"):
                self.send(frame, "audio")
            else:
                self.send(frame)
                self.frames += 1

    def _frames(self) -> Iterator[tuple[Fraction, Any]]:
        """Give the frames of the file, again and again if it is to loop."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("FileSource"):
            from kamesh.components.media.engine.reader import MediaFile

        offset = Fraction(0)
        while True:
            with MediaFile(self.file, *self.choices) as media:
                if media.audio is None:
                    self._strand.in_loop(self.audio.finish)
                for time, frame in media.frames():
                    if offset and frame.pts is not None:
                        frame.pts += round(offset / frame.time_base)
                    yield time + offset, frame
                self.damaged += media.damaged
                offset += media.length
            if not self.loop or not media.length:
                return

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames, "damaged": self.damaged}
