"""Who is at fault: us or them.

Laws: `LocalProtocolError` is the caller's mistake and is raised at the call that made it, with
nothing changed; `RemoteProtocolError` is the peer's, never leaves this package, and costs that peer
its connection and nothing else.
"""

from __future__ import annotations

from kamesh.codec import Unsendable
from kamesh.errors import KameshError

__all__ = ["LinkError", "LocalProtocolError", "RemoteProtocolError", "TooLarge"]


class LinkError(KameshError):
    """Something that the link protocol does not allow."""


class LocalProtocolError(LinkError):
    """Our own caller asked for what the state of the link does not allow."""


class RemoteProtocolError(LinkError):
    """The peer sent what the state of the link does not allow."""


class TooLarge(LocalProtocolError, Unsendable):
    """A message is larger than a link carries; its fields are those of `Unsendable`."""

    def __init__(self, index: int, size: int, limit: int, parts: int, most: int) -> None:
        if size > limit:
            why = f"has {size:,} bytes, and a link carries at most {limit:,} in one message"
        else:
            why = f"has {parts:,} large buffers, and a link carries at most {most:,} in one message"
        way_out = "send it in pieces, or raise the limits `largest_message` and `frames` everywhere"
        Unsendable.__init__(self, index, "", "", why, way_out)
