"""Text: bytes to lines, messages to lines of bytes, and both joined to files.

Laws
1. A line travels as a str without its line feed; it gets one again when it is written.
2. Only whole chunks pass between the thread that reads a file and the event loop, so lines are fast.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

from kamesh import Component, Pipeline
from kamesh.components.files.raw import FileReader, FileWriter
from kamesh.components.framing.lines import LineSplitter
from kamesh.components.sending import sending
from kamesh.errors import KameshError

__all__ = ["JoinLines", "LineReader", "LineWriter", "NotText", "SplitLines"]


class NotText(KameshError, ValueError):
    """Bytes were to be read as text and are none."""


class SplitLines(Component):
    """Makes lines of bytes that come in pieces of any size.

    Example: `Pipeline(FileReader("names.txt"), SplitLines(), ConsoleEchoer()).run()`.

    `encoding` as `bytes.decode` has it; `errors="replace"` goes on, with U+FFFD, where the bytes are
    not text; `source` is what a mistake in them is said of.

    Boxes: "inbox" bytes; "outbox" lines, as str without their line feed; "control".

    How it ends: when its inbox has ended, after the last line; told Shutdown, at once. It fails,
    with a sentence, for bytes that are not text and for a line of more than a million characters.
    """

    inboxes: ClassVar = {"inbox": "bytes", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "lines, without their line feed",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}

    def __init__(
        self,
        encoding: str = "utf-8",
        errors: str = "strict",
        *,
        source: str = "what came",
        name: str | None = None,
    ) -> None:
        """Begin with nothing; LookupError for an encoding that does not exist."""
        super().__init__(name=name)
        self.encoding = encoding
        self.source = source
        self.lines = 0
        self._splitter = LineSplitter(encoding, errors)

    def main(self) -> Generator[None, None, None]:
        """Send the lines of what has come, as there is room for them."""
        while not self.stopping():
            if self.data_ready():
                yield from sending(self, self._split(self.recv()))
            else:
                yield self.pause()
        yield from sending(self, self._split(None))

    def _split(self, data: bytes | None) -> list[str]:
        try:
            lines = self._splitter.finish() if data is None else self._splitter.feed(data)
        except UnicodeDecodeError as error:
            raise NotText(
                f"{self.source} is not text in {self.encoding}: after line {self.lines} there is the "
                f"byte 0x{error.object[error.start]:02x}; name another encoding, or take it as bytes"
            ) from error
        self.lines += len(lines)
        return lines

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"lines": self.lines}


class JoinLines(Component):
    """Makes bytes of messages: each on a line of its own, as `str()` gives it, in UTF-8.

    Example: `Pipeline(ConsoleReader(), JoinLines(), FileWriter("notes.txt")).run()`.

    Boxes: "inbox" anything (one that ends with a line feed gets no other); "outbox" bytes, all lines
    of a turn in one message; "control". How it ends: when its inbox has, or when told on "control".
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}

    def main(self) -> Generator[None, None, None]:
        """Join what has arrived."""
        while not self.stopping():
            text = "".join(map(_line, self.inbox))
            if text:
                self.send(text.encode("utf-8", "backslashreplace"))
            yield self.pause()


class LineReader(Pipeline):
    """Sends the lines of a text file: a FileReader and SplitLines.

    Example: `Pipeline(LineReader("names.txt"), str.upper, ConsoleEchoer()).run()`.

    `encoding` and `errors` as SplitLines has them.

    Boxes: "outbox" the lines, as str without their line feed; "control".

    How it ends: at the end of the file; told Shutdown, at once. It fails, with a sentence, if the
    file is missing, may not be read, or is not text.
    """

    def __init__(
        self,
        path: str | Path,
        encoding: str = "utf-8",
        errors: str = "strict",
        *,
        name: str | None = None,
    ) -> None:
        """Remember what to read."""
        split = SplitLines(encoding, errors, source=str(path))
        super().__init__(FileReader(path), split, name=name)


class LineWriter(Pipeline):
    """Writes each message on a line of its own: JoinLines and a FileWriter.

    Example: `Pipeline(ConsoleReader(), LineWriter("notes.txt", mode="append")).run()`.

    `mode` as FileWriter has it: "replace", "append", "new" or "whole".

    Boxes: "inbox" anything; "control". How it ends: as FileWriter does.
    """

    def __init__(self, path: str | Path, mode: str = "replace", *, name: str | None = None) -> None:
        """Remember where to write; ValueError for a mode there is not."""
        super().__init__(JoinLines(), FileWriter(path, mode), name=name)


def _line(message: object) -> str:
    line = str(message)
    return line if line.endswith("\n") else line + "\n"
