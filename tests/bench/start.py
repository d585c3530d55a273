"""From the start of a node process to the first message over a link, found by zeroconf.

A Python process each, encrypted, no address given, with compiled bytecode as an installation has it.
Measured from just before the process is made until the component there has the message; for a node
that joins another, and for two that start at once. (`kamesh run --split` and `up` fork their nodes
from a process that has imported all they need, so theirs is less.) What a process spends on imports is
measured beside it.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from support.figures import Bench, main

from kamesh.deploy.launching.child import Spec

CHILD = "kamesh.deploy.launching.child"
PATIENCE = 10.0  # seconds
GOAL = 0.5  # seconds


def surroundings(folder: str) -> dict[str, str]:
    """Give the environment of a node: bytecode is kept in `folder`, benchmarks can be imported."""
    kept = {name: at for name, at in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPYCACHEPREFIX": folder, "PYTHONPATH": os.pathsep.join(paths)}


class Started:
    """One node process, told what to be as its launcher would tell it."""

    def __init__(self, node: str, key: str, report: Path, environment: dict[str, str]) -> None:
        """Start it."""
        ours, theirs = socket.socketpair()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", CHILD, str(theirs.fileno())], pass_fds=(theirs.fileno(),),
            env=environment, stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self._wire = ours
        ours.sendall(
            Spec(
                node, "factory", "support.greeting:graph", key, split=True,
                arguments={"report": str(report)},
            ).to_line()
        )

    def said(self, what: str) -> None:
        """Wait until it has said so."""
        self._wire.settimeout(PATIENCE)
        heard = b""
        while f'"{what}"'.encode() not in heard:
            part = self._wire.recv(65536)
            if not part:
                raise RuntimeError(f"a node ended before it said {what!r}: {heard!r}")
            heard += part

    def end(self) -> None:
        """End it."""
        self._wire.close()
        self.process.kill()
        self.process.wait()


def first_message(report: Path) -> float:
    """Wait for the report; give the time in it."""
    deadline = time.monotonic() + PATIENCE
    while not report.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no message came within {PATIENCE:g} s")
        time.sleep(0.005)
    return float(report.read_text())


def started(environment: dict[str, str], *, at_once: bool) -> float:
    """Start two nodes; give the seconds until the first message."""
    key = secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        first = Started("hello", key, report, environment)
        nodes = [first]
        try:
            if not at_once:
                first.said("bound")
                time.sleep(0.5)  # it has announced itself, and waits
            nodes.append(Started("heard", key, report, environment))
            return first_message(report) - nodes[0 if at_once else 1].began
        finally:
            for node in nodes:
                node.end()


def imports(bench: Bench, environment: dict[str, str]) -> None:
    """Measure what importing costs, and name the dearest modules."""
    taken: dict[str, list[float]] = {}
    for _ in range(bench.rounds):
        for module in ("sys", "asyncio", "zmq", "zeroconf.asyncio", "kamesh", CHILD):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", f"import {module}"], check=True, env=environment
            )
            taken.setdefault(module, []).append(1000 * (time.perf_counter() - began))
    for module, rounds in taken.items():
        bench.add(f"python -c 'import {module}'", "ms", *rounds)
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {CHILD}"],
        check=True, capture_output=True, text=True, env=environment,
    ).stderr
    lines = re.findall(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)", told)
    dearest = sorted(lines, key=lambda line: -int(line[0]))[:12]
    bench.notes.append(
        "dearest imports of a node, in ms, without what they import: "
        + ", ".join(f"{name} {int(own) / 1000:.1f}" for own, name in dearest)
    )


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("start", rounds=2 if quick else 5)
    joins, both = [], []
    with tempfile.TemporaryDirectory() as folder:
        environment = surroundings(folder)
        started(environment, at_once=True)  # from now on there is bytecode
        for _ in range(bench.rounds):
            joins.append(started(environment, at_once=False))
            both.append(started(environment, at_once=True))
        bench.add("a node that joins", "s", *joins)
        bench.add("two at once", "s", *both)
        imports(bench, environment)
    bench.bound("a node that joins, to its first message", "a node that joins", at_most=GOAL)
    bench.bound("two at once, to the first message", "two at once", at_most=GOAL)
    bench.notes.append(f"slowest: {max(joins):.3f} s joining, {max(both):.3f} s at once")
    bench.notes.append(f"median of both: {median(joins + both):.3f} s")
    return bench


if __name__ == "__main__":
    main(measure)
