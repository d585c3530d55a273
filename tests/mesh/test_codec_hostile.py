"""Whatever arrives, decoding gives messages or `Undecodable`, in bounded time and memory."""

from __future__ import annotations

import enum
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from msgpack import ExtType, packb

from kamesh.codec import Undecodable, decode, encode, register
from kamesh.codec.wire import GUARDED, MAX_PAYLOAD, Code
from kamesh.errors import KameshError

PRIME = 2**61 - 1  # hash(n) is n modulo this, on 64-bit machines


@register
class Gear(enum.Enum):
    FIRST = 1


@register
class Option(enum.IntFlag):
    LEFT = 1
    RIGHT = 4


@register
@dataclass(frozen=True)
class Lock:
    key: int
    wards: Any = 0

    def __post_init__(self) -> None:
        """Say that code of the class ran."""
        raise AssertionError("__post_init__ ran")


def batch(*messages: Any) -> bytes:
    """Pack messages with extensions of our own making."""
    return b"\0" + packb(list(messages))


def extension(code: int, *fields: Any) -> ExtType:
    """Pack an extension from its fields."""
    return ExtType(code, packb(list(fields)))


def array(count: int, rest: bytes) -> bytes:
    """Claim an array of `count` values."""
    return b"\xdd" + struct.pack(">I", count) + rest


def nested(wrap: Callable[[bytes], bytes], depth: int, innermost: bytes = b"\xc0") -> bytes:
    """Pack something within itself."""
    for _ in range(depth):
        innermost = wrap(innermost)
    return innermost


def as_extension(code: int) -> Callable[[bytes], bytes]:
    """Wrap what is packed into an extension with one field."""
    return lambda data: packb(ExtType(code, b"\x91" + data))


def colliding(count: int) -> list[ExtType]:
    """Give ints whose hashes are one and the same."""
    return [
        ExtType(Code.INT, (number * PRIME).to_bytes(16, "big")) for number in range(1, count + 1)
    ]


