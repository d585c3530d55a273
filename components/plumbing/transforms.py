"""Small parts for the middle of a pipeline: let some through, the first few, in groups, counted.

Laws: what goes through is the same object that came, in its order; a part that has seen enough ends,
and with it, in a Pipeline, whatever fed it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, ClassVar

from kamesh import Component, Graphline, PureTransformer
from kamesh.components.sending import sending

__all__ = ["Batch", "Count", "Filter", "FirstOnly", "PassThrough", "PureTransformer", "Tee"]


class PassThrough(Component):
    """Sends on what comes.

    Example: `Graphline(IN=PassThrough(), ...)`, where one box is to feed several.

    Boxes: "inbox" anything; "outbox" the same; "control". How it ends: with its inbox, or when told.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "the same", "signal": "passes on what was told on control"}

    def main(self) -> Generator[None, None, None]:
        """Send on what has arrived."""
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()


class Filter(Component):
    """Sends on the messages that a predicate is true of.

    Example: `Pipeline(LineReader("log"), Filter(lambda line: "error" in line), ConsoleEchoer())`.

    Boxes: "inbox" anything; "outbox" those let through; "control".

    How it ends: with its inbox, or when told on "control". If the predicate raises, it fails, with
    the predicate's own line.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "those that are let through",
        "signal": "passes on what was told on control",
    }

    def __init__(self, predicate: Callable[[Any], object], *, name: str | None = None) -> None:
        """Take the predicate."""
        super().__init__(name=name)
        self.predicate = predicate

    def main(self) -> Generator[None, None, None]:
        """Send on what is let through of what has arrived."""
        while not self.stopping():
            self.send_all(filter(self.predicate, self.inbox))
            yield self.pause()


class FirstOnly(Component):
    """Sends on the first `count` messages, and ends.

    Example: `Pipeline(DataSource(itertools.count()), FirstOnly(3), ConsoleEchoer()).run()`.

    Boxes: "inbox" anything; "outbox" the first ones; "control".

    How it ends: when `count` messages are sent, or with its inbox, or when told on "control".
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the first ones",
        "signal": "passes on what was told on control",
    }

    def __init__(self, count: int = 1, *, name: str | None = None) -> None:
        """Take how many; ValueError for fewer than 0."""
        super().__init__(name=name)
        if count < 0:
            raise ValueError(f"the first {count} of something cannot be taken")
        self.count = count

    def main(self) -> Generator[None, None, None]:
        """Send on until there were enough."""
        left = self.count
        while left and not self.stopping():
            for message in self.inbox:
                self.send(message)
                left -= 1
                if not left:
                    return
            yield self.pause()


class Batch(Component):
    """Puts messages together in lists of `size`.

    Example: `Pipeline(source, Batch(100, seconds=1.0), store)`.

    With `seconds`, a list that is not full is sent that long after its first message came.

    Boxes: "inbox" anything; "outbox" lists, none empty; "control".

    How it ends: with its inbox, or when told on "control", after what it has is sent.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "lists of messages",
        "signal": "passes on what was told on control",
    }

    def __init__(self, size: int, seconds: float | None = None, *, name: str | None = None) -> None:
        """Take the size and the longest wait; ValueError for a size below 1 or a wait below 0."""
        super().__init__(name=name)
        if size < 1 or (seconds is not None and seconds < 0):
            raise ValueError(f"a batch of {size} messages within {seconds} seconds cannot be made")
        self.size = size
        self.seconds = seconds

    def main(self) -> Generator[None, None, None]:
        """Collect, and send when it is time."""
        batch: list[Any] = []
        due = 0.0
        while not self.stopping():
            for message in self.inbox:
                if not batch and self.seconds is not None:
                    due = self.now() + self.seconds
                batch.append(message)
                if len(batch) == self.size:
                    self.send(batch)
                    batch = []
            if batch and self.seconds is not None and self.now() >= due:
                self.send(batch)
                batch = []
            self.pause(due - self.now() if batch and self.seconds is not None else None)
            yield
        yield from sending(self, [batch] if batch else [])


class Count(Component):
    """Counts messages, and sends how many there were when the stream has ended.

    Example: `Pipeline(LineReader("names.txt"), Count(), ConsoleEchoer()).run()`.

    Boxes: "inbox" anything; "outbox" one int; "control". How it ends: with its inbox, or when told.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "how many there were",
        "signal": "passes on what was told on control",
    }

    def __init__(self, *, name: str | None = None) -> None:
        """Begin at 0."""
        super().__init__(name=name)
        self.count = 0

    def main(self) -> Generator[None, None, None]:
        """Count what has arrived."""
        while not self.stopping():
            self.count += sum(1 for _ in self.inbox)
            yield self.pause()
        self.send(self.count)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"count": self.count}


class Tee(Graphline):
    """Sends on what comes, and gives a copy of everything to a component at the side.

    Example: `Pipeline(ConsoleReader(), Tee(LineWriter("log.txt")), ConsoleEchoer()).run()`.

    Boxes: "inbox" anything; "outbox" the same; "control".

    How it ends: with its inbox, once the component at the side has ended too. Told Shutdown, the
    side still takes what has been sent on, so that both have seen the same.
    """

    def __init__(self, side: Component, *, name: str | None = None) -> None:
        """Take the component at the side: its inbox gets the copies."""
        super().__init__(
            {
                ("", "inbox"): ("THROUGH", "inbox"),
                ("THROUGH", "outbox"): [("", "outbox"), ("SIDE", "inbox")],
                ("THROUGH", "quiet"): ("SIDE", "control"),
            },
            THROUGH=_Through(),
            SIDE=side,
            name=name,
        )


class _Through(PassThrough):
    """Stands before a side that is told nothing: with its control linked, it ends with its stream."""

    outboxes: ClassVar = {**PassThrough.outboxes, "quiet": "nothing is ever sent here"}
