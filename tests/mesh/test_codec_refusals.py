"""What cannot travel is refused at the sender: which message, where inside it, and what to do."""

from __future__ import annotations

import abc
import collections
import enum
import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from kamesh.codec import TooMuch, Unsendable, decode, encode, register
from kamesh.errors import KameshError


class Text(str):
    """A str of a class of its own."""

    __slots__ = ()


class Table(dict):  # type: ignore[type-arg]
    """A dict of a class of its own."""


class Unregistered(NamedTuple):
    a: int


@dataclass
class Plain:
    a: int


class Sign(enum.Enum):
    PLUS = 1


class Sign2(enum.IntEnum):
    PLUS = 1


@register
@dataclass
class Box:
    content: Any


class Elsewhere(tzinfo):
    """A zone of another library."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        """Be somewhere."""
        return timedelta(0)


REGISTER = "register the class with @kamesh.register, or send a dict"

REFUSED: list[tuple[Any, str, str]] = [
    (object(), "object", REGISTER),
    (Plain(1), "test_codec_refusals.Plain", REGISTER),
    (Sign.PLUS, "test_codec_refusals.Sign", REGISTER),
    (Sign2.PLUS, "test_codec_refusals.Sign2", REGISTER),
    (Unregistered(1), "test_codec_refusals.Unregistered", "or send a tuple"),
    (Text("a"), "test_codec_refusals.Text", "send str(it)"),
    (Table(a=1), "test_codec_refusals.Table", "send dict(it)"),
    (defaultdict(list), "collections.defaultdict", "send dict(it)"),
    (collections.ChainMap(), "collections.ChainMap", REGISTER),
    (len, "builtin_function_or_method", "code does not travel"),
    (lambda: 1, "function", "code does not travel"),
    ((i for i in ()), "generator", "code does not travel"),
    (int, "type", "code does not travel"),
    (threading.Lock(), "_thread.lock", REGISTER),
    (ValueError("x"), "ValueError", REGISTER),
    (range(3), "range", REGISTER),
    (..., "ellipsis", REGISTER),
    (datetime(2026, 1, 1, tzinfo=Elsewhere()), "datetime.datetime", "use zoneinfo.ZoneInfo"),
    (Decimal("1" * 1_000_001), "decimal.Decimal", "send its text"),
    (Fraction(1, 2**20_000), "fractions.Fraction", "send a tuple"),
    (memoryview(bytes(8)).cast("P"), "memoryview", "view.cast('B')"),
]


@pytest.mark.parametrize(("value", "name", "way_out"), REFUSED, ids=[row[1] for row in REFUSED])
def test_it_is_refused_with_its_type_its_place_and_a_way_out(
    value: Any, name: str, way_out: str
) -> None:
    """Wherever it lies: alone, within containers, as a record's field."""
    for path, message in [
        ("", value), ("[1]", [0, value]), ("[1]", (0, value)), ("['k'][0]['x']", {"k": [{"x": value}]}),
        ("[2][0]", {1: 1, 2: (value,)}), (".content", Box(value)), (".content[0].content", Box([Box(value)])),
        ("[b'k'][0]", {b"k": collections.deque([value])}), ("['o']", collections.OrderedDict(o=value)),
    ]:  # fmt: skip
        with pytest.raises(Unsendable) as caught:
            encode([1, {"fine": [2]}, message, value])
        error = caught.value
        assert error.index == 2
        assert error.path == path
        assert error.type_name.endswith(name)
        assert way_out in error.way_out
        assert error.way_out in str(error)
        assert str(error).startswith("message 2 cannot be sent: it")
        assert (f"its part {path} " in str(error)) == bool(path)
        assert isinstance(error, KameshError)


def test_members_and_keys_are_named_too() -> None:
    """What lies in a set or is a key has no place of its own, and is named by its type or value."""
    with pytest.raises(Unsendable, match="its part <member object>"):
        encode([{object()}])
    with pytest.raises(Unsendable, match="its part <key tuple>\\[0\\]"):
        encode([{(object(),): 1}])


def test_the_sentence_of_an_unknown_class_is_plain() -> None:
    """The whole sentence, as a user reads it."""
    with pytest.raises(Unsendable) as caught:
        encode([{"n": 1}, {"job": [Box({"frame": object()})]}])
    assert str(caught.value) == (
        "message 1 cannot be sent: its part ['job'][0].content['frame'] is of the type object, which"
        " does not travel; register the class with @kamesh.register, or send a dict"
    )


def cyclic() -> list[Any]:
    """Make messages that hold themselves."""
    alone: list[Any] = [1]
    alone.append(alone)
    mapping: dict[Any, Any] = {}
    mapping["again"] = {"and": (mapping,)}
    record = Box(None)
    record.content = {1: [record]}
    twice: list[Any] = []
    twice += [twice, twice]
    queue: collections.deque[Any] = collections.deque()
    queue.append(queue)
    return [alone, mapping, record, twice, queue]