MODULE = Lock.__module__
REFUSED: dict[str, bytes] = {
    # the frame itself
    "nothing": b"",
    "a mode alone": b"\0",
    "an unknown mode": b"\7\x90",
    "not an array": b"\0\x80",
    "nil": b"\0\xc0",
    "something after the end": b"\0\x90\x90",
    "a byte MessagePack never uses": b"\0\x91\xc1",
    "pickled": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "http": b"GET / HTTP/1.1\r\n\r\n",
    # headers that promise more than there is
    "an array of 4e9": b"\0\xdd\xff\xff\xff\xff",
    "a map of 4e9": b"\0\x91\xdf\xff\xff\xff\xff",
    "bytes of 4e9": b"\0\x91\xc6\xff\xff\xff\xff",
    "text of 4e9": b"\0\x91\xdb\xff\xff\xff\xff",
    "an extension of 4e9": b"\0\x91\xc9\xff\xff\xff\xff\1",
    "a thousand arrays that promise half a million": b"\0"
    + (array(GUARDED - 9000, b"") * 1000 + bytes(GUARDED))[: GUARDED - 1],
    "the same in a large payload": b"\0"
    + (array(1_000_000, b"") * 1000 + b"\xc0" * MAX_PAYLOAD)[: MAX_PAYLOAD - 1],
    # depth
    "33 lists": b"\0" + b"\x91" * 33 + b"\x90",
    "33 dicts": b"\0\x91" + b"\x81\xa1k" * 33 + b"\x80",
    "a million lists": b"\0" + b"\x91" * 1_000_000,
    "33 tuples": b"\1" + b"\x91" * 33 + b"\x90",
    "33 tuples among lists": b"\0\x91" + nested(as_extension(Code.TUPLE), 33, b"\x90"),
    "a thousand sets": b"\0\x91" + nested(as_extension(Code.FROZENSET), 1000),
    "20 lists in 20 tuples": b"\0\x91"
    + nested(lambda data: packb(ExtType(Code.TUPLE, b"\x91\x91" + data)), 20),
    # amplification
    "16 MB of empty arrays": b"\0" + array(16 << 20, b"\x90" * (16 << 20)),
    "8 MB of empty arrays": b"\0" + array(MAX_PAYLOAD - 6, b"\x90" * (MAX_PAYLOAD - 6)),
    "lists of empty arrays": batch(*[[[]] * 1000] * 600),
    "lists of empty dicts": batch(*[[{}] * 1000] * 600),
    "lists of small dicts": batch(*[[{"": None}] * 1000] * 300),
    "tuples of empty arrays": b"\1" + packb([[[]] * 1000] * 600),
    "sets in extensions": batch(*[[extension(Code.SET)] * 1000] * 400),
    "extensions within extensions": b"\0\x91"
    + nested(as_extension(Code.TUPLE), 30, packb(bytes(MAX_PAYLOAD - 1000))),
    # text and keys
    "bad UTF-8": batch() [:1] + b"\x91\xa2\xff\xfe",
    "an int as a key of a map": batch({1: 2}),
    "nil as a key of a map": batch({None: 2}),
    "a list as a key": b"\0\x91\x81\x90\xc0",
    "a list in a set": batch(extension(Code.SET, [1])),
    "a dict as a key": batch(extension(Code.DICT, [{}], [1])),
    "a member twice": batch(extension(Code.SET, 1, 1)),
    "a member twice, by equality": batch(extension(Code.FROZENSET, 1, True)),
    "a key twice": batch(extension(Code.DICT, [1, 1], [1, 2])),
    "more keys than values": batch(extension(Code.DICT, [1, 2], [1])),
    "keys that are no list": batch(extension(Code.DICT, "ab", "cd")),
    "colliding members": batch(extension(Code.SET, *colliding(20_000))),
    "colliding keys": batch(extension(Code.DICT, colliding(20_000), [None] * 20_000)),
    "colliding keys of a Counter": batch(extension(Code.COUNTER, colliding(20_000), [1] * 20_000)),
    "colliding tuples": batch(
        extension(Code.SET, *[ExtType(Code.TUPLE, packb([number])) for number in colliding(10_000)])
    ),
    "sets of colliding members": batch(*[extension(Code.SET, *colliding(2000)) for _ in range(10)]),
    # extensions
    "an unknown extension": batch(ExtType(127, b"")),
    "number 0": batch(ExtType(0, b"")),
    "a negative number": b"\0\x91\xd4\xfe\0",
    "a timestamp out of range": b"\0\x91\xc7\x0c\xff" + b"\xff" * 12,
    "a timestamp of no size": b"\0\x91\xd5\xff\0\0",
    "half a complex": batch(ExtType(Code.COMPLEX, bytes(8))),
    "a tuple that is a map": batch(ExtType(Code.TUPLE, b"\x80")),
    "a tuple that is cut": batch(ExtType(Code.TUPLE, b"\x92\1")),
    "a deque without maxlen": batch(ExtType(Code.DEQUE, b"\x90")),
    "a deque longer than its maxlen": batch(extension(Code.DEQUE, 1, 2, 3)),
    "a deque of text length": batch(extension(Code.DEQUE, "1")),
    "month 13": batch(extension(Code.DATE, 2026, 13, 1)),
    "year 0": batch(extension(Code.DATE, 0, 1, 1)),
    "a date of its pickled state": batch(extension(Code.DATE, b"\x07\xea\x01\x01")),
    "a time of its pickled state": batch(extension(Code.TIME, b"\xff" * 6)),
    "a datetime of its pickled state": batch(extension(Code.DATETIME, b"\xff\xff\x01\xff\xff\xff\0\0\0\0")),
    "state among the fields": batch(extension(Code.DATE, b"\x07\xea\x01\x01", 1, 1)),
    "a bool for an hour": batch(extension(Code.TIME, True, 0, 0, 0, 0, None)),
    "a zone that is text": batch(extension(Code.TIME, 0, 0, 0, 0, 0, "UTC")),
    "fold 2": batch(extension(Code.TIME, 0, 0, 0, 0, 2, None)),
    "a span of ages": batch(extension(Code.TIMEDELTA, 10**10, 0, 0)),
    "an offset of two days": batch(extension(Code.TIMEZONE, 2, 0, 0, None)),
    "a zone with a number for a name": batch(extension(Code.TIMEZONE, 0, 3600, 0, 5)),
    "a key with dots": batch(ExtType(Code.ZONEINFO, b"../../../etc/passwd")),
    "an absolute key": batch(ExtType(Code.ZONEINFO, b"/etc/localtime")),
    "a key that is a module": batch(ExtType(Code.ZONEINFO, b"os.path")),
    "a key that is a folder": batch(ExtType(Code.ZONEINFO, b"Europe")),
    "a key of nowhere": batch(ExtType(Code.ZONEINFO, b"No/Where")),
    "a long key": batch(ExtType(Code.ZONEINFO, b"a" * 1000)),
    "a decimal that is none": batch(ExtType(Code.DECIMAL, b"1e")),
    "a decimal beyond its range": batch(ExtType(Code.DECIMAL, b"1e99999999999999999999")),
    "a decimal of two million digits": batch(ExtType(Code.DECIMAL, b"9" * 2_000_000)),
    "a half over nothing": batch(extension(Code.FRACTION, 1, 0)),
    "two quarters": batch(extension(Code.FRACTION, 2, 4)),
    "a negative denominator": batch(extension(Code.FRACTION, 1, -2)),
    "a fraction of floats": batch(extension(Code.FRACTION, 1.0, 2.0)),
    "a fraction of a million bits": batch(
        extension(Code.FRACTION, 1, ExtType(Code.INT, b"\x7f" + bytes(125_000)))
    ),
    "fifteen bytes of a UUID": batch(ExtType(Code.UUID, bytes(15))),
    "a path of a kind unknown": batch(extension(Code.PATH, 9, "/")),
    "a path of kind -1": batch(extension(Code.PATH, -1, "/")),
    "a path of bytes": batch(extension(Code.PATH, 0, b"/")),
    "a view of format P": batch(extension(Code.MEMORYVIEW, "P", [1], bytes(8))),
    "a view of a shape that does not fit": batch(extension(Code.MEMORYVIEW, "B", [2], b"abc")),
    "a view of a shape that overflows": batch(extension(Code.MEMORYVIEW, "B", [2**40, 2**40], b"")),
    "a view of a negative shape": batch(extension(Code.MEMORYVIEW, "B", [-1, -3], b"abc")),
    "a view of nothing in two dimensions": batch(extension(Code.MEMORYVIEW, "B", [0, 5], b"")),
    # buffers
    "a buffer that did not come": batch(extension(Code.BYTES, 0)),
    "buffer -1": batch(extension(Code.BYTES, -1)),
    "buffer 1.0": batch(extension(Code.BYTEARRAY, 1.0)),
    "buffer nil": batch(extension(Code.TEXT, None)),
    # classes
    "a class that is not registered": batch(extension(Code.RECORD, "os:system", "x", 1)),
    "an Enum that is not registered": batch(extension(Code.ENUM, "enum:Enum", "X")),
    "a class by a number": batch(extension(Code.RECORD, 5, "x", 1)),
    "a class by a list": batch(extension(Code.RECORD, [], "x", 1)),
    "a class without a name": batch(extension(Code.RECORD)),
    "an Enum as a record": batch(extension(Code.RECORD, f"{MODULE}:Gear", "", 1)),
    "a record as an Enum": batch(extension(Code.ENUM, f"{MODULE}:Lock", "key")),
    "a missing field": batch(extension(Code.RECORD, f"{MODULE}:Lock", "key", 1)),
    "an unknown field": batch(extension(Code.RECORD, f"{MODULE}:Lock", "key,wards,more", 1, 2, 3)),
    "fields in another order": batch(extension(Code.RECORD, f"{MODULE}:Lock", "wards,key", 1, 2)),
    "a value too few": batch(extension(Code.RECORD, f"{MODULE}:Lock", "key,wards", 1)),
    "a value too many": batch(extension(Code.RECORD, f"{MODULE}:Lock", "key,wards", 1, 2, 3)),
    "no member": batch(extension(Code.ENUM, f"{MODULE}:Gear", "REVERSE")),
    "a member's dunder": batch(extension(Code.ENUM, f"{MODULE}:Gear", "__class__")),
    "a member by its value": batch(extension(Code.ENUM, f"{MODULE}:Gear", 1)),
    "a member by a list": batch(extension(Code.ENUM, f"{MODULE}:Gear", [])),
    "a flag's unknown bit": batch(extension(Code.ENUM, f"{MODULE}:Option", 2)),
    "a negative flag": batch(extension(Code.ENUM, f"{MODULE}:Option", -1)),
    "a flag by name": batch(extension(Code.ENUM, f"{MODULE}:Option", "LEFT")),
}  # fmt: skip


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_with_a_reason(payload: bytes) -> None:
    """Undecodable, in a sentence, and soon (goal: 50 ms; the deadline here is for slow machines)."""
    began = time.process_time()
    with pytest.raises(Undecodable) as caught:
        decode(payload)
    assert time.process_time() - began < 3
    assert caught.value.reason == str(caught.value)
    assert str(caught.value).startswith("the payload ")
    assert isinstance(caught.value, KameshError)
    assert len(str(caught.value)) < 800


