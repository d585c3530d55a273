"""Whether a stream may still bring something: what parts ask that wait for one stream for another's sake.

Law: nobody waits for a stream that has ended, that nothing feeds, or once told to finish what there is.
"""

from __future__ import annotations

from kamesh import Component, ProducerFinished
from kamesh.inbox import Inbox

__all__ = ["more_may_come"]


def more_may_come(component: Component, inbox: Inbox) -> bool:
    """Say whether `component` has reason to wait for another message at its `inbox`."""
    told = component._strand.stop_note
    finishing = isinstance(told, ProducerFinished) and not told.at_end
    return inbox.live > 0 and not finishing and not component._strand.stopped
