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
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kamesh import running
from kamesh.component import Component
from kamesh.components.oneline import pipeline_of
from kamesh.deploy.child import Spec
from kamesh.deploy.launch import Launcher, LaunchFailed
from kamesh.deploy.processes import alive
from kamesh.deploy.runs import NothingRunning, Run, create_run, find_run, run_name
from kamesh.deploy.topology import read_topology
from kamesh.errors import KameshError
from kamesh.nodes.node import Node, NodeSettings
from kamesh.nodes.plan import Plan, plan_of
from kamesh.strand import Strand
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials

__all__ = ["down", "run_file", "run_words", "up", "up_detached"]

START = 30.0  # seconds the nodes of a topology have to find each other
END = 10.0  # seconds they have to end


def run_file(path: str, *, split: bool = False, arguments: list[str] | None = None) -> None:
    """Run a Python file; each component that it calls `run()` on is run here, or split over nodes."""
    file = Path(path)
    if not file.is_file():
        raise KameshError(f"{path}: there is no such file")
    calls = 0

    def launch(strand: Strand) -> None:
        nonlocal calls
        spec = Spec("", "file", str(file), "", call=calls, split=split, argv=arguments or [])
        calls += 1
        _run_component(strand.component, spec, run_name(path))

    running.take_over(launch)
    sys.argv = [path, *(arguments or [])]
    sys.path.insert(0, str(file.resolve().parent))
    try:
        runpy.run_path(path, run_name="__main__")
    finally:
        running.take_over(None)
    if calls == 0:
        raise KameshError(f"{path} ran to its end without calling run() on a component")


def run_words(words: str, *, split: bool = False) -> None:
    """Run a one-line pipeline."""
    spec = Spec("", "words", words, "", split=split)
    _run_component(pipeline_of(words), spec, "pipeline")


def _run_component(top: Component, spec: Spec, name: str) -> None:
    plan, components = plan_of(top, split=spec.split, source=spec.source)
    run = create_run(name, "run", source=spec.source)
    try:
        if len(plan.nodes) > 1:
            asyncio.run(Launcher(plan, run, spec).run())
        else:
            asyncio.run(_run_here(top, plan, components, run))
    finally:
        run.remove()


async def _run_here(top: Component, plan: Plan, components: dict[str, Component], run: Run) -> None:
    """Run all of it in this process, as the one node of its mesh."""
    name = next(iter(plan.nodes))
    key = run.key
    node = Node(
        name, plan, components, mesh=key.identity, top=top,
        transport=ZeroMQTransport(MeshCredentials(key)), settings=NodeSettings(discover=False),
    )
    node.on_bound = lambda endpoint: run.node_bound(name, endpoint, os.getpid())
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    def stop() -> None:
        if tasks:
            raise KeyboardInterrupt
        tasks.append(loop.create_task(node.stop()))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await node.run()
    if tasks:
        raise KeyboardInterrupt


def up(path: str, *, ready: Callable[[Launcher], None] = lambda launcher: None) -> None:
    """Start the nodes of a topology and stay until they have ended."""
    plan = read_topology(path)
    run = create_run(plan.name, "up", source=str(Path(path).resolve()), exact=True)
    spec = Spec("", "topology", str(Path(path).resolve()), "")

    async def main() -> None:
        launcher = Launcher(plan, run, spec, on_change=lambda: ready(launcher))
        await launcher.run()

    try:
        asyncio.run(main())
    finally:
        run.remove()


def up_detached(path: str, *, progress: Callable[[str], None] = print) -> Run | None:
    """Start the nodes of a topology, wait until all have found each other, and leave them running.

    None if it has run to its end by then.
    """
    plan = read_topology(path)
    with tempfile.TemporaryFile() as output:
        launcher = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "kamesh.deploy.cli", "up", "--foreground", path],
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )
        told = 0
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            code = launcher.poll()
            if code is not None:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                if code == 0:
                    return None
                raise LaunchFailed(said or f"the launcher ended with exit code {code}")
            run = _run_of(plan.name, launcher.pid)
            linked = [] if run is None else [n for n, one in run.nodes.items() if one.linked]
            if len(linked) != told:
                told = len(linked)
                progress(f"{told} of {len(plan.nodes)} nodes have found all they are linked to")
            if run is not None and told == len(plan.nodes):
                return run
            time.sleep(0.05)
    raise LaunchFailed(
        f"after {START:g} seconds these nodes have not found all they are linked to: "
        f"{', '.join(sorted(set(plan.nodes) - set(linked)))}; they go on trying: see "
        f"`kamesh logs`, or end them with `kamesh down {plan.name}`"
    )


def _run_of(name: str, pid: int) -> Run | None:
    try:
        run = find_run(name)
    except KameshError:
        return None
    return run if run.pid == pid else None


def down(run: Run) -> None:
    """End a run in order, and what does not end, hard."""
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
            os.kill(pid, signal.SIGKILL)
    left.remove()
