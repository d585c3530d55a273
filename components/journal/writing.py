"""Writing a journal: messages are gathered into records and handed to the system together.

Laws
1. What is in the file is whole records: when a write fails, what it left of one is cut off again, and
   what was not written is still here to be tried again.
2. Large buffers are written from where they are: one `writev` takes all that waits.
3. A file that exists is not written over unless that was asked for.
4. That its file was removed meanwhile is said, at the end of the recording at the latest.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

from kamesh.codec import Buffer, Encoded, TooMuch, encode
from kamesh.components.files import FileError, sentence
from kamesh.components.journal.format import Info, Kind, Record, file_head, record_head, record_of
from kamesh.components.journal.syncing import Sync, Syncing
from kamesh.components.refusing import WrongFigure
from kamesh.linking import did_you_mean

__all__ = ["MODES", "JournalWriter", "checked_mode", "records_of"]

Encode: TypeAlias = Callable[[Sequence[Any]], Encoded]

MODES = ("new", "replace")
TOGETHER = 1024 * 1024  # bytes that wait at most before they are handed to the system
SMALL = 64 * 1024  # bytes up to which a payload is joined to its head: a copy costs less than a piece
PIECES = 512  # of one writev; the system takes 1024 (IOV_MAX on Linux)


class JournalWriter:
    """Writes one journal; a context manager.

    Example:
        with JournalWriter("cards.kj", Info(time.time(), ("studio/CAMERA.outbox",))) as journal:
            journal.write(0.04, [frame])

    `mode` is "new" (refuses a file that exists) or "replace". `sync` says when what was written is
    brought to the disk: "none" leaves it to the system, a number of seconds is how old it may grow,
    "each" is after every `flush()`. FileError, in a sentence, if it cannot be written.
    """

    def __init__(
        self, path: str | Path, info: Info, *, mode: str = "new", sync: Sync = "none",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the file and write its head."""
        self.path = Path(path)
        self.messages = 0
        self.ended: float | None = None  # seconds at which it was closed in order
        self._syncing = Syncing.of(sync)
        self._clock = clock
        self._waiting: deque[tuple[list[Buffer], int, int]] = deque()  # pieces, bytes, messages
        self._gathered = 0
        self._file = _made(self.path, checked_mode(mode))
        self.bytes = 0  # of whole records in the file, and its head
        self._put([file_head(info)])
        try:
            self.flush()
        except FileError:
            self._close()
            raise

    @property
    def size(self) -> int:
        """Bytes in the file and on their way there."""
        return self.bytes + self._gathered

    def write(self, seconds: float, messages: Sequence[Any], box: int = 0) -> None:
        """Take messages that passed `seconds` after the beginning, in as many records as they need.

        Unsendable, and none of them is taken, if one can be in no journal.
        """
        for record in records_of(seconds, messages, box):
            self.add(record)

    def missed(self, seconds: float, count: int, box: int = 0) -> None:
        """Note that `count` messages passed and are not here."""
        self.add(Record(_ns(seconds), Kind.MISSED, box, count))

    def add(self, record: Record) -> None:
        """Take a record."""
        payload = record.payload
        head = record_head(record)
        messages = record.count if record.kind == Kind.MESSAGES else 0
        self.messages += messages
        first = [head + payload] if len(payload) <= SMALL else [head, payload]
        self._put([*first, *record.buffers], messages)
        if self._gathered >= TOGETHER:
            self.flush()

    def _put(self, pieces: list[Buffer], messages: int = 0) -> None:
        size = sum(map(len, pieces))
        self._waiting.append((pieces, size, messages))
        self._gathered += size

    def flush(self) -> None:
        """Hand all that waits to the system, and sync if that is due.

        FileError if it cannot be: what did not go is kept, and the next `flush` tries again.
        """
        if self._file < 0:
            raise FileError(f"{self.path} is closed: nothing more can be written to it")
        try:
            while self._waiting:
                self._write_some()
            now = self._clock()
            if self._syncing.due(now):
                os.fsync(self._file)
                self._syncing.synced()
        except OSError as error:
            raise FileError(sentence(error, self.path, "written")) from error

    def _write_some(self) -> None:
        """Write some records wholly, or none of what could not be written wholly."""
        pieces: list[Buffer] = []
        for record, _, _ in self._waiting:
            if pieces and len(pieces) + len(record) > PIECES:
                break
            pieces += record
        done = 0
        try:
            while pieces:
                took = os.writev(self._file, pieces[:PIECES])
                done += took
                pieces = _after(pieces, took)
        finally:
            while self._waiting and self._waiting[0][1] <= done:
                _, size, _ = self._waiting.popleft()
                done -= size
                self.bytes += size
                self._gathered -= size
                self._syncing.wrote(self._clock())
            if done:  # part of a record: it is taken back, and tried again
                os.ftruncate(self._file, self.bytes)
                os.lseek(self._file, self.bytes, os.SEEK_SET)

    def forget(self, bytes_: int, messages: int) -> None:
        """Take back all but the first so many bytes and messages, what waits included."""
        self._waiting.clear()
        self._gathered = 0
        self.messages = messages
        if self.bytes > bytes_:
            os.ftruncate(self._file, bytes_)
            os.lseek(self._file, bytes_, os.SEEK_SET)
            self.bytes = bytes_

    def wait(self) -> float | None:
        """Say in how many seconds `flush` is to be called again, to sync; None if not by itself."""
        return self._syncing.wait(self._clock())

    def sync(self) -> None:
        """Hand over all that waits, and bring it to the disk whatever the policy says."""
        self.flush()
        try:
            os.fsync(self._file)
        except OSError as error:
            raise FileError(sentence(error, self.path, "written")) from error
        self._syncing.synced()

    def close(self, seconds: float | None = None) -> None:
        """Close it; with `seconds`, after noting that the recording ended in order then."""
        if self._file < 0:
            return
        try:
            if seconds is not None:
                self.add(Record(_ns(seconds), Kind.END, 0, min(self.messages, 0xFFFFFFFF)))
                self.ended = seconds
            self.flush()
            if self._syncing.every != float("inf"):
                self.sync()
            if seconds is not None and os.fstat(self._file).st_nlink == 0:
                raise FileError(f"{self.path} was removed while it was written: nothing of it is left")
        finally:
            self._close()

    def abandon(self) -> None:
        """Close it as it stands; what could not be written is not in it."""
        self.messages -= sum(count for _, _, count in self._waiting)
        self._waiting.clear()
        self._gathered = 0
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> JournalWriter:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close; after a failure to write, without trying once more."""
        if isinstance(error, FileError):
            self.abandon()
        else:
            self.close()


def records_of(
    seconds: float, messages: Sequence[Any], box: int = 0, encode: Encode = encode
) -> list[Record]:
    """Make records of messages: one, or as many as the codec's limits ask for."""
    time_ = _ns(seconds)
    found = []
    todo = list(messages)
    while todo:
        encoded, count = _encoded(todo, encode)
        found.append(record_of(time_, encoded, box))
        todo = todo[count:]
    return found


