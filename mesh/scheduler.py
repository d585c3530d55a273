"""The scheduler: a run queue of generators, a wake, a sleep. Read this file first.

It lives inside one asyncio event loop and runs what is ready in slices, so that sockets, timers and
asyncio tasks share the loop with it. It knows nothing of components, boxes or linkages: it calls
`resume()` on a task, asks the task what to do next, and that is all.

Laws
1. A task is run only while it is ready. One that sleeps costs nothing, however many there are.
2. To wake one that is awake, or one that has ended, does nothing; a wake in the middle of a turn is
   kept until the turn is over. So no wake is ever lost.
3. No slice holds the loop for longer than SLICE seconds and one turn.
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
        """Settle the end: the generator returned (None) or raised."""


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
        self._scheduled = False
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

    def wake_threadsafe(self, task: Task) -> None:
        """Do the same from any thread."""
        self.loop.call_soon_threadsafe(self.wake, task)

    def wake_later(self, task: Task, seconds: float) -> None:
        """Wake `task` after `seconds` unless something else wakes it first."""
        if task.timer is not None:
            task.timer.cancel()
        task.timer = self.loop.call_later(seconds, self.wake, task)

    def end(self, task: Task) -> None:
        """Take `task` out for good, wherever it stands; nobody is told."""
        task.state = ENDED
        if task.timer is not None:
            task.timer.cancel()
            task.timer = None

    def _make_ready(self, task: Task) -> None:
        task.state = READY
        if task.timer is not None:
            task.timer.cancel()
            task.timer = None
        self._ready.append(task)
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._slice)

    def _slice(self) -> None:
        """Run what is ready, each in its turn, until nothing is or the slice is over."""
        ready = self._ready
        over = monotonic() + SLICE
        while ready:
            for _ in range(min(len(ready), TURNS_PER_LOOK)):
                self._turn(ready.popleft())
            if monotonic() >= over:
                break
        if ready:
            self.loop.call_soon(self._slice)
        else:
            self._scheduled = False

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
        except Exception as error:
            self.end(task)
            task.after_end(error)
        else:
            if sleep and task.state is RUNNING:
                task.state = ASLEEP
            elif task.state is not ENDED:
                task.state = READY
                self._ready.append(task)
