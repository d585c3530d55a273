"""Whole folders: the files in them, and what they hold.

Laws
1. A folder is walked as its files are wanted: what is kept is the names of one folder at a time.
2. A circle of symbolic links is walked once around at most.
3. What cannot be read is said for itself on "errors", and the rest goes on; with nothing linked there
   it fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kamesh import ThreadedComponent, register
from kamesh.components.files.errors import FileError, a_path
from kamesh.components.files.failing import tell_file_failure
from kamesh.components.files.names import Patterns
from kamesh.components.refusing import whole
from kamesh.components.sending import shut_down

__all__ = ["FilePart", "ListFolder", "ReadFolder", "walk"]

CHUNK = 65536  # bytes of a file read at a time
DEEPEST = 200  # folders in folders


@register(name="files.FilePart")
@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of a file in a folder, or all of it.

    `path` is relative to the folder, with "/" between names. `data` stands `offset` bytes after the
    file's beginning; `last` says that the file ends with it.
    """

    path: str
    data: bytes
    offset: int = 0
    last: bool = True


def walk(
    folder: Path,
    wanted: Callable[[str], bool],
    trouble: Callable[[OSError, Path], None],
    *,
    links: bool = False,
) -> Iterator[str]:
    """Give the paths of the files under `folder`, relative and with "/", by name, folder by folder.

    What `trouble` is told of is left out. With `links`, symbolic links are followed.
    """
    return _walk(folder, "", wanted, trouble, links, ())


def _walk(
    folder: Path,
    before: str,
    wanted: Callable[[str], bool],
    trouble: Callable[[OSError, Path], None],
    links: bool,
    above: tuple[tuple[int, int], ...],
) -> Iterator[str]:
    try:
        found = folder.stat()
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        trouble(error, folder)
        return
    which = (found.st_dev, found.st_ino)
    if which in above:
        return
    if len(above) >= DEEPEST:
        trouble(FileError(f"{folder} is not looked into: it is {DEEPEST} folders deep"), folder)
        return
    for entry in entries:
        path = before + entry.name
        try:
            if entry.is_dir(follow_symlinks=links):
                inside = Path(entry.path)
                yield from _walk(inside, f"{path}/", wanted, trouble, links, (*above, which))
            elif entry.is_file(follow_symlinks=links) and wanted(path):
                yield path
        except OSError as error:
            trouble(error, Path(entry.path))


class _Folder(ThreadedComponent):
    """Walks a folder; what stands under both ListFolder and ReadFolder."""

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "what was found",
        "errors": "a FileFailed for each file or folder that cannot be read",
        "signal": "passes on what was told on control",
    }
    outgoing: ClassVar = 16

    def __init__(
        self,
        folder: str | Path,
        pattern: str | tuple[str, ...] = "*",
        *,
        links: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember where to look, and for what; WrongFigure for what is no pattern."""
        super().__init__(name=name)
        self.folder = a_path(folder)
        self.links = links
        self.files = self.troubles = 0
        self._patterns = Patterns(*(pattern if isinstance(pattern, tuple | list) else (pattern,)))

    def main(self) -> None:
        """Deal with file after file."""
        if not self.folder.is_dir():
            there = "is no folder" if self.folder.exists() else "is not there"
            raise FileError(f"the files of {self.folder} cannot be listed: it {there}")
        for path in walk(self.folder, self._patterns.fit, self._trouble, links=self.links):
            if shut_down(self):
                return
            self.files += 1
            self._found(path)

    def _found(self, path: str) -> None:
        raise NotImplementedError

    def _trouble(self, error: OSError, path: Path) -> None:
        self.troubles += 1
        tell_file_failure(self, error, path, "read")

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"files": self.files, "troubles": self.troubles}


class ListFolder(_Folder):
    """Sends the paths of the files in a folder and in all folders in it.

    `pattern` is which files: "*.ts" for all names like that wherever they are, "films/**/*.ts" for a
    way from the folder where ** stands for any folders; or several, as a tuple. They come by name,
    folder by folder. Symbolic links are left out; with `links=True` they are followed, and circles of
    them are no harm.

    Example:
        >>> import os
        >>> os.makedirs("films/old")
        >>> for name in ("b.ts", "a.ts", "notes", "old/c.ts"):
        ...     Pipeline(OneShot("..."), FileWriter("films/" + name)).run()
        >>> Pipeline(ListFolder("films", "*.ts"), print).run()
        films/a.ts
        films/b.ts
        films/old/c.ts

    Boxes: "outbox" a Path for each file, beginning with the folder as it was given; "errors" a
    FileFailed for what cannot be read; "control".

    How it ends: after the last file; told Shutdown, at once. It fails, with a sentence, if the folder
    is not there; and if something in it cannot be read and "errors" is linked to nothing.
    """

    def _found(self, path: str) -> None:
        self.send(self.folder / path)


class ReadFolder(_Folder):
    """Sends what the files in a folder hold: WriteFolder makes the same folder of it elsewhere.

    `pattern` and `links` as ListFolder has them; `chunk` is how many bytes of a file a message has at
    most (default 64 KiB): a longer file comes in several parts. An empty file is a part of no bytes.
    Empty folders, permissions and times are not sent.

    Example:
        >>> Pipeline(DataSource([("a/one", "1"), ("two", "22")]), WriteFolder("there")).run()
        >>> Pipeline(ReadFolder("there"), print).run()
        FilePart(path='a/one', data=b'1', offset=0, last=True)
        FilePart(path='two', data=b'22', offset=0, last=True)

    Boxes: "outbox" FilePart(path, data, offset, last); "errors" a FileFailed for what cannot be read;
    "control".

    How it ends: after the last file; told Shutdown, at once. It fails as ListFolder does. A file that
    breaks off while it is read is said on "errors" and has no last part.
    """

    def __init__(
        self,
        folder: str | Path,
        pattern: str | tuple[str, ...] = "*",
        chunk: int = CHUNK,
        *,
        links: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember where to look; WrongFigure for no pattern or a `chunk` of less than one byte."""
        super().__init__(folder, pattern, links=links, name=name)
        whole(1, chunk, "the number of bytes in a chunk")
        self.chunk = chunk

    def _found(self, path: str) -> None:
        try:
            with (self.folder / path).open("rb", buffering=0) as file:
                data, offset = file.read(self.chunk), 0
                while True:
                    following = file.read(self.chunk) if data else b""
                    if shut_down(self):
                        return
                    self.send(FilePart(path, data, offset, not following))
                    if not following:
                        return
                    offset += len(data)
                    data = following
        except FileError:
            raise
        except OSError as error:
            self._trouble(error, self.folder / path)
