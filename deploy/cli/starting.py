"""`kamesh run`, `up`, `down`, `demo` and `node`: what starts and ends something.

Law: here it is only decided what is meant; `start.py` does it.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from kamesh.deploy.cli.context import Context
from kamesh.deploy.cli.meant import meant, there
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import NothingRunning, Run, find_run, list_runs
from kamesh.errors import NotSuitable

__all__ = ["demo", "down", "node", "run", "up"]


class Starter(Protocol):
    """What `kamesh.deploy.launching.start` offers; each gives an exit code, None for 0."""

    def run_file(
        self, path: Path, split: bool, arguments: Sequence[str], *, name: str | None
    ) -> int | None:
        """Run a Python file with these arguments of its own."""

    def run_words(self, text: str, split: bool, *, name: str | None) -> int | None:
        """Run a one-line pipeline."""

    def up(
        self, path: Path, name: str | None, restarts: int = 0, detached: bool = False
    ) -> int | None:
        """Start the nodes of a topology and wait for their end."""

    def up_detached(
        self, path: Path, name: str | None, restarts: int, progress: Callable[[str], None]
    ) -> Run | None:
        """Start the nodes of a topology and leave them running; None if they have ended already."""

    def down(self, run: Run) -> int | None:
        """Have a run end in order, and wait for it."""


def run(options: Namespace, context: Context) -> int:
    """Run a Python file, a topology or a one-line pipeline, to its end."""
    what = meant(options.what)
    if options.arguments and what != "program":
        raise NotSuitable("arguments after -- go to a Python file, and this is none")
    if what == "words":
        ended = _starter().run_words(options.what, options.split, name=options.name)
        return ended or Exit.OK
    if what == "topology":
        return _starter().up(Path(options.what), options.name) or Exit.OK
    path = Path(options.what)
    ended = _starter().run_file(path, options.split, options.arguments, name=options.name)
    return ended or Exit.OK


def up(options: Namespace, context: Context) -> int:
    """Start the nodes of a topology on this host."""
    path = there(Path(options.topology))
    if options.detached:
        return _starter().up(path, options.name, options.restart, detached=True) or Exit.OK
    if options.foreground:
        return _starter().up(path, options.name, options.restart) or Exit.OK
    started = _starter().up_detached(path, options.name, options.restart, context.remark)
    if started is None:
        context.remark("all of it has run to its end already")
    else:
        nodes = ", ".join(started.nodes)
        context.say(f"{started.name} is up: {nodes}. End it with `kamesh down {started.name}`.")
    return Exit.OK


def down(options: Namespace, context: Context) -> int:
    """Have a run, or all, end in order."""
    runs = list_runs() if options.all else [find_run(options.name)]
    if not runs:
        raise NothingRunning("nothing is running here")
    codes = [_starter().down(one) or Exit.OK for one in runs]
    if options.json:
        context.say_json({"ended": [one.name for one in runs]})
    else:
        context.say("\n".join(f"{one.name} has ended" for one in runs))
    return max(codes)


def demo(options: Namespace, context: Context) -> int:
    """Run the demonstration: five nodes that make, encode, relay, record and serve a broadcast."""
    film = there(Path(options.film)) if options.film else None
    recording = Path(options.recording) if options.recording else None
    showing = import_module("kamesh.deploy.demo.showing")  # with PyAV and zmq, which take their time
    whole = showing.show(film=film, seconds=options.seconds, recording=recording, port=options.port)
    return Exit.OK if whole else Exit.FAILED


def node(options: Namespace, context: Context) -> int:
    """Be a node process: what a launcher starts, told over a socket what to be."""
    child = import_module("kamesh.deploy.launching.child")  # with zmq: 40 ms, and nowhere else needed
    return int(child.main(options.descriptor))


def _starter() -> Starter:
    return cast("Starter", import_module("kamesh.deploy.launching.start"))  # with zmq: 40 ms
