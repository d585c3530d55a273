"""A handle: components from code that is not built of components.

Laws
1. Every call may be made from any thread; `put` waits while the inbox is full, `get` while nothing
   has come, both for as long as they are told to.
2. The component runs in a thread with an event loop of its own, which ends when the component does.
3. What it fails with reaches whoever waits for its end, and stands behind the Ended that others get.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kamesh.errors import EmptyInbox, Ended, Full
from kamesh.messages import Failure, ProducerFinished, Shutdown
from kamesh.runtime import current_runtime, run_strand
from kamesh.scheduler import ASLEEP, ENDED
from kamesh.strand import Strand
from kamesh.threadstrand import ThreadStrand
from kamesh.wiring import link

if TYPE_CHECKING:
    from kamesh.component import Component
    from kamesh.runtime import Runtime

__all__ = ["Handle"]

START = 30.0  # seconds a new thread may take to begin
PATIENCE = 5.0  # seconds that a component which is stopped may take to end

log = logging.getLogger("kamesh")


class _Outside(ThreadStrand):
    """What stands for the code outside: its outboxes feed the component, its inboxes hear from it.

    It has no thread of its own: whoever holds the handle is the thread.
    """

    __slots__ = ()

    def __init__(self, inner: Strand) -> None:
        super().__init__(inner.component, "outside")
        self.inboxes = {name: self.make_inbox(name, 1024) for name in inner.outboxes}
        self.outboxes = {name: self.make_outbox(name) for name in inner.inboxes}

    def join(self, inner: Strand, runtime: Runtime) -> None:
        """Link its boxes to those of `inner` that nothing is linked to."""
        self.runtime = runtime
        self.state = ASLEEP
        for name, inbox in inner.inboxes.items():
            if not inbox.sources and name in self.outboxes:
                link(self.outboxes[name], inbox)
        for name, outbox in inner.outboxes.items():
            if not outbox.targets and name in self.inboxes:
                link(outbox, self.inboxes[name])

    def finish(self) -> None:
        """End what is put in, once all of it is delivered."""
        self.after_delivery(self._finish)

    def _finish(self) -> None:
        fed = False
        for name, outbox in self.outboxes.items():
            if name != "control":  # it can still be told to stop
                fed = fed or bool(outbox.targets)
                outbox.finish()
        control = self.outboxes.get("control")
        if not fed and control is not None:  # a source: no stream ends that would tell it
            control.put(ProducerFinished("outside"))

    def keep_all(self) -> None:
        """Block nobody any more: what comes out from now on is kept, however much it is."""
        for inbox in self.inboxes.values():
            inbox.bound = None


class Handle:
    """A component that runs in the background.

    Example:
        with Pipeline(str.upper).background() as upper:
            upper.put("hello")
            print(upper.get(timeout=1.0))     # HELLO

    How it ends: `finish()` ends what is put in, and the component then ends by itself (a source, which
    takes nothing in, is told to finish); `stop()` asks it to stop. Leaving the `with` finishes and
    waits; what has come out can still be got.
    """

    def __init__(self, component: Component) -> None:
        """Start `component` in a thread."""
        self._component = component
        self._inner = component._strand
        self._outside = _Outside(self._inner)
        self._error: BaseException | None = None
        self._finished = False
        self._started = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kamesh", daemon=True)
        self._thread.start()
        if not self._started.wait(START):
            raise Ended(f"{component.path} did not start within {START:g} seconds")

    def _work(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._error = error
            log.error("in the background: %s", error or type(error).__name__)
        finally:
            self._outside.state = ENDED
            self._started.set()
            self._over.set()
            self._outside.wake()

    async def _main(self) -> None:
        self._outside.join(self._inner, current_runtime())
        self._started.set()
        await run_strand(self._inner)

    def put(self, message: object, inbox: str = "inbox", timeout: float | None = None) -> None:
        """Put `message` into an inbox of the component, waiting up to `timeout` seconds for room.

        With None it waits for ever. Full if there is no room by then, Ended if it has ended.
        """
        self._component._inbox(inbox)
        box = self._outside.outboxes.get(inbox)
        if self._over.is_set() or self._inner.state is ENDED:
            raise Ended(f"{self._component.path} has ended: nothing can be put in") from self._error
        if self._finished and inbox != "control":
            raise Ended(f"nothing more can be put into {self._component.path} after finish()")
        if box is None or not box.targets:
            raise Ended(f"{self._component.path}.{inbox} is fed by others, not by this handle")
        left = None if timeout is None else max(0.0, timeout)
        try:
            self._outside.emit(box, message, left)
        except Full:
            raise Full(f"{self._component.path}.{inbox} is full: no room in {left:g} s") from None
        except Ended:
            raise Ended(f"{self._component.path} has ended meanwhile") from self._error

    def get(self, outbox: str = "outbox", timeout: float | None = None) -> Any:
        """Get the oldest message of an outbox, waiting up to `timeout` seconds (None: for ever).

        EmptyInbox if none has come by then, Ended if none can come any more.
        """
        self._component._outbox(outbox)
        inbox = self._outside.inboxes[outbox]
        until = None if timeout is None else monotonic() + timeout
        while True:
            over = self._over.is_set() or inbox.ended
            try:
                message = inbox.queue.popleft()
                break
            except IndexError:
                pass
            left = None if until is None else until - monotonic()
            if over:
                raise Ended(f"{self._component.path}.{outbox} has ended") from self._error
            if left is not None and left <= 0:
                raise EmptyInbox(f"nothing has come from {self._component.path}.{outbox}")
            self._outside.wait_until(
                lambda: bool(inbox.queue) or inbox.ended or self._over.is_set(), left
            )
        if not self._over.is_set():
            self._outside.settle_soon()
        return message

    def failure(self, outbox: str = "outbox") -> Failure | None:
        """Give what the stream of an outbox has broken off with; None if it goes on or ended well."""
        self._component._outbox(outbox)
        return self._outside.inboxes[outbox].failure

    def finish(self) -> None:
        """Say that nothing more will be put in."""
        self._finished = True
        self._call(self._outside.finish)

    def stop(self) -> None:
        """Ask it to stop now; nothing to do if it has ended."""
        if not self._over.is_set():
            self.put(Shutdown(), "control")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end; raise what it failed with. False if it still runs after `timeout`."""
        if not self._over.wait(timeout):
            return False
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        return True

    def _call(self, function: Callable[[], None]) -> None:
        runtime = self._outside.runtime
        if runtime is not None and not self._over.is_set():
            with suppress(RuntimeError):  # it has ended this very moment
                runtime.loop.call_soon_threadsafe(function)

    def __enter__(self) -> Handle:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Finish and wait for the end; after an error in the `with`, stop it."""
        if error is None:
            self._call(self._outside.keep_all)
            self.finish()
            self.wait()
        elif not self._over.is_set():
            self._call(self._inner.stop)
            self._over.wait(PATIENCE)
