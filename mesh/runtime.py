"""A runtime: what the components of one event loop share, and the ways to run them.

It holds the scheduler, the components that run, and the services they look up by name. There is one
for each event loop, made when the first component is run there.

Laws
1. A runner returns when what it runs has ended, and at once when there is nothing to run.
2. A failure nobody above handles reaches the runner as ComponentFailed, with the original behind it;
   one that somebody handles is logged, never swallowed.
3. Whatever ends the wait (an interrupt, a cancellation), the components are ended too, and what
   coroutines among them have open is closed before the runner returns.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from kamesh.errors import ComponentFailed, Ended, NameTaken, NotSuitable, UnknownName
from kamesh.scheduler import NEW, Scheduler
from kamesh.strand import Strand

__all__ = ["Runtime", "Services", "current_runtime", "run_strand"]

Result = TypeVar("Result")
CALL = 30.0  # seconds another thread waits for this one to do what it asks
CLOSING = 5.0  # seconds a coroutine that was stopped may take to close what it has open

log = logging.getLogger("kamesh")

_RUNTIMES: dict[asyncio.AbstractEventLoop, Runtime] = {}


class Runtime:
    """What runs in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make one for `loop`."""
        self.loop = loop
        self.thread = threading.get_ident()  # the event loop's own
        self.scheduler = Scheduler(loop)
        self.services = Services()
        self.running: dict[int, Strand] = {}  # by component id
        self.on_change: list[Callable[[str, Strand], None]] = []  # told "started" and "ended"
        self._closing: set[asyncio.Task[None]] = set()  # stopped, and not yet done with closing

    def now(self) -> float:
        """Tell the time, in seconds, of the clock all waiting is measured by."""
        return self.loop.time()

    def call(self, function: Callable[[], Result]) -> Result:
        """Call `function` in the event loop's thread, between two turns, and give its result."""
        if threading.get_ident() == self.thread:
            return function()
        came: Future[Result] = Future()

        def call() -> None:
            try:
                came.set_result(function())
            except Exception as error:
                came.set_exception(error)

        try:
            self.loop.call_soon_threadsafe(call)
        except RuntimeError:
            raise Ended("the event loop has ended") from None
        try:
            return came.result(CALL)
        except FutureTimeout:
            if came.done():  # it is what the function itself has raised
                raise
            raise Ended(f"the event loop has not answered for {CALL:g} seconds") from None

    def closes(self, work: asyncio.Task[None]) -> None:
        """Note that the coroutine of a component was stopped, and still closes what it had open."""
        if not work.done():
            self._closing.add(work)
            work.add_done_callback(self._closing.discard)

    async def closed(self) -> None:
        """Wait, for a bounded time, until the coroutines that were stopped have closed everything."""
        closing = self._closing - {asyncio.current_task()}
        if closing:
            _, late = await asyncio.wait(closing, timeout=CLOSING)
            for work in late:
                log.warning("%s was stopped, and still closes after %g s", work.get_name(), CLOSING)

    def started(self, strand: Strand) -> None:
        """Note that `strand` runs."""
        self.running[strand.component.id] = strand
        for hear in self.on_change:
            hear("started", strand)

    def ended(self, strand: Strand, error: BaseException | None) -> None:
        """Note that `strand` is over; what it raised is the parent's or the runner's to handle."""
        self.running.pop(strand.component.id, None)
        self.services.forget(strand)
        if error is not None and strand.parent is None and strand.on_end is None:
            log.error("%s", strand.failure, exc_info=error)
        for hear in self.on_change:
            hear("ended", strand)


def current_runtime() -> Runtime:
    """Give the runtime of the running event loop, made if need be."""
    loop = asyncio.get_running_loop()
    runtime = _RUNTIMES.get(loop)
    if runtime is None:
        for old in [one for one in list(_RUNTIMES) if one.is_closed()]:
            _RUNTIMES.pop(old, None)
        runtime = _RUNTIMES[loop] = Runtime(loop)
    return runtime


async def run_strand(strand: Strand) -> None:
    """Run `strand` to its end; raise ComponentFailed if it failed."""
    if strand.parent is not None:
        raise NotSuitable(f"{strand.path} is a part of {strand.parent.path}: run that")
    if strand.state is not NEW:
        raise Ended(
            f"{strand.path} is {strand.component.state}: a component runs once, make another one"
        )
    over: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def ended(_: Strand, error: BaseException | None) -> None:
        if not over.done():
            over.set_result(error)

    strand.on_end = ended
    runtime = current_runtime()
    strand.start(runtime)
    try:
        error = await over
    except BaseException:
        strand.stop()
        raise
    finally:
        await runtime.closed()
    if error is not None:
        if isinstance(error, ComponentFailed):
            raise error
        raise ComponentFailed(strand.failure) from error


class Services:
    """Names that components of one runtime are found by, and values that are kept under a name.

    A service is an inbox of a running component under a unique name; a tracked value is declared
    once and then only updated. Kamaelia's CoordinatingAssistantTracker.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._services: dict[str, tuple[Strand, str]] = {}
        self._values: dict[str, object] = {}
        self._watchers: dict[str, dict[Strand, None]] = {}
        self._known: set[Strand] = set()  # who offers or watches something

    def register(self, name: str, strand: Strand, inbox: str) -> None:
        """Offer `inbox` of `strand` under `name`."""
        if name in self._services:
            raise NameTaken(
                f"the service {name!r} is there already: {self._services[name][0].path}"
            )
        if not isinstance(strand, Strand) or inbox not in strand.inboxes:
            who = getattr(strand, "path", repr(strand))
            raise UnknownName(f"{who} has no inbox {inbox!r} to offer as the service {name!r}")
        self._services[name] = (strand, inbox)
        self._known.add(strand)
        self._tell(name)

    def deregister(self, name: str) -> None:
        """Take `name` back."""
        if name not in self._services:
            raise UnknownName(f"there is no service {name!r} to take back")
        del self._services[name]
        self._tell(name)

    def find(self, name: str) -> tuple[Strand, str]:
        """Give the strand and the inbox that `name` stands for."""
        try:
            return self._services[name]
        except KeyError:
            raise UnknownName(f"there is no service {name!r}") from None

    def watch(self, name: str, strand: Strand) -> tuple[Strand, str] | None:
        """Give what `name` stands for, if anything; wake `strand` whenever that changes."""
        self._watchers.setdefault(name, {})[strand] = None
        self._known.add(strand)
        return self._services.get(name)

    def forget(self, strand: Strand) -> None:
        """Take back all that `strand` offered, and wake it for nothing any more."""
        if strand not in self._known:
            return
        self._known.remove(strand)
        for name, watchers in list(self._watchers.items()):
            watchers.pop(strand, None)
            if not watchers:
                del self._watchers[name]
        for name in [n for n, (owner, _) in self._services.items() if owner is strand]:
            self.deregister(name)

    def _tell(self, name: str) -> None:
        for strand in self._watchers.get(name, ()):
            strand.wake()

    def track(self, name: str, value: object) -> None:
        """Declare a tracked value."""
        if name in self._values:
            raise NameTaken(f"the value {name!r} is tracked already; update it")
        self._values[name] = value

    def update(self, name: str, value: object) -> None:
        """Give a tracked value anew."""
        if name not in self._values:
            raise UnknownName(f"no value {name!r} is tracked; declare it with track()")
        self._values[name] = value

    def value(self, name: str) -> object:
        """Give a tracked value."""
        if name not in self._values:
            raise UnknownName(f"no value {name!r} is tracked")
        return self._values[name]
