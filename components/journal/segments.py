"""Segments: a queue of messages in a folder, in journals one after the other.

    00000000000000000000.kj   the messages from number 0 on, as in any journal
    00000000000000004096.kj   those from number 4096 on
    taken                     the number of the first message that is not done with
    lock                      held by whoever has the queue open

This is what a buffer on disk stands on, and what a linkage can stand on that must not acknowledge
before a message is on the disk: `append`, `sync`, then acknowledge to the sender; `take` to send on;
`acknowledge` when the far end has.

Laws
1. Messages come out in the order in which they went in, and none before `acknowledge` is forgotten: a
   queue that is opened again begins with the first that was not acknowledged.
2. What was acknowledged is removed a segment at a time; a segment that is removed was read to its end.
3. `append` takes all it is given or, if the disk cannot, nothing.
4. A file of another name, or that is plainly somebody else's, is neither read nor removed.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
import time
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from kamesh.components.files import FileError, sentence
from kamesh.components.journal.format import Info, Kind, NotAJournal
from kamesh.components.journal.reading import JournalReader, record_at
from kamesh.components.journal.syncing import Sync
from kamesh.components.journal.writing import JournalWriter

__all__ = ["Segments"]

log = logging.getLogger("kamesh")

SUFFIX = ".kj"
OURS = "[0-9]" * 20 + SUFFIX
LOCKINGS = 8  # times that a lock may be removed before our eyes
LARGE = 16 * 1024 * 1024  # bytes from which a segment is full
_TAKEN = struct.Struct(">QI")


@dataclass(slots=True)
class _Segment:
    """One file: the numbers of its first message and of the one after its last, and its bytes."""

    path: Path
    first: int
    after: int
    bytes: int
    start: int  # byte at which its records begin


class Segments:
    """A queue of messages on disk; a context manager.

    Example:
        with Segments("spool", "CAMERA.outbox") as queue:
            queue.append([frame])
            queue.take()                # [frame]
            queue.acknowledge(1)        # the first message is done with

    `sync` is as for a journal. `large` is the bytes after which another segment is begun.
    FileError if the folder cannot be used, or somebody else has it open.
    """

    def __init__(
        self, folder: str | Path, box: str = "", *, sync: Sync = "none", large: int = LARGE
    ) -> None:
        """Open it, with what is left in it."""
        self.folder = Path(folder)
        self._box, self._sync, self._large = box, sync, large
        self._segments: deque[_Segment] = deque()
        self._writer: JournalWriter | None = None
        self._reader: BinaryIO | None = None
        self._reading: _Segment | None = None
        self._at = self._number = 0  # the byte, and the first message, of the record read next
        self._lock = self._taken = -1
        self._acknowledged = self._next = self._after = 0
        if self.folder.exists() and not self.folder.is_dir():
            raise FileError(f"{self.folder} cannot be written: it is no folder")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.folder)
            self._taken = _opened(self.folder / "taken", _TAKEN.size)
            self._recover()
        except OSError as error:
            self.close()
            if isinstance(error, FileError):
                raise
            raise FileError(sentence(error, self.folder, "written")) from error

    # -- figures

    @property
    def first(self) -> int:
        """The number of the first message that is not acknowledged."""
        return self._acknowledged

    @property
    def next(self) -> int:
        """The number of the next message that `take` gives."""
        return self._next

    @property
    def after(self) -> int:
        """The number that the next message to be appended gets."""
        return self._after

    @property
    def bytes(self) -> int:
        """Bytes of all segments."""
        return sum(each.bytes for each in self._segments)

    # -- opening

    def _recover(self) -> None:
        for path in sorted(self.folder.glob(OURS)):
            segment = self._recovered(path)
            if segment is None:
                path.unlink()
                continue
            if self._segments and segment.first != self._segments[-1].after:
                lost = segment.first - self._segments[-1].after
                log.error("%s: %s messages before %s are lost", self.folder, f"{lost:,}", path.name)
            self._segments.append(segment)
        data = os.pread(self._taken, _TAKEN.size, 0)
        taken = 0
        if len(data) == _TAKEN.size:
            number, crc = _TAKEN.unpack(data)
            taken = number if zlib.crc32(data[:8]) == crc else 0
        if self._segments:
            taken = min(max(taken, self._segments[0].first), self._segments[-1].after)
        self._acknowledged = self._next = taken
        self._after = self._segments[-1].after if self._segments else taken
        self._drop_done()
        self._note()

    def _recovered(self, path: Path) -> _Segment | None:
        """Read through a segment; None if there is no message in it."""
        try:
            with path.open("rb") as file:
                journal = JournalReader(file, str(path))
                first = journal.info.first
                after = first + sum(record.count for record in journal)
        except NotAJournal as error:
            log.error("%s; it is removed", error)
            return None
        if trouble := journal.trouble():
            log.warning("%s", trouble)
        if after == first:
            return None
        return _Segment(path, first, after, journal.size - journal.torn, journal.start)

    # -- in

    def append(self, messages: Sequence[Any]) -> None:
        """Take messages at the end.

        FileError if the disk does not take them: then none of them is here. Unsendable if one of them
        cannot be in a journal: neither then.
        """
        if not messages:
            return
        writer, segment = self._last()
        try:
            writer.write(0.0, messages)
            writer.flush()
        except FileError:
            writer.forget(segment.bytes, self._after - segment.first)
            raise
        segment.bytes = writer.bytes
        self._after += len(messages)
        segment.after = self._after

    def sync(self) -> None:
        """Bring all that was appended to the disk."""
        if self._writer is not None:
            self._writer.sync()

    def flush(self) -> None:
        """Sync if that is due."""
        if self._writer is not None:
            self._writer.flush()

    def wait(self) -> float | None:
        """Say in how many seconds `flush` is to be called again; None if not by itself."""
        return None if self._writer is None else self._writer.wait()

    def _last(self) -> tuple[JournalWriter, _Segment]:
        if self._writer is not None and self._segments:
            segment = self._segments[-1]
            if segment.bytes < self._large:
                return self._writer, segment
        self._finish_writer()
        path = self.folder / f"{self._after:020d}{SUFFIX}"
        writer = JournalWriter(
            path, Info(time.time(), (self._box,), self._after), mode="replace", sync=self._sync
        )
        segment = _Segment(path, self._after, self._after, writer.bytes, writer.bytes)
        self._writer = writer
        self._segments.append(segment)
        return writer, segment

    def _finish_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    # -- out

    def take(self) -> list[Any]:
        """Give the next messages, a record of them; none if all have been given."""
        while self._next < self._after:
            segment = self._open_at_next()
            assert self._reader is not None
            record, end = record_at(self._reader, self._at, segment.bytes)
            if record is None or end is None:
                if end is None:
                    raise FileError(f"{segment.path} has changed while it was in use")
                self._at = end
                self._reader.seek(end)
                continue
            self._at = end
            before, self._number = self._number, self._number + record.count
            if record.kind != Kind.MESSAGES:
                self._number = before
            elif self._number > self._next:
                messages = record.messages()[self._next - before :]
                self._next = self._number
                return messages
        return []

    def _open_at_next(self) -> _Segment:
        segment = next(each for each in self._segments if self._next < each.after)
        if segment is not self._reading:
            self._close_reader()
            try:
                self._reader = segment.path.open("rb")
            except OSError as error:
                raise FileError(sentence(error, segment.path, "read")) from error
            self._reading = segment
            self._at, self._number = segment.start, segment.first
            self._reader.seek(self._at)
            self._next = max(self._next, segment.first)
        return segment

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._reading = None

    def acknowledge(self, number: int) -> None:
        """Be done with all messages before this number: they are never given again."""
        if number <= self._acknowledged:
            return
        self._acknowledged = min(number, self._next)
        try:
            self._drop_done()  # first, as that makes room
            self._note()
        except OSError as error:
            raise FileError(sentence(error, self.folder, "written")) from error

    def _note(self) -> None:
        """Write down what is done with; on a full disk later, and until then more would come again."""
        data = struct.pack(">Q", self._acknowledged)
        try:
            os.pwrite(self._taken, data + struct.pack(">I", zlib.crc32(data)), 0)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            log.debug("%s: %s", self.folder / "taken", error)

    def _drop_done(self) -> None:
        while self._segments and self._segments[0].after <= self._acknowledged:
            segment = self._segments[0]
            if len(self._segments) == 1 and self._writer is not None:
                if segment.bytes < self._large:
                    return  # it is written on
                self._finish_writer()
            if segment is self._reading:
                self._close_reader()
            segment.path.unlink(missing_ok=True)
            self._segments.popleft()

    # -- the end

    def clear(self) -> None:
        """Forget all that is left from before."""
        if self._next < self._after:
            log.warning("%s: %s messages of before are dropped", self.folder, f"{self._after - self._next:,}")
        self._next = self._after
        self.acknowledge(self._after)

    def close(self, *, remove: bool = False) -> None:
        """Close it; with `remove`, nothing of it is left."""
        try:
            self._close_reader()
            self._finish_writer()
            if self._lock >= 0 and self._segments:
                self._drop_done()
            if remove and self._lock >= 0:
                for each in self._segments:
                    each.path.unlink(missing_ok=True)
                for name in ("taken", "lock"):
                    (self.folder / name).unlink(missing_ok=True)
        finally:
            for file in (self._taken, self._lock):
                if file >= 0:
                    os.close(file)
            self._taken = self._lock = -1

    def __enter__(self) -> Segments:
        """Give itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Close."""
        self.close()


def _locked(folder: Path) -> int:
    """Hold the folder; FileError if somebody has it already."""
    path = folder / "lock"
    for _ in range(LOCKINGS):
        file = _opened(path, 0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            break
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)  # whoever had it has removed it meanwhile: it keeps nobody out any more
    raise FileError(f"{folder} is in use: another buffer keeps its messages there")


def _opened(path: Path, most: int) -> int:
    """Open a file of the queue's own; FileError for one of more bytes than `most`: it is not ours."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if os.fstat(file).st_size > most:
        os.close(file)
        raise FileError(f"{path} belongs to something else: give the buffer a folder of its own")
    return file
