"""Failing: what cannot be done is told to whoever is linked to hear of it, or fails who cannot do it.

Laws
1. No failure is lost: with "errors" linked its record is sent there and the rest goes on; with nothing
   linked there the component fails with the sentence that the record is as text.
2. A component that was told to stop does not fail for what it leaves undone: it logs it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from kamesh import Component
from kamesh.components.sending import shut_down
from kamesh.errors import KameshError

__all__ = ["Unheard", "tell_failure"]

log = logging.getLogger("kamesh")


class Unheard(KameshError, RuntimeError):
    """A failure that nothing is linked to hear of."""


def tell_failure(
    component: Component,
    record: object,
    error: BaseException | None = None,
    *,
    outbox: str = "errors",
) -> Awaitable[None]:
    """Send the `record` of a failure, whose str() is its sentence; Unheard if nobody is to hear it.

    `error` is what has caused it, if an exception has. A coroutine awaits this, as it does a `send`.

    Example: `await tell_failure(self, FileFailed(path, "a.ts cannot be read"), error)`.
    """
    box = component._strand.outboxes[outbox]
    if box.feeds:
        return component.send(record, outbox)
    if not shut_down(component):
        raise Unheard(f'{record} (link "{outbox}" to hear of it and go on)') from error
    log.warning("%s was told to stop: %s", component.path, record)
    return box
