"""Carousels ready made: one component after the other, for each message, again, or from a list.

They are kamesh's Seq with parts that are made only when their turn has come. (A Carousel makes one for
each message on "next", too, but tells the one before to finish: the way to switch programmes.)

Laws
1. One part runs at a time, and each is made when the one before has ended.
2. What is left unread by one waits for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, ClassVar

from kamesh import ProducerFinished, Seq, Shutdown
from kamesh.chassis import Part
from kamesh.components.refusing import at_least, function, whole
from kamesh.components.retries import Retries
from kamesh.errors import ComponentFailed, NotSuitable

__all__ = ["ForEach", "InTurn", "Repeat"]


class _OneAfterAnother(Seq):
    """What they have in common: a current part, and what to do when it has ended."""

    def __init__(self, *, name: str | None = None, on_failure: str = "stop") -> None:
        super().__init__(name=name, on_failure=on_failure)
        self.made = 0  # parts, so far
        self.finishing = False  # told to finish what there is

    def main(self) -> Generator[None, None, None]:
        """Run one after the other."""
        while True:
            for message in self.control:
                if isinstance(message, Shutdown):
                    yield from self.end_with(message)
                    return
                if isinstance(message, ProducerFinished) and not self._is_said_by_stream(message):
                    self.finishing = True
                    self.told(message)
            self.clear()
            if self.current is None:
                part = self.following()
                if part is not None:
                    self.made += 1
                    self.begin(part)
                elif self.is_over():
                    return
            yield self.pause(self.wait_for())

    def _is_said_by_stream(self, message: ProducerFinished) -> bool:
        """Say whether it is only that what feeds it has ended: its inbox ends, and that is all."""
        return message.at_end and bool(self.inbox.sources)

    def told(self, message: ProducerFinished) -> None:
        """Hear that what there is should be finished."""
        self.tell(message)

    def following(self) -> Part | None:
        """Make the next part, if its turn has come."""
        raise NotImplementedError

    def made_by(self, factory: Callable[..., Part], *arguments: object) -> Part:
        """Have `factory` make a part; one that makes none has most likely forgotten its `return`."""
        part = factory(*arguments)
        if part is None:
            raise NotSuitable(
                f"{self.path} was given None by its factory, and not a component to run"
            )
        return part

    def is_over(self) -> bool:
        """Say whether there will be no other."""
        return True

    def wait_for(self) -> float | None:
        """Give the seconds until the next part's turn, if it is the time that it waits for."""
        return None

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"made": self.made}


class ForEach(_OneAfterAnother):
    """Makes a component from each message, runs it to its end, and sends on what it sends.

    `factory` is called with the message and gives a component (or a callable, or a whole Pipeline);
    the class itself often serves. With `on_failure="continue"` one that fails is logged, and the next
    message has its turn; with "stop" (the default) it fails.

    Example:
        >>> run(ForEach(lambda word: DataSource(word)), ["one", "two"])["outbox"]
        ['o', 'n', 'e', 't', 'w', 'o']

    Boxes: "inbox" a message for each component to make; "outbox" what they send; "control".

    How it ends: when its inbox has ended and the last component too; told ProducerFinished, after all
    that has come has had its turn; told Shutdown, the current one is told, and the rest dropped.
    """

    inboxes: ClassVar = {
        "inbox": "what to make each component from",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "what they send",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        factory: Callable[[Any], Part],
        *,
        on_failure: str = "stop",
        name: str | None = None,
    ) -> None:
        """Take the factory; NotSuitable for what cannot be called."""
        super().__init__(name=name, on_failure=on_failure)
        function(factory, "the factory of a ForEach")
        self.factory = factory

    def begin(self, part: Part) -> None:
        """Make `part` the current one; what comes in is not for it."""
        child = self.current = self.hold(part)
        if "outbox" in child._strand.outboxes:
            self.link((child.name, "outbox"), ("", "outbox"))
        assert self._strand.runtime is not None
        child._strand.start(self._strand.runtime)

    def told(self, message: ProducerFinished) -> None:
        """Let the current one go on to its end."""

    def following(self) -> Part | None:
        """Make one from the next message."""
        return self.made_by(self.factory, self.recv()) if self.data_ready() else None

    def is_over(self) -> bool:
        """Say whether no message is left to come."""
        return self.finishing or self.inbox.ended


