"""Which words are to be seen at a time, of subtitles that come one after the other. Pure.

Laws: what is shown at a time is every subtitle that has begun and has not ended, in the order of their
beginnings; one with no words takes away those before it; at most MOST are kept, and what is over is
forgotten.
"""

from __future__ import annotations

from collections import deque
from math import inf

from kamesh.components.media.messages import Subtitle

__all__ = ["MOST", "Showing"]

MOST = 4096


class Showing:
    """Holds subtitles, tells what is seen.

    Example: after `add(Subtitle("Hello", 1, 3))`, `at(0.5)` is "" and `at(2)` is "Hello".
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._coming: deque[Subtitle] = deque()
        self._seen: list[Subtitle] = []
        self._known = -inf  # no subtitle that is still to come begins before this
        self.forgotten = 0

    def add(self, subtitle: Subtitle) -> None:
        """Take one more; they come in the order of their beginnings."""
        self._coming.append(subtitle)
        self._known = max(self._known, subtitle.start)
        if len(self._coming) > MOST:
            self._coming.popleft()
            self.forgotten += 1

    def end(self) -> None:
        """Hear that no more will come."""
        self._known = inf

    def knows(self, time: float) -> bool:
        """Say whether what is seen at `time` can no longer be changed by what is still to come."""
        return self._known > time

    def at(self, time: float) -> str:
        """Give the words that are seen at `time`, in seconds; times go forward."""
        while self._coming and self._coming[0].start <= time:
            subtitle = self._coming.popleft()
            self._seen = [*self._seen, subtitle] if subtitle.text else []
        self._seen = [subtitle for subtitle in self._seen if subtitle.end > time]
        return "\n".join(subtitle.text for subtitle in self._seen)
