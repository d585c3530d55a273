"""Links with the codec that nodes use: what arrives is what was sent, large buffers uncopied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from link_pair import ConnectionPair
from same import same

import kamesh.codec
from kamesh.codec import Unsendable, register
from kamesh.link import Link, events
from kamesh.link.framing import pack, unpack
from kamesh.link.records import Data


@register
@dataclass(frozen=True)
class Tile:
    """Something a user registered."""

    x: int
    pixels: bytes


MESSAGES: list[object] = [
    None, True, 2**80, -1.5, "text", b"bytes", bytearray(b"b"), (1, (2,)), [1, [2]], {1, 2},
    frozenset({3}), {("a", 1): {"k": b"v"}}, Decimal("1.10"), 3j,
    datetime(2026, 1, 2, 3, 4, 5, 6, UTC), Tile(1, b"p" * 10), Tile(2, b"q" * 40_000),
    b"z" * 100_000, memoryview(b"m" * 30_000),
]  # fmt: skip


def opened() -> tuple[ConnectionPair, int]:
    """Connect and open one linkage, with the real codec."""
    pair = ConnectionPair(codec=kamesh.codec)
    pair.connect()
    number = pair.a.open("X", "Y", now=0.0)
    pair.settle()
    return pair, number


def test_the_codec_of_nodes_is_the_default() -> None:
    """A link made without one uses kamesh.codec."""
    a = Link(node="a", peer="b", incarnation=bytes(16), mesh="m")
    a.connected(0.0, dialed=True)
    assert a._codec is kamesh.codec


def test_what_arrives_is_what_was_sent() -> None:
    """Every kind of message, through a cut and a resend, of the same types throughout."""
    pair, number = opened()
    pair.a.send(number, MESSAGES, pair.now)
    pair.a.take_frames()
    pair.cut()
    pair.connect()
    arrived = pair.messages("b", number)
    assert len(arrived) == len(MESSAGES)
    assert all(same(sent, came) for sent, came in zip(MESSAGES, arrived, strict=True))


def test_large_buffers_go_to_the_transport_as_they_are() -> None:
    """Not a copy: the very memory that was sent, beside a small header."""
    pair, number = opened()
    frame = bytes(1 << 20)
    pair.a.send(number, [{"frame": frame}], pair.now)
    message = pair.a.take_frames()[0]
    assert len(message) == 2
    assert memoryview(message[1]).obj is frame or message[1] is frame
    assert len(message[0]) < 200


def test_frames_may_arrive_as_memoryviews() -> None:
    """The transport hands over what it has; nothing is copied on the way in."""
    pair, number = opened()
    pair.a.send(number, MESSAGES, pair.now)
    for message in pair.a.take_frames():
        pair.inject("b", [memoryview(bytes(frame)) for frame in message])
    arrived = pair.messages("b", number)
    assert all(same(sent, came) for sent, came in zip(MESSAGES, arrived, strict=True))


def test_what_cannot_travel_is_refused_with_its_place() -> None:
    """Nothing of the batch is taken, and the linkage goes on."""
    pair, number = opened()
    with pytest.raises(Unsendable, match=r"message 1 cannot be sent.*\['a'\]\[0\]") as caught:
        pair.a.send(number, [1, {"a": [print]}], pair.now)
    assert caught.value.index == 1
    pair.a.send(number, [2], pair.now)
    pair.settle()
    assert pair.messages("b", number) == [2]


def test_requests_answers_gossip_and_failures_carry_anything_too() -> None:
    """They go through the same codec, large buffers included."""
    pair, number = opened()
    pair.a.request("render", (Tile(1, b"p" * 50_000), {1, 2}), pair.now)
    pair.a.gossip({("studio", 1): b"g" * 20_000}, pair.now)
    pair.a.finish(number, Tile(3, b"why"), pair.now)
    pair.settle()
    (asked,) = pair.said("b", events.Requested)
    assert asked.arguments == (Tile(1, b"p" * 50_000), {1, 2})
    (gossip,) = pair.said("b", events.Gossiped)
    assert gossip.payload == {("studio", 1): b"g" * 20_000}
    assert pair.said("b", events.Finished) == [events.Finished(number, Tile(3, b"why"))]
    pair.b.reply(asked.id, True, Tile(4, b"r" * 50_000), pair.now)
    pair.settle()
    assert pair.said("a", events.Replied)[0].value == Tile(4, b"r" * 50_000)


def test_mutated_payloads_cost_the_connection_at_most() -> None:
    """Whatever the codec meets, `received` does not raise and the link can be resumed."""
    seed = 5
    random = Random(seed)
    for trial in range(300):
        pair, number = opened()
        encoded = kamesh.codec.encode(random.sample(MESSAGES[:15], 4))
        payload = bytearray(encoded.payload)
        for _ in range(random.randint(1, 3)):
            payload[random.randrange(len(payload))] = random.randrange(256)
        pair.inject("b", pack([Data(number, 1, 4, bytes(payload), encoded.buffers)])[0])
        if pair.said("b", events.CloseConnection):
            pair.cut()
            pair.connect()
        pair.a.send(number, ["x"], pair.now)
        records = [r for m in pair.a.take_frames() for r in unpack(m, pair.limits)]
        assert len(records) == 1, f"seed {seed}, trial {trial}"
