"""Messages over any stream of bytes: what comes out is what was put in, type and all.

A frame is one batch of messages as `kamesh.codec` encodes it:

    1 byte     the number of this form, 1
    1 byte     0
    2 bytes    how many large buffers follow, n
    4 bytes    the size of the payload
    8 bytes n  the size of each buffer
    the payload, the buffers

All numbers are big-endian.

Laws: ONLY APPEND to these forms; a size that is too large is refused when it is read; whatever
arrives is a message or a FramingError, and no code of its own is ever run.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, ClassVar

from kamesh import Component
from kamesh.codec import Undecodable, Unsendable, decode, encode
from kamesh.components.framing.converting import Held, Splitting, gathered
from kamesh.components.framing.incremental import (
    BadFrame,
    CutShort,
    FrameTooLong,
    Incremental,
    checked_limit,
)
from kamesh.components.sending import sending

__all__ = ["BytesToMessages", "MessageSplitter", "MessagesToBytes", "frame_messages"]

HEAD = struct.Struct(">BBHI")
FORM = 1
LONGEST_BATCH = 64 << 20  # bytes: a raw picture of 4K and something to spare
BATCH = 256  # messages
ENOUGH = 4 << 20  # bytes from which several messages are not put into one frame
MOST_BUFFERS = 0xFFFF


class MessageSplitter(Incremental[bytes, Any]):
    """Takes bytes, gives the messages in them: what `frame_messages` made of messages.

    Example: `MessageSplitter().feed(frame_messages([1, (2,)])) == [1, (2,)]`.
    """

    def __init__(self, longest: int = LONGEST_BATCH) -> None:
        """Begin before the first frame, of at most `longest` bytes."""
        self._longest = checked_limit(longest)
        self._kept = bytearray()
        self._number = 0
        self._need = HEAD.size

    def pieces(self, given: bytes) -> Iterator[Any]:
        """Take `given`; give the messages of the frames that are complete now."""
        self._kept += given
        while len(self._kept) >= self._need:
            sizes = self._sizes()
            if sizes is None or len(self._kept) < self._need:
                continue  # it knows better now how much is needed
            frame = bytes(memoryview(self._kept)[: self._need])
            del self._kept[: self._need]
            self._need = HEAD.size
            self._number += 1
            yield from self._decoded(frame, sizes)

    def rest(self) -> Iterator[Any]:
        """Raise CutShort unless the stream ended between two frames."""
        if self._kept:
            raise CutShort(
                f"the stream ended in the middle of frame {self._number + 1}: {len(self._kept)} "
                f"bytes of it came, and at least {self._need} were to"
            )
        yield from ()

    def _sizes(self) -> Sequence[int] | None:
        """Give the sizes of the payload and of the buffers, once they are here."""
        form, zero, buffers, payload = HEAD.unpack_from(self._kept)
        if form != FORM or zero:
            raise BadFrame(
                f"frame {self._number + 1} is not of the form that MessagesToBytes makes: something "
                f"else writes there"
            )
        head = HEAD.size + 8 * buffers
        if len(self._kept) < head:
            self._need = head
            return None
        sizes = (payload, *struct.unpack_from(f">{buffers}Q", self._kept, HEAD.size))
        if head + sum(sizes) > self._longest:
            raise FrameTooLong(
                f"frame {self._number + 1} has {head + sum(sizes)} bytes, more than the "
                f"{self._longest} that are allowed"
            )
        self._need = head + sum(sizes)
        return sizes

    def _decoded(self, frame: bytes, sizes: Sequence[int]) -> list[Any]:
        parts = []
        at = HEAD.size + 8 * (len(sizes) - 1)
        for size in sizes:
            parts.append(frame[at : at + size])
            at += size
        try:
            return decode(parts[0], parts[1:])
        except Undecodable as error:
            raise BadFrame(f"frame {self._number} cannot be read: {error}") from error


class MessagesToBytes(Component):
    """Makes a stream of bytes of any messages that travel: BytesToMessages gives them back.

    What travels is what can be sent to another node: Python's own values, arrays, frames of media, and
    dataclasses that were registered (see `kamesh.codec`). This carries any linkage over TCP, a
    pipe, a file.

    Example:
        >>> Pipeline(
        ...     DataSource([("one", 1), {2, 3}]), MessagesToBytes(), BytesToMessages(), print
        ... ).run()
        ('one', 1)
        {2, 3}

    Boxes: "inbox" messages; "outbox" bytes, all that waits together, in pieces of about 64 KiB;
    "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence that has the
    message's type and the way to the culprit in it, for what does not travel.
    """

    inboxes: ClassVar = {
        "inbox": "messages that travel",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}

    def main(self) -> Generator[None, None, None]:
        """Frame what has arrived, together."""
        while not self.stopping():
            held = Held(chain.from_iterable(map(_framed, _batches(self.inbox))))
            yield from sending(self, gathered(held))
            held.release()
            yield self.pause()


class BytesToMessages(Splitting):
    """Gives back the messages that MessagesToBytes made bytes of.

    `longest` is how many bytes a batch of messages may have (default 64 MiB); the sender puts up to
    256 small messages into one, so leave room. `source` is what a mistake is said of. Bytes from
    someone you do not trust do no harm: they can but fail it.

    Example:
        >>> (data,) = run(MessagesToBytes(), [("one", 1), {2, 3}])["outbox"]
        >>> run(BytesToMessages(), [data[:7], data[7:]])["outbox"]
        [('one', 1), {2, 3}]

    Boxes: "inbox" bytes, cut anywhere; "outbox" the messages; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for bytes that no
    MessagesToBytes made or that are too many, for a dataclass that is not registered here, and where
    the stream ends in the middle of a frame.
    """

    def __init__(
        self, longest: int = LONGEST_BATCH, *, source: str = "", name: str | None = None
    ) -> None:
        """Begin before the first message."""
        super().__init__(MessageSplitter(longest), source=source, name=name)


def frame_messages(messages: Sequence[object]) -> bytes:
    """Give the bytes of a batch of messages; `Unsendable` as `encode` raises it."""
    return b"".join(_framed(messages))


def _batches(messages: Iterable[object]) -> Iterator[list[object]]:
    waiting = iter(messages)
    while batch := list(islice(waiting, BATCH)):
        yield batch


def _framed(messages: Sequence[object]) -> Iterator[bytes]:
    """Give the frames of `messages`: as few as their limits allow, and those before a mistake."""
    try:
        encoded = encode(messages)
    except Unsendable as error:
        if not error.index:
            raise
        yield from _framed(messages[: error.index])
        yield from _framed(messages[error.index :])
        return
    sizes = [len(buffer) for buffer in encoded.buffers]
    if len(sizes) > MOST_BUFFERS or encoded.size > ENOUGH:
        if len(messages) > 1:
            half = len(messages) // 2
            yield from _framed(messages[:half])
            yield from _framed(messages[half:])
            return
        if len(sizes) > MOST_BUFFERS:
            raise FrameTooLong(
                f"a message holds {len(sizes)} large pieces of data, and {MOST_BUFFERS} go into one: "
                f"split it, or put them into one array"
            )
    head = HEAD.pack(FORM, 0, len(sizes), len(encoded.payload))
    yield head + struct.pack(f">{len(sizes)}Q", *sizes) + encoded.payload
    yield from map(bytes, encoded.buffers)
