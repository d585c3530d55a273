"""Processes by number and birth: a process number is used again, a number and a start time are not.

Law: a process that has ended and has not been collected by its parent counts as ended.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["alive", "birth"]

_STATE, _START = 0, 19  # places in /proc/PID/stat after the name, counted from 0 (man 5 proc)


def birth(pid: int) -> int:
    """Give when a process was started, in clock ticks since the host was; 0 if there is none."""
    fields = _stat(pid)
    return int(fields[_START]) if fields and fields[_STATE] not in "ZX" else 0


def alive(pid: int, born: int) -> bool:
    """Say whether the process of that number that was born then still runs.

    Where there is no /proc, `born` is 0 and only the number counts.
    """
    if pid <= 0:
        return False
    if born:
        return birth(pid) == born
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is there, and another user's
    fields = _stat(pid)
    return fields is None or fields[_STATE] not in "ZX"


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # the name before it may hold anything, ")" too
