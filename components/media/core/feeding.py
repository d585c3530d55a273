"""Feeding: whether the streams that a component is there for are over, whatever else still feeds it.

Law: boxes by which a component is controlled do not keep it going; the streams it works on do.
"""

from __future__ import annotations

from collections.abc import Iterable

from kamesh.inbox import Inbox

__all__ = ["all_over"]


def all_over(boxes: Iterable[Inbox]) -> bool:
    """Say whether something has fed these inboxes, all of it has ended, and everything is taken."""
    boxes = tuple(boxes)
    return any(box.finished for box in boxes) and not any(box.queue or box.live for box in boxes)
