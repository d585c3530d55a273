"""Writing files into a folder, by names that come from elsewhere.

Laws
1. Nothing outside of the folder is ever written: no name leads up, and no symbolic link on the way is
   followed, also when it was made this moment.
2. A file takes its name when it is whole; until then, what was there before stays.
3. What cannot be written is said for itself on "errors", and the rest goes on; with nothing linked
   there it fails.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.files.atomic import encoded
from kamesh.components.files.errors import FileError, NoText, a_path, sentence
from kamesh.components.files.failing import tell_file_failure
from kamesh.components.files.folders import FilePart
from kamesh.components.files.names import parts_inside
from kamesh.components.sending import shut_down

__all__ = ["WriteFolder"]

MOST_OPEN = 64  # files that are under way at a time
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class _Growing:
    """A file that is being written under another name, in the folder that `handle` is open on."""

    handle: int
    part: str
    name: str
    out: IO[bytes]
    size: int = 0

    def finish(self, durable: bool) -> None:
        """Give it its name; before and after that, have the disk take it if that is wanted."""
        self.out.flush()
        if durable:
            os.fsync(self.out.fileno())
        self.out.close()
        os.replace(self.part, self.name, src_dir_fd=self.handle, dst_dir_fd=self.handle)
        if durable:
            os.fsync(self.handle)
        os.close(self.handle)

    def drop(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):  # what cannot be written need not be
            self.out.close()
        with suppress(OSError):
            os.unlink(self.part, dir_fd=self.handle)
        os.close(self.handle)


class WriteFolder(ThreadedComponent):
    """Writes files into a folder: pairs of a name and what it is to hold, or what ReadFolder sends.

    A name is relative, with "/" between folders, which are made as they are needed. A name that leads
    out of the folder, by "..", from the root or through a symbolic link, is refused. Each file takes
    its name when it is whole; with `durable=True` it has reached the disk by then, so that a power cut
    leaves the old file or the new one, which takes some milliseconds for each. The folder itself is
    made if it is not there.

    Example:
        >>> Pipeline(DataSource([("a/one", "1"), ("two", b"22")]), WriteFolder("there"), print).run()
        there/a/one
        there/two

    Boxes: "inbox" (path, bytes or str), or FilePart; "outbox" the Path of each file that is whole;
    "errors" a FileFailed for each that cannot be written; "control".

    How it ends: when its inbox has ended; told Shutdown, at once. Files that are not whole by then are
    as they were, which is said. It fails, with a sentence, if the folder cannot be made, and if a file
    cannot be written and "errors" is linked to nothing.
    """

    inboxes: ClassVar = {
        "inbox": "(path, bytes or str), or FilePart",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the path of each file that is whole",
        "errors": "a FileFailed for each file that cannot be written",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}

    def __init__(
        self, folder: str | Path, *, durable: bool = False, name: str | None = None
    ) -> None:
        """Remember where to write."""
        super().__init__(name=name)
        self.folder = a_path(folder)
        self.durable = durable
        self.files = self.troubles = 0
        self._root = -1
        self._growing: dict[str, _Growing] = {}
        self._refused: dict[str, None] = {}  # of which more parts may come

    def main(self) -> None:
        """Write file after file."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._root = os.open(self.folder, FOLDER)
        except OSError as error:
            raise FileError(sentence(error, self.folder, "made a folder")) from error
        try:
            for message in self.inbox:
                try:
                    part = _part(message, self.folder)
                except NoText as error:
                    self._trouble(error, self.folder)
                else:
                    self._take(part)
            if self._growing and not shut_down(self):
                names = ", ".join(list(self._growing)[:3])
                raise FileError(
                    f"the stream ended in the middle of {len(self._growing)} files ({names}) for "
                    f"{self.folder}, which are left as they were"
                )
        finally:
            for growing in self._growing.values():
                growing.drop()
            os.close(self._root)

    def _take(self, part: FilePart) -> None:
        if part.offset == 0:
            self._refused.pop(part.path, None)
        elif part.path in self._refused:
            return
        try:
            self._write(part)
        except OSError as error:
            growing = self._growing.pop(part.path, None)
            if growing is not None:
                growing.drop()
            if not part.last:
                self._refuse(part.path)
            self._trouble(error, self.folder / part.path)

    def _write(self, part: FilePart) -> None:
        if part.offset == 0:
            before = self._growing.pop(part.path, None)
            if before is not None:
                before.drop()
            self._growing[part.path] = self._begin(parts_inside(part.path))
        growing = self._growing.get(part.path)
        if growing is None or growing.size != part.offset:
            come = 0 if growing is None else growing.size
            raise FileError(
                f"{self.folder / part.path} is left as it was: a part of it came that begins after "
                f"{part.offset} bytes, and {come} had come"
            )
        growing.out.write(part.data)
        growing.size += len(part.data)
        if part.last:
            growing.finish(self.durable)
            del self._growing[part.path]
            self.files += 1
            self.send(self.folder / part.path)

    def _begin(self, parts: tuple[str, ...]) -> _Growing:
        """Open a file for `parts`, going from folder to folder and through no link."""
        if len(self._growing) >= MOST_OPEN:
            raise FileError(
                f"{MOST_OPEN} files for {self.folder} are under way, and no more may be"
            )
        handle = os.dup(self._root)
        try:
            for part in parts[:-1]:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=handle)
                inner = _enter(part, handle)
                os.close(handle)
                handle = inner
            name = f".{secrets.token_hex(8)}.part"
            out = os.fdopen(os.open(name, FILE, 0o666, dir_fd=handle), "wb")
        except BaseException:
            os.close(handle)
            raise
        return _Growing(handle, name, parts[-1], out)

    def _refuse(self, path: str) -> None:
        self._refused[path] = None
        if len(self._refused) > MOST_OPEN:
            del self._refused[next(iter(self._refused))]

    def _trouble(self, error: OSError, path: Path) -> None:
        self.troubles += 1
        tell_file_failure(self, error, path, "replaced")

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"files": self.files, "troubles": self.troubles}


def _enter(name: str, handle: int) -> int:
    """Open the folder `name` in the one that `handle` is open on, and nothing else."""
    try:
        return os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=handle)
    except NotADirectoryError:
        if stat.S_ISLNK(os.lstat(name, dir_fd=handle).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise FileError(f"{name!r} on the way to a file is no folder but a file") from None


def _part(message: object, folder: Path) -> FilePart:
    match message:
        case FilePart(path=str(), data=bytes(), offset=int()):
            return message
        case (str() | PurePath() as path, content):
            text = path.as_posix() if isinstance(path, PurePath) else path
            return FilePart(text, bytes(encoded(content, folder / path)))
    raise FileError(
        f"{folder} was to be written with a {type(message).__name__}: it takes FilePart, or pairs of a "
        f"path and bytes or str"
    )
