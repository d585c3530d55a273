"""Transport messages: few frames, no copies, closed before they outgrow their limits."""

from __future__ import annotations

from typing import cast

from kamesh.link import LinkLimits
from kamesh.link.framing import Flush, pack, unpack
from kamesh.link.records import Data, Open, Ping, Record, Request

LIMITS = LinkLimits()


def test_small_payloads_ride_in_one_frame() -> None:
    """A flush of small things is a single frame."""
    (message,) = pack([Ping(1), Data(1, 1, 1, b"x" * 100), Data(2, 1, 1, b"y" * 100)])
    assert len(message) == 1


def test_large_payloads_and_buffers_are_frames_of_their_own_and_not_copied() -> None:
    """The very objects that went in come out, in the order in which they belong."""
    payload, buffers = b"p" * 100_000, (bytearray(50_000), memoryview(bytes(60_000)))
    record = Data(1, 1, 1, payload, buffers)
    small = Data(1, 2, 1, b"small", (b"z" * 20_000,))
    (message,) = pack([Ping(1), record, small])
    assert message[1] is payload
    assert message[2] is buffers[0]
    assert message[3] is buffers[1]
    assert len(message[0]) < 100
    again = unpack(message, LIMITS)
    assert again == [Ping(1), record, small]
    assert isinstance(again[1], Data)
    assert again[1].payload is payload
    assert again[1].buffers[1] is buffers[1]
    assert again[1].size == 210_000


def test_buffers_of_any_item_size_count_in_bytes() -> None:
    """A memoryview of doubles weighs eight bytes an item."""
    view = cast("memoryview", memoryview(bytes(80_000)).cast("d"))
    assert Data(1, 1, 1, b"", (view,)).size == 80_000


def test_a_message_is_closed_before_it_outgrows_its_limits() -> None:
    """Bytes, frames, header and records are each bounded, and nothing gets lost or reordered."""
    many: dict[str, list[Record]] = {
        "bytes": [Data(1, i, 1, b"x" * 200_000) for i in range(1, 40)],
        "frames": [Data(1, i, 1, b"", (b"b",) * 30) for i in range(1, 200)],
        "header": [Data(1, i, 1, b"x" * 16_000) for i in range(1, 100)],
        "records": [Ping(i) for i in range(20_000)],
        "texts": [
            Open(i, "s" * 1024, "\U0001f600" * 1024, bytes(16), 1, "block", 0)
            for i in range(1, 300)
        ],
        "verbs": [Request(i, "v" * 255, b"") for i in range(1, 5000)],
    }
    for what, records in many.items():
        messages = pack(records)
        assert len(messages) > 1, what
        for message in messages:
            assert len(message) <= LIMITS.frames
            assert len(message[0]) <= LIMITS.header_bytes
            assert sum(map(len, message)) <= 2 * LIMITS.message_bytes
        assert [r for message in messages for r in unpack(message, LIMITS)] == records, what


def test_the_most_buffers_a_message_may_have_fit() -> None:
    """`limits.buffers` is not one too many, even behind a message that is nearly full."""
    records: list[Record] = [Data(1, 1, 1, b"p" * 20_000, (b"x",) * 60)]
    records.append(Data(1, 2, 1, b"p" * 20_000, (b"x",) * LIMITS.buffers))
    messages = pack(records)
    assert [r for message in messages for r in unpack(message, LIMITS)] == records


def test_a_flush_is_empty_after_take() -> None:
    """The same flush serves for the next one."""
    flush = Flush(LIMITS)
    assert flush.take() == []
    seen = [flush.busy]
    flush.add(Ping(1))
    seen.append(flush.busy)
    assert len(flush.take()) == 1
    seen.append(flush.busy)
    assert seen == [False, True, False]
    assert flush.take() == []
