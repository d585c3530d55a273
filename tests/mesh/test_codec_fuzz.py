"""Anything at all, made by dice: what is sent arrives, what is damaged is refused or is a message."""

from __future__ import annotations

import enum
import itertools
import pathlib
import random
import uuid
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from same import same

from kamesh.codec import Encoded, Undecodable, decode, encode, register


@register
class Gear(enum.Enum):
    FIRST = 1
    SECOND = "two"


@register
class Option(enum.IntFlag):
    LEFT = 1
    RIGHT = 4


@register
@dataclass(frozen=True)
class Leaf:
    value: Any
    more: Any = None


@register
@dataclass(slots=True)
class Branch:
    left: Any
    right: Any


SAMPLES: list[Any] = [
    None, True, 5, -(2**40), 2**90, 1.5, 2j, "text", "\ud800", b"bytes", bytearray(b"x"), memoryview(b"abcd"),
    memoryview(bytes(12)).cast("H", [2, 3]), [1, [2]], (1, (2,)), [(1,), [2]], {1, 2}, frozenset({(1,)}),
    {"a": 1, "b": [2, 3]}, {1: 2, None: (3,)}, OrderedDict([(1, 2), ("a", 3)]), Counter("abca"),
    deque([1, 2], 4), date(2026, 1, 2), time(1, 2, 3, 4, fold=1), datetime(2026, 1, 2, 3, 4, 5, 6),
    datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Oslo")),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3), "X")), timedelta(1, 2, 3), UTC, ZoneInfo("UTC"),
    Decimal("-1.50"), Decimal("sNaN7"), Fraction(-3, 7), uuid.UUID(int=7), pathlib.PurePosixPath("/a/b"),
    pathlib.PureWindowsPath("C:/x"), Gear.FIRST, Option.LEFT | Option.RIGHT, pathlib.Path("x"),
    Leaf(1), Branch([Leaf(2.5)], {3: b"4"}),
    {"k": (Gear.FIRST, {"deep": [deque([bytearray(b"y")])]})}, bytes(20_000),
    [bytearray(30_000), (b"z" * 17_000,)],
]  # fmt: skip


def samples() -> list[Encoded]:
    """Encode batches that use every extension of the standard library."""
    eight = [SAMPLES[start : start + 8] for start in range(0, len(SAMPLES), 8)]
    return [encode(messages) for messages in [*([message] for message in SAMPLES), *eight]]


def test_a_payload_cut_anywhere_is_undecodable() -> None:
    """No beginning of a batch passes for a whole one."""
    for encoded in samples():
        for length in range(len(encoded.payload)):
            with pytest.raises(Undecodable):
                decode(encoded.payload[:length], encoded.buffers)


def test_mutated_payloads_give_messages_or_undecodable() -> None:
    """Seeded: flips, overwrites, cuts, doublings and splices; what is decoded can be sent again."""
    dice = random.Random(20_260_101)
    seeds = samples()
    decoded = refused = 0
    for _ in range(40_000):
        encoded = dice.choice(seeds)
        data = bytearray(encoded.payload)
        for _ in range(dice.choice((1, 1, 2, 4))):
            where = dice.randrange(len(data)) if data else 0
            match dice.randrange(6):
                case 0 if data:
                    data[where] ^= 1 << dice.randrange(8)
                case 1 if data:
                    data[where] = dice.choice(
                        (0, 0x7F, 0x80, 0x90, 0xC0, 0xC1, 0xC7, 0xD9, 0xDD, 0xFF)
                    )
                case 2:
                    del data[where : where + dice.randrange(1, 5)]
                case 3:
                    data[where:where] = data[where : where + dice.randrange(1, 9)]
                case 4:
                    data[where:where] = dice.randbytes(dice.randrange(1, 5))
                case _:
                    other = dice.choice(seeds).payload
                    data[where : where + 4] = other[dice.randrange(len(other)) :][:12]
        try:
            messages = decode(bytes(data), encoded.buffers)
        except Undecodable:
            refused += 1
        else:
            decoded += 1
            again = encode(messages)
            assert all(
                itertools.starmap(
                    same, zip(messages, decode(again.payload, again.buffers), strict=True)
                )
            )
    assert decoded > 2000
    assert refused > 20_000


def test_random_bytes_give_messages_or_undecodable() -> None:
    """Noise behind a valid beginning never raises anything else."""
    dice = random.Random(7)
    for size in range(3000):
        try:
            decode(b"\0\x91" + dice.randbytes(size % 60))
        except Undecodable:
            continue


ZONES = st.sampled_from(
    [None, UTC, ZoneInfo("Europe/Oslo"), ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=3))]
)
HASHABLE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.binary(max_size=40),
        st.text(st.characters(), max_size=20),
        st.decimals(allow_nan=False),
        st.fractions(),
        st.uuids(),
        st.dates(),
        st.datetimes(timezones=ZONES),
        st.times(timezones=st.sampled_from([None, UTC])),
        st.timedeltas(),
        st.sampled_from(
            [*Gear, *Option, Option(5), UTC, ZoneInfo("UTC"), pathlib.PurePosixPath("a/b")]
        ),
        st.builds(lambda data: memoryview(data), st.binary(max_size=8)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Leaf, inner, inner),
    ),
    max_leaves=6,
)
MESSAGES = st.recursive(
    st.one_of(
        HASHABLE, st.binary(max_size=40).map(bytearray), st.integers(15_000, 18_000).map(bytes)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(HASHABLE, max_size=4),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.dictionaries(st.integers(), inner, max_size=3).map(OrderedDict),
        st.lists(inner, max_size=3).map(deque),
        st.builds(Branch, inner, inner),
    ),
    max_leaves=12,
)


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(MESSAGES, max_size=4))
def test_whatever_is_sent_arrives(messages: list[Any]) -> None:
    """Any nesting of any types: equal, of the same types, and encoded alike each time."""
    encoded = encode(messages)
    arrived = decode(encoded.payload, [memoryview(bytes(buffer)) for buffer in encoded.buffers])
    assert len(arrived) == len(messages)
    assert all(itertools.starmap(same, zip(messages, arrived, strict=True)))
    assert encode(messages) == encoded
