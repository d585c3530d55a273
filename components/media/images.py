"""ImageReader, ImageWriter, ImageSource: pictures from files and to files.

They are components with a thread of their own because a disk may take its time, as may a large
picture.

Laws: a file that is no picture costs itself, is said in one sentence and counted, and the rest goes
on; a file that is written is there only when it is whole; pictures of one reader are numbered without
a gap.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.files.errors import a_path
from kamesh.components.formats import Format, Pictures, Text
from kamesh.components.media.core.ticks import checked_rate
from kamesh.components.media.messages import unexpected
from kamesh.components.media.trouble import MediaError
from kamesh.components.refusing import WrongFigure, more_than, whole

__all__ = ["ImageReader", "ImageSource", "ImageWriter", "image_files"]

log = logging.getLogger("kamesh")

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SLACK = 0.002  # seconds before its time at which a picture may leave
_NUMBER = re.compile(r"%(0\d+)?d")


def image_files(pattern: str | Path, first: int | None = None) -> Iterator[str]:
    """Give the names of a sequence that are there: "shot%04d.png" from shot0000.png, or shot0001.png.

    `first` is the number to begin with; the sequence ends before the first number that is missing.

    Example: `Pipeline(DataSource(image_files("shot%04d.png")), ImageReader())`.
    """
    start = first
    if start is None:
        start = 0 if Path(numbered(pattern, 0)).exists() else 1
    for number in count(start):
        name = numbered(pattern, number)
        if not Path(name).exists():
            return
        yield name
        if name == str(pattern):
            return  # without a number in it there is one


def numbered(pattern: str | Path, number: int) -> str:
    """Put a number into a name: "shot%04d.png" and 7 give "shot0007.png"."""
    return _NUMBER.sub(lambda found: str(number).zfill(int(found[1] or 0)), str(pattern))


class ImageReader(ThreadedComponent):
    """Reads the picture files that are named to it: PNG, JPEG, WebP and all that FFmpeg knows.

    `rate` in pictures a second gives each its time: the n-th is at n / rate seconds.

    Example:
        >>> card = TestCard(size=(160, 90), rate=5, seconds=1, realtime=False)
        >>> Pipeline(card, ImageWriter("card%02d.png"), ImageReader(), kept := DataSink()).run()
        >>> len(kept.messages), kept.messages[0].width
        (5, 160)

    Boxes: "inbox" names of files (`str` or `Path`); "outbox" `av.VideoFrame`; "control".

    How it ends: when the stream ends or it is told on "control". A file that is missing, or is no
    picture, is said in the log and counted, and the rest goes on.
    """

    inboxes: ClassVar = {
        "inbox": "names of picture files",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    outgoing: ClassVar = 4
    formats: Mapping[str, Format] = {"inbox": Text(), "outbox": Pictures()}

    def __init__(self, rate: int | float | str | Fraction = 25, *, name: str | None = None) -> None:
        """Check the rate."""
        super().__init__(name=name)
        self.rate = checked_rate(rate)
        self.formats = {"inbox": Text(), "outbox": Pictures(rates=(self.rate,))}
        self.frames = self.failed = 0

    def main(self) -> None:
        """Read one after the other."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("ImageReader"):
            from kamesh.components.media.engine.stills import read_still

        for named in self.inbox:
            if not isinstance(named, str | Path):
                raise unexpected("ImageReader", "names of files", named)
            try:
                frame = read_still(Path(named))
            except MediaError as error:
                self.failed += 1
                log.warning("%s: %s", self.path, error)
                continue
            frame.pts, frame.time_base = self.frames, 1 / self.rate
            self.send(frame)
            self.frames += 1

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames, "failed": self.failed}


