"""Replacing a file as a whole: who reads it finds the old content or the new one, never half of one.

Laws
1. The new content is written beside the file, brought to the disk, and then takes its name.
2. If anything goes wrong before that the old file stays, and nothing is left beside it.
3. The permissions of the old file are those of the new; what a symbolic link points to is replaced,
   not the link.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.files.errors import FileError, NoText, a_path, said

__all__ = ["AtomicWrite", "complete", "encoded", "replacing", "sync_folder", "whole_target"]


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write what `path` is to hold; it does when the `with` is left well.

    Example: `with replacing(Path("state.json")) as out: out.write(data)`. OSError as the system
    raises it; FileError where `path` is something else than a file.
    """
    target = whole_target(path)
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(handle, "wb") as out:
            yield out
            complete(out, target)
        part.replace(target)
    except BaseException:
        with suppress(OSError):  # the mistake itself is what is said
            part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def whole_target(path: Path) -> Path:
    """Give what is to be replaced for `path`, links followed; FileError if that is not a file."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise FileError(f"{path} cannot be replaced as a whole: it is no file")
    return target


def complete(out: IO[bytes], target: Path) -> None:
    """Bring what was written to the disk, with the permissions of `target`, if that is there."""
    out.flush()
    with suppress(FileNotFoundError):
        os.fchmod(out.fileno(), stat.S_IMODE(target.stat().st_mode))
    os.fsync(out.fileno())


def sync_folder(folder: Path) -> None:
    """Bring a new name to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def encoded(message: object, path: Path) -> bytes | bytearray:
    """Give the bytes that a message is written as; FileError for what goes into no file as it is."""
    match message:
        case bytes() | bytearray():
            return message
        case memoryview():
            return bytes(message)  # also one whose bytes do not lie side by side
        case str():
            try:
                return message.encode()
            except UnicodeEncodeError as error:
                raise NoText(
                    f"{path} was to be written with a text that has no form in UTF-8: "
                    f"{message[error.start]!a} is half a character"
                ) from None
    raise FileError(
        f"{path} was to be written with a {type(message).__name__}: only bytes and str go into a file "
        f"as they are (LineWriter writes anything, one a line)"
    )


class AtomicWrite(ThreadedComponent):
    """Keeps a file at the last message: each message is all that the file holds from then on.

    For what others read while it changes: a status, a playlist, settings. Whoever opens the file finds
    one message or the next, whole, also after a power cut. Where messages come faster than a disk takes
    them, link it with the policy "latest".

    Example:
        >>> Pipeline(DataSource(["starting", "ready"]), AtomicWrite("status"), print).run()
        status
        status
        >>> Pipeline(FileReader("status"), print).run()
        b'ready'

    Boxes: "inbox" bytes, or str to be encoded in UTF-8; "outbox" the path, each time it holds a new
    message; "control".

    How it ends: when its inbox has ended, after the last message is on the disk; told Shutdown, at
    once. It fails, with a sentence, when it cannot write; the file then holds the message before.
    """

    inboxes: ClassVar = {"inbox": "bytes or str", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the path, each time",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}

    def __init__(self, path: str | Path, *, name: str | None = None) -> None:
        """Remember where to write; NoPath for what cannot be the name of a file."""
        super().__init__(name=name)
        self.file = a_path(path)
        self.writes = 0

    def main(self) -> None:
        """Replace the file with each message."""
        for message in self.inbox:
            data = encoded(message, self.file)
            with said(self.file, "replaced"), replacing(self.file) as out:
                out.write(data)
            self.writes += 1
            self.send(self.file)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"writes": self.writes}
