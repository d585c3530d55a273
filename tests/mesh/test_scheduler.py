"""The scheduler alone: tasks that are plain generators, with no component in sight."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest
from component_kit import idle, scene

from kamesh.scheduler import SLICE, TURNS_PER_LOOK, Scheduler, Task, TaskState


class Scripted(Task):
    """Sleeps whenever it yields "sleep"; notes its end."""

    __slots__ = ("ends", "generator", "runs")

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0
        self.ends: list[BaseException | None] = []
        self.generator: Any = None

    def after_turn(self, request: object) -> bool:
        self.runs += 1
        return request == "sleep"

    def after_end(self, error: BaseException | None) -> None:
        self.ends.append(error)


def begin(scheduler: Scheduler, script: Callable[[], Generator[Any, Any, Any]]) -> Scripted:
    """Start a task that runs `script`."""
    task = Scripted()
    task.generator = script()
    scheduler.start(task, task.generator.__next__)
    return task


def in_loop(test: Callable[[Scheduler], Any]) -> None:
    """Run a test that is given a scheduler."""

    async def main() -> None:
        await test(Scheduler(asyncio.get_running_loop()))

    scene(main())


def sleeping() -> Generator[str, None, None]:
    """Sleep, for ever again."""
    while True:
        yield "sleep"


def test_round_robin() -> None:
    """Ready tasks run one turn each, in their order, again and again."""
    order: list[str] = []

    def named(name: str) -> Callable[[], Generator[None, None, None]]:
        def script() -> Generator[None, None, None]:
            for _ in range(3):
                order.append(name)
                yield

        return script

    async def test(scheduler: Scheduler) -> None:
        for name in "abc":
            begin(scheduler, named(name))
        await idle()

    in_loop(test)
    assert order == list("abcabcabc")


def test_states() -> None:
    """A task is new, then ready, then asleep, and in the end ended; it ends once."""

    def once() -> Generator[str, None, None]:
        yield "sleep"

    async def test(scheduler: Scheduler) -> None:
        task = Scripted()
        assert task.state == TaskState.NEW
        task.generator = once()
        scheduler.start(task, task.generator.__next__)
        assert task.state == TaskState.READY
        await idle()
        assert task.state == TaskState.ASLEEP
        scheduler.wake(task)
        assert task.state == TaskState.READY
        await idle()
        assert task.state == TaskState.ENDED
        assert task.ends == [None]
        scheduler.wake(task)
        scheduler.start(task, task.generator.__next__)
        await idle()
        assert (task.state, task.ends, task.runs) == (TaskState.ENDED, [None], 1)

    in_loop(test)


def test_many_wakes_are_one() -> None:
    """To wake a task that is awake already does nothing."""

    async def test(scheduler: Scheduler) -> None:
        task = begin(scheduler, sleeping)
        await idle()
        for _ in range(5):
            scheduler.wake(task)
        await idle()
        assert task.runs == 2

    in_loop(test)


def test_a_wake_in_mid_turn_is_kept() -> None:
    """A task woken while it runs does not go to sleep after that turn."""

    async def test(scheduler: Scheduler) -> None:
        task = Scripted()

        def script() -> Generator[str, None, None]:
            scheduler.wake(task)
            assert task.state == TaskState.WOKEN
            yield "sleep"
            yield "sleep"

        task.generator = script()
        scheduler.start(task, task.generator.__next__)
        await idle()
        assert (task.runs, task.state) == (2, TaskState.ASLEEP)

    in_loop(test)


def test_a_timer_wakes_once() -> None:
    """`wake_later` wakes at its time; a wake before it makes the timer void."""

    async def test(scheduler: Scheduler) -> None:
        task = begin(scheduler, sleeping)
        await idle(1)
        scheduler.wake_later(task, 10)
        await idle(9)
        assert task.runs == 1
        await idle(2)
        assert (task.runs, task.timer) == (2, None)
        scheduler.wake_later(task, 10)
        scheduler.wake_later(task, 20)
        scheduler.wake(task)
        await idle(100)
        assert (task.runs, task.timer) == (3, None)

    in_loop(test)


def test_a_timer_may_be_declined() -> None:
    """A task that says no to `time_over` sleeps on."""

    class Reluctant(Scripted):
        __slots__ = ()

        def time_over(self) -> bool:
            return False

    async def test(scheduler: Scheduler) -> None:
        task = Reluctant()
        task.generator = sleeping()
        scheduler.start(task, task.generator.__next__)
        await idle(1)
        scheduler.wake_later(task, 10)
        await idle(100)
        assert (task.runs, task.state) == (1, TaskState.ASLEEP)

    in_loop(test)


def test_what_a_task_raises_is_its_end() -> None:
    """An exception ends its task, which hears of it; the others go on."""

    def bad() -> Generator[None, None, None]:
        yield
        raise ValueError("no")

    async def test(scheduler: Scheduler) -> None:
        broken, other = begin(scheduler, bad), begin(scheduler, sleeping)
        await idle()
        assert [str(error) for error in broken.ends] == ["no"]
        scheduler.wake(other)
        await idle()
        assert other.runs == 2

    in_loop(test)


def test_an_error_in_the_settling_ends_the_task() -> None:
    """What `after_turn` raises is the end of that task, as if it had raised it itself."""

    class Strict(Scripted):
        __slots__ = ()

        def after_turn(self, request: object) -> bool:
            raise TypeError(f"not {request}")

    async def test(scheduler: Scheduler) -> None:
        task = Strict()
        task.generator = sleeping()
        scheduler.start(task, task.generator.__next__)
        await idle()
        assert [str(error) for error in task.ends] == ["not sleep"]

    in_loop(test)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exit_leaves_the_rest_ready(kind: type[BaseException]) -> None:
    """An exit ends its task and leaves the loop; what was ready runs when the loop is run again."""

    def leaving() -> Generator[None, None, None]:
        yield
        raise kind(3)

    loop = asyncio.new_event_loop()
    scheduler = Scheduler(loop)
    gone, other = begin(scheduler, leaving), begin(scheduler, sleeping)
    with pytest.raises(kind):
        loop.run_until_complete(asyncio.sleep(5))
    assert [type(error) for error in gone.ends] == [kind]
    scheduler.wake(other)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert other.runs == 2
    loop.close()


def test_ended_from_outside() -> None:
    """A task that is ended while it waits for its turn does not get it, and nobody is told."""

    async def test(scheduler: Scheduler) -> None:
        task = begin(scheduler, sleeping)
        scheduler.end(task)
        await idle()
        assert (task.runs, task.ends, task.state) == (0, [], TaskState.ENDED)

    in_loop(test)


def test_ended_in_its_own_turn() -> None:
    """A task that is ended in the middle of its turn finishes that turn, and then hears of it."""

    async def test(scheduler: Scheduler) -> None:
        task = Scripted()

        def script() -> Generator[None, None, None]:
            scheduler.end(task)
            assert task.ends == []
            yield
            raise AssertionError("it was run again")

        task.generator = script()
        scheduler.start(task, task.generator.__next__)
        await idle()
        assert (task.runs, task.ends) == (1, [None])

    in_loop(test)


def test_busy_tasks_leave_the_loop_its_share() -> None:
    """While tasks are always ready, timers and callbacks of the loop still run between slices."""

    async def main() -> None:
        scheduler = Scheduler(asyncio.get_running_loop())

        def busy() -> Generator[None, None, None]:
            while True:
                yield

        tasks = [begin(scheduler, busy) for _ in range(3)]
        rounds = 0
        while rounds < 20:
            await asyncio.sleep(0)
            rounds += 1
        assert scheduler.turns >= rounds * TURNS_PER_LOOK // 2
        for task in tasks:
            scheduler.end(task)

    asyncio.run(main())
    assert SLICE < 0.01  # seconds: less than a frame, a sample buffer or a person notices


def test_turns_are_counted() -> None:
    """`turns` is the number of turns run in all; with nothing ready it does not grow."""

    async def test(scheduler: Scheduler) -> None:
        tasks = [begin(scheduler, sleeping) for _ in range(10)]
        await idle()
        assert scheduler.turns == 10
        await idle(1000)
        assert scheduler.turns == 10
        scheduler.wake(tasks[3])
        await idle()
        assert scheduler.turns == 11

    in_loop(test)


def test_a_slice_at_once() -> None:
    """Who brings something and has promised a slice has it run in his own call, and only there."""

    async def test(scheduler: Scheduler) -> None:
        task = begin(scheduler, sleeping)
        await idle()
        scheduler.gather()
        scheduler.wake(task)
        assert (task.state, task.runs) == (TaskState.READY, 1)
        scheduler.run_now()
        assert (task.state, task.runs) == (TaskState.ASLEEP, 2)
        scheduler.wake(task)  # and without the promise the loop runs it, as ever
        await idle()
        assert task.runs == 3

    in_loop(test)


def test_told_after_a_slice() -> None:
    """Who asked is told once when a slice is over; whom he wakes then runs in the next one."""
    told: list[int] = []

    async def test(scheduler: Scheduler) -> None:
        first, second = begin(scheduler, sleeping), begin(scheduler, sleeping)
        scheduler.after_slice.append(lambda: told.append(first.runs + second.runs))
        await idle()
        assert told == [2]
        scheduler.after_slice.insert(0, lambda: scheduler.wake(first) if len(told) < 3 else None)
        scheduler.wake(second)
        await idle()
        assert told == [2, 3, 4, 5]

    in_loop(test)
