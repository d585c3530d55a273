"""Sending many messages in turns, telling in passing, waiting for a stop: what components here share.

Laws
1. No more is sent at a time than there is room for, and no turn sends more than TURN messages.
2. A Shutdown breaks off in the middle; a ProducerFinished waits until everything has been sent.
3. What is told in passing holds nobody up: where there is no room it is dropped, and that is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import Any

from kamesh import Component, Shutdown

__all__ = ["sending", "shut_down", "stopped_within", "tell"]

TURN = 1024  # messages sent in one turn where there is room for ever so many


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


def tell(component: Component, record: object, outbox: str = "outbox") -> bool:
    """Send `record` if there is room for it now; say whether there was."""
    if component.room(outbox) <= 0:
        return False
    component.send(record, outbox)
    return True
