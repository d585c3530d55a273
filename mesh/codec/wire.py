"""The shape of a payload: its numbers, its limits, and what encoding hands over.

A payload is one byte, the mode, then one MessagePack array with the messages. What MessagePack has
no form for travels as an extension, numbered below; large buffers stay outside and are referred to
by their index. Maps hold only str and bytes as keys (a dict with other keys is an extension), since
only those are hashed with a secret of the process and cannot be chosen so that they collide.

Laws: ONLY APPEND TO THESE NUMBERS, and never give one a second meaning: nodes of different ages
talk to each other. Every limit is kept by the sender as well, in a plain sentence, so that what one
node sends another of the same version can take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["GUARDED", "LARGE", "MAX_DEPTH", "MAX_NESTED", "MAX_PAYLOAD", "MAX_VALUES", "Buffer"]
__all__ += ["Code", "Encoded", "Mode"]

Buffer = bytes | bytearray | memoryview
"""Contiguous bytes; a memoryview among them has the format `B` and one dimension."""

LARGE: Final = 16 * 1024
"""Bytes from which a buffer leaves the payload: below, its own frame costs more than a copy."""
MAX_DEPTH: Final = 32
"""Containers within containers, the message itself counted."""
MAX_VALUES: Final = 1 << 20
"""Values in one payload, keys included; a container counts two more. A byte of payload can stand for
77 bytes of memory (a dict of one empty str): this keeps what is made of a payload below some 70 MB."""
MAX_PAYLOAD: Final = 8 << 20
"""Bytes of a payload, large buffers not counted."""
MAX_NESTED: Final = 4 * MAX_PAYLOAD
"""Bytes of all extensions together, those inside others counted again: each is copied once."""
GUARDED: Final = 512 * 1024
"""Payloads beyond this many bytes have their values counted while they are decoded; smaller ones
cannot hold enough to matter."""


class Mode:
    """The first byte of a payload. ONLY APPEND."""

    LISTS: Final = 0  # a MessagePack array is a list
    TUPLES: Final = 1  # a MessagePack array is a tuple: the batch holds tuples and no list


class Code:
    """Extension numbers. ONLY APPEND: the golden bytes in the tests hold each to its meaning."""

    INT: Final = 1  # signed, big-endian, beyond 64 bits
    COMPLEX: Final = 2  # two big-endian doubles
    BYTES: Final = 3  # index of a buffer
    BYTEARRAY: Final = 4  # bytes, or the index of a buffer
    MEMORYVIEW: Final = 5  # [format, shape, bytes or index]
    TEXT: Final = 6  # index of a buffer in UTF-8
    TUPLE: Final = 7  # [item...]
    SET: Final = 8  # [member...]
    FROZENSET: Final = 9  # [member...]
    DICT: Final = 10  # [[key...], [value...]]
    ORDERED_DICT: Final = 11  # [[key...], [value...]]
    COUNTER: Final = 12  # [[key...], [value...]]
    DEQUE: Final = 13  # [maxlen, item...]
    DATE: Final = 14  # [year, month, day]
    TIME: Final = 15  # [hour, minute, second, microsecond, fold, zone]
    DATETIME: Final = 16  # [year, month, day, hour, minute, second, microsecond, fold, zone]
    TIMEDELTA: Final = 17  # [days, seconds, microseconds]
    TIMEZONE: Final = 18  # nothing for UTC, or [days, seconds, microseconds, name or nil]
    ZONEINFO: Final = 19  # key
    DECIMAL: Final = 20  # its text
    FRACTION: Final = 21  # [numerator, denominator]
    UUID: Final = 22  # 16 bytes
    PATH: Final = 23  # [kind, text]
    ENUM: Final = 24  # [class, member's name, or the number of a Flag]
    RECORD: Final = 25  # [class, "field,field", value...]
    ARRAY: Final = 26  # [dtype, order, shape, bytes or index]
    SCALAR: Final = 27  # [dtype, bytes or text]
    VIDEO_FRAME: Final = 28  # [width, height, format, properties, line sizes, planes, matrix,
    #                             interlaced]
    AUDIO_FRAME: Final = 29  # [format, layout, samples, properties, planes]
    PACKET: Final = 30  # [properties, [[kind of side data, bytes]...], data]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch of `count` messages as bytes: the payload, and the large buffers it refers to."""

    payload: bytes
    buffers: tuple[Buffer, ...]
    count: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        size = len(self.payload)
        return size + sum(map(len, self.buffers)) if self.buffers else size
