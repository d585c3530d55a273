"""When what was written is brought to the disk itself: never, every so often, or each time.

What is handed to the system outlives the process; only what was synced outlives the machine.

Law: a decision of its own, without a clock: it is told the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

from kamesh.components.refusing import WrongFigure

__all__ = ["Sync", "Syncing"]

Sync: TypeAlias = str | float
"""`"none"`, `"each"`, or a number of seconds."""


@dataclass(slots=True)
class Syncing:
    """Says when to sync; `every` is seconds, 0 for each time and infinite for never.

    Example: `syncing = Syncing.of(5.0)`; after a write `if syncing.due(now): os.fsync(...)`.
    """

    every: float
    _since: float | None = field(default=None, init=False)  # the oldest write that is not synced

    @classmethod
    def of(cls, word: Sync) -> Syncing:
        """Read a policy; WrongFigure for what is none."""
        if word == "none":
            return cls(math.inf)
        if word == "each":
            return cls(0.0)
        if isinstance(word, int | float) and not isinstance(word, bool) and 0 < word < math.inf:
            return cls(float(word))
        raise WrongFigure(
            f'sync={word!r}: it is "none", "each" or a number of seconds, as 5.0 for every 5 seconds'
        )

    def wrote(self, now: float) -> None:
        """Hear that something was written at `now` (seconds)."""
        if self._since is None:
            self._since = now

    def synced(self) -> None:
        """Hear that all is on the disk."""
        self._since = None

    def due(self, now: float) -> bool:
        """Say whether it is time."""
        return self._since is not None and now - self._since >= self.every

    def wait(self, now: float) -> float | None:
        """Say in how many seconds it will be; None if that depends on another write."""
        if self._since is None or self.every == math.inf:
            return None
        return max(0.0, self._since + self.every - now)