def test_memory_stays_bounded_whatever_arrives() -> None:
    """All of the above in one process of its own: it never grows beyond what one payload may hold."""
    code = (
        "import resource, runpy, sys\n"
        "it = runpy.run_path(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for payload in it['REFUSED'].values():\n"
        "    try: it['decode'](payload)\n"
        "    except it['Undecodable']: pass\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, __file__], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 96


def test_promises_are_checked_before_room_is_made_for_them() -> None:
    """A header that claims more than follows is found by counting, not by allocating."""
    for name in ("a thousand arrays that promise half a million", "the same in a large payload"):
        with pytest.raises(Undecodable, match="promises more than it holds"):
            decode(REFUSED[name])
    with pytest.raises(Undecodable, match="exceeds max_array_len"):
        decode(REFUSED["8 MB of empty arrays"])


def test_keys_of_zones_are_checked_before_they_are_looked_up() -> None:
    """Looking one up may open a file or import a package of that name."""
    for key in (
        b"../../../etc/passwd",
        b"/etc/localtime",
        b"os.path",
        b"a/../b",
        b"a//b",
        b"",
        b"a" * 1000,
    ):
        with pytest.raises(Undecodable, match="a time zone whose key is none"):
            decode(batch(ExtType(Code.ZONEINFO, key)))


@pytest.mark.parametrize("wrong", [None, 5, "text", [], object(), memoryview(b"\0\x90")[::-1]])
def test_what_is_not_bytes_at_all_is_undecodable_too(wrong: Any) -> None:
    """The one error covers the payload's own type."""
    with pytest.raises(Undecodable):
        decode(wrong)
    if not isinstance(wrong, memoryview):  # which is bytes, if not in a row
        with pytest.raises(Undecodable):
            decode(batch(extension(Code.BYTES, 0)), [wrong])


def test_each_buffer_is_used_once() -> None:
    """None is left over, none is used twice, none is missing."""
    encoded = encode([b"a" * 20_000, b"b" * 20_000])
    one, other = encoded.buffers
    with pytest.raises(Undecodable, match="did not come"):
        decode(encoded.payload, [one])
    with pytest.raises(Undecodable, match="nothing in it refers to"):
        decode(encoded.payload, [one, other, b""])
    with pytest.raises(Undecodable, match="twice"):
        decode(batch(extension(Code.BYTES, 0), extension(Code.BYTES, 0)), [one])


def test_a_refused_payload_leaves_nothing_behind() -> None:
    """The next one is decoded as if nothing had been."""
    good = encode([{1: (2, {3})}, datetime(2026, 1, 1, tzinfo=UTC)])
    for payload in REFUSED.values():
        if len(payload) < GUARDED:
            with pytest.raises(Undecodable):
                decode(bytearray(payload))
            assert len(decode(bytearray(good.payload))) == 2


def test_no_code_of_a_registered_class_runs() -> None:
    """Fields are put in place without __init__ or __post_init__."""
    (lock,) = decode(batch(extension(Code.RECORD, f"{MODULE}:Lock", "key,wards", "any", [1])))
    assert (lock.key, lock.wards) == ("any", [1])


def test_no_module_is_imported_by_a_name_from_the_wire() -> None:
    """A class of a module that nobody imported stays unknown, and the module unimported."""
    assert "this" not in sys.modules
    with pytest.raises(Undecodable, match="no such class is registered"):
        decode(batch(extension(Code.RECORD, "this:s", "", 1)))
    with pytest.raises(Undecodable):
        decode(batch(ExtType(Code.ZONEINFO, b"this")))
    assert "this" not in sys.modules


def test_a_timestamp_of_messagepack_is_read_as_utc() -> None:
    """Other programs send it; we never do."""
    assert decode(batch(msgpack.Timestamp(1_000_000_000))) == [
        datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    ]


def test_honest_large_sets_and_dicts_are_not_taken_for_an_attack() -> None:
    """Numbers in a row, spread out, multiples of powers of two, negatives, tuples."""
    keys: list[Any] = [*range(20_000), *(n << 40 for n in range(1, 20_000)), *range(-20_000, 0)]
    keys += [n * 0.5 + 0.25 for n in range(20_000)]
    keys += [(n, -n) for n in range(20_000)] + [2**70 + n for n in range(20_000)]
    assert decode(encode([set(keys), dict.fromkeys(keys)]).payload) == [
        set(keys),
        dict.fromkeys(keys),
    ]
