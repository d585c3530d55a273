"""Tail: the lines that are added to a file, as they are added.

Laws: what is added is sent whole lines at a time; the file may be emptied, moved away, replaced, and
may be missing for a while, and no line that was read is lost or sent twice.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.files.errors import FileError, a_path, said
from kamesh.components.files.following import Look, Step, next_step, tail_begin
from kamesh.components.framing.converting import named
from kamesh.components.framing.incremental import FramingError
from kamesh.components.framing.lines import LineSplitter, NotText, wrong_byte
from kamesh.components.refusing import WrongFigure
from kamesh.components.sending import shut_down

__all__ = ["Tail"]

CHUNK = 65536  # bytes read at a time


class Tail(ThreadedComponent):
    r"""Sends the lines that are added to a text file, as `tail -F` does.

    `last` is how many of the lines that are there already are sent first: 0 (the default) for none,
    None for all. `interval` is how many seconds there are between two looks at the file (default
    0.25). `encoding` and `errors` as SplitLines has them; what is not text is U+FFFD by default.

    The file is followed by its name: when it is moved away or removed and another takes its place, as
    when logs are rotated, the rest of the old one is read and then the new one from its beginning;
    when it is emptied, it is read from the beginning again. While there is no file of that name, it is
    waited for.

    Example:
        >>> Pipeline(DataSource(["one", "two", "three"]), LineWriter("log")).run()
        >>> with Tail("log", last=1).background() as tail:
        ...     tail.get(timeout=5)
        ...     Pipeline(OneShot("four"), LineWriter("log", "append")).run()
        ...     tail.get(timeout=5)
        ...     tail.stop()
        'three'
        'four'

    Boxes: "outbox" the lines, as str without their line feed; "control".

    How it ends: only when told on "control": ProducerFinished, after all that is there now, an
    unfinished last line too; Shutdown, at once. It fails, with a sentence, if the file may not be read,
    is none on a disk (a folder, a pipe, a device), or has a line of more than a million characters.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "lines, without their line feed",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        path: str | Path,
        last: int | None = 0,
        interval: float = 0.25,
        encoding: str = "utf-8",
        errors: str = "replace",
        *,
        name: str | None = None,
    ) -> None:
        """Remember what to follow; WrongFigure for a `last` below 0 or an `interval` of 0 or less."""
        super().__init__(name=name)
        if last is not None and (not isinstance(last, int) or last < 0):
            raise WrongFigure(f"the last {last!r} lines of a file cannot be sent")
        if not isinstance(interval, int | float) or not interval > 0:
            raise WrongFigure(f"between two looks there are more than 0 seconds, not {interval!r}")
        self.file = a_path(path)
        self.last = last
        self.interval = interval
        self.bytes = self.changes = self.rewinds = 0
        self._encoding = (encoding, errors)
        self._lines = LineSplitter(encoding, errors)
        self._opened: IO[bytes] | None = None
        self._which: tuple[int, int] | None = None

    def main(self) -> None:
        """Look, do what is to be done, and wait."""
        try:
            with said(self.file, "read"):
                if self._look() is not None:
                    self._open()
                    self._begin()
                while not shut_down(self):
                    finishing = self.stopping()
                    if not self._go_on() and finishing:
                        self._send(self._lines.rest())
                        return
                    if not finishing:
                        self.pause(self.interval)
        finally:
            self._close()

    def _go_on(self) -> bool:
        """Do what is to be done now; say whether the file was changed for another meanwhile."""
        position = self._opened.tell() if self._opened is not None else 0
        step = next_step(self._which, position, self._look())
        if step in (Step.READ, Step.CHANGE):
            self._read()
        if step is Step.CHANGE:
            self._end_of_file()
            self._close()
            self.changes += 1
        if step is Step.REWIND:
            self._end_of_file()
            assert self._opened is not None
            self._opened.seek(0)
            self.rewinds += 1
            self._read()
        if step in (Step.OPEN, Step.CHANGE):
            self._open()
            self._read()
        return step is Step.CHANGE

    def _look(self) -> Look | None:
        try:
            found = self.file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Look((found.st_dev, found.st_ino), found.st_size)

    def _open(self) -> None:
        try:
            self._opened = os.fdopen(_without_waiting(self.file), "rb", buffering=0)
        except FileNotFoundError:  # it has gone this very moment
            return
        found = os.fstat(self._opened.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise FileError(
                f"{self.file} cannot be followed: it is no file on a disk (take FileReader)"
            )
        self._which = (found.st_dev, found.st_ino)

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._opened = self._which = None

    def _begin(self) -> None:
        """Go to where the last lines begin, block by block from the end."""
        if self.last is None or self._opened is None:
            return
        at = self._opened.seek(0, os.SEEK_END)
        missing = self.last
        while at > 0:
            begin = max(0, at - CHUNK)
            self._opened.seek(begin)
            place, missing = tail_begin(self._opened.read(at - begin), missing)
            at = begin + place
            if place:
                break
        self._opened.seek(at)

    def _read(self) -> None:
        """Send all that there is to read."""
        while self._opened is not None and not shut_down(self):
            data = self._opened.read(CHUNK)
            if not data:
                return
            self.bytes += len(data)
            self._send(self._lines.pieces(data))

    def _end_of_file(self) -> None:
        """Send a last line without line feed: what comes next is not its rest."""
        self._send(self._lines.rest())
        self._lines = LineSplitter(*self._encoding)

    def _send(self, lines: Iterable[str]) -> None:
        try:
            for line in lines:
                if shut_down(self):
                    return
                self.send(line)
        except UnicodeError as error:
            raise NotText(
                f"{self.file} is not text in {self._encoding[0]}: {wrong_byte(error)}; name another "
                f"encoding"
            ) from error
        except FramingError as error:
            raise named(error, str(self.file)) from error

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.bytes, "changes": self.changes, "rewinds": self.rewinds}


def _without_waiting(path: Path) -> int:
    """Open `path`; a named pipe too, which is then refused, without waiting for who writes to it."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
