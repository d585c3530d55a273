"""Statuses: who can be reached through couplings, what each has, and whether more is to come.

It is how a publisher learns that it is too fast for somebody three couplings away: it may be a window of
messages ahead of what everybody has, and no more. Nothing that was published is ever held up on its way,
so couplings in a circle cannot wait for each other.

Laws
1. Of each backplane only the newest status counts; it goes over each coupling once.
2. Who has been waited for in vain is waited for no more until it gets on.
3. It is over when all that can be reached have published their last, and it is here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kamesh.components.coupling.messages import Status, Vector

__all__ = ["Statuses"]

STRANGERS = 256  # statuses kept of those who cannot be reached; perhaps the next one shows how


class Statuses:
    """The newest status of each backplane; its own among them."""

    def __init__(self, who: str, window: int, patience: float) -> None:
        """Begin with one's own; `window` is how far a publisher may be ahead, `patience` in seconds."""
        self.who = who
        self.window = window
        self.patience = patience
        self.newest: dict[str, Status] = {who: Status(who, 0, (), {}, 0, False)}
        self._waits: dict[str, tuple[int, float]] = {}  # for whom: what it had, and since when
        self._reached: set[str] | None = {who}

    @property
    def own(self) -> Status:
        """One's own."""
        return self.newest[self.who]

    def heard(self, status: Status) -> bool:
        """Take one in; say whether it was news."""
        known = self.newest.get(status.who)
        if status.who == self.who or (known is not None and known.number >= status.number):
            return False
        if known is None or known.peers != status.peers:
            self._reached = None
        self.newest[status.who] = status
        return True

    def say(self, peers: tuple[str, ...], counts: Vector, published: int, ended: bool) -> bool:
        """Make a new one of one's own if it is time for that; say whether it was."""
        own = self.own
        if peers != own.peers:
            self._reached = None
        elif ended == own.ended and not (ended and published != own.published):
            step = max(1, self.window // 4)
            if not any(abs(n - own.counts.get(o, 0)) >= step for o, n in counts.items()):
                return False
        self.newest[self.who] = Status(
            self.who, own.number + 1, peers, dict(counts), published, ended
        )
        return True

    def reached(self) -> set[str]:
        """Give all that can be reached from here, itself among them."""
        if self._reached is None:
            reached, todo = {self.who}, [self.who]
            while todo:
                status = self.newest.get(todo.pop())
                for who in status.peers if status else ():
                    if who not in reached:
                        reached.add(who)
                        todo.append(who)
            self._reached = reached
            self._waits = {who: wait for who, wait in self._waits.items() if who in reached}
            strangers = [who for who in self.newest if who not in reached]
            for who in strangers[: max(0, len(strangers) - STRANGERS)]:
                del self.newest[who]
        return self._reached

    def known(self) -> set[str]:
        """Give all that were heard of of late, whether they can be reached now or not."""
        return self.reached() | set(self.newest)

    def may_publish(self, published: int, direct: Mapping[str, int], now: float) -> bool:
        """Say whether one more may be published, after `published`.

        `direct` says what those have that one is coupled with, as they have acknowledged it.
        """
        may = True
        for who in self.reached():
            if who == self.who:
                continue
            status = self.newest.get(who)
            has = max(direct.get(who, 0), status.counts.get(self.who, 0) if status else 0)
            if published < has + self.window:
                self._waits.pop(who, None)
                continue
            had, since = self._waits.get(who, (-1, now))
            if has != had:
                self._waits[who] = (has, now)
                may = False
            elif now < since + self.patience:
                may = False
        return may

    def deadlines(self, now: float) -> Iterator[float]:
        """Give the times at which somebody has been waited for in vain."""
        for _, since in self._waits.values():
            if now < since + self.patience:
                yield since + self.patience

    def over(self, vector: Vector) -> bool:
        """Say whether nothing more will come from anywhere."""
        statuses = [self.newest.get(who) for who in self.reached()]
        return all(s and s.ended and vector.get(s.who, 0) >= s.published for s in statuses)
