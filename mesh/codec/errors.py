"""What the codec says when a message cannot leave, or when what arrived is not one.

Laws: a sender's mistake is `Unsendable`, in words that say which message, where inside it, and what
to do instead; anything at all that is wrong with received bytes is `Undecodable`, and nothing else
is. Neither ever carries the message itself, which may be large or secret.
"""

from __future__ import annotations

from kamesh.errors import KameshError

__all__ = ["Cannot", "TooMuch", "Undecodable", "Unsendable"]


class Unsendable(KameshError, TypeError):
    """A message holds something that cannot cross to another process.

    `index` is its place in the batch, `type_name` the type at fault, `path` where that sits inside
    the message (`"['frame'][3]"`, empty for the message itself), `why` and `way_out` say the rest.
    Nothing of the batch was encoded.
    """

    def __init__(self, index: int, type_name: str, path: str, why: str, way_out: str) -> None:
        """Keep the parts and put them into one sentence."""
        self.index = index
        self.type_name = type_name
        self.path = path
        self.why = why
        self.way_out = way_out
        where = f"its part {path}" if path else "it"
        super().__init__(f"message {index} cannot be sent: {where} {why}; {way_out}")


class TooMuch(Unsendable):
    """The batch is past a limit of the codec.

    `messages[:index]` can be sent as they are and the rest after them; when `index` is 0 the first
    message is too much by itself.
    """


class Undecodable(KameshError, ValueError):
    """Received bytes are not a batch of messages. `reason` says why."""

    def __init__(self, reason: str) -> None:
        """Keep the reason; it is the message."""
        super().__init__(reason)
        self.reason = reason


class Cannot(Exception):
    """Raised inside the codec by whoever finds something unfit; never leaves it."""

    def __init__(self, why: str, way_out: str = "") -> None:
        """Say what is unfit (`why`, from the verb on) and, to a sender, what to send instead."""
        super().__init__(why)
        self.why = why
        self.way_out = way_out
