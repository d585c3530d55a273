"""The log of a node process: all of it to a file of the run, warnings to the terminal as well.

Laws
1. A log that cannot be written costs the node nothing but the log: that is said once.
2. A log is bounded; what comes when it is full is not kept, and that is said once too.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

__all__ = ["begin_log"]

MOST = 64 * 1024 * 1024  # bytes of one node's log
FORM = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def begin_log(node: str, path: str) -> None:
    """Have what kamesh says in this process go to the file at `path`, if one is named."""
    root = logging.getLogger("kamesh")
    root.setLevel(logging.INFO)
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(logging.Formatter(f"{node}: %(message)s"))
    root.addHandler(terminal)
    if path:
        root.addHandler(_File(path, terminal))


class _File(logging.Handler):
    """Appends to a file as long as that can be done."""

    def __init__(self, path: str, terminal: logging.Handler) -> None:
        """Open the file; what goes wrong is told on the terminal."""
        super().__init__()
        self.setFormatter(logging.Formatter(FORM))
        self._path = Path(path)
        self._terminal = terminal
        self._written = 0
        self._said = False
        self._file = -1
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
            self._written = os.fstat(self._file).st_size
        except OSError as error:
            self._say(f"cannot be written: {error.strerror}")

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, whole or not at all."""
        if self._file < 0:
            return
        line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        if self._written + len(line) > MOST:
            self._say(f"holds {MOST >> 20} MiB: what comes now is not kept")
            return
        try:
            done = os.write(self._file, line)
            if done < len(line):
                os.ftruncate(self._file, self._written)
                raise OSError(0, "there is no room for it")
            self._written += done
        except OSError as error:
            self._say(f"cannot be written: {error.strerror}")

    def _say(self, what: str) -> None:
        if not self._said:
            self._said = True
            text = f"the log {self._path} {what}"
            self._terminal.handle(
                logging.LogRecord("kamesh.log", logging.WARNING, "", 0, text, None, None)
            )
