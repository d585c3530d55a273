"""Round trips: every type of the standard library that travels, alone and inside every container."""

from __future__ import annotations

import array
import contextlib
import enum
import gc
import math
import pathlib
import sys
import uuid
import weakref
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from same import same

from kamesh.codec import LARGE, Encoded, TooMuch, decode, encode, register
from kamesh.codec.survey import survey
from kamesh.codec.wire import GUARDED, MAX_VALUES
from kamesh.messages import Failure, ProducerFinished, Shutdown


@register
class Colour(enum.Enum):
    RED = "red"
    CRIMSON = "red"  # noqa: PIE796  # another name of RED
    GREEN = (0, 255, 0)


@register
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@register
class Name(enum.StrEnum):
    ADA = "ada"


@register
class Right(enum.Flag):
    READ = 1
    WRITE = 2


@register
@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0


@register
@dataclass
class Shape:
    name: str
    corners: tuple[Point, ...] = ()
    tags: dict[Any, Any] = field(default_factory=dict)
    area: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Refuse to be made twice: decoding must not come here."""
        if self.name == "forbidden":
            raise AssertionError("__post_init__ ran")


@register
@dataclass(frozen=True)
class Nothing:
    pass


@register
@dataclass(slots=True)
class Bare:
    pass


@register
@dataclass(slots=True)
class Slotted:
    one: Any


@register
@dataclass
class Mixed(Slotted):
    """Slots from its base and a dict of its own."""

    two: Any = None


@register
class Pair(NamedTuple):
    left: Any
    right: Any


OSLO = ZoneInfo("Europe/Oslo")
FORBIDDEN = object.__new__(Shape)
FORBIDDEN.__dict__.update(name="forbidden", corners=(Point(1.0),), tags={1: {2}}, area=3.5)

SCALARS: list[Any] = [
    None, True, False, 0, 1, -1, 127, 128, -32, -33, 2**63 - 1, -(2**63), 2**64 - 1, 2**64,
    -(2**63) - 1, 2**200, -(2**200), 10**400, 0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324,
    1j, complex(-0.0, math.nan), complex(math.inf, -0.0),
    "", "a", "ångström", "漢字", "\0", "\ud800", "a\udfffb", "\U0010ffff", "x" * 300,
    b"", b"a", bytes(range(256)), b"x" * 70_000, bytearray(), bytearray(b"abc"), bytearray(20_000),
    date.min, date(2026, 2, 28), date.max, time(), time(23, 59, 59, 999_999), time(1, fold=1),
    time(1, 2, tzinfo=UTC), time(1, tzinfo=OSLO), datetime.min, datetime.max,
    datetime(2026, 1, 2, 3, 4, 5, 6), datetime(2026, 1, 2, tzinfo=UTC),
    datetime(2026, 10, 25, 2, 30, tzinfo=OSLO), datetime(2026, 10, 25, 2, 30, tzinfo=OSLO, fold=1),
    datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    datetime(2026, 1, 2, tzinfo=timezone(timedelta(0), "Zulu")),
    timedelta(), timedelta.min, timedelta.max, timedelta(days=-1, microseconds=1),
    UTC, timezone(timedelta(seconds=1)), timezone(timedelta(hours=1), "CET"), OSLO, ZoneInfo("UTC"),
    Decimal("0"), Decimal("-0"), Decimal("1.10"), Decimal("NaN"), Decimal("-sNaN123"),
    Decimal("Infinity"), Decimal("1E+999999999"), Decimal("1E-999999999"), Decimal("9" * 5000),
    Fraction(0), Fraction(-1, 3), Fraction(10**80, 7), Fraction(1, 2**16_000),
    uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678"),
    pathlib.PurePosixPath(), pathlib.PurePosixPath("/a/b c"), pathlib.PurePosixPath("//a"),
    pathlib.PureWindowsPath("C:\\x\\y"), pathlib.PureWindowsPath("\\\\host\\share"),
    pathlib.Path("relative/ö"), pathlib.Path("/a/\udcff"),
    Colour.RED, Colour.CRIMSON, Colour.GREEN, Level.HIGH, Name.ADA, Right.READ,
    Right.READ | Right.WRITE, Right(0),
    Point(1.0), Point(-0.0, math.nan), Nothing(), Bare(), Slotted((1,)), Mixed([1], {2}), FORBIDDEN,
    Pair(1, (2,)), Pair(Pair([], {}), None),
    Shutdown("enough"), ProducerFinished(), Failure("A", "ValueError", "no", "x.py", 3, "raise"),
]  # fmt: skip

VIEWS: list[memoryview] = [
    memoryview(b""), memoryview(b"abc"), memoryview(bytearray(b"abc")), memoryview(b"abcdef")[::2],
    memoryview(b"abc")[::-1], memoryview(array.array("d", [1.0, -0.0])), memoryview(bytes(40_000)),
    memoryview(bytes(range(12))).cast("B", [3, 4]), memoryview(bytes(8)).cast("q", []),
    memoryview(bytes(range(24))).cast("H", [2, 3, 2]), memoryview(array.array("i")),
    memoryview(bytes(40_000)).cast("d", [50, 100]), memoryview(b"\1\0").cast("?"),
]  # fmt: skip

CONTAINERS: list[Any] = [
    [], (), set(), frozenset(), {}, OrderedDict(), Counter(), deque(), deque(maxlen=0),
    [1, [2, [3]]], (1, (2, (3,))), [(1,), [2]], ([1], (2,)), [()], ([],), {1, "a", None, (1, 2)},
    {frozenset({1}), frozenset()}, frozenset({frozenset({(1,)})}),
    {"a": 1, "b": [2]}, {b"a": 1, b"": 2}, {1: "a", 2: "b"}, {-1: 0, 2**70: 1}, {1.5: 1, math.inf: 2},
    {None: 0}, {True: 1}, {(1, 2): 3, (): 4}, {frozenset({1}): 2}, {Level.LOW: 1, Colour.RED: 2},
    {Name.ADA: 1}, {Point(1.0): 2}, {date(2026, 1, 1): 1}, {Decimal("1.5"): 1}, {uuid.UUID(int=1): 1},
    {1: {2: {3: {"4": {5}}}}}, {"mixed": 1, 2: "keys"}, {"b": 1, "a": 2},
    OrderedDict([(1, 2), ("a", [3])]), OrderedDict([("z", 1), ("a", 2)]), Counter("abracadabra"),
    Counter({(1,): -2, "x": 0.5}), deque([1, (2,)]), deque([1, 2], 3), deque([[deque([1])]]),
    {"data": b"x" * 20_000, "small": b"y"}, [bytearray(b"x"), (bytearray(20_000),)],
    ((b"x" * 20_000,), {"k": (bytearray(1),)}), {1: {b"x" * 20_000}}, Slotted(b"x" * 20_000),
    [Shape("a", (Point(1.0), Point(2.0)), {1: {bytearray(b"v").hex()}})], {"a": {"b": {"c": ()}}},
    {b"k" * 20_000: 1}, {"t": "x" * 70_000},
]  # fmt: skip


def trip(message: Any) -> Any:
    """Send one message to ourselves; buffers arrive as they do from a socket."""
    encoded = encode([message])
    (arrived,) = decode(encoded.payload, [memoryview(bytes(buffer)) for buffer in encoded.buffers])
    return arrived


def show(value: Any) -> str:
    """Name a case of a table."""
    return type(value).__name__


@pytest.mark.parametrize("message", SCALARS + VIEWS + CONTAINERS, ids=show)
def test_it_arrives_as_it_was_sent(message: Any) -> None:
    """Equal, and of the same type at every level."""
    assert same(message, trip(message))


@pytest.mark.parametrize("message", SCALARS + CONTAINERS, ids=show)
def test_it_arrives_as_it_was_sent_inside_every_container(message: Any) -> None:
    """The same within lists, tuples, dicts, other containers, records, and mixtures of them."""
    outer: list[Any] = [
        [message, [message]], (message, (message,)), {"k": message}, {7: message}, [(message,)],
        ([message],), {"a": [{"b": (message, [])}]}, deque([message]), OrderedDict(k=message),
        Slotted(message), Pair(message, [message]), Shape("s", (), {"t": message}),
    ]  # fmt: skip
    if type(message).__hash__ is not None:
        with contextlib.suppress(TypeError):  # it holds something that has no hash
            outer += [{message}, frozenset({message}), {message: message}, {(1, message): 1}]
    for whole in outer:
        assert same(whole, trip(whole))


def test_a_batch_of_everything_arrives_in_order() -> None:
    """Batches are mixed: what one message needs does not change another."""
    everything = SCALARS + VIEWS + CONTAINERS
    encoded = encode(everything)
    arrived = decode(encoded.payload, [bytes(buffer) for buffer in encoded.buffers])
    assert encoded.count == len(arrived) == len(everything)
    assert all(map(same, everything, arrived))


@pytest.mark.parametrize(
    "batch", [[], (), [[]], [()], [None], [(1, 2), (3,)], ({"n": 1}, {"n": 2})]
)
def test_any_sequence_is_a_batch_and_a_list_comes_back(batch: Any) -> None:
    """A batch of tuples is not mistaken for a tuple, nor an empty one for nothing."""
    assert decode(encode(batch).payload) == list(batch)


def test_a_readonly_memoryview_may_be_a_key() -> None:
    """It has a hash, so it travels as a key and in a set."""
    view = memoryview(b"abc")
    assert trip({view: 1}) == {view: 1}
    assert trip({view}) == {view}


def test_bytes_come_back_as_bytes_whatever_carried_them() -> None:
    """Small or large, from a bytes object without a copy, from anything else with one."""
    for size in (0, 1, LARGE - 1, LARGE, LARGE + 1):
        assert type(trip(bytes(size))) is bytes
    large = bytes(LARGE)
    encoded = encode([large])
    assert decode(encoded.payload, [large])[0] is large
    assert decode(encoded.payload, [bytearray(large)]) == [large]


@pytest.mark.parametrize("large", [bytes(LARGE), bytearray(LARGE), memoryview(bytes(LARGE))])
def test_large_buffers_leave_the_payload_uncopied(large: Any) -> None:
    """From 16 KiB on the buffer itself is handed over, at any depth; one byte less and it is inside."""
    encoded = encode([{"a": [1, (large,)]}, large])
    assert len(encoded.payload) < 100
    assert len(encoded.buffers) == 2
    whole = large if isinstance(large, (bytes, bytearray)) else large.obj
    assert all((b.obj if isinstance(b, memoryview) else b) is whole for b in encoded.buffers)
    assert encoded.size == len(encoded.payload) + 2 * LARGE
    assert encode([bytes(LARGE - 1)]).buffers == ()


def test_a_received_memoryview_looks_at_the_buffer_and_is_readonly() -> None:
    """No copy is made, and what others may share cannot be changed."""
    encoded = encode([memoryview(bytes(LARGE))])
    carried = bytearray(LARGE)
    (view,) = decode(encoded.payload, [carried])
    assert view.readonly
    assert view.obj is carried


def test_large_texts_leave_a_large_payload() -> None:
    """A text may be longer than a payload may be."""
    message = {"t": ["y" * 9_000_000, "ö" * LARGE, "small"], "s": "\ud800" * LARGE}
    encoded = encode([message])
    assert len(encoded.payload) < 200
    assert len(encoded.buffers) == 3
    assert same(message, trip(message))


def test_a_large_payload_of_small_values_is_taken() -> None:
    """Payloads whose values are counted while they are decoded decode to the same."""
    message = [
        list(range(300_000)),
        [{"n": i, "t": (i,), "d": date.max} for i in range(20_000)],
        {i: str(i) for i in range(20_000)},
        [Point(float(i)) for i in range(20_000)],
    ]
    encoded = encode([message])
    assert len(encoded.payload) > 1_000_000
    assert decode(encoded.payload) == [message]


@register(name="t:1")
@dataclass
class Single:
    """A record with a short name."""

    value: Any = 0


@pytest.mark.parametrize("make", [int, lambda: {1: None}, Single, deque])
def test_the_receiver_takes_the_most_that_a_sender_may_send(make: Any) -> None:
    """Both count alike: at the limit of one the other has not yet passed it."""
    one = [make()]
    base, each = survey([[]])[2], survey([one])[2] - survey([[]])[2]
    most = (MAX_VALUES - base) // each
    with pytest.raises(TooMuch):
        encode([one * (most + 1)])
    encoded = encode([one * most])
    assert len(encoded.payload) > GUARDED
    assert len(decode(encoded.payload)[0]) > 90_000


def test_what_a_value_is_made_of_on_the_wire_does_not_count() -> None:
    """A date is one value to the sender, though it travels as an array of three."""
    message = [date.max] * 220_000
    assert decode(encode([message]).payload) == [message]


def test_thirty_two_containers_may_lie_within_each_other() -> None:
    """The limit is what it says, whichever containers they are, and whatever lies innermost."""
    for innermost in (1, datetime(2026, 1, 1, tzinfo=timezone(timedelta(1) / 7)), b"x" * 20_000):
        for wrap in (
            lambda it: [it],
            lambda it: (it,),
            lambda it: {"k": it},
            lambda it: {1: it},
            Slotted,
            lambda it: frozenset({it}),
            lambda it: [it] if type(it) is tuple else (it,),
        ):
            message: Any = innermost
            for _ in range(32):
                message = wrap(message)
            assert same(message, trip(message))


def test_nothing_keeps_the_messages_once_they_are_encoded() -> None:
    """No circle holds large buffers until the garbage is collected."""

    class Owned(bytearray):
        """Something a weak reference can watch."""

    gc.disable()
    try:
        owner = Owned(LARGE)
        watch = weakref.ref(owner)
        encoded: Encoded | None = encode([{"a": (memoryview(owner), {1: [2]}, {3})}])
        assert encoded is not None
        del owner
        assert watch() is not None  # the buffer is on its way
        del encoded
        assert watch() is None
    finally:
        gc.enable()


def test_messages_are_not_changed_by_encoding() -> None:
    """Lifting large buffers out works on copies of the containers only."""
    message = {"a": [b"x" * LARGE, {"b": bytearray(3)}], 1: 2}
    before = repr(message)
    encode([message, message])
    assert repr(message) == before


def test_numpy_and_av_are_not_imported_for_plain_messages() -> None:
    """They take long to import and need not be there."""
    import subprocess

    code = (
        "import sys, kamesh.codec as c; e = c.encode([{1: (2,)}, {3}, b'x', 1.5]);"
        "c.decode(e.payload); print('numpy' in sys.modules, 'av' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == ["False", "False"], run.stderr
