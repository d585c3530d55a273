"""`kamesh replay`: what was recorded, played into a running mesh with its timing; or what a journal holds.

Laws
1. A message is due by the time it was recorded at, and waits while its inbox is full: none is left out,
   and the lateness of one moves none after it.
2. What cannot be read of a journal is said, and all before it is played.
3. Ctrl-C ends it at once, whatever is full; those counted as played are in the inbox, no more and no fewer.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kamesh.codec import standin
from kamesh.components.files import FileError
from kamesh.components.journal import JournalReader, Pace, Record, open_journal
from kamesh.deploy.cli.boxes import inbox_called
from kamesh.deploy.cli.context import Context, Fed, Talker
from kamesh.deploy.cli.progress import Progress, counted, interrupted
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import find_run
from kamesh.deploy.pictures.showing import count, duration, size
from kamesh.deploy.pictures.tables import table
from kamesh.errors import NotSuitable, UnknownName
from kamesh.linking import did_you_mean
from kamesh.nodes.reports import NodeReport

__all__ = ["replay"]

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
    """Open the journal; a file that cannot be read is a mistake in what was asked."""
    with ExitStack() as stack:
        try:
            journal = stack.enter_context(open_journal(file))
        except FileError as error:
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
    sent: int = 0
    late: int = 0
    feeds: dict[str, Fed] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """How many messages are in the inboxes, or were."""
        return sum(feed.delivered for feed in self.feeds.values())

    async def play(self, again: bool) -> None:
        """Play it, and `again` and again if so told; when it is cancelled, nothing is waited for."""
        began = asyncio.get_running_loop().time()
        async with AsyncExitStack() as stack:
            for box in dict.fromkeys(self.targets.values()):
                self.feeds[box] = await stack.enter_async_context(self.client.feed(box))
            passed = 0.0
            while await self._once(began, passed) and again:
                passed += self.pace.lap(self.journal.length)

    async def _once(self, began: float, passed: float) -> bool:
        """Play it once, `passed` recorded seconds after the beginning; say whether there was anything."""
        loop, before = asyncio.get_running_loop(), self.sent
        for record in self._records():
            due = began + self.pace.due(record.seconds + passed)
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            elif self.pace.speed and loop.time() - due > LATE:
                self.late += record.count
            feed = self.feeds[self.targets[record.box]]
            for message in standin.decode(record.payload, record.buffers):
                await feed.send(message)
                self.sent += 1
        await asyncio.sleep(max(0.0, began + self._lap(passed) - loop.time()))
        return self.sent > before

    def _lap(self, passed: float) -> float:
        return self.pace.due(self.pace.start + self.pace.lap(self.journal.length) + passed)

    def _records(self) -> Iterator[Record]:
        for record in self.journal:
            if self.pace.over(record.seconds):
                return
            if record.box in self.targets and self.pace.played(record.seconds):
                yield record


async def _go_on(playing: _Playing, options: Namespace, context: Context) -> int:
    """Play until the end, or until told to end."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    began = loop.time()
    showing = asyncio.ensure_future(_show(playing, context))
    told_to = asyncio.ensure_future(over.wait())
    work = asyncio.ensure_future(playing.play(options.loop))
    try:
        with interrupted(over):
            await asyncio.wait({work, told_to}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work
    finally:
        for task in (showing, told_to, work):
            task.cancel()
        await asyncio.gather(showing, told_to, work, return_exceptions=True)
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
    if over.is_set() and not options.loop:
        return Exit.INTERRUPTED
    return Exit.OK


async def _show(playing: _Playing, context: Context) -> None:
    """Show, every second, how many are played, and say once of each inbox that it is full."""
    stood: dict[str, int] = {}  # of those that waited a second ago, how many they had taken
    said: set[str] = set()
    with Progress(context.err) as progress:
        while True:
            await asyncio.sleep(1.0)
            progress.show(f"{counted(playing.messages)} played")
            waiting = {box: f.delivered for box, f in playing.feeds.items() if f.waits}
            for box, taken in waiting.items():
                if stood.get(box) == taken and box not in said:
                    said.add(box)
                    context.remark(f"{box} is full: waiting for room")
            stood = waiting


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
