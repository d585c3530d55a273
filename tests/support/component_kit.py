"""What the tests of components share: sources, echoes and sinks of each kind, and ways to run them.

A test that is parametrised with KINDS promises the same of components that are generators, coroutines
and threads. `run` uses the real clock with a limit, for what has threads in it; everything else runs
under the virtual clock of `kamesh.testing`, where `idle()` waits until nothing is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

from kamesh import Component, ThreadedComponent
from kamesh.runtime import Runtime, current_runtime
from kamesh.testing import run_coroutine

LIMIT = 20.0  # seconds a run may take before it counts as hung


class GeneratorSource(Component):
    """Sends what it is given, as room allows."""

    def __init__(self, messages: Iterable[object]) -> None:
        """Take the messages."""
        self.messages = messages

    def main(self):
        """Send them."""
        for message in self.messages:
            self.send(message)
            yield


class AsyncSource(Component):
    """Sends what it is given, as room allows."""

    def __init__(self, messages: Iterable[object]) -> None:
        """Take the messages."""
        self.messages = messages

    async def main(self):
        """Send them."""
        for message in self.messages:
            await self.send(message)


class ThreadSource(ThreadedComponent):
    """Sends what it is given, as room allows."""

    def __init__(self, messages: Iterable[object]) -> None:
        """Take the messages."""
        self.messages = messages

    def main(self):
        """Send them."""
        for message in self.messages:
            self.send(message)


class GeneratorEcho(Component):
    """Sends on what it gets."""

    def main(self):
        """Send it on."""
        while not self.stopping():
            for message in self.inbox:
                self.send(message)
            yield self.pause()


class AsyncEcho(Component):
    """Sends on what it gets."""

    async def main(self):
        """Send it on."""
        async for message in self.inbox:
            await self.send(message)


class ThreadEcho(ThreadedComponent):
    """Sends on what it gets."""

    def main(self):
        """Send it on."""
        for message in self.inbox:
            self.send(message)


class GeneratorSink(Component):
    """Keeps what it gets."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[Any] = []

    def main(self):
        """Keep it."""
        while not self.stopping():
            self.messages.extend(self.inbox)
            yield self.pause()


class AsyncSink(Component):
    """Keeps what it gets."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[Any] = []

    async def main(self):
        """Keep it."""
        async for message in self.inbox:
            self.messages.append(message)


class ThreadSink(ThreadedComponent):
    """Keeps what it gets."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[Any] = []

    def main(self):
        """Keep it."""
        self.messages.extend(self.inbox)


class Sleeper(Component):
    """Never takes anything until it is told to, by `open`; then keeps what it gets."""

    def __init__(self) -> None:
        """Begin closed."""
        self.messages: list[Any] = []
        self.take = 0

    def open(self, count: int = 10**9) -> None:
        """Take up to `count` more messages."""
        self.take += count
        self._strand.wake()

    def main(self):
        """Take what it may."""
        while not self.stopping():
            while self.take and self.data_ready():
                self.take -= 1
                self.messages.append(self.recv())
            yield self.pause()


class Idler(Component):
    """Counts how often it is run, and does nothing."""

    turns = 0

    def main(self):
        """Sleep."""
        while not self.stopping():
            self.turns += 1
            yield self.pause()


SOURCES = {"generator": GeneratorSource, "async": AsyncSource, "thread": ThreadSource}
ECHOES = {"generator": GeneratorEcho, "async": AsyncEcho, "thread": ThreadEcho}
SINKS = {"generator": GeneratorSink, "async": AsyncSink, "thread": ThreadSink}
KINDS = list(SOURCES)
IN_THE_LOOP = ["generator", "async"]  # the kinds that the virtual clock has power over


def run(component: Component, limit: float = LIMIT) -> None:
    """Run a component to its end in real time; a hang is a failure."""

    async def main() -> None:
        await asyncio.wait_for(component.run_async(), limit)

    asyncio.run(main())


def scene(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine under the virtual clock."""
    return run_coroutine(main)


def start(component: Component) -> asyncio.Task[None]:
    """Start a component in the running event loop."""
    return asyncio.get_running_loop().create_task(component.run_async())


async def idle(seconds: float = 1.0) -> None:
    """Let virtual time pass: whatever can be done is done before the clock moves."""
    await asyncio.sleep(seconds)


async def until(condition: Any, limit: float = LIMIT) -> None:
    """Wait in real time, for what threads do."""
    end = asyncio.get_running_loop().time() + limit
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it did not come about"
        await asyncio.sleep(0.001)


async def end(*tasks: asyncio.Task[None]) -> None:
    """End what a scene has started."""
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def runtime() -> Runtime:
    """Give the runtime of the running event loop."""
    return current_runtime()
