"""Files: bytes out of one, bytes into one (for lines see `text.py`).

Both have a thread of their own, because a disk, a share on the network or a named pipe may take its
time, and nothing else of the node may wait for it.

Laws
1. A file is opened when the component starts, never before, and read no faster than it is wanted.
2. What the component was sent is handed to the system whenever nothing more waits.
3. A file that cannot be opened, read or written is said in one sentence with its name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.sending import shut_down
from kamesh.errors import KameshError
from kamesh.linking import did_you_mean

__all__ = ["FileError", "FileReader", "FileWriter", "sentence"]

CHUNK = 65536  # bytes read at a time: large for a message, small for a queue of 64
MODES = ("replace", "append", "new", "whole")


class FileError(KameshError, OSError):
    """A file could not be opened, read or written."""


class FileReader(ThreadedComponent):
    """Sends a file as bytes.

    Example: `Pipeline(FileReader("film.ts"), FileWriter("copy.ts")).run()`.

    `chunk` is how many bytes a message has at most.

    Boxes: "outbox" bytes, in order; "control".

    How it ends: at the end of the file; told Shutdown, at once. It fails, with a sentence, if the
    file is missing, is a folder, or may not be read.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}
    outgoing: ClassVar = 16  # chunks read ahead: a megabyte of them

    def __init__(self, path: str | Path, chunk: int = CHUNK, *, name: str | None = None) -> None:
        """Remember what to read; ValueError for a `chunk` of less than one byte."""
        super().__init__(name=name)
        if chunk < 1:
            raise ValueError(f"a file is read in chunks of at least 1 byte, not {chunk}")
        self.file = Path(path)
        self.chunk = chunk
        self.bytes = 0

    def main(self) -> None:
        """Send chunk after chunk."""
        with _said(self.file, "read"), self.file.open("rb", buffering=0) as file:
            while not shut_down(self) and (data := file.read(self.chunk)):
                self.bytes += len(data)
                self.send(data)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.bytes}


class FileWriter(ThreadedComponent):
    """Writes what arrives to a file, as it is.

    Example: `Pipeline(FileReader("film.ts"), FileWriter("copy.ts", mode="whole")).run()`.

    `mode` is "replace" (what the file held is gone at the start), "append" (goes on at its end),
    "new" (refuses a file that exists), or "whole": written beside it under the name `path + ".part"`
    and put in its place, on the disk, when the stream has ended well; until then, and if the stream
    breaks or a Shutdown comes, what was there before stays.

    Boxes: "inbox" bytes, or str to be encoded in UTF-8; "control".

    How it ends: when its inbox has ended, or it is told to on "control". It fails, with a sentence,
    when it cannot write: no such folder, no permission, a full disk.
    """

    inboxes: ClassVar = {"inbox": "bytes or str", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"signal": "passes on what was told on control"}
    bounds: ClassVar = {"inbox": 256}

    def __init__(self, path: str | Path, mode: str = "replace", *, name: str | None = None) -> None:
        """Remember where to write; ValueError for a mode there is not."""
        super().__init__(name=name)
        if mode not in MODES:
            raise ValueError(
                f"mode={mode!r}{did_you_mean(mode, MODES)}: it is {', '.join(MODES[:-1])} or "
                f"{MODES[-1]}"
            )
        self.file = Path(path)
        self.mode = mode
        self.bytes = 0

    def main(self) -> None:
        """Write message after message."""
        how = {"append": "ab", "new": "xb"}.get(self.mode, "wb")
        with _said(self.file, "written"):
            if self.mode == "whole":
                self._write_whole(self.file.with_name(self.file.name + ".part"))
                return
            with self.file.open(how) as out:
                self._write_all(out)

    def _write_whole(self, part: Path) -> None:
        if self.file.exists() and not self.file.is_file():
            raise FileError(f"{self.file} cannot be replaced as a whole: it is no file")
        with part.open("wb") as out:
            self._write_all(out)
            out.flush()
            os.fsync(out.fileno())
        if self.inbox.failure is not None:
            raise FileError(
                f"{self.file} is left as it was, as what was to be written broke off "
                f"({self.inbox.failure}); what came of it is in {part}"
            )
        if not shut_down(self):
            part.replace(self.file)
            _sync_folder(self.file.parent)

    def _write_all(self, out: IO[bytes]) -> None:
        for message in self.inbox:
            data = self._encoded(message)
            out.write(data)
            self.bytes += len(data)
            if not self.data_ready():
                out.flush()

    def _encoded(self, message: object) -> bytes | bytearray | memoryview:
        match message:
            case bytes() | bytearray() | memoryview():
                return message
            case str():
                return message.encode()
        raise FileError(
            f"{self.file} was to be written with a {type(message).__name__}: only bytes and str go "
            f"into a file as they are (LineWriter writes anything, one a line)"
        )

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.bytes}


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _said(path: Path, done: str) -> Iterator[None]:
    """Put what the system says of `path` into a sentence."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(sentence(error, path, done)) from error


def sentence(error: OSError, path: Path, done: str) -> str:
    """Say in a sentence why `path` could not be `done` ("read" or "written")."""
    folder = path.parent
    match error.errno:
        case errno.ENOENT if folder.is_dir():
            near = did_you_mean(path.name, (each.name for each in folder.iterdir()))
            return f"there is no file {path}{near}"
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} cannot be {done}: there is no folder {folder}"
        case errno.EEXIST:
            return f"{path} exists already, and it was asked for as new"
        case errno.EISDIR:
            return f"{path} cannot be {done}: it is a folder"
        case errno.EACCES | errno.EPERM:
            return f"{path} cannot be {done}: this user has no permission to"
        case errno.EROFS:
            return f"{path} cannot be written: {folder} can only be read"
        case errno.ENOSPC | errno.EDQUOT:
            return f"{path} is not complete: the disk that holds it is full"
    return f"{path} cannot be {done}: {error.strerror or error}"
