"""`kamesh record`: what outboxes of a running mesh send, with its timing, in a journal.

Laws
1. Recording copies what is sent from now on and holds nobody up: what the recorder or its disk is too
   slow for is dropped, counted to the message, shown, and noted in the journal where it is missing. Only
   under the policy `block` the components recorded wait instead, and nothing is missed.
2. However it ends (the streams, a time, a count, Ctrl-C, a full disk), the journal is whole up to there,
   and a summary says what is in it.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import AbstractContextManager, aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kamesh.codec import Unsendable, standin
from kamesh.components.files import FileError
from kamesh.components.journal import Info, JournalWriter
from kamesh.components.journal.writing import records_of
from kamesh.deploy.cli.boxes import outbox_called
from kamesh.deploy.cli.context import Context, Talker, Tapped
from kamesh.deploy.cli.progress import Progress, counted, interrupted
from kamesh.deploy.cli.spool import Spool
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import find_run
from kamesh.deploy.pictures.showing import count, duration, size
from kamesh.errors import KameshError, NotSuitable

__all__ = ["record"]

EVERY = 1.0  # seconds between two times that it is shown
TOGETHER = 256  # messages of one record


@dataclass(slots=True)
class _Watched:
    """One box that is recorded: what has come of it, and what is missing."""

    box: str
    number: int
    received: int = 0
    missed: int = 0
    why: str = ""
    waiting: list[object] = field(default_factory=list)


class _Recording:
    """One recording while it goes on."""

    def __init__(self, options: Namespace, boxes: Sequence[str]) -> None:
        """Make the journal."""
        self.path = Path(options.file)
        self.over = asyncio.Event()
        self.error: KameshError | None = None
        self.left: int | None = options.count
        self.watched = [_Watched(box, number) for number, box in enumerate(boxes)]
        self._loop = asyncio.get_running_loop()
        mode = "replace" if options.force else "new"
        self.journal = JournalWriter(
            self.path, Info(time.time(), tuple(boxes)), mode=mode, sync=_sync(options.sync)
        )
        self.began = self._loop.time()
        self.policy: str = options.policy
        self.room = asyncio.Event()  # set when the spool, which had none, has room
        self.spool = Spool(self.journal, options.policy, self._failed, freed=self._freed)

    def _failed(self) -> None:
        self._loop.call_soon_threadsafe(self.over.set)

    def _freed(self) -> None:
        self._loop.call_soon_threadsafe(self.room.set)

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return self._loop.time() - self.began

    @property
    def messages(self) -> int:
        """How many messages have come and been kept."""
        return sum(each.received for each in self.watched) - sum(self.spool.dropped.values())

    @property
    def missed(self) -> int:
        """How many messages have passed and are not recorded."""
        return sum(each.missed for each in self.watched) + sum(self.spool.dropped.values())

    async def tap(self, client: Talker, one: _Watched) -> None:
        """Take what one box sends until its stream ends."""
        tap = client.tap(one.box, self.policy)
        try:
            async with aclosing(tap):
                async for message in tap:
                    if self._takes(one, message, tap):
                        return
                    if self.spool.full:
                        await self._has_room(one)
        except KameshError as error:
            self.error = self.error or error
        finally:
            self._gathered(one, self.seconds)
            self._missed(one, tap)

    def _takes(self, one: _Watched, message: object, tap: Tapped) -> bool:
        """Take a message; say whether it was the last one wanted."""
        if tap.dropped != one.missed:
            self._gathered(one, self.seconds)
            self._missed(one, tap)
        if self.left == 0:
            return True
        if not one.waiting:
            self._loop.call_soon(self._gathered, one, self.seconds)
        one.received += 1
        one.waiting.append(message)
        if len(one.waiting) >= TOGETHER:
            self._gathered(one, self.seconds)
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.over.set()
        return self.left == 0

    async def _has_room(self, one: _Watched) -> None:
        """Wait until the disk has caught up: the tap, and so the component, waits meanwhile."""
        self._gathered(one, self.seconds)
        while self.spool.full:
            self.room.clear()
            if self.spool.full:
                await self.room.wait()

    def _missed(self, one: _Watched, tap: Tapped) -> None:
        """Note what the node has dropped because this recorder was too slow."""
        more, one.missed, one.why = tap.dropped - one.missed, tap.dropped, tap.why
        if more:
            self.spool.missed(one.number, more)

    def _gathered(self, one: _Watched, seconds: float) -> None:
        """Hand over what has come together."""
        messages, one.waiting = one.waiting, []
        try:
            for each in records_of(seconds, messages, one.number, standin.encode):
                self.spool.put(each)
        except (Unsendable, ValueError) as error:  # it has crossed a link, so it can: but for its size
            self.error = self.error or NotSuitable(f"{one.box} cannot be recorded: {error}")
            self.over.set()

    def shown(self) -> str:
        """Say how it stands."""
        seconds = max(self.seconds, 1e-9)
        missed = f", {count(self.missed)} missed" if self.missed else ""
        return (
            f"{counted(self.messages)}, {size(self.journal.size)}, "
            f"{self.messages / seconds:,.1f}/s{missed}"
        )


async def record(options: Namespace, context: Context) -> int:
    """Record what outboxes send until their streams end, or it is told to end."""
    _check(options)
    async with context.connect(find_run(options.run)) as client:
        reports = await client.nodes()
        boxes = list(dict.fromkeys(outbox_called(box, reports) for box in options.boxes))
        recording = _Recording(options, boxes)
        with interrupted(recording.over):
            await _go_on(recording, client, options, context)
    return _summary(recording, options, context)


async def _go_on(
    recording: _Recording, client: Talker, options: Namespace, context: Context
) -> None:
    """Record until it is over, and close the journal."""
    taps = [asyncio.ensure_future(recording.tap(client, one)) for one in recording.watched]
    over = asyncio.ensure_future(recording.over.wait())
    all_ended = asyncio.ensure_future(asyncio.wait(taps))
    progress: AbstractContextManager[Progress] = Progress(context.err)
    seconds = 0.0
    try:
        with progress as shown:
            while not (over.done() or all_ended.done()):
                left = EVERY if options.seconds is None else options.seconds - recording.seconds
                if left <= 0:
                    break
                await asyncio.wait(
                    {over, all_ended}, timeout=min(EVERY, left),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                shown.show(recording.shown())
            seconds = recording.seconds
    finally:
        for task in (*taps, over, all_ended):
            task.cancel()
        await asyncio.gather(*taps, over, all_ended, return_exceptions=True)
        try:
            await asyncio.to_thread(recording.spool.close, seconds or recording.seconds)
        except FileError as error:
            recording.error = error


def _summary(recording: _Recording, options: Namespace, context: Context) -> int:
    """Say what is in the journal; give the exit code."""
    seconds = recording.journal.ended or recording.seconds
    messages = recording.journal.messages
    passed = sum(each.received + each.missed for each in recording.watched)
    missed = passed - messages
    told = {
        "file": str(recording.path),
        "messages": messages,
        "bytes": recording.journal.bytes,
        "seconds": round(seconds, 6),
        "missed": missed,
        "boxes": {
            each.box: each.received - recording.spool.dropped[each.number]
            for each in recording.watched
        },
    }
    if options.json:
        context.say_json(told)
    context.remark(
        f"recorded {counted(messages)} in {duration(seconds)} into {recording.path} "
        f"({size(recording.journal.bytes)})"
    )
    if missed and isinstance(recording.error, FileError):
        context.remark(f"{counted(missed)} that came could not be written")
    elif missed:
        context.remark(
            f"{counted(missed)} missed: this recorder or its disk was too slow ({options.policy}); "
            f"the journal says where"
        )
    for each in recording.watched:
        if each.why:
            context.remark(f"some of what {each.box} sent cannot be recorded: it {each.why}")
    if recording.error is not None:
        raise recording.error
    return Exit.OK


def _check(options: Namespace) -> None:
    """Refuse what can be known to go wrong before anything is asked of the mesh."""
    path = Path(options.file)
    if path.exists() and not options.force:
        raise NotSuitable(f"{path} exists already: give another name, or --force to write over it")
    _sync(options.sync)


def _sync(word: str) -> str | float:
    """Read when to sync; NotSuitable for what is none."""
    if word in ("none", "each"):
        return word
    with suppress(ValueError):
        if 0 < (seconds := float(word)) < 1e9:
            return seconds
    raise NotSuitable(f'--sync {word}: it is "none", "each" or a number of seconds')
