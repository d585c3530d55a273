"""A handle: components from code that is not built of components.

Laws
1. Every call may be made from any thread; `put` waits while the inbox is full, `get` while nothing
   has come, both for as long as they are told to.
2. The component runs in a thread with an event loop of its own, which ends when the component does.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any

from kamesh.component import Component, strand_of
from kamesh.errors import EmptyInbox, Ended
from kamesh.messages import Shutdown
from kamesh.runtime import Runtime, current_runtime, run_strand
from kamesh.scheduler import ASLEEP, ENDED
from kamesh.threaded import ThreadStrand
from kamesh.wiring import link

__all__ = ["Handle"]


class _Outside(Component):
    """What stands for the code outside: its outboxes feed the component, its inboxes hear from it."""

    _strand_kind = ThreadStrand


class _OutsideStrand(ThreadStrand):
    __slots__ = ()

    def begin(self, runtime: Runtime) -> None:
        """Have no thread of its own: whoever holds the handle is the thread."""
        self.state = ASLEEP


_Outside._strand_kind = _OutsideStrand


class Handle:
    """A component that runs in the background.

    Example:
        with Pipeline(str.upper).background() as upper:
            upper.put("hello")
            print(upper.get(timeout=1.0))     # HELLO

    How it ends: `finish()` ends what is put in, and the component then ends by itself; `stop()` asks it
    to stop. Leaving the `with` finishes and waits.
    """

    def __init__(self, component: Component) -> None:
        """Start `component` in a thread."""
        self._component = component
        self._inner = strand_of(component)
        self._outside = _Outside(name="outside")
        self._strand: ThreadStrand = self._outside._strand  # type: ignore[assignment]
        for name in self._inner.inboxes:
            if name not in self._strand.outboxes:
                self._outside.add_outbox(name)
        for name in self._inner.outboxes:
            if name not in self._strand.inboxes:
                self._outside.add_inbox(name)
        self._error: BaseException | None = None
        self._started = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kamesh", daemon=True)
        self._thread.start()
        self._started.wait(30.0)

    def _work(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._error = error
        finally:
            self._strand.state = ENDED
            self._started.set()
            self._over.set()
            self._strand.wake()

    async def _main(self) -> None:
        for name, inbox in self._inner.inboxes.items():
            if not inbox.sources:
                link(self._strand.outboxes[name], inbox)
        for name, outbox in self._inner.outboxes.items():
            if not outbox.targets:
                link(outbox, self._strand.inboxes[name])
        self._strand.start(current_runtime())
        self._started.set()
        await run_strand(self._inner)

    def put(self, message: object, inbox: str = "inbox") -> None:
        """Put `message` into an inbox of the component, waiting for room."""
        box = self._strand.outboxes.get(inbox)
        if box is None or inbox not in self._inner.inboxes:
            self._component._inbox(inbox)
            raise Ended(f"{inbox!r} was added after the handle was made")
        if self._over.is_set():
            raise Ended(f"{self._component.path} has ended: nothing can be put into it")
        self._strand.emit(box, message)

    def get(self, outbox: str = "outbox", timeout: float | None = None) -> Any:
        """Get the oldest message of an outbox, waiting up to `timeout` seconds (None: for ever).

        EmptyInbox if none has come by then, Ended if none can come any more.
        """
        self._component._outbox(outbox)
        inbox = self._strand.inboxes[outbox]
        if not inbox.queue and timeout != 0.0:
            self._strand.wait_until(
                lambda: bool(inbox.queue) or inbox.ended or self._over.is_set(), timeout
            )
        try:
            message = inbox.queue.popleft()
        except IndexError:
            if inbox.ended or self._over.is_set():
                raise Ended(f"{inbox.label}: the stream has ended") from None
            raise EmptyInbox(f"nothing has come from {self._component.path}.{outbox}") from None
        if not self._over.is_set():
            self._strand._settle_soon()
        return message

    def finish(self) -> None:
        """Say that nothing more will be put in."""
        self._call(self._finish)

    def _finish(self) -> None:
        self._strand._flush()
        if self._strand._outgoing:
            assert self._strand.runtime is not None
            self._strand.runtime.loop.call_later(0.01, self._finish)
            return
        for outbox in self._strand.outboxes.values():
            outbox.finish()

    def stop(self) -> None:
        """Ask it to stop now."""
        self.put(Shutdown(), "control")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end; raise what it failed with. False if it still runs after `timeout`."""
        if not self._over.wait(timeout):
            return False
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        return True

    def _call(self, function: Any) -> None:
        runtime = self._strand.runtime
        if runtime is not None and not self._over.is_set():
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
            self.finish()
            self.wait()
        elif not self._over.is_set():
            self.stop()
            self._over.wait(5.0)
