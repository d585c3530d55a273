"""Who is at fault: us or them.

Laws: `LocalProtocolError` is the caller's mistake and is raised at the call that made it, with
nothing changed; `RemoteProtocolError` is the peer's, never leaves this package, and costs that peer
its connection and nothing else.
"""

from __future__ import annotations

from kamesh.errors import KameshError

__all__ = ["LinkError", "LocalProtocolError", "RemoteProtocolError", "TooLarge"]


class LinkError(KameshError):
    """Something that the link protocol does not allow."""


class LocalProtocolError(LinkError):
    """Our own caller asked for what the state of the link does not allow."""


class RemoteProtocolError(LinkError):
    """The peer sent what the state of the link does not allow."""


class TooLarge(LocalProtocolError):
    """A message is larger than a link carries. `index` is its place in the list given."""

    def __init__(self, index: int, size: int, limit: int, parts: int, most: int) -> None:
        super().__init__(
            f"message {index} has {size:,} bytes and {parts:,} large buffers; a link carries at "
            f"most {limit:,} and {most:,} in one message: send it in pieces, or raise the limits "
            "`largest_message` and `frames` of every node"
        )
        self.index = index
