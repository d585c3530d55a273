"""ThreadStrand: runs a component's `main` in a thread, and stands between it and the event loop.

The thread takes from the inboxes' own queues and leaves what it sends in bounded queues, one for each
outbox, from which the event loop sends it on while there is room.

Laws
1. The boxes' accounts are kept by the event loop's thread alone.
2. A thread that sends waits while everything between it and the receiver is full, and what it sent
   before it ended is delivered, however late there is room. Whatever comes on `control` lets it go
   on, once.
3. A thread that is stopped gets `Ended` from the next thing it asks of kamesh; one that never asks is
   left behind and does not keep the program from ending.
"""

from __future__ import annotations

import inspect
import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from kamesh.errors import EmptyInbox, Ended, Full, NotSuitable
from kamesh.inbox import Inbox
from kamesh.outbox import Outbox
from kamesh.scheduler import ASLEEP, ENDED
from kamesh.strand import Strand

if TYPE_CHECKING:
    from kamesh.component import Component
    from kamesh.runtime import Runtime

__all__ = ["ThreadInbox", "ThreadOutbox", "ThreadStrand"]

OUTGOING = 64  # messages a thread may have sent by one outbox that no inbox has taken, by default

Result = TypeVar("Result")

log = logging.getLogger("kamesh")


class ThreadInbox(Inbox):
    """An inbox that a thread takes from: iterating blocks until the stream ends."""

    __slots__ = ()
    owner: ThreadStrand

    def __iter__(self) -> Iterator[Any]:
        """Take messages, waiting for each, until the stream ends or it is time to stop."""
        while not (self.owner.called and self.name != "control" and self.owner.stopping()):
            try:
                yield self.owner.take(self, None)
            except EmptyInbox:
                return

    def recv(self) -> Any:
        """Take the oldest message; EmptyInbox if there is none."""
        return self.owner.take(self, 0.0)


class ThreadOutbox(Outbox):
    """An outbox in which what a thread sends waits for room."""

    __slots__ = ("outgoing",)

    def __init__(self, name: str, owner: ThreadStrand) -> None:
        """Make an outbox that is linked to nothing."""
        super().__init__(name, owner)
        self.outgoing: deque[object] = deque()

    def send_on(self) -> None:
        """Send what waits while there is room; else have the owner told when there is."""
        while self.outgoing:
            if self.room() <= 0:
                self.ask_for_room()
                return
            self.put(self.outgoing.popleft())


