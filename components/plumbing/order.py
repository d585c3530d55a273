"""Order: numbered things that come in any order, twice or not at all, given out in order.

It is the pure core, without a component and without a clock: what to do about time (how long to wait
for what is missing, whom to ask for it again) is for whoever uses it.

Laws
1. What is given out is in the order of its numbers, each number at most once; every number that is
   left out is in a Gap, given out at its place.
2. No more than `size` things wait. One more, and the oldest gap is given up.
3. Nothing that came stays behind: `flush` gives out all that waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

from kamesh.codec import register
from kamesh.components.refusing import integer, whole

__all__ = ["Gap", "OrderRecovery"]

Item = TypeVar("Item")


@register(name="plumbing.Gap")
@dataclass(frozen=True, slots=True)
class Gap:
    """The numbers from `first` to `last`, both among them, that did not come in time."""

    first: int
    last: int

    def __len__(self) -> int:
        """Count the numbers."""
        return self.last - self.first + 1


class OrderRecovery(Generic[Item]):
    """Gives out numbered things in order, and says what is missing.

    `size` is how many may wait for one that is missing. `first` is the number that the first one has;
    with None it is that of whatever comes first, for who joins a stream that is under way.

    Example:
        >>> order = OrderRecovery(size=2)
        >>> order.add(1, "a"), order.add(3, "c"), order.missing()
        (['a'], [], [Gap(first=2, last=2)])
        >>> order.add(2, "b")
        ['b', 'c']
        >>> order.add(6, "f"), order.flush(upto=8)
        ([], [Gap(first=4, last=5), 'f', Gap(first=7, last=8)])
    """

    def __init__(self, size: int = 64, first: int | None = 1) -> None:
        """Begin with nothing."""
        whole(1, size, "the number of messages that wait for a missing one")
        if first is not None:
            integer(first, "the number of the first message")
        self.size = size
        self.expects = first  # the number of the next one to give out; None until one has come
        self.lost = 0  # numbers in the gaps that were given out
        self.dropped = 0  # things that came again, or after their gap had been given up
        self._waiting: dict[int, Item] = {}
        self._numbers: list[int] = []  # of those that wait, as a heap

    def __len__(self) -> int:
        """Count the things that wait."""
        return len(self._waiting)

    def __contains__(self, number: object) -> bool:
        """Say whether the thing of that number has come, and waits."""
        return number in self._waiting

    def add(self, number: int, item: Item) -> list[Item | Gap]:
        """Take one thing in, and give out what can be: most often itself."""
        if self.expects is None:
            self.expects = number
        if number == self.expects and not self._waiting:
            self.expects = number + 1
            return [item]
        if number < self.expects or number in self._waiting:
            self.dropped += 1
            return []
        self._waiting[number] = item
        heappush(self._numbers, number)
        given = self._in_order()
        return given if len(self._waiting) <= self.size else given + self.give_up()

    def missing(self) -> list[Gap]:
        """List what is missing among what has come, the oldest first."""
        gaps = []
        after = self.expects or 0
        for number in sorted(self._numbers):
            if number > after:
                gaps.append(Gap(after, number - 1))
            after = number + 1
        return gaps

    def give_up(self, upto: int | None = None) -> list[Item | Gap]:
        """Give up the oldest gap: give out that, and what waited for nothing else.

        With `upto`, give up all that is missing as far as that number, whether something waits behind
        it or not.
        """
        given: list[Item | Gap] = []
        if upto is None:
            if self._numbers:
                given += self._skip_to(self._numbers[0])
            return given + self._in_order()
        while self.expects is not None and self.expects <= upto:
            first = self._numbers[0] if self._numbers else upto + 1
            given += self._skip_to(min(first, upto + 1))
            given += self._in_order()
        return given

    def flush(self, upto: int | None = None) -> list[Item | Gap]:
        """Give out all that waits, with the gaps between.

        Where it is known that the last number was `upto`, what is missing before that is a gap too.
        """
        given: list[Item | Gap] = []
        while self._numbers:
            given += self.give_up()
        return given if upto is None else given + self.give_up(upto)

    def _in_order(self) -> list[Item | Gap]:
        given: list[Item | Gap] = []
        while self._numbers and self._numbers[0] == self.expects:
            number = heappop(self._numbers)
            given.append(self._waiting.pop(number))
            self.expects = number + 1
        return given

    def _skip_to(self, number: int) -> list[Gap]:
        """Expect `number` next, and give the gap that this makes, if any."""
        if self.expects is None or number <= self.expects:
            return []
        gap = Gap(self.expects, number - 1)
        self.expects = number
        self.lost += gap.last - gap.first + 1  # which may be more than len() can say
        return [gap]
