"""Backoff: how long to wait before the next attempt, and when to give up.

Pure: chance comes in as a number, so that a test decides it.

Law: each attempt that fails doubles the wait, up to a longest; between half of it and all of it is
waited, so that a thousand clients of one server do not come back at the same moment; what has held for
`steady` seconds starts afresh.
"""

from __future__ import annotations

from kamesh.errors import NotSuitable

__all__ = ["Backoff"]


class Backoff:
    """Counts attempts.

    `retries` is how many may fail one after the other and still be followed by another (None: all).
    Times are in seconds.
    """

    def __init__(
        self,
        retries: int | None = 10,
        first: float = 0.25,
        longest: float = 30.0,
        steady: float = 10.0,
    ) -> None:
        """Begin with no attempt."""
        if retries is not None and retries < 0:
            raise NotSuitable(f"retries={retries}: 0 or more, or None to try for ever")
        if not 0 < first <= longest:
            raise NotSuitable(
                f"a first wait of {first} and a longest of {longest} seconds: from more "
                f"than 0 upwards"
            )
        self._retries = retries
        self._first = first
        self._longest = longest
        self._steady = steady
        self._failed = 0

    def failed(self, chance: float) -> float | None:
        """Give the seconds to wait after one more failure, None to give up; `chance` from 0 to 1."""
        if self._retries is not None and self._failed >= self._retries:
            return None
        span = min(self._longest, self._first * 2.0 ** min(self._failed, 64))
        self._failed += 1
        return span * (0.5 + 0.5 * chance)

    def held(self, seconds: float) -> None:
        """Hear for how long a connection has held."""
        if seconds >= self._steady:
            self._failed = 0
