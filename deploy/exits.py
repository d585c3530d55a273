"""Exit codes of the `kamesh` command: the same for every verb, and never changed once given.

0    all went well
1    it failed: a component or a node did, or what was asked for could not be done
2    a mistake in what was asked: the command line, a file, a name, a box
3    nothing is running
4    a node that should be there does not answer
130  interrupted by Ctrl-C
141  whoever read the output has gone (`kamesh echo ... | head`)
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """The exit codes by name."""

    OK = 0
    FAILED = 1
    MISTAKE = 2
    NOTHING_RUNNING = 3
    NO_ANSWER = 4
    INTERRUPTED = 130
    OUTPUT_GONE = 141
