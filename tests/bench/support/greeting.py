"""Two components that greet: the second tells when the first message came. Run by node processes."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

from kamesh import Component, Graphline

__all__ = ["graph"]


class Hello(Component):
    """Sends one message."""

    def main(self) -> Generator[None, None, None]:
        """Send it."""
        self.send("hello")
        yield


class Heard(Component):
    """Writes down when the first message came, by the clock that all processes of a host share."""

    def __init__(self, report: str) -> None:
        """Take the file to write to."""
        self.report = report

    def main(self) -> Generator[None, None, None]:
        """Wait for it."""
        while not self.data_ready():
            yield self.pause()
        came = time.monotonic()
        self.recv()
        part = Path(f"{self.report}.part")
        part.write_text(repr(came))
        part.rename(self.report)


def graph(report: str) -> Component:
    """Make the graph."""
    return Graphline(
        HELLO=Hello(), HEARD=Heard(report), linkages={("HELLO", "outbox"): ("HEARD", "inbox")}
    )
