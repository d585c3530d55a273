"""Runs: what is running on this host, in a folder for each run that every `kamesh` command reads.

    hello/run.json        what it is, who launched it, which nodes it has and where they listen
    hello/mesh.key        the key of its mesh
    hello/logs/NODE.log   what each node has to say

Laws
1. A run is live while its launcher is, or one of its nodes; folders of runs that are not are removed by
   whoever looks next. A process number that is in use again is not the process that it was.
2. What is in a folder changes under one lock, and run.json is written whole.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kamesh.deploy.launching.processes import alive, birth
from kamesh.deploy.launching.runtimedir import locked, runtime_folder, write_whole
from kamesh.errors import KameshError, NameTaken, UnknownName
from kamesh.linking import did_you_mean
from kamesh.nodes.planned import wrong_with_name
from kamesh.trust import MeshKey

__all__ = [
    "NothingRunning",
    "Run",
    "RunNode",
    "create_run",
    "find_run",
    "last_failure",
    "list_runs",
    "run_name",
]

log = logging.getLogger("kamesh.runs")

VERSION = 1  # of run.json; one that says more is left alone
FAILED, WHY = ".failed", "why"  # the folder of the last run that failed unseen, and its reason in it
KINDS = ("run", "up", "demo")


class NothingRunning(KameshError, LookupError):
    """No run is live on this host."""


@dataclass(frozen=True, slots=True)
class RunNode:
    """One node of a run: where it listens, its process, and when that was born."""

    endpoint: str
    pid: int
    born: int = 0
    linked: bool = False  # it has found the other end of all its linkages

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return alive(self.pid, self.born)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as its run.json said when it was read.

    `kind` is "run", "up" or "demo", `started` seconds since the epoch, `pid` and `born` the launcher,
    `source` the file or the words that it runs.
    """

    name: str
    kind: str
    started: float
    pid: int
    born: int
    folder: Path
    source: str = ""
    nodes: Mapping[str, RunNode] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether its launcher runs, or one of its nodes."""
        return alive(self.pid, self.born) or any(node.alive for node in self.nodes.values())

    @property
    def key(self) -> MeshKey:
        """The key of its mesh."""
        return MeshKey.load(self.folder / "mesh.key")

    @property
    def key_hex(self) -> str:
        """That key as hexadecimal digits, to hand to a node process through a socket."""
        path = self.folder / "mesh.key"
        MeshKey.load(path)  # refuses a file that is not ours alone
        return path.read_bytes().hex()

    def log_file(self, node: str) -> Path:
        """Give the path of a node's log."""
        return self.folder / "logs" / f"{node}.log"

    def fresh(self) -> Run:
        """Read it again; NothingRunning if its folder is gone."""
        return _read(self.folder)

    def node_bound(self, node: str, endpoint: str, pid: int) -> None:
        """Note that a node listens at `endpoint`."""
        there = RunNode(endpoint, pid, birth(pid))
        self._change(lambda run: replace(run, nodes={**run.nodes, node: there}))

    def node_linked(self, node: str) -> None:
        """Note that a node has found the other end of all its linkages."""
        self._change(
            lambda run: replace(
                run, nodes={n: replace(one, linked=one.linked or n == node) for n, one in run.nodes.items()}
            )
        )

    def node_gone(self, node: str) -> None:
        """Note that a node has ended."""
        self._change(
            lambda run: replace(run, nodes={n: one for n, one in run.nodes.items() if n != node})
        )

    def remove(self) -> None:
        """Remove its folder, with the key and the logs: it is over."""
        try:
            with locked(self.folder.parent):
                _remove(self.folder)
        except OSError as error:
            log.warning("%s is left behind: %s", self.folder, error.strerror)

    def keep_as_failed(self, why: str) -> None:
        """Put its logs aside with the reason it failed for, in place of the one before it."""
        aside = self.folder.parent / FAILED
        try:
            with locked(self.folder.parent):
                _remove(aside)
                (self.folder / "mesh.key").unlink(missing_ok=True)
                (self.folder / WHY).write_text(why, encoding="utf-8")
                self.folder.rename(aside)
        except OSError as error:
            log.warning("the logs of %s are not kept: %s", self.name, error.strerror)
            self.remove()

    def _change(self, change: Callable[[Run], Run]) -> None:
        with locked(self.folder.parent):
            _write(change(_read(self.folder)))


