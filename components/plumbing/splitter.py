"""Splitter: one stream to any number of receivers, which may come and go while it runs.

Laws
1. To add or to remove a receiver never loses, repeats or delays a message for another one.
2. A receiver gets every message sent from when it was added until it is removed.
3. One that is removed, or that has ended, is forgotten: nothing here holds on to it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from kamesh import Component, Policy
from kamesh.errors import NotSuitable
from kamesh.inbox import Inbox
from kamesh.wiring import Linkage

__all__ = ["AddSink", "RemoveSink", "Splitter"]


@dataclass(frozen=True, slots=True)
class AddSink:
    """Asks a Splitter to send to an inbox of a component of this process as well."""

    component: Component
    inbox: str = "inbox"
    policy: Policy | str = Policy.BLOCK


@dataclass(frozen=True, slots=True)
class RemoveSink:
    """Asks a Splitter to send to an inbox no longer."""

    component: Component
    inbox: str = "inbox"


class Splitter(Component):
    """Copies what comes to every receiver that is plugged in at the time.

    `sinks` are components whose "inbox" is plugged in to begin with. Others come and go by `add_sink` and
    `remove_sink`, called in the event loop's own thread, or by message: AddSink and RemoveSink on "control"
    reach it even while a receiver that reads nothing makes it wait. Adding what is there already and
    removing what is not changes nothing. A receiver that is slow makes the source wait, and so the
    others: give it another `policy` ("drop_oldest", "drop_newest", "latest") where that must not be. A
    receiver that is removed is not told of an end; it gets no more, that is all.

    Example:
        >>> left, right = DataSink(), DataSink()
        >>> split = Splitter(left)
        >>> split.add_sink(right)
        >>> linkages = {("SOURCE", "outbox"): ("SPLIT", "inbox")}
        >>> Graphline(linkages, SOURCE=DataSource("ab"), SPLIT=split, LEFT=left, RIGHT=right).run()
        >>> left.messages, right.messages
        (['a', 'b'], ['a', 'b'])

    Boxes: "inbox" what to copy; "outbox" the copies (it may be linked as any other too); "control"
    AddSink, RemoveSink, and what any component is told.

    How it ends: when its inbox has ended, or when it is told to on "control"; for all that are
    plugged in this is the end of the stream.
    """

    inboxes: ClassVar = {
        "inbox": "what to copy",
        "control": "AddSink and RemoveSink; told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a copy to everyone who is plugged in",
        "signal": "passes on what was told on control",
    }

    def __init__(self, *sinks: Component, name: str | None = None) -> None:
        """Begin with the inboxes of `sinks` plugged in."""
        super().__init__(name=name)
        self._sinks: dict[Inbox, Linkage] = {}
        for sink in sinks:
            self.add_sink(sink)

    def add_sink(
        self, component: Component, inbox: str = "inbox", policy: Policy | str = Policy.BLOCK
    ) -> None:
        """Send to `inbox` of `component` from now on; UnknownBox if it has none of that name."""
        if not isinstance(component, Component):
            raise NotSuitable(f"a Splitter sends to components, and {component!r} is none")
        box = component._inbox(inbox)
        if box not in self._sinks and not box.closed:
            (self._sinks[box],) = self.link(("", "outbox"), [(component, inbox)], policy)

    def remove_sink(self, component: Component, inbox: str = "inbox") -> None:
        """Send to `inbox` of `component` no longer; what it has not read yet stays with it."""
        if not isinstance(component, Component):
            raise NotSuitable(f"a Splitter sends to components, and {component!r} is none")
        linkage = self._sinks.pop(component._inbox(inbox), None)
        if linkage is not None:
            self.unlink(linkage)

    def main(self) -> Generator[None, None, None]:
        """Plug in and out as asked, and copy what has arrived."""
        while not self.stopping():
            while not self.stopping() and self.control.queue:
                self._configure(self.recv("control"))
            self._forget_ended()
            self.send_all(self.inbox)
            yield self.pause()

    def _configure(self, message: object) -> None:
        match message:
            case AddSink(component, inbox, policy):
                self.add_sink(component, inbox, policy)
            case RemoveSink(component, inbox):
                self.remove_sink(component, inbox)
            case _:
                raise NotSuitable(
                    f"{self.path} was sent {message!r} on its control: it takes AddSink(...), "
                    f"RemoveSink(...), and what any component is told"
                )

    def _forget_ended(self) -> None:
        for box in [box for box in self._sinks if box.closed]:
            self.unlink(self._sinks.pop(box))

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"sinks": len(self._sinks)}
