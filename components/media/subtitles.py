"""SubtitleReader, SubtitleText: subtitles from files, and to text that others read.

Laws: what is read is read once, at the beginning of the line, and goes on as plain `Subtitle`s, so
that any number of readers downstream cost no more than a copy; text goes out as whole captions.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import ClassVar

from kamesh import Component, ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.files.errors import a_path
from kamesh.components.formats import ByteStream, Format, Text
from kamesh.components.media.core.captions import FORMS, caption, caption_head
from kamesh.components.media.core.selection import Choice, check_choice
from kamesh.components.media.messages import Subtitle, unexpected
from kamesh.components.media.trouble import MediaError
from kamesh.components.refusing import WrongFigure

__all__ = ["SubtitleReader", "SubtitleText"]

SLACK = 0.002  # seconds before its time at which a subtitle may leave


class SubtitleReader(ThreadedComponent):
    """Reads subtitles out of a file: SRT, ASS, WebVTT, or a film that has them as text.

    `realtime=True` sends each when it begins, by the clock; otherwise as fast as they are taken.
    `choice` is which of several: a number, or a language such as "deu". Their styling is left out.
    For subtitles in a stream of bytes there is Demux.

    Example:
        >>> from kamesh.components.files import FileWriter
        >>> words = [Subtitle("Good evening", 1, 2.5), Subtitle("and welcome", 3, 4)]
        >>> Pipeline(DataSource(words), SubtitleText("srt"), FileWriter("news.srt")).run()
        >>> Pipeline(SubtitleReader("news.srt"), kept := DataSink()).run()
        >>> kept.messages[0]
        Subtitle(text='Good evening', start=1.0, end=2.5)

    Boxes: "outbox" `Subtitle`s; "control".

    How it ends: at the end of the file, or when told on "control". It fails, with a sentence, if the
    file is missing, or has no subtitles that are text.
    """

    inboxes: ClassVar = {
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "Subtitles",
        "signal": "passes on what was told on control",
    }
    formats: Mapping[str, Format] = {"outbox": Text()}

    def __init__(
        self,
        path: str | Path,
        realtime: bool = False,
        *,
        choice: Choice = None,
        name: str | None = None,
    ) -> None:
        """Check the words; the file is opened when it starts."""
        super().__init__(name=name)
        self.file = a_path(path)
        self.realtime = realtime
        self.choice = check_choice("choice", choice)

    def main(self) -> None:
        """Send one after the other."""
        # PyAV takes a tenth of a second to import: only the node that reads pays for it
        with needing("SubtitleReader"):
            from kamesh.components.media.engine.demuxing import Demuxer, open_media

        if not self.file.exists():
            raise MediaError(f"there is no file {self.file}")
        where, start = str(self.file), self.now()
        chosen = Demuxer(
            open_media(where, where), where, video=False, audio=False, subtitles=self.choice
        )
        with chosen as subtitles:
            for subtitle in subtitles:
                assert isinstance(subtitle, Subtitle)
                while self.realtime and not self.stopping():
                    wait = start + subtitle.start - self.now()
                    if wait <= SLACK:
                        break
                    self.pause(wait)
                if self.stopping():
                    return
                self.send(subtitle)


class SubtitleText(Component):
    """Writes subtitles as text, in the form SRT or WebVTT, for a file or for whoever listens.

    `form` is "srt" or "webvtt".

    Example:
        >>> sent = run(SubtitleText("webvtt"), [Subtitle("Good evening", 1, 2.5)])["outbox"]
        >>> print(b"".join(sent).decode())
        WEBVTT
        <BLANKLINE>
        1
        00:00:01.000 --> 00:00:02.500
        Good evening

    Boxes: "inbox" `Subtitle`s; "outbox" bytes in UTF-8, one caption each; "control".

    How it ends: when the stream ends or it is told on "control".
    """

    inboxes: ClassVar = {"inbox": "Subtitles", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "captions: bytes in UTF-8",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Format] = {"inbox": Text(), "outbox": ByteStream()}

    def __init__(self, form: str = "srt", *, name: str | None = None) -> None:
        """Check the form."""
        super().__init__(name=name)
        if form not in FORMS:
            raise WrongFigure(f"subtitles are written as {' or '.join(FORMS)}, not as {form!r}")
        self.form = form
        self.captions = 0

    def main(self) -> Generator[None, None, None]:
        """Write caption after caption."""
        head = caption_head(self.form)
        while not self.stopping():
            for subtitle in self.inbox:
                if not isinstance(subtitle, Subtitle):
                    raise unexpected("SubtitleText", "Subtitles", subtitle)
                text = caption(self.form, self.captions + 1, subtitle)
                if text:
                    self.send((head + text).encode())
                    self.captions += 1
                    head = ""
            yield self.pause()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"captions": self.captions}