def _encoded(messages: list[Any], encode: Encode) -> tuple[Encoded, int]:
    """Encode as many as go together: half as many as long as they are too much."""
    count = len(messages)
    while True:
        try:
            return encode(messages[:count]), count
        except TooMuch as error:
            if error.index == 0 and count == 1:
                raise
            count = error.index or max(1, count // 2)


def _ns(seconds: float) -> int:
    return max(0, round(seconds * 1e9))


def _after(pieces: list[Buffer], took: int) -> list[Buffer]:
    """Give what is left of the pieces once so many bytes of them are written."""
    for place, piece in enumerate(pieces):
        if took < len(piece):
            return [memoryview(piece)[took:], *pieces[place + 1 :]]
        took -= len(piece)
    return []


def checked_mode(mode: str) -> str:
    """Give the mode; WrongFigure if there is none of that name."""
    if mode not in MODES:
        raise WrongFigure(f"mode={mode!r}{did_you_mean(mode, MODES)}: it is {' or '.join(MODES)}")
    return mode


def _made(path: Path, mode: str) -> int:
    how = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if mode == "new" else 0)
    try:
        file = os.open(path, how | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
        with suppress(OSError):
            os.set_blocking(file, True)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise FileError(f"{path} is no file that a journal could be kept in")
        os.ftruncate(file, 0)
    except FileError:
        raise
    except OSError as error:
        raise FileError(sentence(error, path, "written")) from error
    return file
