"""Batch: messages put together, so that what comes after is asked less often.

Laws
1. Every message is in exactly one batch, in its order; no batch is empty.
2. A batch is sent as soon as it is full, by number or by bytes, and at the latest so many seconds
   after its first message came; never earlier for another reason than the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.plumbing.measuring import byte_length
from kamesh.components.refusing import at_least, function, whole
from kamesh.components.sending import sending

__all__ = ["Batch"]


class Batch(Component):
    """Puts messages together in tuples, by number, by bytes and by age.

    A batch is sent when it holds `size` messages (default 1024); before the message that would bring it
    to more than `most_bytes`; and `seconds` after its first message came. Without the last two there is
    no such limit. A single message of more than `most_bytes` is a batch by itself. `measure` gives the
    bytes of a message (default: of bytes, text and arrays as they are).

    Example:
        >>> run(Batch(2), [1, 2, 3])["outbox"]
        [(1, 2), (3,)]
        >>> run(Batch(most_bytes=10), [b"12345", b"67890", b"1"])["outbox"]
        [(b'12345', b'67890'), (b'1',)]

    Boxes: "inbox" anything; "outbox" tuples of messages, none empty; "control".

    How it ends: with its inbox, or when told on "control", after what it has is sent; told Shutdown,
    at once.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "tuples of messages",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        size: int = 1024,
        seconds: float | None = None,
        most_bytes: int | None = None,
        *,
        measure: Callable[[Any], int] = byte_length,
        name: str | None = None,
    ) -> None:
        """Take the limits; WrongFigure for a size or bytes that are not 1 or more, or below 0 seconds."""
        super().__init__(name=name)
        whole(1, size, "the number of messages in a batch")
        if seconds is not None:
            at_least(0, seconds, "the seconds a batch waits")
        if most_bytes is not None:
            whole(1, most_bytes, "the number of bytes in a batch")
        function(measure, "measure= of a Batch")
        self.size = size
        self.seconds = seconds
        self.most_bytes = most_bytes
        self.measure = measure
        self._batch: list[Any] = []
        self._bytes = 0
        self._due: float | None = None  # when it is sent at the latest

    def main(self) -> Generator[None, None, None]:
        """Collect, and send when it is time."""
        while not self.stopping():
            for (
                message
            ) in self.inbox:  # each makes room for one batch: the one before it, or its own
                self._take(message)
            if self._is_full() or (self._due is not None and self.now() >= self._due):
                if self.room() > 0:
                    self._send()
                yield
            else:
                yield self.pause(None if self._due is None else self._due - self.now())
        yield from sending(self, [tuple(self._batch)] if self._batch else [])

    def _take(self, message: object) -> None:
        if self.most_bytes is not None:
            more = self.measure(message)
            if self._is_full() or (self._batch and self._bytes + more > self.most_bytes):
                self._send()
            self._bytes += more
        if not self._batch and self.seconds is not None:
            self._due = self.now() + self.seconds
        self._batch.append(message)
        if len(self._batch) == self.size:
            self._send()

    def _is_full(self) -> bool:
        return bool(self._batch) and self.most_bytes is not None and self._bytes >= self.most_bytes

    def _send(self) -> None:
        self.send(tuple(self._batch))
        self._batch = []
        self._bytes = 0
        self._due = None
