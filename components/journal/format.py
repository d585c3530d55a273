"""The journal's form on disk: a head, then records, each with its time and its checksum.

    head     magic (8)  version u16  zero u16  size u32  crc u32 | what it is, in the codec's form
    record   crc u32  size u32  time u64  kind u8  zero u8  box u16  count u32  payload u32
             buffers u32 | length of each buffer u32 ... | payload | buffers ...

All numbers are big-endian. `time` is nanoseconds since the journal began, `size` the bytes after the
32 of the record's head, `crc` the CRC-32 (zlib's) of all of the record behind it. The payload and the
buffers are those of `kamesh.codec`: what crosses a process is what is on the disk, and no pickle.

Laws
1. ONLY APPEND TO THE KINDS, and never give one a second meaning; a kind that is not known is skipped.
2. Nothing here reads or writes a file or asks a clock, and a buffer is never copied.
3. No number that was read is believed before it is checked against what is there.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

from kamesh.codec import Buffer, Encoded, Undecodable, decode, encode
from kamesh.errors import KameshError

__all__ = [
    "HEAD",
    "MAGIC",
    "MOST",
    "MOST_IN_HEAD",
    "RECORD",
    "VERSION",
    "Info",
    "Kind",
    "NotAJournal",
    "Record",
    "RecordHead",
    "checksum",
    "file_head",
    "read_file_head",
    "read_record_head",
    "record_head",
    "record_of",
]

MAGIC: Final = b"\x8bkamesh\n"
"""The first byte is no text and the last is changed by whatever "corrects" line ends."""
VERSION: Final = 1
HEAD: Final = 20
"""Bytes before what the head says."""
RECORD: Final = 32
"""Bytes of a record's head."""
MOST: Final = 1 << 30
"""Bytes of one record: a reader makes no more room than this, nor more than the file has."""
MOST_IN_HEAD: Final = 1 << 20

_HEAD = struct.Struct(">8sHHII")
_RECORD = struct.Struct(">IIQBBHIII")
_LENGTH = struct.Struct(">I")


class NotAJournal(KameshError, ValueError):
    """A file is no journal, or none that this version reads, or its head is damaged."""


class Kind:
    """What a record is. ONLY APPEND."""

    MESSAGES: Final = 1  # `count` messages of `box`, which passed at `time`
    MISSED: Final = 2  # `count` messages of `box` passed before `time` and are not in the journal
    END: Final = 3  # the recording was ended in order; `count` messages are in it


@dataclass(frozen=True, slots=True)
class Info:
    """What the head says.

    `began` is when, by the clock on the wall (seconds since 1970, UTC), `boxes` what was recorded,
    `first` the number of the first message (0, but in a later segment).
    """

    began: float
    boxes: tuple[str, ...]
    first: int = 0


@dataclass(frozen=True, slots=True)
class RecordHead:
    """The first 32 bytes of a record."""

    crc: int
    size: int
    time: int
    kind: int
    box: int
    count: int
    payload: int
    buffers: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `count` messages of the box of that number, at `time` (nanoseconds)."""

    time: int
    kind: int
    box: int
    count: int
    payload: Buffer = b""
    buffers: tuple[Buffer, ...] = ()

    @property
    def seconds(self) -> float:
        """When it was, in seconds since the journal began."""
        return self.time / 1e9

    @property
    def bytes(self) -> int:
        """Bytes that it takes on the disk."""
        bulk = sum(map(len, self.buffers)) if self.buffers else 0
        return RECORD + 4 * len(self.buffers) + len(self.payload) + bulk

    def messages(self) -> list[Any]:
        """Decode its messages; Undecodable if a class of theirs is not registered here."""
        return decode(self.payload, self.buffers) if self.kind == Kind.MESSAGES else []


def record_of(time: int, encoded: Encoded, box: int = 0) -> Record:
    """Make a record of encoded messages; ValueError if it would be larger than a record may be."""
    if encoded.size > MOST - (1 << 20):
        raise ValueError(f"a record of {encoded.size:,} bytes is more than a journal takes")
    return Record(time, Kind.MESSAGES, box, encoded.count, encoded.payload, encoded.buffers)


def file_head(info: Info) -> bytes:
    """Make the head of a journal."""
    said = {"began": info.began, "boxes": list(info.boxes), "first": info.first}
    data = encode([said]).payload
    if len(data) > MOST_IN_HEAD:
        raise ValueError(f"the names of {len(info.boxes):,} boxes are too much for a journal's head")
    return _HEAD.pack(MAGIC, VERSION, 0, len(data), zlib.crc32(data)) + data


def read_file_head(data: bytes) -> tuple[Info, int]:
    """Read the head from the first bytes of a journal (`HEAD + MOST_IN_HEAD` hold any); give its size.

    NotAJournal, with a reason that goes behind the name of the file.
    """
    if not data:
        raise NotAJournal("is empty")
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotAJournal("is no journal of kamesh")
    if len(data) < HEAD:
        raise NotAJournal("is a journal that was cut off in its head: nothing of it can be read")
    _, version, _, size, crc = _HEAD.unpack_from(data)
    if version != VERSION:
        raise NotAJournal(
            f"is a journal of format {version}, and this version of kamesh reads format {VERSION}"
        )
    said = data[HEAD : HEAD + size]
    if len(said) < size <= MOST_IN_HEAD:
        raise NotAJournal("is a journal that was cut off in its head: nothing of it can be read")
    if zlib.crc32(said) != crc:
        raise NotAJournal("is a journal whose head is damaged")
    try:
        (fields,) = decode(said)
        info = Info(float(fields["began"]), tuple(map(str, fields["boxes"])), int(fields["first"]))
    except (Undecodable, LookupError, TypeError, ValueError, OverflowError) as error:
        raise NotAJournal(f"is a journal whose head cannot be read ({error})") from error
    return info, HEAD + size


def record_head(record: Record) -> bytes:
    """Make all of a record that comes before its payload; the payload and its buffers follow as they are."""
    payload, buffers = record.payload, record.buffers
    if not buffers:
        rest = _RECORD.pack(
            0, len(payload), record.time, record.kind, 0, record.box, record.count, len(payload), 0
        )[4:]
        return _LENGTH.pack(zlib.crc32(payload, zlib.crc32(rest))) + rest
    lengths = [len(one) for one in buffers]
    table = struct.pack(f">{len(lengths)}I", *lengths)
    size = len(table) + len(payload) + sum(lengths)
    rest = _RECORD.pack(
        0, size, record.time, record.kind, 0, record.box, record.count, len(payload), len(buffers)
    )[4:]
    return _LENGTH.pack(checksum(rest, table, payload, *buffers)) + rest + table


def checksum(*pieces: Buffer) -> int:
    """Give the CRC-32 of all pieces, one after the other."""
    crc = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    return crc


def read_record_head(data: bytes, left: int) -> RecordHead | None:
    """Read a record's head, of which `left` bytes follow in the file; None if it cannot be one."""
    if len(data) < RECORD:
        return None
    crc, size, time, kind, _, box, count, payload, buffers = _RECORD.unpack_from(data)
    if size > min(left, MOST) or payload + 4 * buffers > size:
        return None
    return RecordHead(crc, size, time, kind, box, count, payload, buffers)

