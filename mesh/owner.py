"""What a box knows of its owner, and what a linkage may do when an inbox is full.

Law: a box tells its owner that a message or some room has come; it never asks what the owner is.
"""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kamesh.inbox import Inbox

__all__ = ["DEFAULT_BOUND", "UNLIMITED", "Owner", "Policy"]

DEFAULT_BOUND = 1024  # messages an inbox holds unless its component says otherwise
UNLIMITED = sys.maxsize


class Policy(Enum):
    """What a linkage does when the inbox it feeds is full. Every drop is counted and shown."""

    BLOCK = "block"  # the sender is not run until there is room
    DROP_OLDEST = "drop_oldest"  # the oldest waiting message makes room
    DROP_NEWEST = "drop_newest"  # the message that finds no room is dropped
    LATEST = "latest"  # only the newest message is kept


class Owner(Protocol):
    """What a box tells: a component's strand, a dealer, a handle, or the end of a link."""

    path: str
    in_turns: bool  # settles once a turn; otherwise each message is accounted for as it is sent

    def arrived(self, inbox: Inbox) -> None:
        """Hear that a message has arrived at `inbox`, or that it has ended."""

    def room_again(self) -> None:
        """Hear that an inbox which was full has room again."""

    def rewired(self) -> None:
        """Settle what has been sent so far in this turn, then have each of its outboxes `bind()`."""

    def room(self) -> int:
        """Say how many messages may be sent before an inbox is full."""
