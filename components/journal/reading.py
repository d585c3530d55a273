"""Reading a journal: record after record, and what of it cannot be read.

Laws
1. Everything before the first torn or damaged byte is given; what is torn off at the end is counted in
   bytes, and a damaged record with whole ones after it is left out and counted.
2. No more memory is taken than one record has bytes, and none for what is not there.
3. Reading changes nothing: a file that is still being written is read up to what it had.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kamesh.components.files import FileError, sentence
from kamesh.components.journal.format import (
    HEAD,
    MOST_IN_HEAD,
    RECORD,
    Kind,
    NotAJournal,
    Record,
    RecordHead,
    checksum,
    read_file_head,
    read_record_head,
)

__all__ = ["JournalReader", "open_journal", "record_at"]

AHEAD = 256 * 1024  # bytes read at a time


class JournalReader:
    """Gives the records of a journal, in order; for what they hold see `Record.messages`.

    Example:
        with open_journal("cards.kj") as journal:
            for record in journal:
                print(record.seconds, journal.info.boxes[record.box], record.messages())

    Records of messages only: the others become figures. When all are given: `torn` is how many bytes
    are cut off at the end, `damaged` how many records were left out, `missed` how many messages the
    recorder says it missed, `ended` whether the recording was ended in order, `length` its seconds.
    """

    def __init__(self, stream: BinaryIO, name: str = "it") -> None:
        """Read the head; NotAJournal, with `name` in the sentence, if there is none that can be read."""
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        try:
            self.info, self.start = read_file_head(stream.read(HEAD + MOST_IN_HEAD))
        except NotAJournal as error:
            raise NotAJournal(f"{name} {error}") from error
        self.name = name
        self._rewind()

    def _rewind(self) -> None:
        self.torn = self.damaged = self.missed = self.messages = 0
        self.ended = False
        self.length = 0.0

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def __iter__(self) -> Iterator[Record]:
        """Give the records from the first one on."""
        self._rewind()
        at, skipped, bad = self.start, 0, self.start
        self._stream.seek(at)
        while at < self._size:
            record, end = record_at(self._stream, at, self._size)
            if record is None:
                bad = bad if skipped else at
                skipped += 1
                if end is None:
                    break
                at = end
                self._stream.seek(at)
                continue
            self.damaged += skipped
            skipped, at = 0, end or self._size
            if self._counted(record):
                yield record
                self._stream.seek(at)  # whoever was given it may have begun anew meanwhile
        if skipped:
            self.torn = self._size - bad

    def _counted(self, record: Record) -> bool:
        self.length = max(self.length, record.seconds)
        self.ended = record.kind == Kind.END
        match record.kind:
            case Kind.MESSAGES:
                self.messages += record.count
                return record.box < len(self.info.boxes)
            case Kind.MISSED:
                self.missed += record.count
        return False

    def trouble(self) -> str:
        """Say in a sentence what could not be read, once all is; "" if all could."""
        said = []
        if self.torn:
            said.append(
                f"its end is torn off: the last {self.torn:,} bytes are no whole record, and the "
                f"{self.messages:,} messages before them are all there"
            )
        if self.damaged:
            said.append(f"{self.damaged:,} damaged records in it are left out")
        return f"{self.name}: {'; '.join(said)}" if said else ""


def record_at(stream: BinaryIO, at: int, size: int) -> tuple[Record | None, int | None]:
    """Read the record at byte `at`, where `stream` stands, of `size` bytes; give it, and where it ends.

    No record if it is not whole; no end if even that cannot be told.
    """
    first = stream.read(RECORD)
    head = read_record_head(first, size - at - RECORD)
    if head is None:
        return None, None
    end = at + RECORD + head.size
    return _body(stream, first, head), end


def _body(stream: BinaryIO, first: bytes, head: RecordHead) -> Record | None:
    table = stream.read(4 * head.buffers)
    if len(table) < 4 * head.buffers:
        return None
    lengths = struct.unpack(f">{head.buffers}I", table)
    if head.payload + len(table) + sum(lengths) != head.size:
        return None
    payload = stream.read(head.payload)
    buffers = tuple([stream.read(length) for length in lengths])
    if checksum(first[4:], table, payload, *buffers) != head.crc:
        return None
    return Record(head.time, head.kind, head.box, head.count, payload, buffers)


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting, as one would for a pipe that nobody writes to."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@contextmanager
def open_journal(path: str | Path) -> Iterator[JournalReader]:
    """Open a journal to read; FileError or NotAJournal, each in a sentence, if that cannot be.

    Example: `with open_journal("cards.kj") as journal: ...`.
    """
    path = Path(path)
    try:
        with open(path, "rb", buffering=AHEAD, opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileError(f"{path} is no file that a journal could be in")
            yield JournalReader(file, str(path))
    except FileError:
        raise
    except OSError as error:
        raise FileError(sentence(error, path, "read")) from error
