"""TwoWaySplitter: one stream, and what is told, to two receivers.

Law: both get the same, in the same order: messages, stop messages, and the end.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from kamesh import Component, ProducerFinished

__all__ = ["TwoWaySplitter"]


class TwoWaySplitter(Component):
    """Copies a stream to two outboxes, and what it is told to two signals.

    It is for wiring by hand, where each receiver's "control" is linked too; a list of destinations in a
    Graphline copies just as well where it is not. The slower receiver sets the pace of both.

    Example:
        >>> sent = run(TwoWaySplitter(), [1, 2])
        >>> sent["outbox"], sent["outbox2"]
        ([1, 2], [1, 2])

    Boxes: "inbox" what to copy; "outbox" and "outbox2" the copies; "control" what to tell both;
    "signal" and "signal2" what came on "control", whatever it is, and that it has ended.

    How it ends: with its inbox, or when told on "control"; both receivers are told.
    """

    inboxes: ClassVar = {"inbox": "what to copy", "control": "what to tell both"}
    outboxes: ClassVar = {
        "outbox": "a copy",
        "outbox2": "another",
        "signal": "what came on control",
        "signal2": "the same",
    }

    def main(self) -> Generator[None, None, None]:
        """Copy what has arrived."""
        while not self.stopping():
            for message in self.inbox:
                self.send(message, "outbox")
                self.send(message, "outbox2")
            while not self.stopping() and self.control.queue:  # what is no stop message
                message = self.recv("control")
                self.send(message, "signal")
                self.send(message, "signal2")
            yield self.pause()
        told = self._strand.stop_note
        if told is None:
            told = ProducerFinished(self.path, at_end=True)
            self.send(told, "signal")
        self.send(told, "signal2")
