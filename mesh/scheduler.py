"""The scheduler: a run queue of generators, a wake, a sleep. Read this file first.

It lives inside one asyncio event loop and runs what is ready in slices, so that sockets, timers and
asyncio tasks share the loop with it. It knows nothing of components, boxes or linkages: it calls
`resume()` on a task, asks the task what to do next, and that is all.

Laws
1. A task is run only while it is ready. One that sleeps costs nothing, however many there are.
2. To wake one that is awake, or one that has ended, does nothing; a wake in the middle of a turn is
   kept until the turn is over. So no wake is ever lost.
3. No slice holds the loop for longer than SLICE seconds and TURNS_PER_LOOK turns.
4. What a task raises ends that task, never the scheduler; an interrupt or an exit goes on to the loop
   as well, and what is ready is run all the same.
5. When a slice is over, whoever asked for it is told, so that what gathered in it goes out together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from time import monotonic

__all__ = ["Scheduler", "Task", "TaskState"]

SLICE = 0.002  # seconds a slice may last: what a socket may have to wait for the components
TURNS_PER_LOOK = 32  # turns between two looks at the clock


class TaskState(IntEnum):
    """Where a task stands."""

    NEW = 0
    READY = 1  # in the run queue
    RUNNING = 2
    WOKEN = 3  # running, and woken meanwhile
    ASLEEP = 4
    ENDED = 5


NEW, READY, RUNNING, WOKEN, ASLEEP, ENDED = TaskState


class Task:
    """One generator and where it stands. Subclasses say what a turn means to them."""

    __slots__ = ("resume", "state", "timer")

    def __init__(self) -> None:
        """Make a task that is not started yet."""
        self.resume: Callable[[], object] = _nothing_to_resume
        self.state: int = NEW
        self.timer: asyncio.TimerHandle | None = None

    def after_turn(self, request: object) -> bool:
        """Settle a turn that yielded `request`; return True to sleep until woken."""
        return False

    def after_end(self, error: BaseException | None) -> None:
        """Settle the end: the generator returned, or the task was ended in its turn (None), or raised."""

    def time_over(self) -> bool:
        """Hear that the time it asked for is over; return True to be woken."""
        return True


def _nothing_to_resume() -> object:
    raise RuntimeError("this task has nothing to run")


class Scheduler:
    """Runs tasks in one event loop.

    Example: `scheduler.start(task, generator)`; from then on `wake(task)` makes it run again.
    How it ends: it has no end of its own. With no task ready it is not called at all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Attach to `loop`; nothing runs yet."""
        self.loop = loop
        self._ready: deque[Task] = deque()
        self._scheduled = False  # the loop will call
        self.gathering = False  # a slice runs, or is about to in this very callback of the loop
        self.after_slice: list[Callable[[], None]] = []
        self.turns = 0  # in all, for statistics

    def start(self, task: Task, resume: Callable[[], object]) -> None:
        """Give `task` what it runs (a generator's `__next__`) and make it ready."""
        if task.state is not NEW:
            return
        task.resume = resume
        self._make_ready(task)

    def wake(self, task: Task) -> None:
        """Make a sleeping task ready; from this loop's own thread only."""
        state = task.state
        if state is ASLEEP:
            self._make_ready(task)
        elif state is RUNNING:
            task.state = WOKEN

    def wake_later(self, task: Task, seconds: float) -> None:
        """Wake `task` after `seconds` unless something else wakes it first."""
        self.drop_timer(task)
        task.timer = self.loop.call_later(seconds, self._time_over, task)

    def drop_timer(self, task: Task) -> None:
        """Forget when `task` was to be woken."""
        if task.timer is not None:
            task.timer.cancel()
            task.timer = None

    def end(self, task: Task) -> None:
        """Take `task` out for good; one that is in its turn hears `after_end` when that is over."""
        task.state = ENDED
        self.drop_timer(task)

    def _time_over(self, task: Task) -> None:
        task.timer = None
        if task.time_over():
            self.wake(task)

    def gather(self) -> None:
        """Promise to call `run_now` in this same callback of the loop: nothing is run before."""
        self.gathering = True

    def run_now(self) -> None:
        """Run a slice at once, not when the loop comes round: for who has just brought messages."""
        self._slice()

    def _make_ready(self, task: Task) -> None:
        task.state = READY
        if task.timer is not None:
            self.drop_timer(task)
        self._ready.append(task)
        if not (self._scheduled or self.gathering):
            self._soon()

    def _soon(self) -> None:
        self._scheduled = True
        self.loop.call_soon(self._come_round)

    def _come_round(self) -> None:
        self._scheduled = False
        self._slice()

    def _slice(self) -> None:
        """Run what is ready, each in its turn, until nothing is or the slice is over."""
        ready = self._ready
        over = monotonic() + SLICE
        self.gathering = True
        try:
            while ready:
                for _ in range(min(len(ready), TURNS_PER_LOOK)):
                    self._turn(ready.popleft())
                if monotonic() >= over:
                    break
        finally:
            self.gathering = False
            if ready and not self._scheduled:
                self._soon()
        for tell in self.after_slice:
            tell()

    def _turn(self, task: Task) -> None:
        if task.state is not READY:  # ended while it waited for its turn
            return
        task.state = RUNNING
        self.turns += 1
        try:
            request = task.resume()
            sleep = task.after_turn(request)
        except StopIteration:
            self.end(task)
            task.after_end(None)
        except BaseException as error:
            self.end(task)
            task.after_end(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        else:
            if sleep and task.state is RUNNING:
                task.state = ASLEEP
            elif task.state is not ENDED:
                task.state = READY
                self._ready.append(task)
            else:  # ended in the middle of its own turn
                task.after_end(None)
