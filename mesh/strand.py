"""A strand: the running side of a component, with its boxes and the accounts of its turns.

The component is what people write; the strand is what the scheduler runs and the boxes report to. It
stands apart so that nothing a user names can collide with it.

Laws
1. Decided once a turn, not once a message: whom to wake, who has to wait, and what to count.
2. A strand whose outbox is full is not run until there is room; a message on `control` reaches it all
   the same.
3. A pause sleeps until something new arrives, unless the turn took something and left something.
4. When the end comes, in whatever way: outboxes end, inboxes close, the parent is told. Once.
"""

from __future__ import annotations

import asyncio
import inspect
import linecache
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from kamesh.errors import BadYield
from kamesh.inbox import Inbox
from kamesh.messages import Failure, ProducerFinished, Shutdown, failure_of
from kamesh.outbox import Feed, Outbox
from kamesh.owner import DEFAULT_BOUND, UNLIMITED
from kamesh.scheduler import ASLEEP, ENDED, NEW, Task
from kamesh.wiring import Linkage, unlink

if TYPE_CHECKING:
    from kamesh.component import Component
    from kamesh.runtime import Runtime

__all__ = ["AsyncStrand", "Strand", "WaitComplete"]

OURS = __file__.rsplit("/", 1)[0]  # a failure is blamed on the last line that is not in this folder


class WaitComplete:
    """`yield WaitComplete(generator)` runs it to its end, then goes on here; so does `yield from`."""

    def __init__(self, generator: Generator[Any, Any, Any]) -> None:
        """Take the generator to run."""
        self.generator = generator


