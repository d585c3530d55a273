"""Carousel, Seq and Par: chassis that say when their parts run.

Laws
1. At most one part of a Carousel or a Seq runs at a time; the next begins when it has ended.
2. What arrives while no part runs, and what a part leaves unread when it ends, waits for the next
   one; nothing is lost between two. Of a part that is made of others it is what the last to read its
   inbox leaves, be the rest of it still at work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any, ClassVar

from kamesh.chassis import Chassis, ChassisStrand, Part, as_component, failure_choice
from kamesh.component import Component
from kamesh.errors import ComponentFailed
from kamesh.inbox import Inbox
from kamesh.messages import ProducerFinished, Shutdown
from kamesh.scheduler import TaskState
from kamesh.strand import Strand
from kamesh.wiring import unlink

__all__ = ["Carousel", "Par", "Seq"]

log = logging.getLogger("kamesh")


class _OneAtATimeStrand(ChassisStrand):
    """Takes back what a part leaves unread."""

    __slots__ = ()

    def child_ending(self, child: Strand) -> None:
        """Keep for the next part what this one, or the last of its own parts to read it, has not read."""
        own = self.inboxes["inbox"]
        reading = [inbox for inbox in _ends(own) if not inbox.closed]
        if own in reading or any(inbox.owner is not child for inbox in reading):
            return
        for linkage in own.targets:
            unlink(linkage)
        for inbox in reading[:1]:  # the others have had copies
            own.put_back(inbox.empty())


def _ends(inbox: Inbox) -> Iterator[Inbox]:
    """Find where what comes to `inbox` is read."""
    if not inbox.targets:
        yield inbox
    for linkage in inbox.targets:
        assert isinstance(linkage.sink, Inbox)  # an inbox passes on to nothing else
        yield from _ends(linkage.sink)


class _OneAtATime(Chassis):
    """What Carousel and Seq share: a current part, joined to the boxes of the chassis."""

    _strand_kind: ClassVar[type[Strand]] = _OneAtATimeStrand
    current: Component | None = None

    def begin(self, part: Part) -> None:
        """Make `part` the current one."""
        child = self.current = self.hold(part)
        if "inbox" in child._strand.inboxes:
            self.link(("", "inbox"), (child.name, "inbox"))
        if "outbox" in child._strand.outboxes:
            self.link((child.name, "outbox"), ("", "outbox"))
        assert self._strand.runtime is not None
        child._strand.start(self._strand.runtime)

    def clear(self) -> bool:
        """Take out the current part if it has ended; say whether that was so."""
        child = self.current
        if child is None or child._strand.state is not TaskState.ENDED:
            return False
        self._strand.just_ended.clear()
        self.current = None
        self.remove(child.name)
        if child.failure is not None:
            if self.on_failure == "stop":
                raise ComponentFailed(child.failure) from child._strand.error
            log.error("%s; %s goes on", child.failure, self.path)
        return True

    def tell(self, message: object) -> None:
        """Put `message` into the control of the current part."""
        if self.current is not None:
            self.current.control.deliver(message)

    def end_with(self, message: Shutdown) -> Generator[None, None, None]:
        """Have the current part stop, wait for it, and pass `message` on."""
        self.tell(message)
        while self.current is not None and not self.clear():
            yield self.pause()
        self.send(message, "signal")


class Carousel(_OneAtATime):
    """Makes components one after the other, each from a message on `next`.

    Example:
        >>> played = Carousel(lambda n: Pipeline(DataSource(range(n)), str))
        >>> run(played, {"next": [2, 3]})["outbox"]
        ['0', '1', '0', '1', '2']

    Boxes: inbox and outbox are the current component's; next, arguments for the factory: each makes
    one component when the one before has ended (it is told to finish); request_next says "next" when
    one has ended by itself.

    How it ends: after ProducerFinished on `control`, or when `next` has ended, once everything that
    was asked for has been done; after Shutdown at once, dropping what was asked for.
    """

    inboxes = {
        "inbox": "for the current component",
        "next": "what to make the next component from",
        "control": "finish, or stop",
    }
    outboxes = {
        "outbox": "from the current component",
        "request_next": '"next" whenever a component has ended by itself',
        "signal": "how it ended",
    }

    def __init__(
        self,
        factory: Callable[[Any], Part],
        *,
        ask_first: bool = False,
        name: str | None = None,
        on_failure: str = "stop",
    ) -> None:
        """Take the factory; with `ask_first` it asks for the first one as well."""
        super().__init__(name=name)
        self.factory = factory
        self.ask_first = ask_first
        self.on_failure = failure_choice(on_failure)

    def main(self) -> Generator[None, None, None]:
        """Make one after the other."""
        finishing = told = False
        following = self._inbox("next")
        if self.ask_first:
            self.send("next", "request_next")
        while True:
            for message in self.control:
                if isinstance(message, Shutdown):
                    yield from self.end_with(message)
                    return
                if isinstance(message, ProducerFinished):
                    finishing = True
            asked = bool(following.queue)
            if self.clear():
                if not told and not asked:
                    self.send("next", "request_next")
                told = False
                continue
            if self.current is None and asked:
                self.begin(self.factory(following.recv()))
            elif self.current is None and (finishing or following.ended):
                self.send(ProducerFinished(self.path), "signal")
                return
            elif self.current is not None and (asked or finishing) and not told:
                told = True
                self.tell(ProducerFinished(self.path))
            yield self.pause()


class Seq(_OneAtATime):
    """Runs its parts one after the other; each has the inbox and the outbox while it runs.

    Example:
        >>> run(Seq(OneShot("one"), DataSource(["two", "three"])))["outbox"]
        ['one', 'two', 'three']

    Boxes: those of the part that runs.

    How it ends: when the last part has; Shutdown on `control` ends
    the current one and drops the rest; ProducerFinished is told to each.
    """

    def __init__(self, *parts: Part, name: str | None = None, on_failure: str = "stop") -> None:
        """Take the parts; they are started in turn."""
        super().__init__(name=name)
        self.on_failure = failure_choice(on_failure)
        self.waiting = [as_component(part) for part in parts]

    def main(self) -> Generator[None, None, None]:
        """Run one after the other."""
        finishing: ProducerFinished | None = None
        while True:
            for message in self.control:
                if isinstance(message, Shutdown):
                    yield from self.end_with(message)
                    return
                if isinstance(message, ProducerFinished):
                    finishing = message
                    self.tell(message)
            self.clear()
            if self.current is None:
                if not self.waiting:
                    return
                self.begin(self.waiting.pop(0))
                if finishing is not None:
                    self.tell(finishing)
            yield self.pause()


class Par(Chassis):
    """Runs its parts side by side: each gets a copy of what comes in, and all send to one outbox.

    Example:
        >>> sorted(run(Par(str.upper, str.lower), ["Hello"])["outbox"])
        ['HELLO', 'hello']

    Boxes: inbox, copied to every part; outbox, from all of them.

    How it ends: when all parts have;
    what is told on `control` is told to all.
    """

    inboxes: ClassVar = Component.inboxes

    def __init__(self, *parts: Part, name: str | None = None, on_failure: str = "stop") -> None:
        """Wire `parts` side by side."""
        super().__init__(name=name)
        self.on_failure = failure_choice(on_failure)
        strands = [self.add(part)._strand for part in parts]
        readers = [(each.name, "inbox") for each in strands if "inbox" in each.inboxes]
        if readers:
            self.link(("", "inbox"), readers)
        for each in strands:
            if "outbox" in each.outboxes:
                self.link((each.name, "outbox"), ("", "outbox"))
