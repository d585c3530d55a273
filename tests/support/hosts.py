"""Hosts for tests: a folder with its own runs, in which real `kamesh` processes are started.

Laws
1. Whatever was started in a host, by whomever, carries its runtime folder in the environment; by that
   it is found, and ended when the host is closed, whether the test went well or not.
2. Nothing is waited for without a deadline; the deadlines are for a machine that is very busy.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE = 30.0  # seconds for anything that takes one when nothing else runs
LOOK = 0.02
KAMESH = [sys.executable, "-m", "kamesh.deploy.cli"]
PARTS = Path(__file__).parent / "parts.py"


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it wrote to standard output, by lines."""
        return self.out.splitlines()


class Started:
    """A command that was started, with its output in files."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._out, self._err = out, err

    @property
    def out(self) -> str:
        """What it has written so far."""
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        """What it has said so far."""
        return self._err.read_text(errors="replace")

    def feed(self, text: str) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        """Send it a signal, and nobody else."""
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Do what Ctrl-C does: SIGINT to all of its process group."""
        os.killpg(self.pid, signal.SIGINT)

    def until(self, true: Callable[[Started], object], what: str) -> None:
        """Wait until something holds, while it runs."""

        def look() -> object:
            assert true(self) or self.process.poll() is None, (
                f"it ended ({self.process.returncode}) before {what}\n{self.out}\n{self.err}"
            )
            return true(self)

        until(look, what, told=lambda: f"{self.out}\n{self.err}")

    def ended(self, within: float = PATIENCE) -> Ended:
        """Wait for its end."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.process.args} has not ended within {within:g} s\n{self.out}\n{self.err}"
            ) from None
        return Ended(code, self.out, self.err)


class Host:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.runtime = folder / "runtime"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "KAMESH"))},
            "KAMESH_RUNTIME_DIR": str(self.runtime),
            "COLUMNS": "120",
        }
        self._count = 0
        self._started: list[Started] = []

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all that still runs here, by process number."""
        for _ in range(100):
            left = self.processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for one in self._started:
                one.process.poll()
            if not left:
                break
            time.sleep(LOOK)
        for one in self._started:
            if one.process.stdin is not None:
                with contextlib.suppress(OSError):
                    one.process.stdin.close()
            one.process.wait(PATIENCE)

    # -- files

    def write(self, name: str, text: str) -> str:
        """Write a file into the folder; give its name."""
        (self.folder / name).write_text(text)
        return name

    def read(self, name: str) -> list[str]:
        """Read the lines of a file in the folder; none if it is not there."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def topology(self, name: str, text: str) -> str:
        """Write a topology whose components come from `parts.py`."""
        shutil.copy(PARTS, self.folder / "parts.py")
        return self.write(name, text)

    # -- commands

    def start(
        self, *words: str, stdin: str | None = None, feed: bool = False,
        command: list[str] | None = None, environment: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Started:
        """Start `kamesh` with these words; its input is `stdin`, or what is fed to it."""
        self._count += 1
        out, err = (self.folder.parent / f"{self._count}.{each}" for each in ("out", "err"))
        source: Any = subprocess.DEVNULL
        if feed:
            source = subprocess.PIPE
        elif stdin is not None:
            given = self.folder.parent / f"{self._count}.in"
            given.write_text(stdin)
            source = given.open("rb")
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                [*(command or KAMESH), *words],
                **{
                    "cwd": self.folder, "env": {**self.environment, **(environment or {})},
                    "stdin": source, "stdout": to_out, "stderr": to_err,
                    "start_new_session": True, **more,
                },
            )
        if hasattr(source, "close"):
            source.close()
        started = Started(process, out, err)
        self._started.append(started)
        return started

    def kamesh(self, *words: str, within: float = PATIENCE, **more: Any) -> Ended:
        """Carry out one command."""
        return self.start(*words, **more).ended(within)

    def json(self, *words: str) -> Any:
        """Carry out one command that answers in JSON."""
        ended = self.kamesh(*words, "--json")
        assert ended.code == 0, ended
        return json.loads(ended.out)

    # -- what runs

    def processes(self) -> dict[int, str]:
        """Give the processes that belong to this host, by number, with their command lines."""
        mark = f"KAMESH_RUNTIME_DIR={self.runtime}".encode()
        return {pid: words for pid, words, env in _all_processes() if mark in env.split(b"\0")}

    def run_file(self) -> dict[str, Any]:
        """Read what the folder of the only run says; empty if there is none."""
        for path in self.runtime.glob("*/run.json"):
            with contextlib.suppress(FileNotFoundError):
                found: dict[str, Any] = json.loads(path.read_text())
                return found
        return {}

    def nodes(self) -> dict[str, int]:
        """Give the process numbers of the nodes of the only run."""
        return {name: one["pid"] for name, one in self.run_file().get("nodes", {}).items()}

    def linked(self, count: int, within: float = PATIENCE) -> dict[str, int]:
        """Wait until so many nodes have found each other; give their process numbers."""

        def all_linked() -> bool:
            nodes = self.run_file().get("nodes", {}).values()
            return sum(one["linked"] for one in nodes) >= count

        until(all_linked, f"{count} nodes are linked", within)
        return self.nodes()

    def silent(self, within: float = PATIENCE) -> None:
        """Wait until nothing runs here any more."""
        until(lambda: not self.processes(), "all processes have ended", within, self.processes)


def until(
    true: Callable[[], object], what: str, within: float = PATIENCE,
    told: Callable[[], object] = lambda: "",
) -> None:
    """Wait until something holds; fail with `what` did not come about."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"within {within:g} s it was not so that {what} {told()}")
        time.sleep(LOOK)


def _all_processes() -> Iterator[tuple[int, str, bytes]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
        yield int(folder.name), words, environment
