"""ThreadedComponent: a component whose `main` is a plain blocking function in a thread of its own.

The thread takes from the inboxes' own queues and leaves what it sends in one bounded queue, which the
event loop empties into the outboxes while there is room.

Laws
1. The boxes' accounts are kept by the event loop's thread alone.
2. A thread that sends waits while everything between it and the receiver is full, and what it sent
   before it ended is delivered, however late there is room.
3. A thread that is stopped gets `Ended` from the next thing it asks of kamesh; one that never asks is
   left behind and does not keep the program from ending.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh.component import Component
from kamesh.errors import EmptyInbox, Ended
from kamesh.inbox import Inbox
from kamesh.outbox import Outbox
from kamesh.owner import DEFAULT_BOUND
from kamesh.scheduler import ASLEEP, ENDED
from kamesh.strand import Strand

if TYPE_CHECKING:
    from kamesh.runtime import Runtime

__all__ = ["ThreadStrand", "ThreadedComponent"]

OUTGOING = 64  # messages a thread may have sent that no inbox has taken yet, unless it says otherwise


class ThreadInbox(Inbox):
    """An inbox that a thread takes from: iterating blocks until the stream ends."""

    __slots__ = ()
    owner: ThreadStrand

    def __iter__(self) -> Iterator[Any]:
        """Take messages, waiting for each, until the stream ends or it is time to stop."""
        while not self.owner.stopped_now():
            try:
                yield self.owner.take(self, math.inf)
            except EmptyInbox:
                return

    def recv(self) -> Any:
        """Take the oldest message; EmptyInbox if there is none."""
        return self.owner.take(self, 0.0)


class ThreadStrand(Strand):
    """Runs `main` in a thread, and stands between it and the event loop."""

    __slots__ = ("_accounting", "_changed", "_flushing", "_idle", "_in_hand", "_outgoing", "thread")

    in_turns = False
    inbox_type = ThreadInbox

    def __init__(self, component: Component, name: str) -> None:
        """Make it; the thread comes with the start."""
        super().__init__(component, name)
        self.thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._idle = 0  # threads that wait for `_changed`
        self._outgoing: deque[tuple[Outbox, object]] = deque()
        self._flushing = self._accounting = False  # already asked of the event loop
        self._in_hand: Inbox | None = None  # where the message came from that is being worked on

    # -- in the event loop's thread

    def begin(self, runtime: Runtime) -> None:
        """Start the thread."""
        self.state = ASLEEP
        self.thread = threading.Thread(target=self._work, name=self.path, daemon=True)
        self.thread.start()

    def halt(self) -> None:
        """Tell the thread; do not wait for it."""
        self.state = ENDED
        self._outgoing.clear()
        self._notify()

    def wake(self) -> None:
        """Let the thread look again."""
        self._notify()

    def arrived(self, inbox: Inbox) -> None:
        """Let the thread look again."""
        if self._idle:
            self._notify()

    def room_again(self) -> None:
        """Empty what the thread has sent into the outboxes."""
        self._flush()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _flush(self) -> None:
        self._flushing = False
        while self._outgoing:
            outbox, message = self._outgoing[0]
            if outbox.room() <= 0:
                for feed in outbox.feeds:
                    feed.sink.waiting[self] = None
                break
            outbox.put(message)
            self._outgoing.popleft()
        if self._idle:
            self._notify()

    def _account(self) -> None:
        self._accounting = False
        for inbox in self.inboxes.values():
            if inbox.level != len(inbox.queue):
                inbox.took()
            if inbox.hearers:
                inbox.consumed(in_hand=int(inbox is self._in_hand))

    def _main_ended(self, error: BaseException | None) -> None:
        if self.state is ENDED:
            return
        self._in_hand = None
        self._flush()
        if self._outgoing and error is None:
            self._retry_end()
            return
        self.state = ENDED
        self.after_end(error)

    def _retry_end(self) -> None:
        assert self.runtime is not None
        self.runtime.loop.call_later(0.01, self._main_ended, None)

    # -- in the thread

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            self.component.main()
        except BaseException as raised:
            error = None if isinstance(raised, Ended) and self.state is ENDED else raised
        self._ask_loop(self._main_ended, error)

    def _ask_loop(self, function: Callable[..., object], *arguments: object) -> None:
        assert self.runtime is not None
        try:
            self.runtime.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self.state = ENDED  # the loop is closed: there is nobody left to tell

    def _check(self) -> None:
        if self.state is ENDED:
            raise Ended(f"{self.path} was stopped")

    def take(self, inbox: Inbox, timeout: float | None) -> Any:
        """Take the oldest message, waiting up to `timeout` seconds; EmptyInbox if there is none."""
        self._in_hand = None
        if not inbox.queue and timeout != 0.0:
            self.wait_until(lambda: bool(inbox.queue) or inbox.ended or self.stopped_now(), timeout)
        self._check()
        try:
            message = inbox.queue.popleft()
        except IndexError:
            raise EmptyInbox(f"nothing has arrived at {inbox.label}") from None
        self._in_hand = inbox
        self._settle_soon()
        return message

    def _settle_soon(self) -> None:
        if not self._accounting:
            self._accounting = True
            self._ask_loop(self._account)

    def stopped_now(self) -> bool:
        """Look whether a stop has been asked for, without taking it from `control`."""
        return self.state is ENDED or self.stopping()

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until `condition` holds, for `timeout` seconds at most; say whether it does."""
        with self._changed:
            self._idle += 1
            try:
                limit = None if timeout is None or timeout == math.inf else timeout
                return self._changed.wait_for(condition, limit)
            finally:
                self._idle -= 1

    def emit(self, outbox: Outbox, message: object) -> None:
        """Send, waiting for room while too much that was sent is still here."""
        most = getattr(self.component, "outgoing", OUTGOING)
        if len(self._outgoing) >= most:
            self.wait_until(lambda: len(self._outgoing) < most or self.state is ENDED, None)
        self._check()
        self._outgoing.append((outbox, message))
        if not self._flushing:
            self._flushing = True
            self._ask_loop(self._flush)

    def in_loop(self, function: Callable[[], Any]) -> Any:
        """Call `function` in the event loop's thread, between two turns, and give its result."""
        runtime = self.runtime
        if runtime is None or self.thread is not threading.current_thread():
            return function()
        result: Future[Any] = Future()

        def call() -> None:
            try:
                result.set_result(function())
            except Exception as error:
                result.set_exception(error)

        self._ask_loop(call)
        return result.result(timeout=30.0)