def create_run(name: str, kind: str, *, source: str = "", exact: bool = False) -> Run:
    """Make the folder of a new run, whose launcher is this process; with a new mesh key.

    A name that a live run has is made distinct ("hello-2"), or refused (NameTaken) if `exact`.
    """
    wrong = wrong_with_name(name)
    if wrong:
        raise UnknownName(f"a run cannot be called {name!r}: {wrong}")
    if kind not in KINDS:
        raise UnknownName(f"a run is one of {', '.join(KINDS)}, not {kind!r}")
    top = runtime_folder()
    with locked(top):
        taken = {one.name: one for one in _live(top)}
        if exact and name in taken:
            raise NameTaken(
                f"a run called {name!r} is going on (process {taken[name].pid}): "
                f"end it with `kamesh down {name}`, or choose another name"
            )
        wanted, number = name, 1
        while name in taken or (top / name).exists():
            number += 1
            name = f"{wanted}-{number}"
        run = Run(name, kind, time.time(), os.getpid(), birth(os.getpid()), top / name, source)
        try:
            (run.folder / "logs").mkdir(mode=0o700, parents=True)
            run.folder.chmod(0o700)
            MeshKey.new().save(run.folder / "mesh.key")
            _write(run)
        except BaseException:
            _remove(run.folder)
            raise
    return run


def list_runs() -> list[Run]:
    """Give the live runs, the oldest first; what is left of dead ones is removed."""
    top = runtime_folder()
    with locked(top):
        return _live(top)


def find_run(name: str | None = None) -> Run:
    """Give the live run of that name, or the only one there is.

    Raises NothingRunning if there is none, UnknownName if there is none of that name or if several
    are live and no name was given; the sentence lists them.
    """
    runs = list_runs()
    if not runs:
        raise NothingRunning(
            "nothing is running here: start something with `kamesh run`, `kamesh up` or "
            "`kamesh demo`" + last_failure()
        )
    names = [one.name for one in runs]
    if name is None and len(runs) == 1:
        return runs[0]
    if name is None:
        raise UnknownName(
            f"several runs are going on, {' and '.join(names)}: say which with --run NAME (for down: "
            f"its NAME alone)"
        )
    if name not in names:
        raise UnknownName(
            f"no run is called {name!r}{did_you_mean(name, names)}; there is: {', '.join(names)}"
        )
    return runs[names.index(name)]


def last_failure() -> str:
    """Tell of the last run that failed with nobody there to see it."""
    folder = runtime_folder() / FAILED
    try:
        name, why = _read(folder).name, (folder / WHY).read_text(encoding="utf-8")
    except (KameshError, OSError):
        return ""
    return f"\nthe last one that failed was {name}: {why}\nits logs are in {folder / 'logs'}"


def run_name(source: str) -> str:
    """Make a run's name of a file's, or of the words of a pipeline: "hello" of "demos/hello.py"."""
    word = source.split("!")[0].strip() if "!" in source else Path(source).stem
    return re.sub(r"[^\w-]+", "-", word).strip("-_").lower()[:40] or "run"


def _live(top: Path) -> list[Run]:
    runs = []
    for folder in sorted(top.iterdir()):
        if folder.name.startswith(".") or folder.is_symlink() or not folder.is_dir():
            continue
        try:
            run = _read(folder)
        except NothingRunning:
            continue  # not a folder of ours, so not ours to remove
        except KameshError as error:
            log.warning("%s", error)
            continue
        if run.alive:
            runs.append(run)
        else:
            _remove(folder)
    return sorted(runs, key=lambda run: run.started)


def _remove(folder: Path) -> None:
    """Remove what is ours in the folder of a run, and then the folder."""
    ours = [*folder.glob("logs/*.log"), *folder.glob(".*.*"), folder / "mesh.key", folder / WHY]
    if not folder.is_dir():
        return
    try:
        for path in (*ours, folder / "run.json"):
            path.unlink(missing_ok=True)
        for path in (folder / "logs", folder):
            path.rmdir()
    except OSError as error:
        log.warning("%s is left behind: %s", folder, error.strerror)


def _read(folder: Path) -> Run:
    path = folder / "run.json"
    try:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if plain.pop("version") > VERSION:
            raise KameshError(f"{path} was written by a newer kamesh: use that one")
        nodes = {str(name): RunNode(**one) for name, one in plain.pop("nodes").items()}
        return Run(**plain, folder=folder, nodes=nodes)
    except FileNotFoundError:
        raise NothingRunning(f"the run {folder.name!r} is over") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KameshError(f"{path} cannot be read ({error}): is that a run of kamesh?") from error


def _write(run: Run) -> None:
    plain = {"version": VERSION, **asdict(run)}
    del plain["folder"]
    write_whole(run.folder / "run.json", json.dumps(plain, indent=1) + "\n")
