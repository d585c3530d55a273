"""The components that the benchmarks run, written as the tutorial has people write them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from kamesh import Component

__all__ = [
    "AsyncSink", "AsyncSource", "AsyncStage", "BatchStage", "Sink", "Source", "Stage", "through",
]  # fmt: skip

Steps = Generator[None, None, None]


class Source(Component):
    """Sends `make(0)`, `make(1)`, ... to its outbox; ends after so many."""

    def __init__(self, messages: int, make: Callable[[int], object] = int) -> None:
        """Take how many, and how each is made."""
        self.messages, self.make = messages, make

    def main(self) -> Steps:
        """Send as much as there is room for."""
        messages, make, sent = self.messages, self.make, 0
        while sent < messages:
            upto = min(messages, sent + self.room("outbox"))
            self.send_all(map(make, range(sent, upto)))
            sent = upto
            yield


class Stage(Component):
    """Passes on each message with a `send` of its own."""

    def main(self) -> Steps:
        """Pass on."""
        while not self.stopping():
            for message in self.inbox:
                self.send(message)
            yield self.pause()


class BatchStage(Component):
    """Passes on all that has come at once."""

    def main(self) -> Steps:
        """Pass on."""
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()


class Sink(Component):
    """Takes all; knows when the first and the last came."""

    taken = 0
    first = last = 0.0

    def main(self) -> Steps:
        """Take."""
        while not self.stopping():
            before = self.taken
            for _ in self.inbox:
                self.taken += 1
            if self.taken > before:
                self.last = time.perf_counter()
                self.first = self.first or self.last
            yield self.pause()


class AsyncSource(Component):
    """Sends numbers, one by one."""

    def __init__(self, messages: int) -> None:
        """Take how many."""
        self.messages = messages

    async def main(self) -> None:
        """Send."""
        for number in range(self.messages):
            await self.send(number)


class AsyncStage(Component):
    """Passes on each message."""

    async def main(self) -> None:
        """Pass on."""
        async for message in self.inbox:
            await self.send(message)


class AsyncSink(Component):
    """Takes all."""

    taken = 0

    async def main(self) -> None:
        """Take."""
        async for _ in self.inbox:
            self.taken += 1


def through(source: Component, stages: list[Component], sink: Any, wrap: Any) -> float:
    """Run a pipeline of these to its end; give hops a second."""
    whole = wrap(source, *stages, sink)
    began = time.perf_counter()
    whole.run()
    seconds = time.perf_counter() - began
    if sink.taken != source.messages:  # type: ignore[attr-defined]
        raise RuntimeError(f"{sink.taken} messages came out")
    return float(sink.taken * (len(stages) + 1) / seconds)
