"""Comparator: two streams side by side, message by message.

Laws
1. The n-th message of one is compared with the n-th of the other, whenever they come.
2. What one stream has more than the other is different.
3. It holds nothing: the stream that is ahead waits in its inbox.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from kamesh import Component
from kamesh.codec import register
from kamesh.components.plumbing.streams import more_may_come
from kamesh.components.refusing import function
from kamesh.inbox import Inbox

__all__ = ["Comparator", "Difference"]


@register(name="plumbing.Difference")
@dataclass(frozen=True, slots=True)
class Difference:
    """Where two streams differ: the number of the pair (from 1), and what each had.

    `over` is "inA" or "inB" where that stream had ended; what it had is then None.
    """

    number: int
    a: Any
    b: Any
    over: str = ""


class Comparator(Component):
    """Compares two streams, message by message.

    `same` says whether two messages are the same (default: `==`). Link the box that you want: "outbox"
    has True or False for each pair, "differences" only those that differ, with what each had. The
    first of them stays in `first_difference`.

    Example:
        >>> compare = Comparator()
        >>> run(compare, {"inA": "abc", "inB": "ax"})
        {'outbox': [True, False, False],
         'differences': [Difference(number=2, a='b', b='x', over=''),
                         Difference(number=3, a='c', b=None, over='inB')], 'signal': [...]}
        >>> compare.first_difference.number
        2

    Boxes: "inA" and "inB" the streams; "outbox" True or False for each pair; "differences" a Difference
    for each pair that is not the same; "control".

    How it ends: when both streams have ended, or when told on "control": told ProducerFinished, after
    what has come is compared. If `same` raises, it fails with that line.
    """

    inboxes: ClassVar = {
        "inA": "one stream",
        "inB": "the other",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "True or False for each pair",
        "differences": "a Difference for each pair that is not the same",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, same: Callable[[Any, Any], object] = operator.eq, *, name: str | None = None
    ) -> None:
        """Take what says whether two are the same."""
        super().__init__(name=name)
        function(same, "what says whether two are the same")
        self.same = same
        self.compared = self.differing = 0
        self.first_difference: Difference | None = None

    def main(self) -> Generator[None, None, None]:
        """Compare what has arrived of both."""
        ours, theirs = self._inbox("inA"), self._inbox("inB")
        while not self.stopping():
            for _ in range(min(len(ours), len(theirs), self.room())):
                a, b = ours.recv(), theirs.recv()
                self._say(bool(self.same(a, b)), a, b)
            self._rest(ours, theirs, "inB")
            self._rest(theirs, ours, "inA")
            yield self.pause()

    def _rest(self, longer: Inbox, shorter: Inbox, over: str) -> None:
        """Count as different what one has more, if the other is over."""
        if not shorter.queue and not more_may_come(self, shorter):
            for message in longer:
                a, b = (message, None) if over == "inB" else (None, message)
                self._say(False, a, b, over)

    def _say(self, same: bool, a: Any, b: Any, over: str = "") -> None:
        self.compared += 1
        self.send(same)
        if not same:
            difference = Difference(self.compared, a, b, over)
            self.differing += 1
            self.first_difference = self.first_difference or difference
            self.send(difference, "differences")

    def details(self) -> dict[str, object]:
        """Give the figures that are its own."""
        first = self.first_difference
        return {
            "compared": self.compared,
            "different": self.differing,
            "first": None if first is None else first.number,
        }
