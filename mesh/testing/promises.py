"""The promises that every component keeps, checked in one call.

Laws
1. What is checked is only what any user of a component may rely on: it ends with its stream, it ends
   when told to, and it takes no more than it can hand on.
2. Each promise that is broken is one sentence, with the name of the component.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from itertools import cycle, islice
from typing import Any

from kamesh.component import Component
from kamesh.errors import ComponentFailed
from kamesh.messages import ProducerFinished, Shutdown
from kamesh.runtime import current_runtime, run_strand
from kamesh.scheduler import ENDED
from kamesh.testing.clock import run_coroutine
from kamesh.testing.running import Collector, Feeder, end_of, run
from kamesh.wiring import link

__all__ = ["PromiseBroken", "keeps_promises"]

MANY = 10_000  # messages: more than any inbox holds unless it is told to
READ_AHEAD = 4  # messages that fit into the inbox of a reader that reads nothing
SECONDS = 3600.0  # virtual ones, that anything may take


class PromiseBroken(AssertionError):
    """A component does not do what every component does; the text says what."""


class _Patient(Feeder):
    """Feeds as room allows, and after that neither ends nor sends: a stream that stays open."""

    def main(self) -> Generator[None, None, None]:
        yield from super().main()
        while not self._strand.told():
            yield self.pause()


class _Deaf(Component):
    """Reads nothing until it may; then everything."""

    bounds = {"inbox": READ_AHEAD}

    def __init__(self) -> None:
        super().__init__(name="reader")
        self.may_read = False

    def main(self) -> Generator[None, None, None]:
        while not (self.may_read and self.stopping()):
            if self.may_read:
                for _ in self.inbox:
                    pass
                yield self.pause()
            else:
                yield self.pause(1.0)


def keeps_promises(
    make: Callable[[], Component],
    inputs: Iterable[object] = (),
    *,
    inbox: str = "inbox",
    outbox: str = "outbox",
) -> list[Any]:
    """Check that what `make` makes keeps the promises of a component; give what it sent on `outbox`.

    It ends when the stream at `inbox` ends, also one without a message. It ends after
    ProducerFinished once it has worked on what had come, and after Shutdown at once. If nobody reads
    what it sends it stops taking messages, and goes on when they are read. A component without that
    inbox is taken for a source, one without that outbox for a sink.

    `make` is called for each of them anew. `inputs` are a few messages that it takes. All is run under
    the virtual clock, so it is for components that do no I/O of their own.

    Example: `assert keeps_promises(Upper, ["a", "b"]) == ["A", "B"]`. PromiseBroken says which is not.
    """
    messages = list(inputs)
    sample = make()
    fed, sends = inbox in sample._strand.inboxes, outbox in sample._strand.outboxes
    try:
        sent = run(make(), {inbox: messages} if fed else {})
        if fed:
            run(make(), {inbox: []})
            finished = run_coroutine(_told(make(), messages, inbox, outbox, ProducerFinished()))
            if sends and finished != sent[outbox]:
                raise PromiseBroken(
                    f"{sample.path} was told ProducerFinished after {messages!r} had come, and sent "
                    f"{finished!r} instead of {sent[outbox]!r}"
                )
        run_coroutine(_told(make(), messages if fed else None, inbox, outbox, Shutdown()))
        if sends and (messages or not fed):
            run_coroutine(_held_back(make(), messages if fed else None, inbox, outbox))
    except ComponentFailed as error:
        raise PromiseBroken(f"it failed: {error}") from error
    return sent[outbox] if sends else []


async def _told(
    component: Component, messages: list[object] | None, inbox: str, outbox: str, told: object
) -> list[Any]:
    """Feed it a stream that does not end, tell it `told`, and wait for its end."""
    runtime = current_runtime()
    others: list[Component] = []
    if messages is not None:
        others.append(_Patient(messages, name="source"))
        link(others[0].outbox, component._inbox(inbox))
    collector = Collector()
    if outbox in component._strand.outboxes:
        link(component._outbox(outbox), collector.inbox)
        others.append(collector)
    for other in others:
        other._strand.start(runtime)
    running = asyncio.ensure_future(run_strand(component._strand))
    await asyncio.sleep(0 if messages is None else 1e-3)  # the virtual time in which they arrive
    if component._strand.state is not ENDED:
        component.control.deliver(told)
    await _within(running, component, f"it was told {type(told).__name__}")
    if collector in others:
        await end_of(collector)
    for other in others:
        other.stop()
    return collector.messages


async def _held_back(
    component: Component, messages: list[object] | None, inbox: str, outbox: str
) -> None:
    """Give it a reader that reads nothing, and see that it takes no more than it should."""
    runtime = current_runtime()
    reader = _Deaf()
    link(component._outbox(outbox), reader.inbox)
    source = Feeder(islice(cycle(messages or ()), MANY))
    if messages is not None:
        link(source.outbox, component._inbox(inbox))
        source._strand.start(runtime)
    reader._strand.start(runtime)
    running = asyncio.ensure_future(run_strand(component._strand))
    await asyncio.sleep(SECONDS / 2)
    waiting = len(reader.inbox)
    if messages is not None and waiting >= READ_AHEAD and source._strand.state is ENDED:
        raise PromiseBroken(
            f"nobody reads what {component.path} sends, and it still took all {MANY} messages: "
            f"{waiting} of its own wait in an inbox for {READ_AHEAD}, the rest it must be holding"
        )
    if waiting > MANY:
        raise PromiseBroken(
            f"nobody reads what {component.path} sends, and it has sent {waiting} messages into an "
            f"inbox for {READ_AHEAD}"
        )
    reader.may_read = True
    if messages is None:
        component.control.deliver(Shutdown())
    await _within(running, component, "its reader reads again")
    for other in (source, reader):
        other.stop()


async def _within(running: asyncio.Future[None], component: Component, after: str) -> None:
    try:
        await asyncio.wait_for(running, SECONDS)
    except TimeoutError:
        raise PromiseBroken(
            f"{component.path} still runs {SECONDS:g} virtual seconds after {after}"
        ) from None
