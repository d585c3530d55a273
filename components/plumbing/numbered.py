"""Numbered messages: put a number on each, and from the numbers put them back in order.

Between the two may be anything that loses, doubles or reorders: datagrams, a multicast group.

Laws
1. Out of RecoverOrder messages come in the order in which they went into the Annotator, each at most
   once, and every one that is missing is reported.
2. What waits for a missing one is bounded in number, and in time where a time is given; at the end
   nothing stays behind.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from kamesh import Component
from kamesh.codec import register
from kamesh.components.plumbing.order import Gap, OrderRecovery
from kamesh.components.refusing import WrongFigure, at_least
from kamesh.components.sending import sending
from kamesh.errors import NotSuitable

__all__ = ["Annotator", "Numbered", "RecoverOrder"]


@register(name="plumbing.Numbered")
@dataclass(frozen=True, slots=True)
class Numbered:
    """A message with its number in the stream."""

    number: int
    message: Any


class Annotator(Component):
    """Puts a number on each message.

    It counts from `first` (default 1) in ones.

    Example:
        >>> run(Annotator(), ["a", "b"])["outbox"]
        [Numbered(number=1, message='a'), Numbered(number=2, message='b')]

    Boxes: "inbox" anything; "outbox" a Numbered for each; "control".

    How it ends: with its inbox, or when told on "control".
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "a Numbered for each",
        "signal": "passes on what was told on control",
    }

    def __init__(self, first: int = 1, *, name: str | None = None) -> None:
        """Take the first number; WrongFigure for what is no whole number."""
        super().__init__(name=name)
        if not isinstance(first, int):
            raise WrongFigure(f"messages are numbered from a whole number on, not from {first!r}")
        self.number = first

    def main(self) -> Generator[None, None, None]:
        """Put a number on what has arrived."""
        while not self.stopping():
            for message in self.inbox:
                self.send(Numbered(self.number, message))
                self.number += 1
            yield self.pause()


class RecoverOrder(Component):
    """Gives numbered messages out in the order of their numbers, each once, and reports what is missing.

    Up to `size` messages (default 64) wait for one that is missing; then it is given up. With
    `patience` it is given up as well when nothing could be sent for that many seconds. `first` is the
    number of the first message (default 1); None takes the number of whatever comes first. What comes
    twice, or when it has been given up, is dropped and counted.

    Example:
        >>> came = [Numbered(2, "b"), Numbered(1, "a"), Numbered(1, "a"), Numbered(4, "d")]
        >>> run(RecoverOrder(), came)
        {'outbox': ['a', 'b', 'd'], 'gaps': [Gap(first=3, last=3)], 'signal': [...]}

    Boxes: "inbox" Numbered messages; "outbox" the messages, without their numbers; "gaps" a Gap for
    what never came, with the first and the last number; "control".

    How it ends: with its inbox, or when told on "control", after all that waits is sent; told
    Shutdown, at once.
    """

    inboxes: ClassVar = {
        "inbox": "Numbered messages in any order",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the messages in order",
        "gaps": "a Gap for each row of numbers that never came",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        size: int = 64,
        *,
        patience: float | None = None,
        first: int | None = 1,
        name: str | None = None,
    ) -> None:
        """Take the figures; WrongFigure for a size below 1 or a patience below 0 seconds."""
        super().__init__(name=name)
        if patience is not None:
            at_least(0, patience, "the seconds to wait for a missing message")
        self.patience = patience
        self.order: OrderRecovery[Any] = OrderRecovery(size, first)

    def main(self) -> Generator[None, None, None]:
        """Put in order what has arrived."""
        order, since = self.order, self.now()  # when something could be sent for the last time
        while not self.stopping():
            was_waiting, ready = len(order), []
            for message in self.inbox:
                if not (isinstance(message, Numbered) and isinstance(message.number, int)):
                    raise NotSuitable(
                        f"{self.path} was sent {message!r}: it takes Numbered messages"
                    )
                ready += order.add(message.number, message.message)
            if ready or not was_waiting:
                since = self.now()
            left = None
            if self.patience is not None and len(order):
                left = since + self.patience - self.now()
                if left <= 0:
                    ready += order.give_up()
                    since = self.now()
            if ready:
                yield from self._send(ready)
            else:
                self.pause(left)
            yield
        yield from self._send(order.flush())

    def _send(self, ready: list[Any]) -> Generator[None, None, None]:
        self.send_all((one for one in ready if isinstance(one, Gap)), "gaps")
        yield from sending(self, [one for one in ready if not isinstance(one, Gap)])

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        order = self.order
        return {"waiting": len(order), "lost": order.lost, "dropped": order.dropped}
