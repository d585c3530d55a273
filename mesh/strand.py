"""A strand: the running side of a component, with its boxes and the accounts of its turns.

The component is what people write; the strand is what the scheduler runs and the boxes report to. It
stands apart so that nothing a user names can collide with it.

Laws
1. Decided once a turn, not once a message: whom to wake, who has to wait, and what to count.
2. A strand whose outbox is full is not run until there is room; a message on `control` reaches it all
   the same.
3. A pause sleeps until something new arrives, unless the turn took something and left something. One
   without a limit does not sleep, once, while an inbox that something came to since has not been
   looked at, or a stream has ended and `stopping` has not been asked.
4. When the end comes, in whatever way: outboxes end, inboxes close, the parent is told. Once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from kamesh.ending import Ending
from kamesh.errors import BadYield
from kamesh.inbox import ControlInbox, Inbox
from kamesh.messages import Failure, ProducerFinished, Shutdown, failure_of
from kamesh.nesting import Nest, WaitComplete, bad_yield, close_all, generators_behind
from kamesh.outbox import Feed, Outbox
from kamesh.owner import DEFAULT_BOUND, UNLIMITED
from kamesh.scheduler import ASLEEP, ENDED, NEW
from kamesh.wiring import Linkage, unlink

if TYPE_CHECKING:
    from kamesh.component import Component
    from kamesh.runtime import Runtime

__all__ = ["Strand"]

_NO_CHILDREN: Mapping[Strand, None] = MappingProxyType({})


class Strand(Ending):
    """Runs a component whose `main` is a generator."""

    __slots__ = (
        "blocked",
        "children",
        "component",
        "error",
        "failure",
        "feeds",
        "in_turns",
        "made",
        "name",
        "news",
        "on_end",
        "parent",
        "path",
        "pausing",
        "rests",
        "runtime",
        "turns",
    )

    takes_turns: ClassVar[bool] = True

    def __init__(self, component: Component, name: str) -> None:
        """Give a new component its boxes; nothing is started."""
        super().__init__()
        self.component = component
        self.name = self.path = name
        self.in_turns = self.takes_turns
        bounds = component.bounds
        self.inboxes = {
            box: self.make_inbox(box, bounds.get(box, DEFAULT_BOUND)) for box in component.inboxes
        }
        self.outboxes = {box: self.make_outbox(box) for box in component.outboxes}
        self.feeds: tuple[Feed, ...] = ()
        self.runtime: Runtime | None = None
        self.parent: Strand | None = None
        self.children = _NO_CHILDREN
        self.made: list[Linkage] = []  # linkages that go when this does
        self.pausing = self.blocked = False
        self.news = False  # something has arrived since the last pause that slept
        self.rests = False  # is blocked, and would sleep even if it were not
        self.failure: Failure | None = None
        self.error: BaseException | None = None
        self.on_end: Callable[[Strand, BaseException | None], None] | None = None
        self.turns = 0

    def make_inbox(self, name: str, bound: int | None) -> Inbox:
        """Make an inbox of the kind that this kind of component reads."""
        return ControlInbox(name, self, bound) if name == "control" else Inbox(name, self, bound)

    def make_outbox(self, name: str) -> Outbox:
        """Make an outbox of the kind that this kind of component sends by."""
        return Outbox(name, self)

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
            self._end_at_once(error)

    def begin(self, runtime: Runtime) -> None:
        """Start `main`; a `main` without a `yield` is over when it returns."""
        if not inspect.isgeneratorfunction(self.component.main):
            self._account_for_each()
        main = self.component.main()
        if inspect.isgenerator(main):
            if not self.in_turns:
                self.in_turns = True
                self.rewired()
            runtime.scheduler.start(self, main.__next__)
        elif main is None:
            if any(box.live for name, box in self.inboxes.items() if name != "control"):
                raise BadYield(
                    f"main() of {self.path} has no `yield`, so it was over before anything could "
                    f"arrive: put what it does in `while not self.stopping(): ...; yield self.pause()`"
                )
            self._end_at_once(None)
        else:
            raise BadYield(
                f"main() of {self.path} returned {main!r}; write it as a generator (with a yield), "
                f"as `async def`, or in a ThreadedComponent"
            )

    def stop(self) -> None:
        """End it now, and its children; only it. In its own turn: at the next `yield`."""
        self._end_at_once(None)

    def fail(self, error: Exception) -> None:
        """End it now, as if its `main` had raised `error`."""
        self._end_at_once(error)

    def _end_at_once(self, error: BaseException | None) -> None:
        if self.state is ENDED:
            return
        in_turn = self.is_in_turn()
        if self.runtime is None:
            self.state = ENDED
        else:
            self.halt()
        if in_turn:  # the scheduler has it settle when the turn is over
            self.error = error
        else:
            self._account_for_each()
            self._end(self._close_main(error))

    def _account_for_each(self) -> None:
        """Account for each message as it is sent: no turn of its own is there to settle after."""
        self.in_turns = False
        self.rewired()

    def halt(self) -> None:
        """Take it out of the scheduler."""
        assert self.runtime is not None
        self.runtime.scheduler.end(self)

    def is_in_turn(self) -> bool:
        """Say whether `main` is running this very moment: whoever asks is called by it."""
        return any(one.gi_running for one in generators_behind(self.resume))

    def _close_main(self, error: BaseException | None) -> BaseException | None:
        """Close what is left of `main`, and give what it ended with."""
        raised = close_all(generators_behind(self.resume))
        return error or self.error or raised

    def after_end(self, error: BaseException | None) -> None:
        """Settle the last turn, and end."""
        error = self._close_main(error)
        for inbox in self.inboxes.values():
            inbox.took()
            if error is None:
                inbox.consumed()
        self._settle_feeds()
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """End the outboxes, close the inboxes, stop what is left of the children, tell the parent."""
        self.error = error
        if error is None:
            self._say_finished()
        else:
            known = getattr(error, "failure", None)
            self.failure = known if isinstance(known, Failure) else failure_of(self.path, error)
        for child in list(self.children):
            child.stop()
        cut = self.failure or self.broke_off()
        for name, outbox in self.outboxes.items():
            outbox.finish(self.failure if name == "signal" else cut)
        if self.parent is not None:
            self.parent.child_ending(self)
        for inbox in self.inboxes.values():
            inbox.close()
        for linkage in self.made:
            unlink(linkage)
        self.feeds, self.made = (), []
        if self.on_end is not None:
            self.on_end(self, error)
        if self.parent is not None:
            self.parent.child_ended(self)
        if self.runtime is not None:
            self.runtime.ended(self, error)

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

    def child_ending(self, child: Strand) -> None:
        """Hear that a child has sent its last, while it still has what it has not read."""

    def child_ended(self, child: Strand) -> None:
        """Hear that a child has ended: its parent looks at once."""
        self.wake()

    # -- one turn

    def after_turn(self, request: object) -> bool:
        """Settle the accounts of the turn; True to sleep."""
        self.turns += 1
        took, left = self._settle_inboxes()
        full = self._settle_feeds()
        if request is not None and request.__class__ is not int:
            self._ask(request)
        if full:
            return self._block(took, left)
        self.blocked = False
        if self.pausing:
            self.pausing = False
            if took and left:
                if self.timer is not None:  # who pauses for a while may not be the one who looks
                    self._remember()
                return False
            return not (self.news and self._overlooked())
        if took and left:
            self._remember()
        return False

    def _remember(self) -> None:
        """Have a later pause without a limit not sleep on what this turn has left."""
        self.news = self.over = True
        for inbox in self.inboxes.values():
            inbox.unseen = inbox.unseen or bool(inbox.queue)

    def _overlooked(self) -> bool:
        """Say, once, whether a pause without a limit would sleep on what has not been looked at."""
        if self.timer is not None:
            return False
        overlooked = self.over
        self.news = self.over = False
        for inbox in self.inboxes.values():
            overlooked = overlooked or inbox.unseen
            inbox.unseen = False
        return overlooked

    def _block(self, took: bool, left: bool) -> bool:
        """Wait for room; one that was told something on `control` and reads it goes on."""
        self.blocked = True
        if left:  # perhaps for want of room: it looks again when there is some
            self._remember()
        self.rests = self.pausing and not left and not self._overlooked()
        self.pausing = False
        control = self.inboxes.get("control")
        return not (control is not None and control.queue and took)

    def _say_finished(self) -> None:
        """Say on `signal` that it has ended, unless it or a part of it says so itself."""
        signal = self.outboxes.get("signal")
        if signal is None or signal.sources or not signal.feeds:
            return
        if self.passed_on and not self.stopped:  # it was told ProducerFinished, and has finished
            signal.put(self.stop_note)
        elif (unread := self._unread_shutdown()) is not None:
            signal.put(unread)
        elif not signal.sent:
            signal.put(ProducerFinished(self.path, at_end=True))
        self._settle_feeds()

    def _unread_shutdown(self) -> Shutdown | None:
        """Give the Shutdown that came too late to be read: those behind are to end by it too."""
        control = self.inboxes.get("control")
        if control is None or self.stopped:
            return None
        return next((each for each in tuple(control.queue) if isinstance(each, Shutdown)), None)

    def _settle_inboxes(self) -> tuple[bool, bool]:
        took = left = False
        for inbox in self.inboxes.values():
            waiting = len(inbox.queue)
            if waiting != inbox.level:
                took = True
                if self.stop_note is not None or (inbox.live == 0 and inbox.finished > 0):
                    left = True  # to have taken the last may be the time to end
                inbox.took()
                if inbox.hearers:
                    inbox.consumed()
            if waiting:
                left = True
        return took, left

    def _settle_feeds(self) -> bool:
        full = False
        for feed in self.feeds:
            sink = feed.sink
            waiting = len(sink.queue)
            if waiting != sink.level and feed.plain:
                feed.settle()
                waiting = len(sink.queue)  # whoever reads may have taken all of it at once
            if waiting >= feed.limit:
                full = True
                sink.waiting[self] = None
        return full

    def _ask(self, request: object) -> None:
        if not isinstance(request, WaitComplete):
            raise bad_yield(self.path, request, self.resume)
        nest = Nest([*generators_behind(self.resume), request.generator])
        self.resume = nest.resume

    # -- what boxes and the clock report

    def wake(self) -> None:
        """Run again, as soon as the scheduler comes to it."""
        if self.runtime is not None:
            self.runtime.scheduler.wake(self)

    def end_pause(self) -> None:
        """End its pause for a reason of its own; one that has no room to answer goes on when it has."""
        if self.blocked:
            self.rests = False
        else:
            self.wake()

    def arrived(self, inbox: Inbox) -> None:
        """Wake up for a message, unless there is no room to answer and it is not for `control`."""
        if self.state is not ASLEEP or self.timer is not None or self.blocked:
            self.news = inbox.unseen = True  # no pause without a limit ends by this
            if inbox.live == 0 and inbox.finished:
                self.over = True
        if self.blocked and inbox.name != "control":
            self.rests = False
        elif self.runtime is not None:
            self.runtime.scheduler.wake(self)

    def time_over(self) -> bool:
        """Wake up when a pause is over, unless there is no room to answer."""
        self.rests = False
        return not self.blocked

    def room_again(self) -> None:
        """Run again if every outbox has room, or go on with the pause that it was in."""
        if self.blocked and not self._still_full():
            self.blocked = False
            if not self.rests:
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
        """Settle what was sent so far, if this is its turn, and take note of what is linked now."""
        if self.is_in_turn():
            self._settle_feeds()
        for outbox in self.outboxes.values():
            outbox.bind()
        self.feeds = tuple(feed for outbox in self.outboxes.values() for feed in outbox.feeds)
