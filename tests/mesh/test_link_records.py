"""The wire: golden bytes of every record, strict reading, and nothing that garbage could do."""

from __future__ import annotations

import time
from random import Random

import msgpack  # type: ignore[import-untyped]
import pytest

from kamesh.link import LinkLimits
from kamesh.link import records as wire
from kamesh.link.errors import RemoteProtocolError
from kamesh.link.fields import LARGEST, clip
from kamesh.link.framing import pack, unpack
from kamesh.link.records import Kind, Record

LIMITS = LinkLimits()
ID = bytes(range(16))

GOLDEN: list[tuple[Record, str]] = [
    (
        wire.Hello(1, 1, "m", "a", ID, {"shm": True}),
        "9197010101a16da161c410000102030405060708090a0b0c0d0e0f81a373686dc3",
    ),
    (
        wire.Welcome(1, 2, "m", "b", ID, {}),
        "9197020102a16da162c410000102030405060708090a0b0c0d0e0f80",
    ),
    (wire.Refuse("no"), "919203a26e6f"),
    (
        wire.Open(7, "A.o", "B.i", ID, 1, "block", 0),
        "91980407a3412e6fa3422e69c410000102030405060708090a0b0c0d0e0f01a5626c6f636b00",
    ),
    (wire.Opened(7, 1, 4096, 8388608), "9195050701cd1000ce00800000"),
    (wire.Refused(7, "no"), "91930607a26e6f"),
    (wire.Data(7, 300, 2, b"\x92\x01\x02"), "91960707cd012c02c40392010200"),
    (wire.Ack(7, 300, 4096, 65536), "91950807cd012ccd1000ce00010000"),
    (wire.Fin(7, 300, False, b""), "91960907cd012cc2c40000"),
    (wire.FinAck(7), "91920a07"),
    (wire.Reset(7, "no"), "91930b07a26e6f"),
    (wire.Ping(9), "91920c09"),
    (wire.Pong(9), "91920d09"),
    (wire.Request(1, "ps", b"\x91\xc0"), "91950e01a27073c40291c000"),
    (wire.Reply(1, True, b"\x91\xc0"), "91950f01c3c40291c000"),
    (wire.Gossip(b"\x91\xc0"), "919310c40291c000"),
    (wire.Bye("no", True), "919311a26e6fc3"),
    (wire.Stop(7, "no"), "91931207a26e6f"),
    (wire.Forget(7), "91921307"),
    (wire.Listed(), "919114"),
]


@pytest.mark.parametrize(("record", "golden"), GOLDEN, ids=[r.KIND.name for r, _ in GOLDEN])
def test_golden_bytes(record: Record, golden: str) -> None:
    """What is on the wire today is on the wire for ever, and reads back as what it was."""
    (message,) = pack([record])
    assert [bytes(frame).hex() for frame in message] == [golden]
    assert unpack(message, LIMITS) == [record]


def test_every_kind_has_golden_bytes() -> None:
    """Nobody adds a kind without writing down its bytes; numbers are only ever appended."""
    assert [record.KIND for record, _ in GOLDEN] == list(Kind)
    assert [kind.value for kind in Kind] == list(range(1, 21))
    assert set(wire.SHAPES) == {kind.value for kind in Kind}


def test_largest_numbers_travel() -> None:
    """All 64 bits of a number arrive; one more is refused."""
    (message,) = pack([wire.Ack(LARGEST, LARGEST, LARGEST, LARGEST)])
    assert unpack(message, LIMITS) == [wire.Ack(LARGEST, LARGEST, LARGEST, LARGEST)]
    with pytest.raises(OverflowError):
        pack([wire.FinAck(LARGEST + 1)])


def test_a_later_version_may_append_to_its_greeting() -> None:
    """Nodes of different versions can at least tell each other who they are."""
    message = [msgpack.packb([[1, 1, 9, "m", "a", ID, {}, "more", [1, 2]]])]
    assert unpack(message, LIMITS) == [wire.Hello(1, 9, "m", "a", ID, {})]


