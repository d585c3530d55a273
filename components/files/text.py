"""Text files, line by line.

Laws
1. A line travels as a str without its line feed; it gets one again when it is written.
2. Only whole chunks pass between the thread that reads a file and the event loop, so lines are fast.
"""

from __future__ import annotations

from pathlib import Path

from kamesh import Pipeline
from kamesh.components.files.raw import FileReader, FileWriter
from kamesh.components.framing.lines import JoinLines, SplitLines

__all__ = ["LineReader", "LineWriter"]


class LineReader(Pipeline):
    """Sends the lines of a text file: a FileReader and SplitLines.

    `encoding` and `errors` as SplitLines has them.

    Example:
        >>> Pipeline(DataSource(["ada", "grace"]), LineWriter("names.txt")).run()
        >>> Pipeline(LineReader("names.txt"), str.upper, print).run()
        ADA
        GRACE

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

    `mode` as FileWriter has it: "replace", "append", "new" or "whole".

    Example:
        >>> Pipeline(DataSource(["one", 2]), LineWriter("notes.txt", mode="append")).run()
        >>> Pipeline(LineReader("notes.txt"), print).run()
        one
        2

    Boxes: "inbox" anything; "control".

    How it ends: as FileWriter does.
    """

    def __init__(self, path: str | Path, mode: str = "replace", *, name: str | None = None) -> None:
        """Remember where to write; WrongFigure for a mode there is not."""
        super().__init__(JoinLines(), FileWriter(path, mode), name=name)
