"""Streams in time, for tests of parts that heed it: messages sent at given times, and when they came."""

from __future__ import annotations

from kamesh import Component, Pipeline
from kamesh.testing import run_coroutine


class At(Component):
    """Sends messages at given times: pairs of seconds and a message, in order; ends at `until`."""

    def __init__(self, *events, until=0.0):
        super().__init__()
        self.events = events
        self.until = until

    def main(self):
        """Send each when it is time."""
        for when, message in self.events:
            yield from self.sleep(when)
            while self.room("outbox") <= 0:
                yield
            self.send(message)
        yield from self.sleep(self.until)

    def sleep(self, until):
        """Wait for a time."""
        while self.now() < until:
            yield self.pause(until - self.now())


class When(Component):
    """Notes what came, and when: `(seconds, message)`."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def main(self):
        """Note it."""
        while not self.stopping():
            self.notes.extend((round(self.now(), 9), message) for message in self.inbox)
            yield self.pause()


def timed(part, *events, until=0.0):
    """Send `part` messages at given times, and give when what it sent came."""
    when = When()
    run_coroutine(Pipeline(At(*events, until=until), part, when).run_async())
    return when.notes
