"""Echo: what comes goes back (RFC 862)."""

from __future__ import annotations

from collections.abc import Generator

from kamesh import Component

__all__ = ["Echo"]


class Echo(Component):
    """Sends back what it receives, as it comes.

    Example:
        >>> run(Echo(), [b"one", b"two"])["outbox"]
        [b'one', b'two']

    Boxes: "inbox" bytes received; "outbox" the same bytes; "control". For a server:
    `TCPServer(Echo, port=7)`.

    How it ends: with its inbox, that is when the other end has said all.
    """

    def main(self) -> Generator[None, None, None]:
        """Send back what there is room for."""
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()