@pytest.mark.parametrize("message", cyclic(), ids=lambda it: type(it).__name__)
def test_a_message_that_holds_itself_is_refused(message: Any) -> None:
    """It would have no end."""
    with pytest.raises(Unsendable, match="holds itself") as caught:
        encode([0, message])
    assert caught.value.index == 1


@pytest.mark.parametrize(
    "wrap", [lambda it: [it], lambda it: (it,), lambda it: {"k": it}, lambda it: {1: it}, Box]
)
def test_thirty_three_containers_are_too_deep(wrap: Any) -> None:
    """The limit is the same for every container, and the receiver's own."""
    message: Any = 1
    for _ in range(33):
        message = wrap(message)
    with pytest.raises(Unsendable, match="nested deeper than 32 containers"):
        encode([message])
    for _ in range(100_000):
        message = wrap(message)
    with pytest.raises(Unsendable, match="nested deeper than 32 containers"):
        encode([message])
    while type(message) is not int:  # taken apart by hand: Python would do it by recursion
        message = (
            message.content
            if isinstance(message, Box)
            else next(iter(message.values() if isinstance(message, dict) else message))
        )


def test_shared_parts_do_not_multiply() -> None:
    """2**31 values out of 31 small lists are found to be too many before they are made."""
    message: Any = []
    for _ in range(31):
        message = [message, message]
    with pytest.raises(TooMuch, match="more than 1,048,576 values"):
        encode([message])


def test_too_many_values_are_refused_with_the_place_to_cut() -> None:
    """`index` says how many of the batch can be sent; alone too large, it is 0."""
    large = list(range(400_000))
    with pytest.raises(TooMuch, match="split it") as caught:
        encode([large, large, large])
    assert caught.value.index == 2
    assert len(decode(encode([large] * 2).payload)) == 2
    with pytest.raises(TooMuch) as caught:
        encode([large * 3, 1])
    assert caught.value.index == 0


def test_too_many_bytes_are_refused_with_the_place_to_cut() -> None:
    """The limit counts the payload, not the large buffers beside it."""
    part = [b"x" * 16_000] * 200
    with pytest.raises(TooMuch, match="more than 8,388,608") as caught:
        encode([part] * 4)
    assert caught.value.index == 2
    encode([part] * 2)
    assert encode([b"x" * 20_000_000]).count == 1


def test_an_unfit_message_is_named_before_the_place_to_cut() -> None:
    """A batch that is too much and holds an unfit message within the limit: that one is told."""
    with pytest.raises(Unsendable, match="object") as caught:
        encode([list(range(800_000)), [object()], list(range(800_000))])
    assert type(caught.value) is Unsendable
    assert caught.value.index == 1


def test_a_field_never_set_is_named_not_fallen_over() -> None:
    """Whatever a message does when it is read, only Unsendable comes out."""
    with pytest.raises(Unsendable, match="content") as caught:
        encode([Box(1), object.__new__(Box)])
    assert caught.value.index == 1


@pytest.mark.parametrize("wrong", [Text, 3, dict, object])
def test_only_dataclasses_named_tuples_and_enums_are_registered(wrong: Any) -> None:
    """Anything else is told at once, with the order of the decorators."""
    with pytest.raises(TypeError, match=r"write @register above @dataclass|it is not a class"):
        register(wrong)


def test_classes_that_cannot_be_made_field_by_field_are_not_registered() -> None:
    """Their instances would be something else than what was sent."""

    @dataclass
    class Mapping(dict):  # type: ignore[type-arg]
        a: int = 1

    @dataclass
    class Single:
        a: int = 1

        def __new__(cls, *_: Any) -> Single:
            return object.__new__(cls)

    @dataclass
    class Half(abc.ABC):
        a: int = 1

        @abc.abstractmethod
        def rest(self) -> None: ...

    for kind in (Mapping, Single, Half):
        with pytest.raises(TypeError, match="field by field"):
            register(kind)


def test_a_name_belongs_to_one_class() -> None:
    """A second class under it is refused; the same class anew, as after a reload, replaces it."""

    def make() -> type:
        @dataclass
        class Reading:
            a: int

        return Reading

    first = register(name="tests:reading")(make())
    second = register(name="tests:reading")(make())
    assert type(decode(encode([first(1)]).payload)[0]) is second
    with pytest.raises(ValueError, match="cannot have the name 'tests:reading'"):
        register(name="tests:reading")(Plain)


def test_a_class_registered_by_a_name_travels_by_it() -> None:
    """The wire has the name given, so that a script's class has one on every side."""

    @register(name="tests:sample")
    @dataclass
    class Sample:
        value: int

    payload = encode([Sample(3)]).payload
    assert b"tests:sample" in payload
    assert b"Sample" not in payload
    assert decode(payload) == [Sample(3)]
