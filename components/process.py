"""UnixProcess: another program as a component, its standard streams as boxes.

Laws
1. Back-pressure goes both ways: a program that does not read holds up who feeds it, and one whose
   output nobody reads waits in its own `write`.
2. However the component ends, the program and all of its process group end with it: SIGTERM, then
   SIGKILL after `grace`; and so they do when this process is killed. No zombie and no orphan stays.
3. How the program ended is told, in `Exited`; only with `check` is an error of its own one here.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from kamesh import Component, Shutdown
from kamesh.codec import register
from kamesh.components.files.errors import a_path
from kamesh.components.framing.lines import LineSplitter
from kamesh.components.process_child import (
    ProcessError,
    Program,
    arguments,
    start,
    variables,
)
from kamesh.components.refusing import WrongFigure
from kamesh.errors import NotSuitable

__all__ = ["Exited", "ProcessError", "UnixProcess"]

CHUNK = 16384  # bytes read at a time
PIECES = 16  # of these in one turn, where they are thrown away
POLL = 0.02  # seconds between two looks at a process whose end the kernel does not tell
PIPES = 2 << 20  # bytes that pipes may hold when it has ended (Linux: pipe-max-size, twice)
LAST = 5.0  # seconds that the kernel may take to end what has got SIGKILL
TAIL = 400  # bytes of standard error to tell why it failed

Steps = Generator[None, None, None]


@register(name="process.Exited")
@dataclass(frozen=True, slots=True)
class Exited:
    """How a program ended: with an exit status (0 is well), or by a signal ("SIGKILL")."""

    status: int | None
    signal: str = ""

    def __str__(self) -> str:
        """Put it in words."""
        return f"was ended by {self.signal}" if self.signal else f"ended with status {self.status}"


class UnixProcess(Component):
    """Runs another program, with its standard input, output and error as boxes.

    `command` is a list of arguments, or a string that is split into one as a shell would, without any
    shell taking part; only `shell=True` has `/bin/sh` read it. `environment` is added to that of this
    process, `folder` is where it runs (default: here). With `lines` both ends speak lines of text (a
    str each, without the line feed) and not bytes. Standard input is empty if nothing is linked to
    "inbox"; standard error is that of this process if nothing is linked to "stderr". `grace` is how
    many seconds it has to end after SIGTERM, and what it leaves behind to close its output after it has
    ended (default 3).

    Example:
        >>> sorted_ = []
        >>> Pipeline(DataSource(["pear", "apple"]), UnixProcess("sort", lines=True),
        ...          DataSink(sorted_)).run()
        >>> sorted_
        ['apple', 'pear']

    Boxes: "inbox" bytes, or str in UTF-8; "outbox" bytes of standard output; "stderr" of
    standard error; "status" one `Exited` when it has ended; "control".

    How it ends: when the program has, after the end of its output. The end of the inbox closes its
    standard input, and so does ProducerFinished, which ends one that nothing feeds; Shutdown ends it
    at once, by SIGTERM and after `grace` by SIGKILL. It fails, with a sentence, when the program is not
    there or not executable, with `check=True` when it ends with an error of its own, and with `lines`
    for a line of more than a million characters.
    """

    inboxes: ClassVar = {
        "inbox": "bytes or str for standard input",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "standard output",
        "stderr": "standard error",
        "status": "an Exited when it has ended",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        shell: bool = False,
        lines: bool = False,
        environment: Mapping[str, str] | None = None,
        folder: str | Path | None = None,
        grace: float = 3.0,
        check: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember what to run; WrongFigure or NotSuitable for a command or an environment that is none."""
        super().__init__(name=name)
        if not isinstance(grace, int | float) or not 0 <= grace < 3600:
            raise WrongFigure(f"grace={grace!r}: a number of seconds, 0 or more")
        self.command = arguments(command, shell)
        self.lines = lines
        self.environment = variables(environment)
        self.folder = a_path(folder) if folder is not None else None
        self.grace = grace
        self.check = check
        self.exited: Exited | None = None
        self.unwritten = 0  # messages that came when it read no more
        self._child: Program | None = None
        self._texts: dict[str, LineSplitter] = {}
        self._open: dict[str, IO[bytes]] = {}  # by outbox
        self._watched: set[int] = set()
        self._rest = memoryview(b"")  # of what was taken and not written yet
        self._tail = b""
        self._told = False  # to end
        self._afterwards = 0  # bytes read since it has ended

    def main(self) -> Steps:
        """Start it, carry bytes both ways, and see it end."""
        child = self._child = start(
            self.command,
            fed=bool(self.inbox.feeds),
            errors=bool(self._strand.outboxes["stderr"].feeds),
            environment=self.environment,
            folder=self.folder,
            grace=self.grace,
        )
        try:
            pipes = {"outbox": child.process.stdout, "stderr": child.process.stderr}
            self._open = {box: pipe for box, pipe in pipes.items() if pipe is not None}
            if self.lines:
                self._texts = {box: LineSplitter("utf-8", "replace") for box in self._open}
            yield from self._run(child)
            yield from self._end(child)
        finally:
            for number in list(self._watched):
                self._forget(number)
            child.close()
        self._account(child)

    # -- while it runs

    def _run(self, child: Program) -> Steps:
        """Carry bytes until it has ended and said its last, or it is to be ended."""
        deadline: float | None = None
        while not self._to_end():
            self._write(child)
            idle = not self._read()
            if child.ended() is None:
                deadline = None
                if idle:
                    self._watch(child.fileno())
                    self.pause(POLL if child.fileno() < 0 else None)
            elif not self._open:
                return
            elif idle or self._afterwards > PIPES:  # what it has left behind keeps its output open
                deadline = self.now() + self.grace if deadline is None else deadline
                if self.now() >= deadline:
                    return
                if idle:
                    self.pause(deadline - self.now())
            else:
                deadline = None
            yield

    def _to_end(self) -> bool:
        """Say whether it is to be ended: Shutdown, or ProducerFinished where nothing feeds it."""
        if self.stopping():
            note = self._strand.stop_note
            fed = self._child is not None and self._child.process.stdin is not None
            self._told = isinstance(note, Shutdown) or (note is not None and not fed)
        return self._told

    def _read(self) -> bool:
        """Read from each pipe once; True if there may be more at once."""
        more = False
        for box, pipe in list(self._open.items()):
            if self.room(box) <= 0:  # it is run again when there is room
                self._forget(pipe.fileno())
                more = True
                continue
            try:
                data = os.read(pipe.fileno(), CHUNK)
            except BlockingIOError:
                self._watch(pipe.fileno())
                continue
            more = True
            self._pass_on(box, data)
            if not data:
                self._forget(pipe.fileno())
                pipe.close()
                del self._open[box]
                self.finish(box)
        return more

    def _pass_on(self, box: str, data: bytes) -> None:
        if self._child is not None and self._child.process.returncode is not None:
            self._afterwards += len(data)
        if box == "stderr":
            self._tail = (self._tail + data)[-TAIL:]
        if self.lines:
            splitter = self._texts[box]
            self.send_all(splitter.feed(data) if data else splitter.finish(), box)
        elif data:
            self.send(data, box)

    def _write(self, child: Program) -> None:
        """Write what has come, as far as it takes it; close its input when the stream has ended."""
        pipe = child.process.stdin
        if pipe is None or pipe.closed:
            self.unwritten += sum(1 for _ in self.inbox)
            return
        try:
            while self._rest or self.data_ready():
                if not self._rest:
                    self._rest = memoryview(self._encoded(self.recv()))
                self._rest = self._rest[os.write(pipe.fileno(), self._rest) :]
        except BlockingIOError:
            self._watch_writable(pipe.fileno())
        except BrokenPipeError:  # it reads no more, as `head` does: that is its own affair
            self.unwritten += 1
            self._close_input(pipe)
        else:
            if self.stopping():
                self._close_input(pipe)

    def _close_input(self, pipe: IO[bytes]) -> None:
        self._rest = memoryview(b"")
        self._forget(pipe.fileno())
        pipe.close()

    def _encoded(self, message: object) -> bytes | bytearray | memoryview:
        match message:
            case str():
                try:
                    return (message + "\n" if self.lines else message).encode()
                except UnicodeEncodeError as error:
                    raise NotSuitable(
                        f"{self.path} was sent {message[:40]!r}, which UTF-8 has no bytes for: {error.reason}"
                    ) from None
            case memoryview():  # it may be of numbers, or have gaps: what is written is bytes
                return message.tobytes() + (b"\n" if self.lines else b"")
            case bytes() | bytearray():
                return message + b"\n" if self.lines else message
        raise NotSuitable(
            f"{self.path} was sent a {type(message).__name__}: a program reads bytes or str"
        )

    # -- its end

    def _end(self, child: Program) -> Steps:
        """Tell it to end, kill it if it does not, and wait for that."""
        if child.ended() is not None:
            return
        loop = asyncio.get_running_loop()
        child.kill(signal.SIGTERM)
        gone = self.now() + self.grace + LAST
        timers = (
            loop.call_later(self.grace, child.kill, signal.SIGKILL),
            loop.call_later(self.grace + LAST, self._strand.wake),
        )
        try:
            while child.ended() is None:
                if self.now() >= gone:
                    raise ProcessError(
                        f"{child.name} (process {child.process.pid}) does not end, even by SIGKILL: "
                        f"it belongs to another user, or waits for a device"
                    )
                self._drain()
                self._watch(child.fileno())
                self.pause(POLL if child.fileno() < 0 else None)
                yield
        finally:
            for timer in timers:
                timer.cancel()

    def _drain(self) -> None:
        """Read what it still says, so that it is not held up by that, and throw it away."""
        for pipe in self._open.values():
            self._forget(pipe.fileno())
            try:
                for _ in range(PIECES):
                    if not os.read(pipe.fileno(), CHUNK):
                        break
                else:
                    self._watch(pipe.fileno())
            except BlockingIOError:
                self._watch(pipe.fileno())

    def _account(self, child: Program) -> None:
        """Tell how it ended; fail if that was to be checked, and was not our own doing."""
        code = child.ended()
        assert code is not None  # `_run` and `_end` have waited for it
        self.exited = Exited(None, _signal_name(-code)) if code < 0 else Exited(code)
        self.send(self.exited, "status")
        if self.check and code != 0 and not self._told:
            said = self._tail.decode(errors="replace").strip().splitlines()
            raise ProcessError(f"{child.name} {self.exited}" + (f": {said[-1]}" if said else ""))

    # -- what the loop watches

    def _watch(self, number: int) -> None:
        if number >= 0 and number not in self._watched:
            self._watched.add(number)
            asyncio.get_running_loop().add_reader(number, self._came, number)

    def _watch_writable(self, number: int) -> None:
        self._watched.add(number)
        asyncio.get_running_loop().add_writer(number, self._came, number)

    def _came(self, number: int) -> None:
        self._forget(number)
        self._strand.wake()

    def _forget(self, number: int) -> None:
        runtime = self._strand.runtime
        if number in self._watched:
            self._watched.discard(number)
            if runtime is not None and not runtime.loop.is_closed():
                runtime.loop.remove_reader(number)
                runtime.loop.remove_writer(number)

    def details(self) -> dict[str, object]:
        """Give the figures that are its own."""
        child = self._child
        return {
            "pid": child.process.pid if child is not None and self.exited is None else None,
            "exited": str(self.exited) if self.exited else "",
            "unwritten": self.unwritten,
        }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
