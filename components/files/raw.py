"""Files: bytes out of one, bytes into one (for lines see `text.py`).

Both have a thread of their own, because a disk, a share on the network or a named pipe may take its
time, and nothing else of the node may wait for it.

Laws
1. A file is opened when the component starts, never before, and read no faster than it is wanted.
2. What the component was sent is handed to the system whenever nothing more waits.
3. A file that cannot be opened, read or written is said in one sentence with its name.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import IO, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.files.atomic import complete, encoded, sync_folder, whole_target
from kamesh.components.files.errors import FileError, a_path, said, sentence
from kamesh.components.files.pieces import pieces_of
from kamesh.components.refusing import WrongFigure
from kamesh.components.sending import shut_down
from kamesh.linking import did_you_mean

__all__ = ["FileError", "FileReader", "FileWriter", "sentence"]

CHUNK = 65536  # bytes read at a time: large for a message, small for a queue of 64
MODES = ("replace", "append", "new", "whole")


class FileReader(ThreadedComponent):
    """Sends a file as bytes.

    `chunk` is how many bytes a message has at most (default 64 KiB).

    Example:
        >>> Pipeline(DataSource(["one", "two"]), FileWriter("numbers")).run()
        >>> Pipeline(FileReader("numbers", 4), print).run()
        b'onet'
        b'wo'

    Boxes: "outbox" bytes, in order; "control".

    How it ends: at the end of the file; told Shutdown, at once. A named pipe is waited for, and ends
    when all who wrote to it have closed it. It fails, with a sentence, if the file is missing, is a
    folder, or may not be read.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}
    outgoing: ClassVar = 16  # chunks read ahead: a megabyte of them

    def __init__(self, path: str | Path, chunk: int = CHUNK, *, name: str | None = None) -> None:
        """Remember what to read; WrongFigure for a `chunk` of less than one byte."""
        super().__init__(name=name)
        if not isinstance(chunk, int) or chunk < 1:
            raise WrongFigure(f"a file is read in chunks of at least 1 byte, not {chunk!r}")
        self.file = a_path(path)
        self.chunk = chunk
        self.bytes = 0

    def main(self) -> None:
        """Send chunk after chunk."""
        with (
            said(self.file, "read"),
            closing(pieces_of(self.file, self.chunk, lambda: shut_down(self))) as pieces,
        ):
            for data in pieces:
                self.bytes += len(data)
                self.send(data)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.bytes}


class FileWriter(ThreadedComponent):
    """Writes what arrives to a file, as it is.

    `mode` is "replace" (what the file held is gone at the start), "append" (goes on at its end),
    "new" (refuses a file that exists), or "whole": written beside it under the name `path + ".part"`
    and put in its place, on the disk, when the stream has ended well; until then, and if the stream
    breaks, the disk fills or a Shutdown comes, what was there before stays.

    Example:
        >>> Pipeline(DataSource(["one", "two"]), FileWriter("numbers", mode="whole")).run()
        >>> Pipeline(FileReader("numbers"), print).run()
        b'onetwo'

    Boxes: "inbox" bytes, or str to be encoded in UTF-8; "control".

    How it ends: when its inbox has ended, or it is told to on "control". It fails, with a sentence,
    when it cannot write: no such folder, no permission, a full disk.
    """

    inboxes: ClassVar = {"inbox": "bytes or str", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"signal": "passes on what was told on control"}
    bounds: ClassVar = {"inbox": 256}

    def __init__(self, path: str | Path, mode: str = "replace", *, name: str | None = None) -> None:
        """Remember where to write; WrongFigure for a mode there is not."""
        super().__init__(name=name)
        if mode not in MODES:
            raise WrongFigure(
                f"mode={mode!r}{did_you_mean(mode, MODES)}: it is {', '.join(MODES[:-1])} or "
                f"{MODES[-1]}"
            )
        self.file = a_path(path)
        self.mode = mode
        self.bytes = 0

    def main(self) -> None:
        """Write message after message."""
        if self.mode == "whole":
            with said(self.file, "replaced"):
                self._write_whole(whole_target(self.file))
            return
        how = {"append": "ab", "new": "xb"}.get(self.mode, "wb")
        with said(self.file, "written"), self.file.open(how) as out:
            self._write_all(out)

    def _write_whole(self, target: Path) -> None:
        part = target.with_name(target.name + ".part")
        try:
            with part.open("wb") as out:
                self._write_all(out)
                complete(out, target)
        except BaseException:
            with suppress(OSError):  # the mistake itself is what is said
                part.unlink(missing_ok=True)
            raise
        if self.inbox.failure is not None:
            raise FileError(
                f"{self.file} is left as it was, as what was to be written broke off "
                f"({self.inbox.failure}); what came of it is in {part}"
            )
        if not shut_down(self):
            part.replace(target)
            sync_folder(target.parent)

    def _write_all(self, out: IO[bytes]) -> None:
        for message in self.inbox:
            data = encoded(message, self.file)
            out.write(data)
            self.bytes += len(data)
            if not self.data_ready():
                out.flush()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.bytes}
