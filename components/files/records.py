"""Records in files: a FileReader or a FileWriter, and any framing.

Law: a file that ends in the middle of a record is said, by its name.
"""

from __future__ import annotations

from pathlib import Path

from kamesh import Component, Pipeline
from kamesh.components.files.raw import FileReader, FileWriter
from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.records import JoinRecords, SplitRecords
from kamesh.components.refusing import WrongFigure

__all__ = ["RecordReader", "RecordWriter"]


class RecordReader(Pipeline):
    """Sends the records of a file: a FileReader and what takes them out of bytes.

    `framing` is the size of a record in bytes, or one of the components that split: SplitPrefixed(),
    SplitNetstrings(), SplitDelimited(...), SplitMessagePack(), SplitJSON(), BytesToMessages() ...

    Example:
        >>> from kamesh.components.framing import JoinPrefixed, SplitPrefixed
        >>> Pipeline(DataSource([b"one", b"three"]), RecordWriter("r", JoinPrefixed())).run()
        >>> Pipeline(RecordReader("r", SplitPrefixed()), print).run()
        b'one'
        b'three'

    Boxes: "outbox" the records; "control".

    How it ends: at the end of the file; told Shutdown, at once. It fails, with a sentence, if the file
    is missing or may not be read, and where it ends in the middle of a record.
    """

    def __init__(
        self, path: str | Path, framing: int | Splitting, *, name: str | None = None
    ) -> None:
        """Remember what to read; WrongFigure for a size below one byte."""
        split = SplitRecords(framing) if isinstance(framing, int) else framing
        if not isinstance(split, Splitting):
            raise WrongFigure(
                f"records are of so many bytes, or what a component such as SplitJSON() takes out; "
                f"not of {framing!r}"
            )
        split.source = split.source or str(path)
        super().__init__(FileReader(path), split, name=name)


class RecordWriter(Pipeline):
    """Writes records to a file: what makes bytes of them and a FileWriter.

    `framing` is the size of a record in bytes, or one of the components that join: JoinPrefixed(),
    JoinNetstrings(), JoinDelimited(...), JoinMessagePack(), JoinJSON(), MessagesToBytes() ... `mode`
    as FileWriter has it: "replace", "append", "new" or "whole".

    Example:
        >>> Pipeline(DataSource([b"one", b"two"]), RecordWriter("r", 3)).run()
        >>> Pipeline(RecordReader("r", 3), print).run()
        b'one'
        b'two'

    Boxes: "inbox" the records; "control".

    How it ends: as FileWriter does. It fails, with a sentence, for a record that the framing refuses.
    """

    def __init__(
        self,
        path: str | Path,
        framing: int | Joining,
        mode: str = "replace",
        *,
        name: str | None = None,
    ) -> None:
        """Remember where to write; WrongFigure for a mode there is not or a size below one byte."""
        join = JoinRecords(framing) if isinstance(framing, int) else framing
        if not isinstance(join, Component):
            raise WrongFigure(
                f"records are of so many bytes, or what a component such as JoinJSON() makes bytes of; "
                f"not of {framing!r}"
            )
        super().__init__(join, FileWriter(path, mode), name=name)
