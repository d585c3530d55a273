"""Batches: their size follows what messages weigh, and all are encoded or none."""

from __future__ import annotations

import pytest
from link_pair import PlainCodec

import kamesh.codec
from kamesh.codec import TooMuch, Unsendable
from kamesh.link import LinkLimits, TooLarge
from kamesh.link.batching import Batcher

LIMITS = LinkLimits()
WINDOW = LIMITS.window_bytes


def batcher(limits: LinkLimits = LIMITS, large: int = 16384) -> Batcher:
    """Make one that has not seen anything."""
    return Batcher(PlainCodec(large), limits)


@pytest.mark.parametrize("size", [0, 10, 100, 1000, 10_000, 60_000, 100_000, 1_000_000])
def test_batches_of_even_messages_are_of_the_size_aimed_for(size: int) -> None:
    """Once the weight is known: 64 to 256 KiB a record, or one message."""
    b = batcher()
    b.encode([b"x" * size] * 16, 1, WINDOW)
    batches = b.encode([b"x" * size] * 4000, 17, WINDOW)
    for batch in batches[:-1]:
        count = batch.last - batch.first + 1
        assert count == 1 or 64 * 1024 <= batch.size <= 256 * 1024
    assert batches[-1].size <= 256 * 1024 or batches[-1].first == batches[-1].last


def test_numbers_have_no_gaps_and_contents_are_whole() -> None:
    """Whatever the cut, the pieces together are what was given."""
    b, messages = batcher(), [n % 7 * "x" * (n * 20) for n in range(500)]
    batches = b.encode(messages, 100, WINDOW)
    following, decoded = 100, []
    for batch in batches:
        assert batch.first == following
        following = batch.last + 1
        decoded += PlainCodec().decode(batch.encoded.payload, batch.encoded.buffers)
    assert following == 600
    assert decoded == messages
    assert len(batches) > 3


def test_a_wrong_guess_never_makes_a_batch_too_large() -> None:
    """Tiny messages first, then large ones: encoded again, smaller, and the guess has risen."""
    b = batcher(large=1 << 60)
    b.encode(["x"] * 4000, 1, WINDOW)
    assert b.mean < 10
    batches = b.encode(["x" * 10_000] * 300, 4001, WINDOW)
    assert all(batch.size <= 2 * LIMITS.batch_bytes for batch in batches)
    assert b.mean > 9_000


def test_the_guess_rises_at_once_and_falls_by_halves() -> None:
    """A stream of large and small keeps to the careful side."""
    b = batcher()
    b.encode(["x" * 100_000], 1, WINDOW)
    high = b.mean
    b.encode(["x"], 2, WINDOW)
    assert high / 2 <= b.mean <= high / 2 + 10
    b.encode(["x" * 100_000], 3, WINDOW)
    assert b.mean == high


def test_a_batch_never_exceeds_a_small_window() -> None:
    """A receiver with little room gets small batches, or single messages."""
    for window in (1, 10, 1_000, 50_000):
        for batch in batcher().encode(["x" * 300] * 200, 1, window):
            assert batch.size <= window or batch.first == batch.last


def test_many_small_buffers_are_spread() -> None:
    """No batch has more large buffers than a message may have frames."""
    limits = LinkLimits(frames=128)
    batches = batcher(limits, large=1).encode([b"x"] * 500, 1, WINDOW)
    assert all(len(batch.encoded.buffers) <= limits.buffers for batch in batches)
    assert batches[-1].last == 500


def test_what_raises_changes_nothing_and_counts_as_the_caller_does() -> None:
    """An error in the third batch names the message's place in the whole list."""
    b = Batcher(kamesh.codec, LIMITS)
    mean = b.mean
    with pytest.raises(Unsendable, match="message 70 cannot be sent") as caught:
        b.encode([b"x" * 10_000] * 70 + [{"a": [object()]}], 1, WINDOW)
    assert caught.value.index == 70
    assert caught.value.path == "['a'][0]"
    with pytest.raises(TooLarge, match="message 3 cannot be sent: it has 67,108,8"):
        b.encode([b"x"] * 3 + [b"x" * (LIMITS.largest_message + 1)], 1, WINDOW)
    with pytest.raises(TooMuch) as much:
        b.encode(["x"] * 3 + [[0] * (1 << 20)], 1, WINDOW)
    assert much.value.index == 3
    assert b.mean == mean


def test_what_is_too_much_for_the_codec_at_once_is_cut() -> None:
    """Tiny messages first, then many values: the batch is cut where the codec says."""
    b = Batcher(kamesh.codec, LIMITS)
    b.encode([0] * 1000, 1, WINDOW)
    batches = b.encode([[0] * 5_000] * 1000, 1001, WINDOW)
    assert batches[-1].last == 2000
    assert all(batch.size <= 2 * LIMITS.batch_bytes for batch in batches)


def test_a_batch_can_be_split_for_a_smaller_window() -> None:
    """Those acknowledged are left out, the rest is in pieces of the right size."""
    b = batcher()
    b.encode(["x"], 1, WINDOW)
    (batch,) = b.encode(list(range(10)), 2, WINDOW)
    pieces = b.split(batch, 4, 3, WINDOW)
    assert [(piece.first, piece.last) for piece in pieces] == [(5, 7), (8, 10), (11, 11)]
    assert PlainCodec().decode(pieces[0].encoded.payload, ()) == [3, 4, 5]