class Strand(Task):
    """Runs a component whose `main` is a generator."""

    __slots__ = (
        "blocked",
        "children",
        "component",
        "failure",
        "feeds",
        "inboxes",
        "made",
        "name",
        "on_end",
        "outboxes",
        "parent",
        "passed_on",
        "path",
        "pausing",
        "runtime",
        "stack",
        "stop_note",
        "stopped",
        "turns",
    )

    in_turns = True
    inbox_type = Inbox

    def __init__(self, component: Component, name: str) -> None:
        """Give a new component its boxes; nothing is started."""
        super().__init__()
        self.component = component
        self.name = self.path = name
        bounds = component.bounds
        self.inboxes = {
            box: self.inbox_type(box, self, bounds.get(box, DEFAULT_BOUND))
            for box in component.inboxes
        }
        self.outboxes = {box: Outbox(box, self) for box in component.outboxes}
        self.feeds: tuple[Feed, ...] = ()
        self.runtime: Runtime | None = None
        self.parent: Strand | None = None
        self.children: tuple[Strand, ...] = ()
        self.made: list[Linkage] = []  # linkages that go when this does
        self.pausing = self.blocked = self.stopped = self.passed_on = False
        self.stop_note: object = None  # the message that told it to finish or to stop
        self.failure: Failure | None = None
        self.on_end: Callable[[Strand, BaseException | None], None] | None = None
        self.stack: list[Callable[[], object]] | None = None
        self.turns = 0

    # -- life

    def start(self, runtime: Runtime) -> None:
        """Begin to run, once, in `runtime`."""
        if self.state is not NEW:
            return
        self.runtime = runtime
        runtime.started(self)
        try:
            self.begin(runtime)
        except Exception as error:
            self.state = ENDED
            self.after_end(error)

    def begin(self, runtime: Runtime) -> None:
        """Start `main`; a `main` without a `yield` is over when it returns."""
        main = self.component.main()
        if inspect.isgenerator(main):
            runtime.scheduler.start(self, main.__next__)
        elif main is None:
            self.state = ENDED
            self.after_end(None)
        else:
            raise BadYield(
                f"main() of {self.path} returned {main!r}; write it as a generator (with a yield), "
                f"as `async def`, or in a ThreadedComponent"
            )

    def stop(self) -> None:
        """End it now, and its children; only it."""
        if self.state is ENDED:
            return
        if self.runtime is None:
            self.state = ENDED
            return
        self.halt()
        self.after_end(None)

    def fail(self, error: Exception) -> None:
        """End it now, as if its `main` had raised `error`."""
        if self.state is not ENDED and self.runtime is not None:
            self.halt()
            self.after_end(error)

    def halt(self) -> None:
        """Take it out of the scheduler and close its generator."""
        assert self.runtime is not None
        self.runtime.scheduler.end(self)
        close = getattr(getattr(self.resume, "__self__", None), "close", None)
        if close is not None and not self.component_is_running():
            close()

    def component_is_running(self) -> bool:
        """Say whether the generator is in the middle of a turn (it stops itself)."""
        return bool(getattr(getattr(self.resume, "__self__", None), "gi_running", False))

    def after_end(self, error: BaseException | None) -> None:
        """End the outboxes, close the inboxes, stop what is left of the children, tell the parent."""
        if error is not None and self.failure is None:
            known = getattr(error, "failure", None)
            self.failure = (
                known if isinstance(known, Failure) else failure_of(self.path, error, ours=OURS)
            )
        if error is None:
            self._settle_inboxes()
            self._say_finished()
        self.settle_feeds()
        for child in self.children:
            child.stop()
        for outbox in self.outboxes.values():
            outbox.finish(self.failure)
        for inbox in self.inboxes.values():
            if error is None:
                inbox.consumed()
            inbox.close()
        for linkage in self.made:
            unlink(linkage)
        self.stack = None
        runtime, self.feeds = self.runtime, ()
        if self.on_end is not None:
            self.on_end(self, error)
        if self.parent is not None:
            self.parent.child_ended(self)
        if runtime is not None:
            runtime.ended(self, error)

    def with_all_above(self) -> list[Strand]:
        """Give itself and the chassis that hold it, the innermost first."""
        found: list[Strand] = []
        here: Strand | None = self
        while here is not None:
            found.append(here)
            here = here.parent
        return found

    def set_path(self, path: str) -> None:
        """Take `path` as its name behind those of the chassis that hold it, and pass it on."""
        self.path = path
        for child in self.children:
            child.set_path(f"{path}/{child.name}")

    def child_ended(self, child: Strand) -> None:
        """Hear that a child has ended: its parent looks at once."""
        self.wake()

    # -- one turn

    def after_turn(self, request: object) -> bool:
        """Settle the accounts of the turn; True to sleep."""
        self.turns += 1
        took, left = self._settle_inboxes()
        full = self.settle_feeds()
        if request is not None and request.__class__ is not int:
            self._ask(request)
        if full:
            self.blocked = True
            self.pausing = False
            control = self.inboxes.get("control")
            return not (control is not None and control.queue and took)
        self.blocked = False
        if self.pausing:
            self.pausing = False
            return not (took and left)
        return False

    def _say_finished(self) -> None:
        signal = self.outboxes.get("signal")
        self.settle_feeds()
        if signal is not None and signal.feeds and not signal.sent:
            signal.put(ProducerFinished(self.path, at_end=True))

    def _settle_inboxes(self) -> tuple[bool, bool]:
        took = left = False
        for inbox in self.inboxes.values():
            waiting = len(inbox.queue)
            if waiting != inbox.level:
                took = True
                left = left or (inbox.live == 0 and inbox.finished > 0)  # it has ended by this
                inbox.took()
                if inbox.hearers:
                    inbox.consumed()
            if waiting:
                left = True
        return took, left

    def settle_feeds(self) -> bool:
        """Account for what the turn has sent; say whether anything is full."""
        full = False
        for feed in self.feeds:
            sink = feed.sink
            waiting = len(sink.queue)
            if waiting != sink.level and feed.plain:
                feed.settle()
            if waiting >= feed.limit:
                full = True
                sink.waiting[self] = None
        return full

    def _ask(self, request: object) -> None:
        if not isinstance(request, WaitComplete):
            raise self._bad_yield(request)
        if self.stack is None:
            self.stack = [self.resume]
            self.resume = self._resume_nested
        self.stack.append(request.generator.__next__)

    def _resume_nested(self) -> object:
        assert self.stack is not None
        try:
            return self.stack[-1]()
        except StopIteration:
            self.stack.pop()
            if len(self.stack) == 1:
                self.resume, self.stack = self.stack[0], None
            return None

    def _bad_yield(self, request: object) -> BadYield:
        resume = self.stack[-1] if self.stack else self.resume
        frame = getattr(getattr(resume, "__self__", None), "gi_frame", None)
        file, line = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
        text = (
            f"{self.path} yielded {request!r}; a component sends with self.send(...) and yields "
            f"only `self.pause()`, nothing at all, or WaitComplete(...)"
        )
        code = linecache.getline(file, line).strip()
        return BadYield(text, Failure(self.path, "BadYield", text, file, line, code))

    # -- what boxes report

    def wake(self) -> None:
        """Run again, as soon as the scheduler comes to it."""
        if self.runtime is not None:
            self.runtime.scheduler.wake(self)

    def arrived(self, inbox: Inbox) -> None:
        """Wake up for a message, unless there is no room to answer and it is not for `control`."""
        if self.runtime is not None and (not self.blocked or inbox.name == "control"):
            self.runtime.scheduler.wake(self)

    def room_again(self) -> None:
        """Run again if every outbox has room."""
        if self.blocked and not self._still_full():
            self.blocked = False
            self.wake()

    def _still_full(self) -> bool:
        full = False
        for feed in self.feeds:
            if len(feed.sink.queue) >= feed.limit:
                full = True
                feed.sink.waiting[self] = None
        return full

    def room(self) -> int:
        """Say how many messages may be sent before an inbox is full."""
        return min([feed.limit - len(feed.sink.queue) for feed in self.feeds], default=UNLIMITED)

    def rewired(self) -> None:
        """Take note of what is linked now."""
        for outbox in self.outboxes.values():
            outbox.bind()
        self.feeds = tuple(feed for outbox in self.outboxes.values() for feed in outbox.feeds)

    # -- the end of the stream

    def stopping(self) -> bool:
        """Say whether it is time to end, and pass on what said so."""
        if not self.stopped and not self._time_to_end():
            return False
        if self.stop_note is not None and not self.passed_on:
            self.passed_on = True
            signal = self.outboxes.get("signal")
            if signal is not None:
                self.emit(signal, self.stop_note)
        return True

    def emit(self, outbox: Outbox, message: object) -> None:
        """Send `message` from wherever `main` runs."""
        outbox.put(message)

    def _time_to_end(self) -> bool:
        control = self.inboxes.get("control")
        while control is not None and control.queue:
            message = control.queue[0]
            if not isinstance(message, Shutdown | ProducerFinished):
                break  # the component's own: it reads `control` itself
            self.stop_note = control.recv()
            if isinstance(message, Shutdown):
                self.stopped = True
                return True
        data = [box for box in self.inboxes.values() if box is not control]
        if any(box.queue for box in data):
            return False
        at_end = isinstance(self.stop_note, ProducerFinished) and self.stop_note.at_end
        if self.stop_note is not None and not (at_end and any(box.live for box in data)):
            return True
        fed = [box for box in data if box.finished or box.live]
        return bool(fed) and all(box.ended for box in fed)


