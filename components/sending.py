"""Sending many messages in turns, and telling a stop from an end: what components here share.

Laws
1. No more is sent at a time than there is room for, and no turn sends more than TURN messages.
2. A Shutdown breaks off in the middle; a ProducerFinished waits until everything has been sent.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import islice

from kamesh import Component, Shutdown

__all__ = ["sending", "shut_down"]

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
