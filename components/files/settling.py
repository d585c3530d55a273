"""Settling: changes of files held back until they are quiet, and several of one file made one. No I/O.

Laws
1. A change is given once the file has been quiet for so long, in the order in which they became so.
2. What came and went meanwhile is nothing; what went and came again was modified.
3. What is held is bounded.
"""

from __future__ import annotations

from typing import Literal

from kamesh.components.files.errors import FileError

__all__ = ["Change", "Settling", "merged"]

Change = Literal["added", "modified", "removed"]
MOST = 100_000  # files that may be restless at a time


def merged(before: Change | None, now: Change) -> Change | None:
    """Make one change of two that followed each other; None if they come to nothing."""
    match before, now:
        case "added", "modified":
            return "added"
        case "added", "removed":
            return None
        case "removed", "added" | "modified":
            return "modified"
    return now


class Settling:
    """Holds changes back until the files are quiet.

    Example:
        settling = Settling(2.0)
        settling.note("film.ts", "added", 10.0)
        settling.note("film.ts", "modified", 11.0)
        settling.due(12.9)      # []
        settling.due(13.0)      # [("film.ts", "added")]
    """

    def __init__(self, quiet: float, most: int = MOST) -> None:
        """Hold changes for `quiet` seconds, of at most `most` files."""
        self._quiet = quiet
        self._most = most
        self._held: dict[str, tuple[Change, float]] = {}  # by the time of the latest change

    def __len__(self) -> int:
        """Count the files that are restless."""
        return len(self._held)

    def note(self, path: str, change: Change, now: float) -> None:
        """Hear of a change at the time `now`; FileError if that is one too many."""
        before = self._held.pop(path, None)
        change_since = merged(before[0] if before else None, change)
        if change_since is not None:
            self._held[path] = (change_since, now)
        if len(self._held) > self._most:
            raise FileError(
                f"more than {self._most} files have changed and are not quiet: watch fewer of them, or "
                f"wait less for them to settle"
            )

    def due(self, now: float) -> list[tuple[str, Change]]:
        """Give the changes of the files that have been quiet for long enough at the time `now`."""
        due: list[tuple[str, Change]] = []
        for path, (change, since) in self._held.items():
            if now - since < self._quiet:
                break
            due.append((path, change))
        for path, _ in due:
            del self._held[path]
        return due