class AsyncStrand(Strand):
    """Runs a component whose `main` is a coroutine, as an asyncio task of its own."""

    __slots__ = ("work",)

    in_turns = False

    def begin(self, runtime: Runtime) -> None:
        """Start `main` as a task."""
        self.state = ASLEEP
        self.work = runtime.scheduler.loop.create_task(self._main(), name=self.path)

    async def _main(self) -> None:
        error: BaseException | None = None
        try:
            await self.component.main()
        except asyncio.CancelledError:
            if self.state is ENDED:
                return
        except Exception as raised:
            error = raised
        self.state = ENDED
        self.after_end(error)

    def halt(self) -> None:
        """Cancel the task, unless it is the one that asks."""
        self.state = ENDED
        if self.work is not asyncio.current_task():
            self.work.cancel()

    def wake(self) -> None:
        """Let go all that waits."""
        for inbox in self.inboxes.values():
            inbox.wake()

    def arrived(self, inbox: Inbox) -> None:
        """Let go who waits for this inbox, or for all when it is `control`."""
        if inbox.name == "control":
            self.wake()
        else:
            inbox.wake()

    def room_again(self) -> None:
        """Let go who waits for room."""
        for outbox in self.outboxes.values():
            outbox.room_again()

    async def wait(self) -> None:
        """Wait until something arrives anywhere."""
        waits = [(box, box.wait()) for box in self.inboxes.values() if not box.targets]
        try:
            await asyncio.wait([one for _, one in waits], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for box, one in waits:
                box.unwait(one)
