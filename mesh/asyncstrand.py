"""AsyncStrand: runs a component whose `main` is a coroutine, as an asyncio task of its own.

Laws
1. Each message is accounted for as it is taken or sent: a coroutine has no turns.
2. A Shutdown ends `async for` at once; after ProducerFinished it ends when all that has come is taken.
3. Whatever comes on `control` also lets go, once, who awaits room to send.
4. What arrives while the coroutine awaits something else is not forgotten by the next `wait()`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh.inbox import Inbox
from kamesh.scheduler import ASLEEP, ENDED
from kamesh.strand import Strand
from kamesh.waiters import Waiters

if TYPE_CHECKING:
    from kamesh.component import Component
    from kamesh.runtime import Runtime

__all__ = ["AsyncInbox", "AsyncStrand"]

log = logging.getLogger("kamesh")


class AsyncInbox(Inbox):
    """An inbox that a coroutine takes from: `async for` waits for each message."""

    __slots__ = ("waiters",)
    owner: AsyncStrand

    def __init__(self, name: str, owner: AsyncStrand, bound: int | None) -> None:
        """Make an empty inbox that nothing feeds."""
        super().__init__(name, owner, bound)
        self.waiters = Waiters()

    def __iter__(self) -> Iterator[Any]:
        """Take what has arrived, no more than there is room to answer; waits for nothing."""
        count = len(self.queue)
        if self.name != "control":
            count = min(count, max(self.owner.room(), 0))
        while count > 0 and self.queue:
            count -= 1
            yield self.recv()

    def recv(self) -> Any:
        """Take the oldest message; EmptyInbox if there is none. What was taken before is done with."""
        if self.hearers:
            self.consumed()
        return super().recv()

    def __aiter__(self) -> AsyncInbox:
        """Take messages until the stream ends, or the component is told to stop."""
        return self

    async def __anext__(self) -> Any:
        """Take the next message, waiting for it."""
        if self.hearers:
            self.consumed()
        owner = self.owner
        while not self.queue or (owner.called and self.name != "control"):
            if owner.stopping() or self.ended:
                owner.wake()  # another loop of this component may have waited for just this
                raise StopAsyncIteration
            if not self.queue:
                await self.waiters.wait()
        message = self.queue.popleft()
        self.level -= 1
        self.taken += 1
        if self.waiting:
            self.release()
        return message


class AsyncStrand(Strand):
    """Runs a component whose `main` is a coroutine."""

    __slots__ = ("_news", "_waiters", "called", "work")

    takes_turns: ClassVar[bool] = False

    def __init__(self, component: Component, name: str) -> None:
        """Make it; the task comes with the start."""
        super().__init__(component, name)
        self.work: asyncio.Task[None] | None = None
        self.called = False  # something has come on control that stopping() has not looked at
        self._news = False  # something has arrived since the last wait()
        self._waiters = Waiters()

    def make_inbox(self, name: str, bound: int | None) -> Inbox:
        """Make one for `async for`."""
        return AsyncInbox(name, self, bound)

    def begin(self, runtime: Runtime) -> None:
        """Start `main` as a task."""
        self.state = ASLEEP
        self.work = runtime.loop.create_task(self._main(), name=self.path)

    async def _main(self) -> None:
        error: BaseException | None = None
        try:
            await self.component.main()
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                error = cancelled  # not itself, but something that it waited for
        except (Exception, KeyboardInterrupt, SystemExit) as raised:
            error = raised
        if self.state is not ENDED:
            self.state = ENDED
            self.after_end(error)
        elif error is not None:
            log.error("%s was stopped, and then raised", self.path, exc_info=error)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            asyncio.get_running_loop().call_soon(_raise, error)

    def halt(self) -> None:
        """Cancel the task; if it is the one that asks, at its next `await`."""
        self.state = ENDED
        if self.work is not None:
            self.work.cancel()
            if self.runtime is not None:
                self.runtime.closes(self.work)

    def wake(self) -> None:
        """Let go all that waits for something to arrive."""
        self._news = True
        self._waiters.let_go()
        for inbox in self.inboxes.values():
            assert isinstance(inbox, AsyncInbox)  # it makes no others
            inbox.waiters.let_go()

    def arrived(self, inbox: Inbox) -> None:
        """Let go who waits for this inbox, or for anything when it is `control`."""
        if inbox.name == "control":
            self.called = True
            self.wake()
            for outbox in self.outboxes.values():
                outbox.interrupt()
        else:
            self._news = True
            if self._waiters.futures:
                self._waiters.let_go()
            waiters: Waiters = inbox.waiters  # type: ignore[attr-defined]  # it makes no other inboxes
            if waiters.futures:
                waiters.let_go()

    def room_again(self) -> None:
        """Let go who waits for room."""
        for outbox in self.outboxes.values():
            outbox.room_again()

    def stopping(self) -> bool:
        """Say whether it is time to end, and pass on what said so."""
        stopping = super().stopping()
        self.called = self.passed_on
        return stopping

    async def wait(self) -> None:
        """Wait until something arrives anywhere, if nothing has since the last time."""
        for inbox in self.inboxes.values():
            if inbox.hearers:
                inbox.consumed()
        if not self._news:
            await self._waiters.wait()
        self._news = False


def _raise(error: BaseException) -> None:
    raise error
