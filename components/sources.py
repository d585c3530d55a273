"""Where messages come from and where they go: an iterable, a list, nowhere.

Laws
1. A source sends no faster than it is read, and looks no further ahead than one turn.
2. A finite source that is told to finish sends the rest first; told Shutdown, it stops where it is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.sending import sending

__all__ = ["DataSink", "DataSource", "NullSink", "OneShot"]


class DataSource(Component):
    """Sends the messages of an iterable: a list, a generator, `itertools.count()`.

    Example:
        >>> run(Pipeline(DataSource(["one", "two"]), str.upper))["outbox"]
        ['ONE', 'TWO']

    The iterable must not wait for anything (what does belongs in a ThreadedComponent), and is looked
    at for the first time when the component runs.

    Boxes: "outbox" the messages; "control".

    How it ends: after the last message; told Shutdown, or when nobody in its Pipeline wants more, at
    once.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the messages",
        "signal": "passes on what was told on control",
    }

    def __init__(self, messages: Iterable[object], *, name: str | None = None) -> None:
        """Take the messages; nothing is taken from the iterable yet."""
        super().__init__(name=name)
        self.messages = messages

    def main(self) -> Generator[None, None, None]:
        """Send them, as there is room."""
        yield from sending(self, self.messages)


class OneShot(DataSource):
    """Sends one message.

    Example:
        >>> run(OneShot("hello"))["outbox"]
        ['hello']

    Boxes: "outbox" the message; "control".

    How it ends: as DataSource.
    """

    def __init__(self, message: object, *, name: str | None = None) -> None:
        """Take the message."""
        super().__init__([message], name=name)


class DataSink(Component):
    """Keeps what it is sent in a list.

    Example:
        >>> shouted = []
        >>> Pipeline(DataSource(["one", "two"]), str.upper, DataSink(shouted)).run()
        >>> shouted
        ['ONE', 'TWO']

    Boxes: "inbox" what to keep; "control".

    How it ends: when its inbox has ended, or when it is told to on "control".
    """

    inboxes: ClassVar = {"inbox": "what to keep", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"signal": "passes on what was told on control"}

    def __init__(self, messages: list[Any] | None = None, *, name: str | None = None) -> None:
        """Take the list to add to (default: a new one, in `messages`)."""
        super().__init__(name=name)
        self.messages = [] if messages is None else messages

    def main(self) -> Generator[None, None, None]:
        """Keep what has arrived."""
        while not self.stopping():
            self.messages.extend(self.inbox)
            yield self.pause()


class NullSink(Component):
    """Counts what it is sent, and throws it away.

    Example:
        >>> hole = NullSink()
        >>> Pipeline(DataSource(range(1000)), hole).run()
        >>> hole.count
        1000

    Boxes: "inbox" anything; "control".

    How it ends: as DataSink.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = DataSink.outboxes

    def __init__(self, *, name: str | None = None) -> None:
        """Begin at 0."""
        super().__init__(name=name)
        self.count = 0

    def main(self) -> Generator[None, None, None]:
        """Throw away what has arrived."""
        while not self.stopping():
            for _ in self.inbox:
                self.count += 1
            yield self.pause()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"count": self.count}
