"""Running a contender in a process of its own, and two of them at once.

Laws: nothing one contender leaves behind (objects, threads, sockets) is there when the next one
runs; every process has a deadline and is ended at it; only its own children are ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["BenchFailed", "alone", "free_port", "together"]

WITHIN = 30.0  # seconds


class BenchFailed(Exception):
    """A contender raised, died, or did not come to an end."""


def alone(work: Callable[..., Any], *arguments: object, within: float = WITHIN) -> Any:
    """Give what `work(*arguments)` returns (a JSON value) in a forked process."""
    return together((work, arguments), within=within)[0]


def together(
    *works: tuple[Callable[..., Any], tuple[object, ...]], within: float = WITHIN
) -> list[Any]:
    """Run several at once, each in a forked process; give what they return, in order."""
    sys.stdout.flush()
    sys.stderr.flush()
    children = [_start(work, arguments) for work, arguments in works]
    deadline = time.monotonic() + within
    try:
        return [_result(pid, end, deadline) for pid, end in children]
    finally:
        for pid, end in children:
            _end(pid)
            os.close(end)


def _start(work: Callable[..., Any], arguments: tuple[object, ...]) -> tuple[int, int]:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, ours
    os.close(ours)
    try:
        answer = json.dumps({"is": work(*arguments)})
    except BaseException:
        answer = json.dumps({"failed": traceback.format_exc()})
    os.write(theirs, answer.encode())
    os._exit(0)  # whatever threads and sockets there are end with it


def _result(pid: int, end: int, deadline: float) -> Any:
    parts = b""
    while True:
        if not select.select([end], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise BenchFailed(f"process {pid} did not come to an end in time")
        part = os.read(end, 65536)
        if not part:
            break
        parts += part
    answer = json.loads(parts or b'{"failed": "it died without a word"}')
    if "failed" in answer:
        raise BenchFailed(answer["failed"])
    return answer["is"]


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    finally:
        os.waitpid(pid, 0)


def free_port() -> int:
    """Find a port of the loopback interface that nobody listens at."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port
