"""Promises of the membership messages: golden bytes, a round trip, and no harm from any input."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest

from kamesh.membership import Membership, MembershipLimits
from kamesh.membership.member import Member, Part, State, verdict
from kamesh.membership.messages import (
    Ack,
    Ask,
    Closing,
    Entry,
    Mark,
    Message,
    Nack,
    News,
    Ping,
    Sync,
    Told,
    Want,
)
from kamesh.membership.wire import Unreadable, read, write

RUN = bytes(range(16))
FULL = Member(
    "studio", RUN, 7, State.ALIVE, 1_700_000_000_000_000, ("tcp://127.0.0.1:40123",), "node",
    (Part("CAMERA", ("inbox", "control"), ("outbox",)),), 7, b"r" * 16,
)  # fmt: skip
SUSPECT = verdict("studio", RUN, 7, State.SUSPECT)
DEAD = verdict("studio", RUN, 7, State.DEAD)
MESSAGES: list[Message] = [
    Ping(1),
    Ack(2, ((FULL, ""),)),
    Ask(3, "studio"),
    Nack(4),
    Sync((Entry("studio", RUN, 7, State.SUSPECT, -1),), back=True, news=((FULL, ""),)),
    Want((("studio", RUN),)),
    Told(((FULL, ""), (SUSPECT, "encoder"))),
    News(((DEAD, ""), (SUSPECT, "encoder"))),
    Mark(1 << 61),
    Closing(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_survives_messagepack(message: Message) -> None:
    """What is written, packed, unpacked and read is what was said."""
    packed = msgpack.packb(write(message), use_bin_type=True)
    assert read(msgpack.unpackb(packed, strict_map_key=True)) == message


def test_golden_bytes() -> None:
    """The bytes of every kind stay what they are: numbers are only ever appended."""
    packed = [msgpack.packb(write(message), use_bin_type=True).hex() for message in MESSAGES]
    head = "c410000102030405060708090a0b0c0d0e0f"
    studio = "a673747564696f" + head
    full = (
        "9a" + studio + "0700" + "07" + "cf00060a24181e4000"
        "91b57463703a2f2f3132372e302e302e313a3430313233" "a46e6f6465"
        "9193a643414d45524192a5696e626f78a7636f6e74726f6c91a66f7574626f78"
        "c41072727272727272727272727272727272"
    )  # fmt: skip
    suspect = "95" + studio + "0701" + "a7656e636f646572"
    assert packed == [
        "93009001",
        "930191" + full + "02",
        "94029003a673747564696f",
        "93039004",
        "940491" + full + "9195" + studio + "0701ff" + "01",
        "9305909192" + studio,
        "920692" + full + suspect,
        "92079294" + studio + "0702" + suspect,
        "930890cf2000000000000000",
        "920990",
    ]


def test_what_is_known_is_not_read_again() -> None:
    """A record whose marks are known comes as a bare judgement, its facts unread."""
    payload: Any = write(News([(FULL, "")]))
    payload[1][0][8] = "facts that would be refused"
    with pytest.raises(Unreadable):
        read(payload)
    message = read(payload, lambda *marks: marks == ("studio", RUN, 7, State.ALIVE, 7))
    assert message == News(((verdict("studio", RUN, 7, State.ALIVE), ""),))


def test_fields_may_be_added_at_the_end() -> None:
    """A later version's longer messages, records and entries are read as far as known."""
    payload: Any = write(MESSAGES[4])
    payload.append("later")
    payload[1][0].append("later")
    payload[2][0].append("later")
    assert read(payload) == MESSAGES[4]


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        b"",
        "x",
        {},
        [],
        [0],
        [99, []],
        [True, [], 1],
        [0, [], -1],
        [0, [], True],
        [0, [], 1 << 63],
        [0, [[]], 1],
        [2, [], 1, "a" * 201],
        [2, [], 1, "a\n"],
        [7, [["a", b"short", 0, 0]]],
        [7, [["a", RUN, 0, 9]]],
        [7, [["a", RUN, 0, 0, 5, 0, [], "node", [], b""]]],
        [7, [["a", RUN, 0, 0, 0, 0, ["nowhere"], "node", [], b""]]],
        [7, [["a", RUN, 0, 0, 0, 0, [], "node", [["C"]], b""]]],
        [7, [["\ud800", RUN, 0, 0]]],
        [4, [], [["a", RUN, 0, 0]], 0],
        [7, [[["a"]]]],
        [0, [], 10**5000],
    ],
    ids=lambda p: repr(p)[:30] if not isinstance(p, list) or len(p) < 3 else None,
)
def test_what_is_no_message_is_refused(payload: object) -> None:
    """Any shape that is not a message raises Unreadable, and a Membership only counts it."""
    with pytest.raises(Unreadable):
        read(payload)
    membership = Membership(Member("me", b"m" * 16), MembershipLimits.lan(), Random(1))
    membership.link_up("x", RUN, 0.0)
    membership.received("x", payload, 0.0)
    assert membership.statistics().rejected == 1


def mutated(random: Random, payload: Any) -> Any:
    """Change one thing anywhere in nested lists."""
    junk: list[Any] = [None, -1, 1 << 70, 1.5, "", "x" * 300, b"", [], {}, [[]] * 9, True, "\ud800"]
    place = payload = copy.deepcopy(payload)
    while True:
        index = random.randrange(len(place))
        if not isinstance(place[index], list) or not place[index] or random.random() < 0.2:
            break
        place = place[index]
    match random.randrange(3):
        case 0:
            place[index] = random.choice(junk)
        case 1:
            del place[index]
        case _:
            place.insert(index, random.choice(junk))
    return payload


def test_mutated_messages_never_raise_out_of_a_membership() -> None:
    """Thousands of damaged messages are read or rejected; the node goes on, itself unchanged."""
    random = Random(11)
    membership = Membership(Member("me", b"m" * 16), MembershipLimits.lan(), Random(1))
    membership.link_up("x", RUN, 0.0)
    valid = [write(message) for message in MESSAGES]
    for step in range(6000):
        payload: Any = random.choice(valid)
        for _ in range(random.randrange(1, 3)):
            payload = mutated(random, payload) or [0]
        now = step / 1000
        membership.received("x", payload, now)
        if membership.next_deadline() <= now:
            membership.tick(now)
        membership.take_instructions()
    counts = membership.statistics()
    assert counts.rejected > 1000
    assert counts.received > 200
    assert counts.known <= 1024
    assert membership.me.state is State.ALIVE