class ImageWriter(ThreadedComponent):
    """Writes pictures to files, as PNG, JPEG or WebP by the end of the name.

    `pattern` is the name, with a place for the number in it: "shot%04d.png". Without one, the same
    file is written again and again, so that it always holds the latest picture. `first` is the number
    of the first one; `quality` 1 to 100, for JPEG and WebP (default 90).

    Example:
        >>> card = TestCard(size=(160, 90), rate=5, seconds=1, realtime=False)
        >>> Pipeline(card, ImageWriter("card%02d.jpg"), kept := DataSink()).run()
        >>> kept.messages[-1]
        'card04.jpg'

    Boxes: "inbox" `av.VideoFrame` of any size and format; "outbox" the name (`str`) of each file
    that is written; "control".

    How it ends: when the stream ends or it is told on "control". It fails, with a sentence, if it
    cannot write: the disk is full, or there is no such folder.
    """

    inboxes: ClassVar = {
        "inbox": "pictures: av.VideoFrame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the name of each file",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 8}
    formats: Mapping[str, Format] = {"inbox": Pictures(), "outbox": Text()}

    def __init__(
        self, pattern: str | Path, *, first: int = 0, quality: int = 90, name: str | None = None
    ) -> None:
        """Check the words; WrongFigure says which will not do."""
        super().__init__(name=name)
        suffix = a_path(pattern).suffix.lower()
        if suffix not in SUFFIXES:
            raise WrongFigure(
                f"pictures are written to files that end in {', '.join(SUFFIXES)}, not {suffix!r}"
            )
        whole(1, quality, "the quality", 100)
        whole(0, first, "the number of the first")
        self.pattern, self.first, self.quality = pattern, first, quality
        self.frames = self.bytes = 0

    def main(self) -> None:
        """Write one after the other."""
        # PyAV takes a tenth of a second to import: only the node that writes pays for it
        with needing("ImageWriter"):
            import av

            from kamesh.components.media.engine.stills import write_still

        for frame in self.inbox:
            if not isinstance(frame, av.VideoFrame):
                raise unexpected("ImageWriter", "av.VideoFrame", frame)
            path = numbered(self.pattern, self.first + self.frames)
            self.bytes += write_still(frame, Path(path), self.quality)
            self.frames += 1
            self.send(path)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames, "bytes": self.bytes}


class ImageSource(ThreadedComponent):
    """Shows one picture file as a stream.

    `rate` in pictures a second; `seconds` to run, None for ever; `realtime=False` makes them as fast
    as they are taken.

    Example:
        >>> card = TestCard(size=(160, 90), rate=1, seconds=1, realtime=False)
        >>> Pipeline(card, ImageWriter("logo.png")).run()
        >>> Pipeline(ImageSource("logo.png", seconds=2, realtime=False), kept := DataSink()).run()
        >>> len(kept.messages)
        50

    Boxes: "outbox" `av.VideoFrame`; "control".

    How it ends: after `seconds`, or when told on "control". It fails, with a sentence, if the file is
    missing or is no picture.
    """

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "signal": "passes on what was told on control",
    }
    outgoing: ClassVar = 4
    formats: Mapping[str, Format] = {"outbox": Pictures()}

    def __init__(
        self,
        path: str | Path,
        rate: int | float | str | Fraction = 25,
        seconds: float | None = None,
        realtime: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        """Check the figures; the file is read when it starts."""
        super().__init__(name=name)
        self.file = a_path(path)
        self.rate = checked_rate(rate)
        if seconds is not None:
            more_than(0, seconds, "the seconds for which a still is shown")
        self.total = None if seconds is None else max(1, round(seconds * self.rate))
        self.realtime = realtime
        self.formats = {"outbox": Pictures(rates=(self.rate,))}
        self.frames = 0

    def main(self) -> None:
        """Send it again and again, each time when it is due."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("ImageSource"):
            from kamesh.components.media.engine.cloning import Cloner
            from kamesh.components.media.engine.stills import read_still

        still: Any = read_still(self.file)
        cloner, start = Cloner(), self.now()
        while self.frames != self.total:
            while self.realtime:
                wait = start + float(self.frames / self.rate) - self.now()
                if wait <= SLACK or self.stopping():
                    break
                self.pause(wait)
            if self.stopping():
                return
            self.send(cloner.clone(still, self.frames, 1 / self.rate))
            self.frames += 1

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames}
