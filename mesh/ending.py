"""Ending: whether it is time for a component to end, from what it was told and from what feeds it.

Laws
1. After Shutdown it is time at once; after ProducerFinished, or when all streams that feed it have ended,
   when everything that has come is taken.
2. What it was told is passed on by `signal`, once: Shutdown at once, ProducerFinished at its end, behind
   the last that it sends. Messages on `control` that mean nothing to kamesh are its own to read.
3. A stream that broke off is not one that is whole, however many have worked on it.
"""

from __future__ import annotations

from kamesh.inbox import Inbox
from kamesh.messages import Failure, ProducerFinished, Shutdown
from kamesh.outbox import Outbox
from kamesh.scheduler import Task

__all__ = ["Ending"]


class Ending(Task):
    """What a strand knows of its end."""

    __slots__ = ("inboxes", "outboxes", "over", "passed_on", "stop_note", "stopped")

    inboxes: dict[str, Inbox]
    outboxes: dict[str, Outbox]

    def __init__(self) -> None:
        """Begin with nothing told."""
        super().__init__()
        self.over = False  # a stream has ended since `stopping` was last asked
        self.stop_note: object = None  # the message that told it to finish or to stop
        self.stopped = self.passed_on = False

    def stopping(self) -> bool:
        """Say whether it is time to end; a Shutdown that says so is passed on."""
        self.over = False
        return self.told() or self._streams_over()

    def told(self) -> bool:
        """Say whether it was told to end and may, and pass a Shutdown on; once true, always true.

        After Shutdown it may at once, after ProducerFinished when all that has come is taken; one that
        kamesh sent for somebody's end says nothing while others still feed it.
        """
        if self.passed_on:
            return True
        self._read_control()
        if not self.stopped and not self._may_finish():
            return False
        self.passed_on = True
        signal = self.outboxes.get("signal")
        if signal is not None and self.stopped:
            self.emit(signal, self.stop_note)
        return True

    def broke_off(self) -> Failure | None:
        """Give what a stream that it has read to its end broke off with, if it was not stopped.

        What it has made of that stream is then cut off as well, and its outboxes say so.
        """
        broken = (
            box.failure for name, box in self.inboxes.items() if name != "control" and box.ended
        )
        return None if self.stopped else next(filter(None, broken), None)

    def emit(self, outbox: Outbox, message: object) -> None:
        """Send `message` from wherever `main` runs."""
        outbox.put(message)

    def _read_control(self) -> None:
        """Take the stop messages from `control`; what is the component's own it reads itself."""
        control = self.inboxes.get("control")
        while control is not None and control.look() and not self.stopped:
            if not isinstance(control.queue[0], Shutdown | ProducerFinished):
                break
            self.stop_note = control.recv()
            self.stopped = isinstance(self.stop_note, Shutdown)

    def _may_finish(self) -> bool:
        note = self.stop_note
        if not isinstance(note, ProducerFinished):
            return False
        data = [box for name, box in self.inboxes.items() if name != "control"]
        return not any(box.queue or (note.at_end and box.live) for box in data)

    def _streams_over(self) -> bool:
        fed = over = False
        for name, box in self.inboxes.items():
            if name == "control":
                over = over or (box.ended and box.failure is not None)
            elif box.live or box.queue:
                return False
            elif box.finished:
                fed = True
        return fed or over
