"""Stand-ins: who only looks on sees records of classes that are not registered there."""

from dataclasses import dataclass
from enum import Enum

import pytest

from kamesh.codec import Undecodable, decode, encode, register, registry, standin


@pytest.fixture
def elsewhere(monkeypatch):
    """Encode records of classes that are then forgotten, as if another process had sent them."""
    monkeypatch.setattr(registry, "_NAMED", dict(registry._NAMED))

    @register(name="parts:Reading")
    @dataclass(frozen=True)
    class Reading:
        sensor: str
        values: list

    @register(name="parts:Nothing")
    @dataclass(frozen=True)
    class Nothing:
        pass

    @register(name="parts:Colour")
    class Colour(Enum):
        RED = 1

    encoded = encode([Reading("a", [1, Colour.RED]), {"x": Reading("b", [])}, Nothing()])
    for name in ("parts:Reading", "parts:Nothing", "parts:Colour"):
        del registry._NAMED[name]
    return encoded


def test_what_is_not_registered_is_shown_by_its_name_and_fields(elsewhere):
    """A record, one inside another message, one without fields, a member of an Enum."""
    first, second, third = standin.decode(elsewhere.payload, elsewhere.buffers)
    assert repr(first) == "Reading(sensor='a', values=[1, Colour.RED])"
    assert repr(second["x"]) == "Reading(sensor='b', values=[])"
    assert repr(third) == "Nothing()"


def test_nobody_else_takes_what_is_not_registered(elsewhere):
    """The codec of nodes refuses it as ever."""
    with pytest.raises(Undecodable, match="is registered here"):
        decode(elsewhere.payload, elsewhere.buffers)


def test_a_stand_in_travels_as_what_it_stands_for(elsewhere):
    """Sent on, it is the same bytes."""
    messages = standin.decode(elsewhere.payload, elsewhere.buffers)
    assert encode(messages) == elsewhere


def test_what_is_registered_arrives_as_it_was_sent():
    """There is nothing to stand in for."""
    messages = [1, "two", {"three": [3.0]}, b"four"]
    encoded = encode(messages)
    assert standin.decode(encoded.payload, encoded.buffers) == messages


def test_damage_is_damage(elsewhere):
    """Truncated at every byte: refused, whoever looks."""
    for cut in range(len(elsewhere.payload)):
        with pytest.raises(Undecodable):
            standin.decode(elsewhere.payload[:cut], elsewhere.buffers)
