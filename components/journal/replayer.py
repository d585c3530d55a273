"""Replayer: the messages of a journal, at the times at which they came.

It is two parts in a row: one reads in a thread of its own, a little ahead, and one sends each message
when it is due.

Laws
1. Times are kept by the scheduler's clock and do not drift: a message that a slow receiver made late
   moves none after it.
2. A journal is read no faster than it is wanted; of what is torn off at its end all before is played.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kamesh import Component, Pipeline, ThreadedComponent
from kamesh.codec import Undecodable
from kamesh.components.files.errors import a_path
from kamesh.components.journal.format import NotAJournal
from kamesh.components.journal.pace import Pace
from kamesh.components.journal.reading import JournalReader, open_journal
from kamesh.components.sending import sending, shut_down
from kamesh.linking import did_you_mean

__all__ = ["Replayer"]

log = logging.getLogger("kamesh")

MESSAGES = 64  # sent on together by the part that reads


@dataclass(frozen=True, slots=True)
class _Due:
    """Messages, and when they are due (seconds after the start)."""

    seconds: float
    messages: list[Any]


class Replayer(Pipeline):
    """Plays a journal: sends what was recorded, with its timing.

    `speed` 2.0 plays in half the time; 0 or None as fast as the receiver takes it. With `loop` it
    begins anew at the end, for ever. `start` and `until` are seconds of the recording: only what came
    from the one on and before the other is played, and the silence before the first message is kept.
    `box` plays only one of several boxes that the journal has. Where the end of a journal is torn off,
    as after a power cut, a warning is logged and all before it is played.

    Example:
        >>> from kamesh.components.ticker import Ticker
        >>> recorded = run(Pipeline(Ticker(0.5, count=3), Recorder("ticks.kj")))
        >>> run(Replayer("ticks.kj", speed=0, start=0.75))["outbox"]
        [2, 3]

    Boxes: "outbox" the messages; "control".

    How it ends: after the last message; told Shutdown, at once. It fails, with a sentence, if the file
    is missing or is no journal, or if a message is of a class that is not registered here.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "what was recorded",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, path: str | Path, speed: float | None = 1.0, loop: bool = False, *,
        start: float = 0.0, until: float | None = None, box: str | None = None,
        name: str | None = None,
    ) -> None:
        """Remember what to play; WrongFigure for a speed below 0 or times that make no sense."""
        pace = Pace(speed, start, until)
        self._play = _Play()
        super().__init__(_Read(a_path(path), pace, loop, box), self._play, name=name)

    def main(self) -> Generator[None, None, None]:
        """Run the parts: with a `main` of its own, it is never dealt out to several nodes."""
        yield from super().main()

    def details(self) -> dict[str, object]:
        """Give the figures that are its own."""
        return {"messages": self._play.count}


class _Read(ThreadedComponent):
    """Reads the journal.

    Boxes: "outbox" messages with the time at which they are due. How it ends: at the end of the file.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outgoing: ClassVar = 8

    def __init__(self, path: Path, pace: Pace, loop: bool, box: str | None) -> None:
        super().__init__()
        self.file, self.pace, self.loop, self.box = path, pace, loop, box

    def main(self) -> None:
        """Read it once, or again and again."""
        with open_journal(self.file) as journal:
            boxes = self._boxes(journal)
            passed = 0.0
            while not shut_down(self):
                count = self._read(journal, boxes, passed)
                passed += self.pace.lap(journal.length)
                if not self.loop or not count or self.stopping():
                    self.send(_Due(self._due(passed), []))  # the silence at the end is kept too
                    return

    def _boxes(self, journal: JournalReader) -> set[int]:
        names = journal.info.boxes
        if self.box is None:
            return set(range(len(names)))
        if self.box not in names:
            raise NotAJournal(
                f"{journal.name} holds no box {self.box!r}{did_you_mean(self.box, names)}; "
                f"it holds: {', '.join(names)}"
            )
        return {place for place, name in enumerate(names) if name == self.box}

    def _due(self, passed: float) -> float:
        return passed / self.pace.speed if self.pace.speed else 0.0

    def _read(self, journal: JournalReader, boxes: set[int], passed: float) -> int:
        """Send all that is to be played; give how many messages that were."""
        count, due = 0, self._due(passed)
        for record in journal:
            if shut_down(self) or self.pace.over(record.seconds):
                break
            if record.box not in boxes or not self.pace.played(record.seconds):
                continue
            try:
                messages = record.messages()
            except Undecodable as error:
                raise NotAJournal(
                    f"{journal.name} cannot be played here: what was recorded at "
                    f"{record.seconds:.3f} s cannot be read, as {error.reason}"
                ) from error
            when = due + self.pace.due(record.seconds)
            for first in range(0, len(messages), MESSAGES):
                self.send(_Due(when, messages[first : first + MESSAGES]))
            count += len(messages)
        if trouble := journal.trouble():
            log.warning("%s", trouble)
        return count


class _Play(Component):
    """Sends what is read when it is due.

    Boxes: "inbox" messages with their times; "outbox" the messages. How it ends: with its inbox.
    """

    bounds: ClassVar = {"inbox": 8}

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def main(self) -> Generator[None, None, None]:
        """Wait until it is time, then send; a ProducerFinished is for the part that reads."""
        began = self.now()
        while not (self.inbox.ended or shut_down(self)):
            if self.data_ready():
                due = self.recv()
                while (wait := began + due.seconds - self.now()) > 0 and not shut_down(self):
                    self.pause(wait)
                    yield
                yield from sending(self, due.messages)
                self.count += len(due.messages)
            else:
                yield self.pause()
