"""WatchFolder: what changes in a folder, as it changes.

Laws: a file is told of once for all that happened to it while it was restless; what is told is what
the disk says at that moment; a folder that vanishes is said.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from kamesh import ThreadedComponent, register
from kamesh.components.extras import needing
from kamesh.components.files.errors import FileError, a_path
from kamesh.components.files.folders import walk
from kamesh.components.files.names import Patterns
from kamesh.components.files.settling import Change, Settling
from kamesh.components.refusing import at_least

__all__ = ["FileChanged", "WatchFolder"]

A_LOOK = 100  # milliseconds between two looks at whether it is to stop, and at what has settled
TOGETHER = 100  # milliseconds in which changes are gathered
ADDED, DELETED = 1, 3  # as `watchfiles.Change` numbers them


@register(name="files.FileChanged")
@dataclass(frozen=True, slots=True)
class FileChanged:
    """A file was "added", "modified" or "removed"."""

    path: Path
    change: Change


class WatchFolder(ThreadedComponent):
    """Sends a FileChanged for each file that changes in a folder or in any folder in it.

    Needs the extra `watch`. `pattern` is which files, as ListFolder has it. With `settled`, a file is
    told of only when nothing has happened to it for so many seconds: one that is still being copied is
    not ready to be worked on. With `existing=True` the files that are there at the start are told of as
    added. With `polling=True` the folder is looked through again and again, for network shares, whose
    other users' changes the system does not tell; it sees two changes within a second as one.

    Example:
        >>> import os
        >>> os.mkdir("drop")
        >>> with WatchFolder("drop", "*.ts", settled=0.2, existing=True).background() as watch:
        ...     for name in ("a.txt", "a.ts"):
        ...         Pipeline(OneShot("film"), FileWriter("drop/" + name)).run()
        ...     changed = watch.get(timeout=10)
        ...     watch.stop()
        >>> print(changed.path, changed.change)
        drop/a.ts added

    Boxes: "outbox" FileChanged(path, change), the path beginning with the folder as it was given;
    "control".

    How it ends: only when told on "control". It fails, with a sentence, if the folder is not there or
    vanishes, if the system allows no more watching, and if more than 100,000 files are restless at a
    time.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "FileChanged for each",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        folder: str | Path,
        pattern: str | tuple[str, ...] = "*",
        settled: float = 0.0,
        *,
        existing: bool = False,
        polling: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember what to watch; NotInstalled without watchfiles, WrongFigure for no pattern."""
        super().__init__(name=name)
        at_least(0, settled, "the seconds for which a file is quiet")
        with needing("WatchFolder"):
            import watchfiles  # heavy, and an extra
        self.folder = a_path(folder)
        self.existing = existing
        self.polling = polling
        self.changes = self.unread = 0
        self._watchfiles: Any = watchfiles
        self._patterns = Patterns(*(pattern if isinstance(pattern, tuple | list) else (pattern,)))
        self._settling = Settling(settled)

    def main(self) -> None:
        """Hear of changes, and tell of those that have settled."""
        real = Path(os.path.realpath(self.folder))  # what the system calls it
        if not real.is_dir():
            there = "is no folder" if real.exists() else "is not there"
            raise FileError(f"{self.folder} cannot be watched: it {there}")
        begun = False
        with closing(self._watch(real)) as watch:
            for changes in watch:
                if not begun and self.existing:
                    self._note_all(real, "")
                begun = True
                self._note(changes, real)
                for path, change in self._settling.due(monotonic()):
                    self.changes += 1
                    self.send(FileChanged(self.folder / path, change))
                if self.stopping():
                    return
                if not real.is_dir():
                    raise FileError(f"{self.folder} is watched no longer: the folder is gone")

    def _watch(self, folder: Path) -> Generator[set[tuple[int, str]], None, None]:
        try:
            yield from self._watchfiles.watch(
                folder,
                watch_filter=None,
                debounce=TOGETHER,
                step=A_LOOK // 2,
                rust_timeout=A_LOOK,
                yield_on_timeout=True,
                raise_interrupt=False,
                force_polling=self.polling or None,
                poll_delay_ms=A_LOOK,
            )
        except (OSError, RuntimeError) as error:
            raise FileError(f"{self.folder} cannot be watched: {error}") from error

    def _note(self, changes: set[tuple[int, str]], folder: Path) -> None:
        """Note the changes of files, each with what the disk says of it now."""
        kinds: dict[str, set[int]] = {}
        for kind, text in changes:
            kinds.setdefault(text, set()).add(kind)
        for text in sorted(kinds):
            path = os.path.relpath(text, folder).replace(os.sep, "/")
            if path == ".." or path.startswith("../"):
                continue
            if os.path.isdir(text):
                if ADDED in kinds[text]:
                    self._note_all(folder, f"{path}/" if path != "." else "")
            elif self._patterns.fit(path):
                self._note_file(path, os.path.exists(text), kinds[text])

    def _note_file(self, path: str, there: bool, kinds: set[int]) -> None:
        change: Change = "modified"
        if not there:
            if kinds == {ADDED, DELETED} or kinds == {ADDED}:
                return  # it came and went
            change = "removed"
        elif ADDED in kinds and DELETED not in kinds:
            change = "added"
        self._settling.note(path, change, monotonic())

    def _note_all(self, folder: Path, inside: str) -> None:
        """Note the files that came with a folder, or were there before."""
        for path in walk(folder / inside, lambda _: True, self._unread):
            if self._patterns.fit(inside + path):
                self._settling.note(inside + path, "added", monotonic())

    def _unread(self, error: OSError, path: Path) -> None:
        """Count what cannot be looked into: it may be gone already, or not be ours to see."""
        self.unread += 1

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {
            "changes": self.changes,
            "restless": len(self._settling),
            "unread": self.unread,
        }
