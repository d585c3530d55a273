"""Small parts for the middle of a pipeline: let some through, the first few, counted, copied aside.

Laws: what goes through is the same object that came, in its order; a part that has seen enough ends,
and with it, in a Pipeline, whatever fed it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, ClassVar

from kamesh import Component, Graphline, PureTransformer
from kamesh.components.refusing import function, whole

__all__ = ["Count", "Filter", "FirstOnly", "PassThrough", "PureTransformer", "Tee"]


class PassThrough(Component):
    """Sends on what comes.

    It is a joint for wiring: one place for several to send to, or to copy from.

    Example:
        >>> run(PassThrough(), ["one", None])["outbox"]
        ['one', None]

    Boxes: "inbox" anything; "outbox" the same; "control".

    How it ends: with its inbox, or when told on "control".
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

    `predicate` is called with each message; what it gives counts as Python counts it, so that 0, ""
    and None are false.

    Example:
        >>> run(Filter(lambda line: "error" in line), ["fine", "error 1"])["outbox"]
        ['error 1']

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
        function(predicate, "the predicate of a Filter")
        self.predicate = predicate

    def main(self) -> Generator[None, None, None]:
        """Send on what is let through of what has arrived."""
        while not self.stopping():
            self.send_all(filter(self.predicate, self.inbox))
            yield self.pause()


class FirstOnly(Component):
    """Sends on the first `count` messages, and ends.

    `count` is 1 unless given. In a Pipeline what feeds it is then told to stop, so that an endless
    source ends.

    Example:
        >>> import itertools
        >>> got = DataSink()
        >>> Pipeline(DataSource(itertools.count()), FirstOnly(3), got).run()
        >>> got.messages
        [0, 1, 2]

    Boxes: "inbox" anything; "outbox" the first ones; "control".

    How it ends: when `count` messages are sent, or with its inbox, or when told on "control".
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the first ones",
        "signal": "passes on what was told on control",
    }

    def __init__(self, count: int = 1, *, name: str | None = None) -> None:
        """Take how many; WrongFigure for fewer than 0."""
        super().__init__(name=name)
        whole(0, count, "how many of the first messages are sent on")
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


class Count(Component):
    """Counts messages, and sends how many there were when the stream has ended.

    Example:
        >>> run(Count(), "abc")["outbox"]
        [3]

    Boxes: "inbox" anything; "outbox" one int; "control".

    How it ends: with its inbox, or when told on "control", after the count is sent.
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
    r"""Sends on what comes, and gives a copy of everything to a component at the side.

    `side` is any component that takes them at its "inbox": what writes a log, for one. A side that is
    slow makes the source wait.

    Example:
        >>> from pathlib import Path
        >>> from kamesh.components.files import LineWriter
        >>> run(Tee(LineWriter("log.txt")), ["one", "two"])["outbox"]
        ['one', 'two']
        >>> Path("log.txt").read_text()
        'one\ntwo\n'

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
                ("THROUGH", "signal"): ("", "signal"),
            },
            THROUGH=_Through(),
            SIDE=side,
            name=name,
        )


class _Through(PassThrough):
    """Stands before a side that is told nothing: with its control linked, it ends with its stream."""

    outboxes: ClassVar = {**PassThrough.outboxes, "quiet": "nothing is ever sent here"}
