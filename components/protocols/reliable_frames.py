"""The frames of the simple reliable multicast: what they are as bytes.

    version u8 | kind u8 | session u64 | age u32 | body        (all big-endian)

    DATA, REPAIR   number u64, then the message
    BEAT, LAST     the highest number sent u64, the lowest that can still be had u64
    ASK            pairs of u64: the first and the last number of a run that is asked for

`session` names the sender whose stream it is about (in ASK: that is asked); `age` is how many
milliseconds before this frame that sender began. Numbers begin at 1.

Laws
1. Kinds are only ever appended; what is of another version, cut short or makes no sense is None.
2. No frame makes anybody hold or send more than it holds itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["MOST_RUNS", "Ask", "Beat", "Data", "Kind", "decoded", "encoded"]

VERSION = 1
HEAD = struct.Struct("!BBQI")
NUMBER = struct.Struct("!Q")
PAIR = struct.Struct("!QQ")
MOST_RUNS = 64  # in one ASK: 1,038 bytes, so that it goes in one piece
MOST = 1 << 62  # numbers: at a million a second that is 146,000 years
AGE = 0xFFFFFFFF  # milliseconds: 49 days, and older is as old


class Kind(IntEnum):
    """The kinds of frames. Only append to this list."""

    DATA = 1
    REPAIR = 2
    BEAT = 3
    LAST = 4
    ASK = 5


@dataclass(frozen=True, slots=True)
class Data:
    """A message with its number; `repair` if it is sent again."""

    session: int
    age: float
    number: int
    message: bytes
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """How far the sender has come, and how far back it can repair; `last` if no more comes."""

    session: int
    age: float
    highest: int
    lowest: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Runs of numbers, first and last, that somebody misses."""

    session: int
    runs: tuple[tuple[int, int], ...]


Frame = Data | Beat | Ask


def encoded(frame: Frame) -> bytes:
    """Give the bytes of a frame."""
    match frame:
        case Data(session, age, number, message, repair):
            kind = Kind.REPAIR if repair else Kind.DATA
            return _head(kind, session, age) + NUMBER.pack(number) + message
        case Beat(session, age, highest, lowest, last):
            kind = Kind.LAST if last else Kind.BEAT
            return _head(kind, session, age) + PAIR.pack(highest, lowest)
        case Ask(session, runs):
            body = b"".join(PAIR.pack(*run) for run in runs[:MOST_RUNS])
            return _head(Kind.ASK, session, 0.0) + body


def _head(kind: Kind, session: int, age: float) -> bytes:
    return HEAD.pack(VERSION, kind, session, min(int(age * 1000), AGE))


def decoded(data: bytes | bytearray | memoryview) -> Frame | None:
    """Give the frame that some bytes are; None if they are none."""
    if len(data) < HEAD.size:
        return None
    version, kind, session, milliseconds = HEAD.unpack_from(data)
    body = bytes(data[HEAD.size :])
    if version != VERSION:
        return None
    age = milliseconds / 1000
    match kind:
        case Kind.DATA | Kind.REPAIR if len(body) >= NUMBER.size:
            (number,) = NUMBER.unpack_from(body)
            message = body[NUMBER.size :]
            good = 1 <= number <= MOST
            return Data(session, age, number, message, kind == Kind.REPAIR) if good else None
        case Kind.BEAT | Kind.LAST if len(body) == PAIR.size:
            highest, lowest = PAIR.unpack(body)
            good = 1 <= lowest <= highest + 1 <= MOST
            return Beat(session, age, highest, lowest, kind == Kind.LAST) if good else None
        case Kind.ASK if body and len(body) % PAIR.size == 0 and len(body) <= PAIR.size * MOST_RUNS:
            runs = tuple(PAIR.iter_unpack(body))
            return Ask(session, runs) if all(1 <= a <= b for a, b in runs) else None
    return None
