"""`kamesh logs`: what the nodes of a run have to say, in the order of time, and as it comes.

Laws: a line that has no time of its own goes with the one before it; what is in a log cannot command
the terminal.
"""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import Run, find_run, list_runs
from kamesh.deploy.pictures.showing import printable
from kamesh.errors import UnknownName
from kamesh.linking import did_you_mean

__all__ = ["LogLine", "LogReader", "follow", "logs", "read_logs"]

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d+")
AGAIN = 0.2  # seconds from one look at growing files to the next
MOST = 1 << 20  # bytes of one file that are read at a time


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """One line: when it was written (as text, so that order is time), by which node, and what."""

    time: str
    node: str
    text: str


def logs(options: Namespace, context: Context) -> int:
    """Show the logs of one node or of all; with `follow`, go on until the run is over."""
    run = find_run(options.run)
    nodes = _nodes(run, options.node)
    reader = LogReader(run, options.node)
    lines = list(reader.new())
    shown = lines[-options.lines :] if options.lines is not None else lines
    later = follow(run, reader) if options.follow else iter(())
    for many in (shown, later):
        for line in many:
            _show(line, context, options, several=len(nodes) != 1)
    return Exit.OK


def read_logs(run: Run, node: str | None = None) -> list[LogLine]:
    """Read what the nodes of a run have written so far."""
    return list(LogReader(run, node).new())


def follow(
    run: Run, reader: LogReader, pause: Callable[[float], None] = time.sleep
) -> Iterator[LogLine]:
    """Give every line as it is written, until the run is over."""
    while True:
        over = not any(one.folder == run.folder for one in list_runs())
        yield from reader.new()
        if over:
            return
        pause(AGAIN)


class LogReader:
    """Reads log files from where it was before."""

    def __init__(self, run: Run, node: str | None = None) -> None:
        """Begin at the beginning."""
        self._folder = run.folder / "logs"
        self._pattern = f"{node}.log" if node else "*.log"
        self._at: dict[Path, int] = {}
        self._times: dict[Path, str] = {}

    def new(self) -> Iterator[LogLine]:
        """Give the whole lines that were written since the last time, of all files, by time."""
        yield from merge(*(self._read(path) for path in sorted(self._folder.glob(self._pattern))))

    def _read(self, path: Path) -> list[LogLine]:
        found: list[LogLine] = []
        while True:
            try:
                with path.open("rb") as file:
                    file.seek(self._at.get(path, 0))
                    chunk = file.read(MOST)
            except FileNotFoundError:
                return found  # the run is over, and its folder swept
            whole = chunk.rfind(b"\n") + 1 or (len(chunk) if len(chunk) == MOST else 0)
            if not whole:
                return found
            self._at[path] = self._at.get(path, 0) + whole
            for text in chunk[:whole].decode(errors="replace").splitlines():
                stamp = TIME.match(text)
                self._times[path] = stamp[0] if stamp else self._times.get(path, "")
                found.append(LogLine(self._times[path], path.stem, text))


def _nodes(run: Run, node: str | None) -> list[str]:
    there = sorted({*run.nodes, *(path.stem for path in (run.folder / "logs").glob("*.log"))})
    if node is not None and node not in there:
        raise UnknownName(
            f"{run.name} has no node {node!r}{did_you_mean(node, there)}; its nodes: "
            + (", ".join(there) or "none")
        )
    return there if node is None else [node]


def _show(line: LogLine, context: Context, options: Namespace, *, several: bool) -> None:
    if options.json:
        context.say_json({"node": line.node, "time": line.time, "text": line.text})
    else:
        context.say((f"{line.node}: " if several else "") + printable(line.text))
