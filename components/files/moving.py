"""Files moved and removed, by their paths as messages.

Laws
1. A file that is moved is whole in one place or in the other, also between two disks.
2. What is there already under that name is replaced only if that was asked for.
3. What cannot be done is said for itself on "errors", and the rest goes on; with nothing linked there
   it fails.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import ClassVar, Literal

from kamesh import ThreadedComponent
from kamesh.components.files.atomic import replacing
from kamesh.components.files.errors import FileError, a_path, sentence
from kamesh.components.files.failing import tell_file_failure
from kamesh.components.refusing import WrongFigure

__all__ = ["MoveFile", "RemoveFile"]

NO_LINKS = (
    errno.EXDEV,
    errno.EPERM,
    errno.EOPNOTSUPP,
    errno.EMLINK,
)  # another disk, or one without


class _Deed(ThreadedComponent):
    """Does something with each file whose path comes; what stands under MoveFile and RemoveFile."""

    inboxes: ClassVar = {"inbox": "paths", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the path of each file it is done with",
        "errors": "a FileFailed for each with which it cannot be done",
        "signal": "passes on what was told on control",
    }
    done: ClassVar[str] = ""

    def main(self) -> None:
        """Do it with one after the other."""
        for message in self.inbox:
            if not isinstance(message, str | os.PathLike):
                kind = type(message).__name__
                raise FileError(
                    f"{self.path} takes paths, and was sent a message of the type {kind}"
                )
            try:
                result = self._do(a_path(message))
            except OSError as error:
                tell_file_failure(self, error, Path(message), self.done)
            else:
                self.send(result)

    def _do(self, path: Path) -> Path:
        raise NotImplementedError


class MoveFile(_Deed):
    """Moves the files whose paths come into a folder, under their own names.

    For what has been worked on: a folder that is watched stays a list of what is still to be done.
    `mode` is "new" (the default: what is in the folder already is not touched, and the file stays where
    it is) or "replace". The folder is made if it is not there.

    Example:
        >>> Pipeline(OneShot("..."), FileWriter("a.ts")).run()
        >>> Pipeline(DataSource(["a.ts"]), MoveFile("done"), print).run()
        done/a.ts

    Boxes: "inbox" paths, as str or Path; "outbox" the Path of each file, where it is now; "errors" a
    FileFailed for each that cannot be moved; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, if the folder
    cannot be made, and if a file cannot be moved and "errors" is linked to nothing.
    """

    done = "moved"

    def __init__(
        self,
        folder: str | Path,
        mode: Literal["new", "replace"] = "new",
        *,
        name: str | None = None,
    ) -> None:
        """Remember where to; WrongFigure for a mode there is not."""
        super().__init__(name=name)
        if mode not in ("new", "replace"):
            raise WrongFigure(f"mode={mode!r}: it is new or replace")
        self.folder = a_path(folder)
        self.mode = mode

    def main(self) -> None:
        """Make the folder, and move one file after the other."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(sentence(error, self.folder, "made a folder")) from error
        super().main()

    def _do(self, path: Path) -> Path:
        there = self.folder / path.name
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        try:
            if self.mode == "replace":
                path.rename(there)
            else:
                os.link(path, there, follow_symlinks=False)  # in one step, unless it is there
        except FileExistsError:
            raise FileError(f"{path} stays where it is: {there} exists already") from None
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            self._copy(path, there)
            return there
        if self.mode == "new":
            try:
                path.unlink()
            except OSError:  # then it is not to be there twice
                there.unlink()
                raise
        return there

    def _copy(self, path: Path, there: Path) -> None:
        if self.mode == "new" and there.exists():
            raise FileError(f"{path} stays where it is: {there} exists already")
        if not path.is_file():
            raise FileError(
                f"{path} stays where it is: it is no file that could go to another disk"
            )
        with path.open("rb") as file, replacing(there) as out:
            shutil.copyfileobj(file, out)
        shutil.copystat(path, there)
        path.unlink()


class RemoveFile(_Deed):
    """Removes the files whose paths come. They are gone: there is no way back.

    Example:
        >>> Pipeline(OneShot("..."), FileWriter("a.ts")).run()
        >>> Pipeline(DataSource(["a.ts"]), RemoveFile(), print).run()
        a.ts

    Boxes: "inbox" paths, as str or Path; "outbox" the Path of each file that is gone; "errors" a
    FileFailed for each that cannot be removed; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, if a file cannot
    be removed and "errors" is linked to nothing; folders are never removed.
    """

    done = "removed"

    def _do(self, path: Path) -> Path:
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.unlink()
        return path
