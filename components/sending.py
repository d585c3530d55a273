"""Sending many messages in turns, telling in passing, waiting for a stop: what components here share.

Laws
1. No more is sent at a time than there is room for, and no turn sends more than TURN messages.
2. A Shutdown breaks off in the middle; a ProducerFinished waits until everything has been sent.
3. What is told in passing holds nobody up: where there is no room it is dropped, and that is said.
4. Who waits or tries again can be told to end all the while; that a stream has ended is not to be told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Iterable
from itertools import islice
from typing import Any, TypeVar

from kamesh import Component, ProducerFinished, Shutdown
from kamesh.components.retries import Retries

__all__ = [
    "feed_is_over", "sending", "shut_down", "stopped_within", "tell", "tell_retry", "told_to_end",
    "unless_told",
]  # fmt: skip

log = logging.getLogger("kamesh")

Result = TypeVar("Result")

TURN = 1024  # messages sent in one turn where there is room for ever so many
CANCELS = 20  # how often work is told to break off
A_CANCEL = 0.1  # seconds between two of them


def sending(
    component: Component, messages: Iterable[object], outbox: str = "outbox"
) -> Generator[None, None, None]:
    """Send `messages` as there is room, in as many turns as that takes; at a Shutdown, no more.

    Example: `yield from sending(self, lines)` in the `main` of a generator component.
    """
    waiting = iter(messages)
    while not shut_down(component):
        room = min(component.room(outbox), TURN)
        if room > 0:
            batch = list(islice(waiting, room))
            component.send_all(batch, outbox)
            if len(batch) < room:
                return
        yield  # the component is run again when there is room


def shut_down(component: Component) -> bool:
    """Say whether `component` was told to stop at once.

    `stopping()` is also true when it is to finish what it has; this leaves that to it.
    """
    told = any(isinstance(message, Shutdown) for message in tuple(component.control.queue))
    return (told and component.stopping()) or component._strand.stopped


def feed_is_over(component: Component, message: ProducerFinished) -> bool:
    """Say whether `message` on "control" only says that what feeds `component` has ended."""
    boxes = component._strand.inboxes.items()
    fed = any(box.live or box.finished for name, box in boxes if name != "control")
    return message.at_end and fed


def told_to_end(component: Component) -> bool:
    """Say whether `component` was told to stop, or to finish; that its streams have ended is neither.

    For who waits for a connection: there is nothing that it could finish.
    """
    told = (component._strand.stop_note, *component.control.queue)
    finish = (one for one in told if isinstance(one, ProducerFinished))
    return shut_down(component) or any(not feed_is_over(component, one) for one in finish)


async def stopped_within(
    component: Component, seconds: float, told: Callable[[Any], bool] = shut_down
) -> bool:
    """Wait `seconds`, or until `component` is told to stop; say whether it was.

    `told` looks whether it was: by default only a Shutdown counts, with `Component.stopping` a
    ProducerFinished too.

    Example: `if await stopped_within(self, 5.0): return`.
    """
    try:
        async with asyncio.timeout(seconds):
            while not told(component):
                await component.wait()
    except TimeoutError:
        return False
    return True


async def unless_told(
    component: Component,
    work: Coroutine[Any, Any, Result],
    told: Callable[[Any], bool] = shut_down,
) -> Result | None:
    """Do `work`, and give what comes of it; None, and it is broken off, once `component` is told to end.

    Example: `socket = await unless_told(self, self.dial())`.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: component._strand.wake())
    try:
        while not task.done() and not told(component):
            await component.wait()
        return task.result() if task.done() else None
    finally:
        await _break_off(task)


async def _break_off(task: asyncio.Task[Any]) -> None:
    """Cancel, and again if need be: `wait_for` may lose a cancel that comes as it ends (bpo-42130)."""
    for _ in range(CANCELS):
        if task.done():
            return
        task.cancel()
        await asyncio.wait([task], timeout=A_CANCEL)


def tell_retry(component: Component, retries: Retries, why: str) -> None:
    """Log why `component` did not succeed and that it tries again, as often as `retries` says."""
    if retries.to_be_told:
        so_far = f" ({retries.failures} times in vain so far)" if retries.failures > 1 else ""
        log.warning("%s: %s; trying again%s", component.path, why, so_far)


def tell(component: Component, record: object, outbox: str = "outbox") -> bool:
    """Send `record` if there is room for it now; say whether there was."""
    if component.room(outbox) <= 0:
        return False
    component.send(record, outbox)
    return True
