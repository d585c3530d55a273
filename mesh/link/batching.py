"""Batches: many messages in, few encoded ones out, of a size that suits the wire.

Laws: all messages are encoded or none (whatever raises, raises before anything has changed); a
batch is about `batch_bytes`, never more than twice that unless it is a single message, and never
more than a window; the guess of how large messages are rises at once and falls by halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kamesh.codec import TooMuch, Unsendable
from kamesh.link.errors import TooLarge
from kamesh.link.fields import Buffer
from kamesh.link.limits import LinkLimits

__all__ = ["Batch", "Batcher", "Codec", "EncodedLike"]

_UNKNOWN = 64 * 1024  # bytes that a message is thought to have before one has been seen


class EncodedLike(Protocol):
    """What `encode` returns: see `kamesh.codec.Encoded`."""

    @property
    def payload(self) -> Buffer:
        """The messages, without their large buffers."""

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The large buffers, each to be a frame."""

    @property
    def size(self) -> int:
        """Bytes in all."""


class Codec(Protocol):
    """What a link needs of `kamesh.codec`."""

    def encode(self, messages: Sequence[object], /) -> EncodedLike:
        """Raise `Unsendable`, or `TooMuch` where the batch has to be cut."""

    def decode(self, payload: Buffer, buffers: Sequence[Buffer], /) -> list[object]:
        """Return a list, or raise whatever it likes if this is not what `encode` made."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages `first` to `last`, encoded."""

    first: int
    last: int
    size: int
    encoded: EncodedLike


def _counted(error: Unsendable, done: int) -> Unsendable:
    """Return the same error, counting messages as the caller does."""
    return type(error)(error.index + done, error.type_name, error.path, error.why, error.way_out)


class Batcher:
    """Encodes the messages of one linkage. `mean` is what it thinks a message weighs."""

    __slots__ = ("_codec", "_limits", "_measured", "mean")

    def __init__(self, codec: Codec, limits: LinkLimits) -> None:
        self._codec = codec
        self._limits = limits
        self._measured = False
        self.mean: float = _UNKNOWN

    def encode(self, messages: Sequence[object], first: int, most_bytes: int) -> list[Batch]:
        """Return batches of `messages`, the first of which has the number `first`.

        No batch has more than `most_bytes` unless it is a single message.
        """
        total = len(messages)
        aim = min(self._limits.batch_bytes, max(1, most_bytes // 2))
        mean, measured = self.mean, self._measured
        batches: list[Batch] = []
        done = 0
        most = total  # that the codec takes at once
        while done < total:
            take = min(total - done, int(aim / mean) or 1, most)
            part = messages if take == total else messages[done : done + take]
            try:
                encoded = self._codec.encode(part)
            except TooMuch as error:
                if not error.index:
                    raise _counted(error, done) from error
                most = error.index
                continue
            except Unsendable as error:
                raise _counted(error, done) from error
            size = encoded.size
            each = size / take
            if take > 1 and (size > 2 * aim or len(encoded.buffers) > self._limits.buffers):
                mean = max(each, 2.5 * aim / take)  # so that `take` comes to less than half
                continue
            if size > self._limits.largest_message or len(encoded.buffers) > self._limits.buffers:
                self._refuse(encoded, done)
            batches.append(Batch(first + done, first + done + take - 1, size, encoded))
            done += take
            most = total
            mean = each if each > mean or not measured else (mean + each) / 2
            mean = max(mean, 1.0)
            measured = True
        self.mean, self._measured = mean, measured
        return batches

    def _refuse(self, encoded: EncodedLike, index: int) -> None:
        """Refuse what the peer would refuse."""
        limits = self._limits
        raise TooLarge(
            index, encoded.size, limits.largest_message, len(encoded.buffers), limits.buffers
        )

    def split(self, batch: Batch, above: int, count: int, most_bytes: int) -> list[Batch]:
        """Encode a batch again in pieces of at most `count` messages, without those up to `above`.

        Needed when a restarted receiver opens a smaller window than the one before it did.
        """
        skip = max(0, above + 1 - batch.first)
        encoded = batch.encoded
        messages = self._codec.decode(encoded.payload, encoded.buffers)[skip:]
        pieces: list[Batch] = []
        for start in range(0, len(messages), count):
            first = batch.first + skip + start
            pieces += self.encode(messages[start : start + count], first, most_bytes)
        return pieces
