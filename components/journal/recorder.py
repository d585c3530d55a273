"""Recorder: what passes, with its time, in a journal.

It is three parts in a row: one notes the time when messages arrive, one writes in a thread of its own,
because a disk may take its time, and one sends on.

Laws
1. The time of a message is that of its arrival by the scheduler's clock, however late it is written.
2. What is sent on is in the journal already; so a slow disk makes the source wait, unless the linkage to
   the recorder has another policy: then what was dropped is counted, and noted in the journal.
3. Whatever ends it, what was written before is whole.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kamesh import Component, EmptyInbox, Graphline, ThreadedComponent
from kamesh.codec import Unsendable
from kamesh.components.files.errors import a_path
from kamesh.components.journal.format import Info
from kamesh.components.journal.syncing import Sync, Syncing
from kamesh.components.journal.weight import places, weight
from kamesh.components.journal.writing import JournalWriter, checked_mode
from kamesh.errors import KameshError

__all__ = ["NotRecordable", "Recorder"]

WAITING = 256  # messages in the recorder's inbox, unless they are large
HEAVY = 256 * 1024  # bytes, as far as they can be told, from which what has come is a record


class NotRecordable(KameshError, TypeError):
    """A message that was to be recorded is of a kind that cannot travel, nor be kept."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """Messages that came at one time (seconds since the start), and how many were dropped before."""

    seconds: float
    messages: list[Any]
    dropped: int


class Recorder(Graphline):
    """Records what passes, with its time, in a journal that Replayer and `kamesh replay` play.

    `path` is the journal; `mode` is "new" (refuses a file that exists) or "replace". `box` is what the
    journal says was recorded (default: the outboxes that are linked to it). `sync` is when what was
    written is brought to the disk itself, so that it outlives the machine and not only the process:
    "none" (default) leaves that to the system, a number of seconds is how old it may grow, "each" is
    after every write. Only what could travel to another process can be recorded. Some 256 messages
    may wait for the disk, and fewer where they are large: 32 MiB of them.

    Example:
        >>> Pipeline(DataSource(["one", "two"]), Recorder("said.kj", box="TALK.outbox")).run()
        >>> run(Replayer("said.kj"))["outbox"]
        ['one', 'two']

    Boxes: "inbox" anything that can travel; "outbox" the same, once it is in the journal; "control".

    How it ends: when its inbox has ended, or it is told to on "control", once what has come is
    written; the journal then says that it is complete. It fails, with a sentence, if the file exists
    or cannot be written, if the disk is full, or for a message that cannot travel; the journal then
    has all that came before.
    """

    inboxes: ClassVar = {
        "inbox": "anything that can travel",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the same, once it is in the journal",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, path: str | Path, mode: str = "new", *, box: str | None = None, sync: Sync = "none",
        name: str | None = None,
    ) -> None:
        """Remember where to write; WrongFigure for a mode or a `sync` that there is not."""
        checked_mode(mode)
        Syncing.of(sync)
        stamp = _Stamp()
        self._write = _Write(a_path(path), mode, box, sync, stamp)
        super().__init__(
            {
                ("", "inbox"): ("STAMP", "inbox"),
                ("STAMP", "outbox"): ("WRITE", "inbox"),
                ("WRITE", "outbox"): ("SEND", "inbox"),
                ("SEND", "outbox"): ("", "outbox"),
                ("STAMP", "quiet"): [("WRITE", "control"), ("SEND", "control")],
                ("STAMP", "signal"): ("", "signal"),
            },
            STAMP=stamp,
            WRITE=self._write,
            SEND=_SendOn(),
            name=name,
        )

    def main(self) -> Generator[None, None, None]:
        """Run the parts: with a `main` of its own, it is never dealt out to several nodes."""
        yield from super().main()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return self._write.details()


class _Stamp(Component):
    """Notes the time of what arrives, and what was dropped on the way.

    Boxes: "inbox" anything; "outbox" records of what passed. How it ends: with its inbox, or when told.
    The parts after it are told nothing, so that they end with their streams and lose nothing.
    """

    outboxes: ClassVar = {
        "outbox": "records of what passed",
        "quiet": "nothing is ever sent here",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": WAITING}

    def main(self) -> Generator[None, None, None]:
        """Send what has arrived, with the time."""
        began, dropped = self.now(), 0
        while not self.stopping():
            messages = self._taken()
            if messages or self.inbox.dropped > dropped:
                more = self.inbox.dropped - dropped
                dropped += more
                self.send(_Passed(self.now() - began, messages, more))
            yield self.pause()
        self.send(_Passed(self.now() - began, [], self.inbox.dropped - dropped))

    def _taken(self) -> list[Any]:
        """Take what has arrived, as long as it is not much."""
        messages: list[Any] = []
        much = 0
        while much < HEAVY and self.data_ready():
            message = self.recv()
            messages.append(message)
            much += weight(message)
        if messages and (bound := places(much, len(messages), WAITING)) != self.inbox.bound:
            self.inbox.bound = bound
        return messages


class _Write(ThreadedComponent):
    """Writes the journal.

    Boxes: "inbox" records of what passed; "outbox" their messages. How it ends: with its inbox.
    """

    bounds: ClassVar = {"inbox": 1}
    outgoing: ClassVar = 1

    def __init__(
        self, path: Path, mode: str, box: str | None, sync: Sync, stamp: Component
    ) -> None:
        super().__init__()
        self.file, self.mode, self.box, self.sync = path, mode, box, sync
        self._stamp = stamp
        self._figures = {"messages": 0, "bytes": 0, "missed": 0}

    def main(self) -> None:
        """Write until the stream ends; the last record says when that was."""
        box = self._recorded() if self.box is None else self.box
        last = 0.0
        info = Info(time.time(), (box,))
        with JournalWriter(self.file, info, mode=self.mode, sync=self.sync) as journal:
            while (passed := self._next(journal)) is not None:
                last = passed.seconds
                if passed.dropped:
                    journal.missed(last, passed.dropped)
                    self._figures["missed"] += passed.dropped
                self._write_down(journal, passed)
                if passed.messages:
                    self.send(passed.messages)
            journal.close(last)
            self._figures["bytes"] = journal.bytes

    def _next(self, journal: JournalWriter) -> _Passed | None:
        """Give what comes next, syncing in time; None at the end."""
        while True:
            try:
                passed: _Passed = self.recv(timeout=journal.wait())
            except EmptyInbox:
                if self.inbox.ended:
                    return None
                journal.flush()
            else:
                return passed

    def _write_down(self, journal: JournalWriter, passed: _Passed) -> None:
        try:
            journal.write(passed.seconds, passed.messages)
        except Unsendable as error:
            for message in passed.messages[: error.index]:
                journal.write(passed.seconds, [message])
            raise NotRecordable(
                f"{self.file} cannot keep what came at {passed.seconds:.3f} s, as "
                f"{f'its part {error.path}' if error.path else 'it'} {error.why}; {error.way_out}"
            ) from error
        if self.sync == "each" or not self.data_ready():
            journal.flush()
        self._figures["messages"], self._figures["bytes"] = journal.messages, journal.size

    def _recorded(self) -> str:
        """Name the outboxes whose messages come here."""
        labels = [feed.source.label for feed in self._stamp.inbox.feeds]
        far = "from "  # so is one of another node called, and its end here
        named = [
            label.removeprefix(far).rpartition(".")[0] if label.startswith(far) else label
            for label in labels
        ]
        return ", ".join(named) or "nothing was linked"

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return dict(self._figures)


class _SendOn(Component):
    """Sends on the messages of each list.

    Boxes: "inbox" lists; "outbox" what was in them. How it ends: with its inbox, or when told.
    """

    bounds: ClassVar = {"inbox": 1}

    def main(self) -> Generator[None, None, None]:
        """Send on what was written."""
        while not self.stopping():
            for messages in self.inbox:
                self.send_all(messages)
            yield self.pause()