BAD: list[tuple[str, list[bytes], str]] = [
    ("no frames", [], "without frames"),
    ("empty header", [b""], "not a MessagePack array"),
    ("not MessagePack", [b"\xc1"], "not a MessagePack array"),
    ("bytes behind", [b"\x91\x91\x14\x00"], "not a MessagePack array"),
    ("not an array", [msgpack.packb({1: 2})], "not a MessagePack array"),
    ("no records", [msgpack.packb([])], "not a MessagePack array"),
    ("too deep", [b"\x91" * 5000 + b"\x00"], "not a MessagePack array"),
    ("huge claim", [b"\xdd\xff\xff\xff\xff"], "not a MessagePack array"),
    ("bad UTF-8", [b"\x91\x92\x03\xa2\xff\xfe"], "not a MessagePack array"),
    ("unhashable key", [b"\x91\x92\x03\x81\x90\x00"], "not a MessagePack array"),
    ("record is a number", [msgpack.packb([7])], "begin with its kind"),
    ("record is empty", [msgpack.packb([[]])], "begin with its kind"),
    ("kind is a text", [msgpack.packb([["HELLO"]])], "begin with its kind"),
    ("kind is true", [msgpack.packb([[True, 7]])], "begin with its kind"),
    ("kind 0", [msgpack.packb([[0]])], "unknown kind 0"),
    ("kind 21", [msgpack.packb([[21]])], "unknown kind 21"),
    ("kind -1", [msgpack.packb([[-1]])], "unknown kind -1"),
    ("field missing", [msgpack.packb([[10]])], "FINACK has 0 fields, not 1"),
    ("field too many", [msgpack.packb([[10, 1, 2]])], "FINACK has 2 fields, not 1"),
    ("number 0", [msgpack.packb([[10, 0]])], "field 1 of FINACK"),
    ("number negative", [msgpack.packb([[10, -1]])], "field 1 of FINACK"),
    ("number true", [msgpack.packb([[10, True]])], "field 1 of FINACK"),
    ("number is a float", [msgpack.packb([[10, 1.0]])], "field 1 of FINACK"),
    ("reason is bytes", [msgpack.packb([[3, b"no"]])], "field 1 of REFUSE"),
    ("reason too long", [msgpack.packb([[3, "x" * 1025]])], "field 1 of REFUSE"),
    ("session short", [msgpack.packb([[4, 1, "a", "b", b"x", 1, "p", 0]])], "field 4 of OPEN"),
    ("box empty", [msgpack.packb([[4, 1, "", "b", ID, 1, "p", 0]])], "field 2 of OPEN"),
    ("flag is 1", [msgpack.packb([[17, "no", 1]])], "field 2 of BYE"),
    ("name too long", [msgpack.packb([[1, 1, 1, "m", "a" * 256, ID, {}]])], "field 4 of HELLO"),
    ("capability a list", [msgpack.packb([[1, 1, 1, "m", "a", ID, {"x": []}]])], "of HELLO"),
    ("greeting short", [msgpack.packb([[1, 1, 1]])], "HELLO has 2 fields"),
    ("payload missing", [msgpack.packb([[7, 1, 1, 1, None, 0]])], "no payload"),
    ("payload text", [msgpack.packb([[7, 1, 1, 1, "x", 0]])], "no payload"),
    ("frames claimed", [msgpack.packb([[7, 1, 1, 1, b"", 1]])], "not there"),
    ("frames negative", [msgpack.packb([[7, 1, 1, 1, b"", -1]])], "not there"),
    ("frames true", [msgpack.packb([[7, 1, 1, 1, b"", True]]), b""], "not there"),
    ("data short", [msgpack.packb([[7, 1, 1, 1, b""]])], "DATA has 4 fields, not 5"),
    ("frames left", [msgpack.packb([[20]]), b"x"], "belong to no record"),
    ("header too large", [b"\xc6" + bytes(LIMITS.header_bytes)], "header frame of"),
    ("too many frames", [msgpack.packb([[20]])] + [b""] * LIMITS.frames, "frames; at most"),
    ("too many records", [msgpack.packb([[20]] * (LIMITS.records + 1))], "records; at most"),
    (
        "too large",
        [msgpack.packb([[7, 1, 1, 1, b"", 1]]), bytes(LIMITS.largest_message + (1 << 20))],
        "bytes; at most",
    ),
]


@pytest.mark.parametrize(("frames", "why"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_is_wrong_is_refused_with_a_sentence(frames: list[bytes], why: str) -> None:
    """Every kind of wrong message is a RemoteProtocolError that says what is wrong."""
    with pytest.raises(RemoteProtocolError, match=why):
        unpack(frames, LIMITS)


def test_fuzz_gives_records_or_a_remote_protocol_error() -> None:
    """Truncations at every byte and seeded mutations: no other exception, whatever comes."""
    seed = 2026
    random = Random(seed)
    whole = [bytes(pack([record])[0][0]) for record, _ in GOLDEN]
    cases = [message[:cut] for message in whole for cut in range(len(message))]
    for _ in range(15_000):
        message = bytearray(random.choice(whole))
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(message))
            action = random.random()
            if action < 0.6:
                message[place] = random.randrange(256)
            elif action < 0.8:
                del message[place]
                message = message or bytearray(b"\x90")
            else:
                message[place:place] = random.randbytes(random.randint(1, 5))
        cases.append(bytes(message))
    refused = 0
    begun = time.monotonic()
    for case in cases:
        try:
            records = unpack([case], LIMITS)
        except RemoteProtocolError:
            refused += 1
        else:
            for record in records:  # what is read can be written, and reads the same again
                assert unpack(pack([record])[0], LIMITS) == [record], f"seed {seed}: {case.hex()}"
    assert refused > len(cases) // 2
    assert time.monotonic() - begun < 60


def test_clip_makes_any_text_a_reason() -> None:
    """Reasons are cut to what a peer takes, whatever a user's exception says."""
    for text in ("", "x" * 5000, "ü" * 5000, "\ud800" * 5000, "\U0001f600" * 500):
        (message,) = pack([wire.Refuse(clip(text))])
        assert unpack(message, LIMITS) == [wire.Refuse(clip(text))]
