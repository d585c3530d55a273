"""Starting: a Python file, a one-line pipeline or a topology, in this process or in one for each node.

Laws
1. What is given decides nothing about how it runs: the same file runs whole in this process, or split
   over many.
2. Whatever is started here can be looked at from another terminal, and is gone from the list when it
   has ended, however it ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from kamesh.component import Component
from kamesh.components.oneline import pipeline_of
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.child import Spec
from kamesh.deploy.launching.launch import Launcher, LaunchFailed
from kamesh.deploy.launching.processes import alive
from kamesh.deploy.launching.programs import run_program
from kamesh.deploy.launching.runs import NothingRunning, Run, create_run, find_run, run_name
from kamesh.deploy.launching.signals import Signals
from kamesh.deploy.topology.reading import read_topology
from kamesh.errors import KameshError, NameTaken, NotSuitable
from kamesh.nodes.node import Node, NodeSettings
from kamesh.nodes.plan import Plan, plan_of
from kamesh.strand import Strand
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials

__all__ = ["down", "run_file", "run_words", "up", "up_detached"]

START = 30.0  # seconds the nodes of a topology have to find each other, and one more for each
END = 10.0  # seconds they have to end


def run_file(
    path: Path, split: bool, arguments: Sequence[str] = (), *, name: str | None = None
) -> None:
    """Run a Python file; what it calls `run()` on is run here, or split over nodes."""
    calls = 0

    def launch(strand: Strand) -> None:
        nonlocal calls
        spec = Spec("", "file", str(path), "", call=calls, split=split, argv=list(arguments))
        calls += 1
        _run_component(strand.component, spec, name or run_name(str(path)))

    run_program(path, arguments, launch)


def run_words(text: str, split: bool, *, name: str | None = None) -> None:
    """Run a one-line pipeline; `module:Class` may be of the folder it is given in."""
    sys.path.insert(0, str(Path.cwd()))
    spec = Spec("", "words", text, "", split=split)
    _run_component(pipeline_of(text), spec, name or "pipeline")


def _run_component(top: Component, spec: Spec, name: str) -> None:
    plan, components = plan_of(top, split=spec.split, source=spec.source)
    run = create_run(name, "run", source=spec.source)
    try:
        if len(plan.nodes) > 1:
            _launch(Launcher(plan, run, spec))
        else:
            signals = Signals()
            asyncio.run(_run_here(top, plan, components, run, signals))
            signals.end_program()
    finally:
        run.remove()


def _launch(launcher: Launcher) -> None:
    asyncio.run(launcher.run())
    launcher.end_program()


async def _run_here(
    top: Component, plan: Plan, components: dict[str, Component], run: Run, signals: Signals
) -> None:
    """Run all of it in this process, as the one node of its mesh."""
    name = next(iter(plan.nodes))
    key = run.key
    node = Node(
        name, plan, components, mesh=key.identity, top=top,
        transport=ZeroMQTransport(MeshCredentials(key)), settings=NodeSettings(discover=False),
    )
    node.on_bound = lambda endpoint: run.node_bound(name, endpoint, os.getpid())
    stopping: list[asyncio.Task[None]] = []
    with signals.heard(lambda: stopping.append(asyncio.ensure_future(node.stop()))):
        await node.run()


def up(
    path: Path, name: str | None = None, restarts: int = 0, detached: bool = False
) -> None:
    """Start the nodes of a topology and stay until they have ended.

    `detached`, nobody sees what they print, so it goes to their logs.
    """
    plan = _plan(path)
    run = create_run(
        name or run_name(plan.name), "up", source=str(path.resolve()), exact=True
    )
    spec = Spec("", "topology", str(path.resolve()), "", printed=detached)
    try:
        _launch(Launcher(plan, run, spec, restarts=restarts))
    except KameshError as error:
        if detached:
            run.keep_as_failed(str(error))
        raise
    finally:
        run.remove()


def _plan(path: Path) -> Plan:
    """Read a topology all nodes of which are to run here."""
    plan = read_topology(path)
    away = [node for node in plan.nodes.values() if node.host not in ("", "localhost")]
    if away:
        raise NotSuitable(
            f"{path}: node {away[0].name!r} is to run at {away[0].host!r}, and nodes are started on "
            f"this host only: start it there by hand, or leave out its `host`"
        )
    return plan


def up_detached(
    path: Path, name: str | None, restarts: int, progress: Callable[[str], None]
) -> Run | None:
    """Start the nodes of a topology, wait until all have found each other, and leave them running.

    None if it has run to its end by then.
    """
    plan = _plan(path)
    name = name or run_name(plan.name)
    with tempfile.TemporaryFile() as output:
        launcher = subprocess.Popen(  # noqa: S603
            [
                sys.executable, "-m", "kamesh.deploy.cli", "up", "--detached", "--name", name,
                "--restart", str(restarts), str(path),
            ],
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )
        try:
            return _wait_until_linked(plan, name, launcher, output, progress)
        except KeyboardInterrupt:
            launcher.terminate()
            launcher.wait(END)
            raise


def _wait_until_linked(
    plan: Plan, name: str, launcher: subprocess.Popen[bytes], output: IO[bytes],
    progress: Callable[[str], None],
) -> Run | None:
    told = 0
    patience = START + len(plan.nodes)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        code = launcher.poll()
        if code is not None:
            output.seek(0)
            said = output.read().decode(errors="replace").strip().removeprefix("kamesh: ")
            if code == 0:
                return None
            failure = NameTaken if code == Exit.MISTAKE else LaunchFailed
            raise failure(said or f"the launcher ended with exit code {code}")
        run = _run_of(name, launcher.pid)
        linked = [] if run is None else [n for n, one in run.nodes.items() if one.linked]
        if len(linked) > told:
            told = len(linked)
            progress(f"{told} of {len(plan.nodes)} nodes have found all they are linked to")
        if run is not None and told == len(plan.nodes):
            return replace(run, nodes={name: run.nodes[name] for name in plan.nodes})
        time.sleep(0.05)
    raise LaunchFailed(
        f"after {patience:g} seconds these nodes have not found all they are linked to: "
        f"{', '.join(sorted(set(plan.nodes) - set(linked)))}; they go on trying: see "
        f"`kamesh logs`, or end them with `kamesh down {name}`"
    )


def _run_of(name: str, pid: int) -> Run | None:
    try:
        run = find_run(name)
    except KameshError:
        return None
    return run if run.pid == pid else None


def down(run: Run) -> None:
    """End a run in order, and what does not end, hard."""
    if alive(run.pid, run.born):
        with suppress(ProcessLookupError):  # it may have ended by itself just now
            os.kill(run.pid, signal.SIGTERM)
    deadline = time.monotonic() + END
    while time.monotonic() < deadline and alive(run.pid, run.born):
        time.sleep(0.05)
    try:
        left = run.fresh()
    except NothingRunning:
        return
    for pid, born in [(left.pid, left.born), *((n.pid, n.born) for n in left.nodes.values())]:
        if alive(pid, born):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    left.remove()
