"""What two nodes say to each other: the records of the wire.

Laws: numbers of kinds are only ever appended and never reused, and so are the fields of HELLO and
WELCOME, so that any two versions can at least tell each other who they are; a record that exists
has been checked, field by field; a record is never changed.

On the wire a record is a MessagePack array, [KIND, fields...], several of them in the header frame
of a transport message (`framing.py`). A record that carries a payload ends with two fields: the
payload (or nil, when it is a frame of its own), and how many of the frames behind the header are
this record's: the payload first if it is one of them, then its large buffers, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from operator import attrgetter
from typing import ClassVar, TypeVar

from kamesh.link.fields import (
    Buffer,
    Check,
    is_box,
    is_count,
    is_flag,
    is_id,
    is_mark,
    is_name,
    is_plain,
    is_reason,
    nbytes,
)

# fmt: off
__all__ = [
    "SHAPES", "VERSION_MAX", "VERSION_MIN", "Ack", "Bye", "Data", "Fin", "FinAck", "Forget",
    "Gossip", "Hello", "Kind", "Listed", "Loaded", "Open", "Opened", "Ping", "Pong", "Record",
    "Refuse", "Refused", "Reply", "Request", "Reset", "Stop", "Welcome",
]
# fmt: on

VERSION_MIN = 1
VERSION_MAX = 1


class Kind(IntEnum):
    """The first number of a record. ONLY APPEND TO THIS LIST."""

    HELLO = 1
    WELCOME = 2
    REFUSE = 3
    OPEN = 4
    OPENED = 5
    REFUSED = 6
    DATA = 7
    ACK = 8
    FIN = 9
    FINACK = 10
    RESET = 11
    PING = 12
    PONG = 13
    REQUEST = 14
    REPLY = 15
    GOSSIP = 16
    BYE = 17
    STOP = 18
    FORGET = 19
    LISTED = 20


class Record:
    """Anything that one node says to another."""

    __slots__ = ()
    KIND: ClassVar[Kind]
    NUMBER: ClassVar[int]
    SAYS: ClassVar[bool]  # some field is text
    LOADED: ClassVar[bool] = False  # it has a payload
    values: ClassVar[Callable[[Record], tuple[object, ...]]]


class Loaded(Record):
    """A record with a payload, as the codec made it."""

    __slots__ = ()
    LOADED = True
    payload: Buffer
    buffers: tuple[Buffer, ...]

    @property
    def size(self) -> int:
        """Bytes of the payload and of its large buffers."""
        size = nbytes(self.payload)
        return size + sum(map(nbytes, self.buffers)) if self.buffers else size


R = TypeVar("R", bound=Record)
SHAPES: dict[int, tuple[type[Record], tuple[Check, ...]]] = {}


def _record(kind: Kind, *checks: Check) -> Callable[[type[R]], type[R]]:
    """Enter a class into the wire: its number, and the check of each field but payload, buffers."""

    def enter(cls: type[R]) -> type[R]:
        names = [field.name for field in fields(cls)][: len(checks)]  # type: ignore[arg-type]
        cls.KIND, cls.NUMBER = kind, int(kind)
        cls.SAYS = not {is_name, is_box, is_reason}.isdisjoint(checks)
        if len(names) > 1:
            cls.values = attrgetter(*names)
        elif names:
            only = attrgetter(names[0])
            cls.values = staticmethod(lambda record: (only(record),))
        else:
            cls.values = staticmethod(lambda _: ())
        SHAPES[int(kind)] = (cls, checks)
        return cls

    return enter


@_record(Kind.HELLO, is_mark, is_mark, is_name, is_name, is_id, is_plain)
@dataclass(frozen=True, slots=True)
class Hello(Record):
    """The first word of the side that dialed. These six fields keep their meaning for ever."""

    version_min: int
    version_max: int
    mesh: str
    node: str
    incarnation: bytes
    capabilities: Mapping[str, object]


@_record(Kind.WELCOME, is_mark, is_mark, is_name, is_name, is_id, is_plain)
@dataclass(frozen=True, slots=True)
class Welcome(Hello):
    """The same, in answer to HELLO."""


@_record(Kind.REFUSE, is_reason)
@dataclass(frozen=True, slots=True)
class Refuse(Record):
    """We cannot go together; the sentence says why."""

    reason: str


@_record(Kind.OPEN, is_count, is_box, is_box, is_id, is_count, is_name, is_mark)
@dataclass(frozen=True, slots=True)
class Open(Record):
    """I send on this linkage: a new one, or again after a reconnect.

    Whoever knows nothing of it begins at `base_seq`; messages up to `sent_upto` have been on a wire
    before, so that somebody may have seen them.
    """

    number: int
    source: str
    sink: str
    session: bytes
    base_seq: int
    policy: str
    sent_upto: int


@_record(Kind.OPENED, is_count, is_count, is_mark, is_mark)
@dataclass(frozen=True, slots=True)
class Opened(Record):
    """Send, from `expected` on, with so much in flight."""

    number: int
    expected: int
    window_messages: int
    window_bytes: int


@_record(Kind.REFUSED, is_count, is_reason)
@dataclass(frozen=True, slots=True)
class Refused(Record):
    """This linkage cannot be: the sentence says why."""

    number: int
    reason: str


@_record(Kind.DATA, is_count, is_count, is_count)
@dataclass(frozen=True, slots=True)
class Data(Loaded):
    """`count` messages, numbered from `first_seq`."""

    number: int
    first_seq: int
    count: int
    payload: Buffer
    buffers: tuple[Buffer, ...] = ()


@_record(Kind.ACK, is_count, is_mark, is_mark, is_mark)
@dataclass(frozen=True, slots=True)
class Ack(Record):
    """All up to `upto` has been consumed; the window is this, counted from there."""

    number: int
    upto: int
    window_messages: int
    window_bytes: int


@_record(Kind.FIN, is_count, is_mark, is_flag)
@dataclass(frozen=True, slots=True)
class Fin(Loaded):
    """The stream ended after message `last`; if `failed`, the payload says how."""

    number: int
    last: int
    failed: bool
    payload: Buffer
    buffers: tuple[Buffer, ...] = ()


@_record(Kind.FINACK, is_count)
@dataclass(frozen=True, slots=True)
class FinAck(Record):
    """All of the stream has been consumed."""

    number: int


@_record(Kind.RESET, is_count, is_reason)
@dataclass(frozen=True, slots=True)
class Reset(Record):
    """The sender gives this linkage up."""

    number: int
    reason: str


@_record(Kind.PING, is_mark)
@dataclass(frozen=True, slots=True)
class Ping(Record):
    """Are you there?"""  # noqa: D400

    token: int


@_record(Kind.PONG, is_mark)
@dataclass(frozen=True, slots=True)
class Pong(Record):
    """I am here, and my scheduler runs."""

    token: int


@_record(Kind.REQUEST, is_count, is_name)
@dataclass(frozen=True, slots=True)
class Request(Loaded):
    """Do this and answer."""

    id: int
    verb: str
    payload: Buffer
    buffers: tuple[Buffer, ...] = ()


@_record(Kind.REPLY, is_count, is_flag)
@dataclass(frozen=True, slots=True)
class Reply(Loaded):
    """The answer to the request with this id."""

    id: int
    ok: bool
    payload: Buffer
    buffers: tuple[Buffer, ...] = ()


@_record(Kind.GOSSIP)
@dataclass(frozen=True, slots=True)
class Gossip(Loaded):
    """Something for the directory; nobody answers and nobody repeats it."""

    payload: Buffer
    buffers: tuple[Buffer, ...] = ()


@_record(Kind.BYE, is_reason, is_flag)
@dataclass(frozen=True, slots=True)
class Bye(Record):
    """The last word: I leave, or (`fault`) you broke the protocol."""

    reason: str
    fault: bool


@_record(Kind.STOP, is_count, is_reason)
@dataclass(frozen=True, slots=True)
class Stop(Record):
    """The receiver wants no more of this linkage."""

    number: int
    reason: str


@_record(Kind.FORGET, is_count)
@dataclass(frozen=True, slots=True)
class Forget(Record):
    """The sender has heard FINACK or STOP and holds nothing of this linkage: forget it too."""

    number: int


@_record(Kind.LISTED)
@dataclass(frozen=True, slots=True)
class Listed(Record):
    """Every linkage that I still send on has been named on this connection."""
