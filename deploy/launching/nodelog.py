"""The log of a node process: all of it to a file of the run, warnings to the terminal as well.

Laws
1. A log that cannot be written costs the node nothing but the log: that is said once.
2. What kamesh itself says is bounded; what comes when the log is full is not kept, and that is said too.
3. A node that nobody watches prints into its log, so that nothing it says is lost.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

__all__ = ["begin_log"]

MOST = 64 * 1024 * 1024  # bytes of one node's log
FORM = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def begin_log(node: str, path: str, *, printed: bool = False) -> None:
    """Have what kamesh says in this process go to the file at `path`, if one is named.

    With `printed`, that is where standard output and standard error go too.
    """
    root = logging.getLogger("kamesh")
    root.setLevel(logging.INFO)
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(logging.Formatter(f"{node}: %(message)s"))
    file = _File(path, terminal) if path else None
    if file is not None:
        root.addHandler(file)
    if file is not None and printed and file.descriptor >= 0:
        os.dup2(file.descriptor, 1)
        os.dup2(file.descriptor, 2)
    else:
        root.addHandler(terminal)


class _File(logging.Handler):
    """Appends to a file as long as that can be done."""

    def __init__(self, path: str, terminal: logging.Handler) -> None:
        """Open the file; what goes wrong is told on the terminal."""
        super().__init__()
        self.setFormatter(logging.Formatter(FORM))
        self._path = Path(path)
        self._terminal = terminal
        self._said = False
        self.descriptor = -1
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self.descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            self._say(f"cannot be written: {error.strerror}")

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if self.descriptor < 0:
            return
        line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        try:
            if os.fstat(self.descriptor).st_size + len(line) > MOST:
                self._say(f"holds {MOST >> 20} MiB: what comes now is not kept")
            elif os.write(self.descriptor, line) < len(line):
                self._say("has no more room")
        except OSError as error:
            self._say(f"cannot be written: {error.strerror}")

    def _say(self, what: str) -> None:
        if not self._said:
            self._said = True
            text = f"the log {self._path} {what}"
            self._terminal.handle(
                logging.LogRecord("kamesh.log", logging.WARNING, "", 0, text, None, None)
            )
