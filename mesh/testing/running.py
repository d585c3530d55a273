"""Running a component under the virtual clock, with what its inboxes are given.

Law: every stream given ends after its last message, and every outbox is read to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping
from typing import Any

from kamesh.component import Component
from kamesh.errors import Ended
from kamesh.runtime import current_runtime, run_strand
from kamesh.scheduler import ENDED
from kamesh.testing.clock import run_coroutine
from kamesh.wiring import link

__all__ = ["Collector", "Feeder", "run"]


class Feeder(Component):
    """Sends what it is given, as room allows, and ends.

    Boxes: outbox, the messages in their order. How it ends: when all are sent.
    """

    def __init__(self, messages: Iterable[object], *, name: str | None = None) -> None:
        """Take the messages."""
        super().__init__(name=name)
        self.messages = messages

    def main(self) -> Generator[None, None, None]:
        """Send them."""
        for message in self.messages:
            while self.room("outbox") <= 0:
                yield
            self.send(message)


class Collector(Component):
    """Keeps what it is sent, in `messages`.

    Boxes: inbox, what to keep. How it ends: with its inbox.
    """

    def __init__(self, *, name: str | None = None) -> None:
        """Begin with none."""
        super().__init__(name=name)
        self.messages: list[Any] = []

    def main(self) -> Generator[None, None, None]:
        """Keep them."""
        while not self.stopping():
            self.messages.extend(self.inbox)
            yield self.pause()


async def end_of(component: Component) -> None:
    """Wait for the end of a component that has been started."""
    strand = component._strand
    if strand.state is not ENDED:
        over = asyncio.get_running_loop().create_future()
        strand.on_end = lambda *_: over.set_result(None)
        await over


def run(
    component: Component,
    inputs: Iterable[object] | Mapping[str, Iterable[object]] = (),
    *,
    limit: float = 3600.0,
) -> dict[str, list[Any]]:
    """Run `component` under the virtual clock with messages for its inboxes; give what it sent.

    `inputs` is a list for `inbox`, or a mapping of inboxes to lists; each of these streams ends after
    its last message. The result has a list for every outbox. `limit` is virtual seconds; a run that
    takes longer, or that can never end, is an error (Ended, Stalled).

    Example: `assert run(Upper(), ["a", "b"])["outbox"] == ["A", "B"]`.
    """
    given = inputs if isinstance(inputs, Mapping) else {"inbox": inputs}
    if inputs == () and "inbox" not in component._strand.inboxes:
        given = {}  # a source

    async def main() -> dict[str, list[Any]]:
        strand = component._strand
        collectors = {name: Collector(name=f"collect-{name}") for name in strand.outboxes}
        for name, box in strand.outboxes.items():
            link(box, collectors[name].inbox)
        others: list[Component] = list(collectors.values())
        for name, messages in given.items():
            feeder = Feeder(messages, name=f"feed-{name}")
            link(feeder.outbox, component._inbox(name))
            others.append(feeder)
        runtime = current_runtime()
        for other in others:
            other._strand.start(runtime)
        try:
            await asyncio.wait_for(run_strand(strand), limit)
        except TimeoutError:
            raise Ended(f"{component.path} still runs after {limit:g} virtual seconds") from None
        for collector in collectors.values():
            await end_of(collector)
        return {name: collector.messages for name, collector in collectors.items()}

    return run_coroutine(main())
