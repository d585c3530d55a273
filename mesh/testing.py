"""What tests need: time that passes at once, and components run with what they are given.

Laws
1. With the virtual clock nothing ever sleeps: when all wait, the clock goes to the next deadline.
   Threads of components are given the real time that they need to come to rest.
2. A run that can never end is reported as such, and who waits for what.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Coroutine, Generator, Iterable, Mapping
from typing import Any, TypeVar

from kamesh.component import Component
from kamesh.errors import Ended, KameshError
from kamesh.runtime import current_runtime, run_strand
from kamesh.scheduler import ENDED
from kamesh.threadstrand import ThreadStrand
from kamesh.wiring import link

__all__ = ["Collector", "Feeder", "Stalled", "VirtualClockLoop", "run", "run_coroutine"]

Result = TypeVar("Result")
PATIENCE = 5.0  # real seconds to wait for threads when nothing else is left to happen
A_MOMENT = 0.001  # real seconds between two looks at whether they have come to rest
LOOKS = 5000


class Stalled(KameshError):
    """Everything waits and nothing is left that could happen."""


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at what is ready, and moves the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._looks = LOOKS  # at threads that are at work, before they are waited for no more

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        while self._looks > 0 and _threads_work():
            self._looks -= 1
            if ready := super().select(A_MOMENT):
                self._looks = LOOKS
                return ready
        if ready := super().select(0):  # the last thing they did before they came to rest
            return ready
        if timeout is not None:
            self.now += timeout
            return []
        ready = super().select(PATIENCE if threading.active_count() > 1 else 0)
        if not ready:
            raise Stalled(
                "everything waits, there is no deadline, and nothing can arrive: "
                + (_who_waits() or "no component runs")
            )
        return ready


def _threads_work() -> bool:
    strands = current_runtime().running.values()
    return any(isinstance(strand, ThreadStrand) and strand.at_work for strand in strands)


def _who_waits() -> str:
    strands = current_runtime().running.values()
    return ", ".join(f"{s.path} is {s.component.state}" for s in strands)


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps to the next deadline when all wait.

    Example: `asyncio.Runner(loop_factory=VirtualClockLoop).run(main())`. What waits for a time in a
    thread, for a process or for a socket lives in real time and does not belong here.
    """

    def __init__(self) -> None:
        """Begin at 0 seconds."""
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Tell the virtual time in seconds."""
        return self._jumping.now

    @property
    def _clock_resolution(self) -> float:
        """Tell asyncio how near a deadline has to be to be due: here, reached and no earlier.

        What is due is what comes before `time()` and this. With the real clock's, a deadline a billionth
        of a second ahead would be met without time passing, and one after some months never.
        """
        return math.ulp(self._jumping.now)

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        """Pay no heed to that of the real clock."""


def run_coroutine(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine under the virtual clock."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)


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


async def _end_of(component: Component) -> None:
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
            await _end_of(collector)
        return {name: collector.messages for name, collector in collectors.items()}

    return run_coroutine(main())
