"""`kamesh replay`: what was recorded, played into a running mesh with its timing; or what a journal holds.

Laws
1. A message is due by the time it was recorded at, and waits while its inbox is full: none is left out,
   and the lateness of one moves none after it.
2. What cannot be read of a journal is said, and all before it is played.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kamesh.codec import standin
from kamesh.components.files import FileError
from kamesh.components.journal import JournalReader, NotAJournal, Pace, Record, open_journal
from kamesh.deploy.cli.boxes import inbox_called
from kamesh.deploy.cli.context import Context, Talker
from kamesh.deploy.cli.progress import Progress, counted, interrupted
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import find_run
from kamesh.deploy.pictures.showing import count, duration, size
from kamesh.deploy.pictures.tables import table
from kamesh.errors import Full, NotSuitable, UnknownName
from kamesh.linking import did_you_mean
from kamesh.nodes.reports import NodeReport

__all__ = ["replay"]

FIRST_WAIT, LONGEST_WAIT = 0.002, 0.1  # seconds until a full inbox is tried again
SAID = 1.0  # seconds that an inbox may be full before it is said
LATE = 0.1  # seconds from which a message counts as late


async def replay(options: Namespace, context: Context) -> int:
    """Play a journal, or say what is in it."""
    with _opened(options.file) as journal:
        if options.info:
            return _info(journal, options, context)
        try:
            pace = Pace(options.speed, options.start, options.until)
        except ValueError as error:
            raise NotSuitable(str(error)) from error
        ways = _ways(journal, options)
        async with context.connect(find_run(options.run)) as client:
            reports = await client.nodes()
            playing = _Playing(journal, pace, _targets(ways, reports), client, context)
            left = [name for place, name in enumerate(journal.info.boxes) if place not in ways]
            if left:
                context.remark(f"left out, as nothing says where to: {', '.join(left)}")
            return await _go_on(playing, options, context)


@contextmanager
def _opened(file: str) -> Iterator[JournalReader]:
    """Open the journal; a file that is none is a mistake in what was asked."""
    with ExitStack() as stack:
        try:
            journal = stack.enter_context(open_journal(file))
        except (FileError, NotAJournal) as error:
            raise NotSuitable(str(error)) from error
        yield journal


def _ways(journal: JournalReader, options: Namespace) -> dict[int, str]:
    """Find out into which box what of each recorded one goes, by its number."""
    boxes = journal.info.boxes
    ways: dict[int, str] = {}
    for each in options.map:
        old, equals, new = each.partition("=")
        if not (old and equals and new):
            raise NotSuitable(f"--map {each}: write OLD=NEW, the box that was recorded and an inbox")
        places = [p for p, box in enumerate(boxes) if old in (box, box.partition("/")[2])]
        if not places:
            raise UnknownName(
                f"{journal.name} holds no box {old!r}{did_you_mean(old, boxes)}; it holds: "
                + ", ".join(boxes)
            )
        ways.update((place, new) for place in places)
    rest = [place for place in range(len(boxes)) if place not in ways]
    if options.box is not None:
        if len(rest) > 1:
            raise NotSuitable(
                f"{journal.name} holds {len(rest)} boxes; say with --map OLD=NEW where each goes: "
                + ", ".join(boxes[place] for place in rest)
            )
        ways.update((place, options.box) for place in rest)
    if not ways:
        raise NotSuitable(
            f"say where to play it: `kamesh replay {options.file} NODE/COMPONENT.inbox`, or with "
            f"--map; --info says what is in it"
        )
    return ways


def _targets(ways: dict[int, str], reports: Sequence[NodeReport]) -> dict[int, str]:
    return {place: inbox_called(box, reports) for place, box in ways.items()}


@dataclass(slots=True)
class _Playing:
    """One journal while it is played."""

    journal: JournalReader
    pace: Pace
    targets: dict[int, str]
    client: Talker
    context: Context
    messages: int = 0
    late: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def once(self, began: float, passed: float) -> bool:
        """Play it once, `passed` recorded seconds after the beginning; say whether there was anything."""
        loop, before = asyncio.get_running_loop(), self.messages
        for record in self._records():
            due = began + self.pace.due(record.seconds + passed)
            if await self._over_by(due - loop.time()):
                return False
            if self.pace.speed and loop.time() - due > LATE:
                self.late += record.count
            for message in standin.decode(record.payload, record.buffers):
                if not await self._send(self.targets[record.box], message):
                    return False
                self.messages += 1
        await self._over_by(began + self._lap(passed) - loop.time())
        return self.messages > before

    def _lap(self, passed: float) -> float:
        return self.pace.due(self.pace.start + self.pace.lap(self.journal.length) + passed)

    def _records(self) -> Iterator[Record]:
        for record in self.journal:
            if self.pace.over(record.seconds):
                return
            if record.box in self.targets and self.pace.played(record.seconds):
                yield record

    async def _send(self, box: str, message: object) -> bool:
        """Put a message into an inbox, waiting while it is full; False if it is told to end before."""
        wait, waited = FIRST_WAIT, 0.0
        while not self.over.is_set():
            try:
                await self.client.send(box, message)
            except (Full, UnknownName) as error:
                if not _is_full(error):
                    raise
            else:
                return True
            if waited < SAID <= waited + wait:
                self.context.remark(f"{box} is full: waiting for room")
            waited += wait
            await self._over_by(wait)
            wait = min(LONGEST_WAIT, 2 * wait)
        return False

    async def _over_by(self, seconds: float) -> bool:
        """Wait for so long, or until it is told to end; say whether it was."""
        if seconds > 0 and not self.over.is_set():
            waiting = asyncio.ensure_future(self.over.wait())
            await asyncio.wait({waiting}, timeout=seconds)
            waiting.cancel()
        return self.over.is_set()


def _is_full(error: Exception) -> bool:
    """Say whether a node has no room; what it answers is told apart by its sentence."""
    return isinstance(error, Full) or " is full: " in str(error)


async def _go_on(playing: _Playing, options: Namespace, context: Context) -> int:
    loop = asyncio.get_running_loop()
    began = loop.time()
    showing = asyncio.ensure_future(_show(playing, context))
    try:
        with interrupted(playing.over):
            passed = 0.0
            while await playing.once(began, passed) and options.loop:
                passed += playing.pace.lap(playing.journal.length)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        seconds = loop.time() - began
        told = {"file": playing.journal.name, "messages": playing.messages}
        if options.json:
            context.say_json({**told, "seconds": round(seconds, 6), "late": playing.late})
        context.remark(f"played {counted(playing.messages)} in {duration(seconds)}")
        if playing.late:
            context.remark(
                f"{count(playing.late)} of them were more than {LATE:g} s late: what takes them was "
                f"too slow for this speed"
            )
        if trouble := playing.journal.trouble():
            context.remark(trouble)
    if playing.over.is_set() and not options.loop:
        return Exit.INTERRUPTED
    return Exit.OK


async def _show(playing: _Playing, context: Context) -> None:
    with Progress(context.err) as progress:
        while True:
            await asyncio.sleep(1.0)
            progress.show(f"{counted(playing.messages)} played")


def _info(journal: JournalReader, options: Namespace, context: Context) -> int:
    """Say what is in a journal."""
    boxes: dict[str, dict[str, float | None]] = {
        name: {"messages": 0, "bytes": 0, "first": None, "last": None}
        for name in journal.info.boxes
    }
    rows = list(boxes.values())
    for record in journal:
        row = rows[record.box]
        row["messages"] = (row["messages"] or 0) + record.count
        row["bytes"] = (row["bytes"] or 0) + record.bytes
        row["first"] = record.seconds if row["first"] is None else row["first"]
        row["last"] = record.seconds
    began = datetime.fromtimestamp(journal.info.began, UTC)
    if options.json:
        context.say_json({
            "file": journal.name, "bytes": journal.size, "began": began.isoformat(),
            "seconds": journal.length, "messages": journal.messages, "missed": journal.missed,
            "complete": journal.ended, "torn_bytes": journal.torn,
            "damaged_records": journal.damaged, "boxes": boxes,
        })  # fmt: skip
    else:
        context.say(
            f"{Path(journal.name).name}: {counted(journal.messages)} in "
            f"{duration(journal.length)}, {size(journal.size)}, recorded from "
            f"{began:%Y-%m-%d %H:%M:%S} UTC"
        )
        for line in table(
            ["BOX", "MESSAGES", "BYTES", "FIRST", "LAST"], _cells(boxes),
            right=["MESSAGES", "BYTES", "FIRST", "LAST"],
        ):
            context.say(line)
        if journal.missed:
            context.say(f"{counted(journal.missed)} missed by the recorder")
        if not journal.ended:
            context.say("the recording was broken off: it does not say where it ends")
    if trouble := journal.trouble():
        context.remark(trouble)
    return Exit.OK


def _cells(boxes: dict[str, dict[str, float | None]]) -> Iterator[tuple[str, ...]]:
    for name, row in boxes.items():
        first, last = row["first"], row["last"]
        yield (
            name, count(int(row["messages"] or 0)), size(int(row["bytes"] or 0)),
            "-" if first is None else f"{first:.3f} s", "-" if last is None else f"{last:.3f} s",
        )