class Repeat(_OneAfterAnother):
    """Makes a component again and again: each time one has ended, another.

    `factory` makes them. `times` is how often (default: for ever), `wait` the seconds between one's end
    and the next one's start (default 0). With `on_failure="continue"` one that fails is logged and
    followed by another, as for a client that connects again: after a wait that doubles with each
    failure in a row, from half a second up to 30. After `tries` in a row (default 10) it fails with
    the last.

    Example:
        >>> run(Repeat(lambda: DataSource("ab"), times=3))["outbox"]
        ['a', 'b', 'a', 'b', 'a', 'b']

    Boxes: "inbox" for the current component; "outbox" from the current one; "control".

    How it ends: after `times` components; if they are to go on for ever, once a stream at its inbox has
    ended and the current one too; told ProducerFinished or Shutdown, the current one is told, and is
    the last. One that fails is its own failure, unless it is to continue.
    """

    def __init__(
        self,
        factory: Callable[[], Part],
        times: int | None = None,
        *,
        wait: float = 0.0,
        on_failure: str = "stop",
        tries: int = 10,
        name: str | None = None,
    ) -> None:
        """Take the factory; WrongFigure for a figure below 0, or fewer tries than 1."""
        super().__init__(name=name, on_failure=on_failure)
        if times is not None:
            whole(0, times, "how often a component is repeated")
        at_least(0, wait, "the seconds between two")
        function(factory, "the factory of a Repeat")
        whole(1, tries, "how many may fail in a row")
        self.factory = factory
        self.times = times
        self.between = self._wait = wait
        self._retries = Retries(tries)
        self._due: float | None = None  # when the next one's turn is

    def clear(self) -> bool:
        """Take out the current part if it has ended, and note how that went."""
        child = self.current
        if not super().clear() or child is None:
            return False
        self._wait = self.between
        if child.failure is None:
            self._retries.succeeded()
        else:
            wait = self._retries.wait()
            if wait is None:
                raise ComponentFailed(child.failure) from child._strand.error
            self._wait = max(wait, self.between)
        return True

    def following(self) -> Part | None:
        """Make another, unless it is over or too early."""
        if self.is_over():
            return None
        if self._due is None:
            self._due = self.now() + (self._wait if self.made else 0.0)
        if self._due > self.now():
            return None
        self._due = None
        return self.made_by(self.factory)

    def is_over(self) -> bool:
        """Say whether there were enough of them, or nothing is left for one to read."""
        if self.times is not None:
            return self.finishing or self.made == self.times
        return self.finishing or (self.made > 0 and self.inbox.ended)

    def wait_for(self) -> float | None:
        """Give the seconds until the next one's turn."""
        return None if self._due is None else self._due - self.now()


class InTurn(_OneAfterAnother):
    """Runs components one after the other, each made when its turn comes.

    `factories` may be any iterable, an endless one too; it is looked at when a part is needed. (Where
    the parts are there already, Seq runs them in the same way.)

    Example:
        >>> parts = (lambda text=text: OneShot(text) for text in ["one", "two", "three"])
        >>> run(InTurn(parts))["outbox"]
        ['one', 'two', 'three']

    Boxes: "inbox" for the current component; "outbox" from the current one; "control".

    How it ends: when the last part has; told ProducerFinished or Shutdown, the current one is told,
    and is the last.
    """

    def __init__(
        self,
        factories: Iterable[Callable[[], Part]],
        *,
        on_failure: str = "stop",
        name: str | None = None,
    ) -> None:
        """Take the factories; none is called yet. NotSuitable for what is no list of them."""
        super().__init__(name=name, on_failure=on_failure)
        if not isinstance(factories, Iterable):
            raise NotSuitable(
                f"InTurn takes a list of factories, or any iterable, not {factories!r}"
            )
        self._factories = iter(factories)

    def following(self) -> Part | None:
        """Make the next, if there is one."""
        factory = None if self.finishing else next(self._factories, None)
        if factory is None:
            return None
        function(factory, f"what {self.path} takes its parts from (Seq takes the parts themselves)")
        return self.made_by(factory)