class ThreadStrand(Strand):
    """Runs `main` in a thread."""

    __slots__ = (
        "_accounting",
        "_again",
        "_called_up",
        "_changed",
        "_delivered",
        "_flushing",
        "_idle",
        "_in_hand",
        "_sending",
        "_stirred",
        "called",
        "thread",
    )

    takes_turns: ClassVar[bool] = False

    def __init__(self, component: Component, name: str) -> None:
        """Make it; the thread comes with the start."""
        super().__init__(component, name)
        self.thread: threading.Thread | None = None
        self.called = False  # something has come on control that stopping() has not looked at
        self._changed = threading.Condition()
        self._idle = 0  # threads that wait for `_changed`
        self._stirred = False  # notified, and not looked since
        self._called_up = False  # its next pause ends at once
        self._flushing = self._accounting = False  # already asked of the event loop
        self._sending = self._again = False  # in the middle of sending on, and asked to once more
        self._delivered: Callable[[], None] | None = None  # told when all is sent on
        self._in_hand: Inbox | None = None  # where the message came from that is being worked on

    def make_inbox(self, name: str, bound: int | None) -> Inbox:
        """Make one that a thread may wait for."""
        return ThreadInbox(name, self, bound)

    def make_outbox(self, name: str) -> ThreadOutbox:
        """Make one that holds what waits for room."""
        return ThreadOutbox(name, self)

    @property
    def at_work(self) -> bool:
        """Whether the thread is busy with something, or about to be, and not waiting for kamesh."""
        alive = self.thread is not None and self.thread.is_alive()
        return alive and (self._idle == 0 or self._stirred)

    # -- in the event loop's thread

    def begin(self, runtime: Runtime) -> None:
        """Start the thread."""
        self.state = ASLEEP
        self.thread = threading.Thread(target=self._work, name=self.path, daemon=True)
        self.thread.start()

    def halt(self) -> None:
        """Tell the thread; do not wait for it."""
        self.state = ENDED
        self._delivered = None
        for outbox in self._sending_boxes():
            outbox.unheard += len(outbox.outgoing)
            outbox.outgoing.clear()
        self.wake()

    def wake(self) -> None:
        """Let the thread look again."""
        with self._changed:
            self._stirred = True
            self._changed.notify_all()

    def end_pause(self) -> None:
        """End the pause that the thread is in, or the next one it makes."""
        self._called_up = True
        self.wake()

    def arrived(self, inbox: Inbox) -> None:
        """Let the thread look again."""
        if inbox.name == "control":
            self.called = True
        if self._idle:
            self.wake()

    def room_again(self) -> None:
        """Send on what the thread has sent."""
        self._flush()

    def after_delivery(self, tell: Callable[[], None]) -> None:
        """Call `tell` once, as soon as all that was sent is delivered; from the event loop."""
        self._delivered = tell
        self._flush()

    def _flush(self) -> None:
        self._flushing, self._again = False, True
        if self._sending:  # what is sent on may make room elsewhere, and that calls this again
            return
        self._sending = True
        try:
            while self._again:
                self._again = False
                for outbox in self._sending_boxes():
                    outbox.send_on()
        finally:
            self._sending = False
        if self._idle:
            self.wake()
        if self._delivered is not None and not any(o.outgoing for o in self._sending_boxes()):
            tell, self._delivered = self._delivered, None
            tell()

    def _sending_boxes(self) -> list[ThreadOutbox]:
        return [one for one in self.outboxes.values() if isinstance(one, ThreadOutbox)]

    def _account(self) -> None:
        self._accounting = False
        with self._changed:
            for inbox in list(self.inboxes.values()):
                if inbox.level != len(inbox.queue):
                    inbox.took()
                if inbox.hearers:
                    inbox.consumed(in_hand=int(inbox is self._in_hand))

    def _main_ended(self, error: BaseException | None) -> None:
        if self.state is not ENDED:
            self._in_hand = None
            self.after_delivery(lambda: self._over(error))
        elif error is not None:
            log.error("%s was stopped, and then raised", self.path, exc_info=error)

    def _over(self, error: BaseException | None) -> None:
        if self.state is ENDED:
            return
        self.state = ENDED
        self.after_end(error)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise error

    # -- in the thread

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            came = self.component.main()
            if inspect.isgenerator(came) or inspect.iscoroutine(came):
                came.close()
                raise NotSuitable(
                    f"main() of {self.path} runs in a thread, so it is a plain function; for one "
                    f"with a yield, or `async def`, derive from Component"
                )
        except Ended as raised:
            error = None if self.state is ENDED else raised
        except BaseException as raised:
            error = raised
        self._ask_loop(self._main_ended, error)

    def _ask_loop(self, function: Callable[..., object], *arguments: object) -> None:
        if self.runtime is None:  # it does not run yet, so there is only this thread
            function(*arguments)
            return
        try:
            self.runtime.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self.state = ENDED  # the loop is closed: there is nobody left to tell

    def check(self) -> None:
        """Raise Ended if it was stopped."""
        if self.state is ENDED:
            raise Ended(f"{self.path} was stopped")

    def take(self, inbox: Inbox, timeout: float | None) -> Any:
        """Take the oldest message, waiting up to `timeout` seconds; EmptyInbox if there is none."""
        if inbox.name != "control" and self._in_hand is not None:
            self._in_hand = None  # it has come back: it is done with the one before
            self.settle_soon()
        if not inbox.queue and timeout != 0.0:
            self.wait_until(lambda: bool(inbox.queue) or inbox.ended or self.stopped_now(), timeout)
        self.check()
        with self._changed:  # that it is taken and that it is in hand go together
            if not inbox.queue:
                raise EmptyInbox(f"nothing has arrived at {inbox.label}")
            message = inbox.queue.popleft()
            if inbox.name != "control":
                self._in_hand = inbox
        self.settle_soon()
        return message

    def pause(self, timeout: float | None) -> None:
        """Wait until a message waits at any inbox or it is time to end."""
        self._in_hand = None
        self.settle_soon()
        inboxes = self.inboxes
        self.wait_until(
            lambda: self._called_up
            or any(box.queue for box in list(inboxes.values()))
            or self.stopped_now(),
            timeout,
        )
        self._called_up = False
        self.check()

    def settle_soon(self) -> None:
        """Have what was taken accounted for."""
        if not self._accounting:
            self._accounting = True
            self._ask_loop(self._account)

    def stopping(self) -> bool:
        """Say whether it is time to end, and pass on what said so."""
        self.called = False
        stopping = super().stopping()
        self.called = self.called or self.passed_on
        return stopping

    def stopped_now(self) -> bool:
        """Say whether it was stopped, or it is time to end."""
        return self.state is ENDED or self.stopping()

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `condition` holds, for `timeout` seconds at most; say whether it does."""

        def look() -> bool:
            self._stirred = holds = condition()
            return holds

        with self._changed:
            self._stirred = True  # until it has looked
            self._idle += 1
            try:
                return self._changed.wait_for(look, None if timeout == math.inf else timeout)
            finally:
                self._idle -= 1

    def emit(self, outbox: Outbox, message: object, timeout: float | None = None) -> None:
        """Send, waiting up to `timeout` seconds for room while too much that was sent is still here.

        Full if there is none by then.
        """
        assert isinstance(outbox, ThreadOutbox)
        outgoing, most = outbox.outgoing, getattr(self.component, "outgoing", OUTGOING)
        if len(outgoing) >= most:
            told = self.called
            going_on = self.wait_until(
                lambda: len(outgoing) < most
                or self.state is ENDED
                or (self.called and not told),
                timeout,
            )
            if not going_on:
                raise Full(f"what {outbox.label} leads to has no room")
        self.check()
        outgoing.append(message)
        if not self._flushing:
            self._flushing = True
            self._ask_loop(self._flush)

    def wait_until_sent_on(self, outbox: Outbox) -> None:
        """Wait until all that was sent by `outbox` is in the inboxes that it feeds."""
        assert isinstance(outbox, ThreadOutbox)
        self.wait_until(lambda: not outbox.outgoing or self.state is ENDED, None)
        self.check()

    def in_loop(self, function: Callable[[], Result]) -> Result:
        """Call `function` in the event loop's thread, between two turns, and give its result."""
        return function() if self.runtime is None else self.runtime.call(function)