class ThreadedComponent(Component):
    """A component whose `main` is a plain function that may block.

    Example:
        class Lines(ThreadedComponent):
            def main(self):
                for path in self.inbox:             # waits; ends when the stream ends
                    for line in open(path):
                        self.send(line)             # waits while the receiver is full

    Boxes: as any component; `outgoing` is how many messages it may have sent that no inbox has taken
    yet (default 64: say less where they are large).

    How it ends: when `main` returns or raises. A stop reaches it at the next thing it asks of kamesh, as
    `Ended`.
    """

    outgoing: ClassVar[int] = OUTGOING

    _strand_kind: ClassVar[type[Strand]] = ThreadStrand
    _strand: ThreadStrand

    def send(self, message: object, outbox: str = "outbox") -> Awaitable[None]:
        """Send `message`, waiting for room."""
        box = self._outbox(outbox)
        self._strand.emit(box, message)
        return box

    def send_all(self, messages: Iterable[object], outbox: str = "outbox") -> Awaitable[None]:
        """Send all of `messages` in order, waiting for room."""
        box = self._outbox(outbox)
        for message in messages:
            self._strand.emit(box, message)
        return box

    def recv(self, inbox: str = "inbox", timeout: float | None = 0.0) -> Any:
        """Take the oldest message, waiting up to `timeout` seconds (None: until the stream ends).

        EmptyInbox if there is none by then.
        """
        return self._strand.take(self._inbox(inbox), math.inf if timeout is None else timeout)

    def pause(self, timeout: float | None = None) -> Any:
        """Wait until a message waits at any inbox or it is time to end; `timeout` in seconds."""
        strand = self._strand
        strand._in_hand = None
        strand._settle_soon()
        strand.wait_until(lambda: self.any_ready() or strand.stopped_now(), timeout)
        strand._check()

    def finish(self, outbox: str = "outbox") -> None:
        """End one outbox, after all that was sent before it; the others go on."""
        box = self._outbox(outbox)
        strand = self._strand
        strand.wait_until(lambda: not strand._outgoing, None)
        strand.in_loop(box.finish)

    def add_inbox(self, name: str, bound: int | None = DEFAULT_BOUND) -> str:
        """Add an inbox, between two turns of the scheduler; the name it got is returned."""
        added: str = self._strand.in_loop(lambda: Component.add_inbox(self, name, bound))
        return added

    def add_outbox(self, name: str) -> str:
        """Add an outbox, between two turns of the scheduler; the name it got is returned."""
        added: str = self._strand.in_loop(lambda: Component.add_outbox(self, name))
        return added

    def delete_inbox(self, name: str) -> None:
        """Take an inbox away, between two turns of the scheduler."""
        self._strand.in_loop(lambda: Component.delete_inbox(self, name))

    def delete_outbox(self, name: str) -> None:
        """Take an outbox away, between two turns of the scheduler."""
        self._strand.in_loop(lambda: Component.delete_outbox(self, name))
