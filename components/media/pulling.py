"""Pulling: a thread that waits for the outside world, beside the one that waits for kamesh.

FFmpeg can only be told beforehand how long it may wait, and cannot be interrupted; whoever asks it
for a picture from a camera or an address would be deaf to "stop" until something came. So what it
gives is fetched by a thread of its own and taken from here.

Laws
1. At most `ahead` items wait; when they do, the thread waits too.
2. Who has been told to stop is not kept waiting: the thread is left to end by itself, which it does
   at its next item or at FFmpeg's own time-out, and closes what it has opened.
3. What the thread raises is raised here, after all that it gave before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Generic, TypeVar

from kamesh import ThreadedComponent

__all__ = ["Puller"]

T = TypeVar("T")


class Puller(Generic[T]):
    """Gives what `work` gives, to a component that waits for its own boxes at the same time.

    Example, in the `main` of a ThreadedComponent:
        for picture in Puller(self, camera.pictures): self.send(picture)
    The iteration ends when the work is done or it is time to stop.
    """

    def __init__(
        self, component: ThreadedComponent, work: Callable[[], Iterator[T]], ahead: int = 32
    ) -> None:
        """Remember the work; it begins with the iteration."""
        self._strand = component._strand
        self._work = work
        self._ahead = ahead
        self._ready: deque[T] = deque()
        self._room = threading.Condition()
        self._over = self._left = False
        self._error: BaseException | None = None
        self._path = component.path

    @property
    def left(self) -> bool:
        """Whether nobody wants any more: work that waits for a time should look at it."""
        return self._left

    def wait(self, seconds: float) -> bool:
        """Wait in the thread of the work; False as soon as nobody wants any more."""
        with self._room:
            self._room.wait_for(lambda: self._left, seconds)
            return not self._left

    def __iter__(self) -> Iterator[T]:
        """Give item after item."""
        thread = threading.Thread(target=self._run, name=f"{self._path} pulls", daemon=True)
        thread.start()
        strand = self._strand
        try:
            while True:
                strand.wait_until(
                    lambda: bool(self._ready) or self._over or strand.stopped_now(), None
                )
                if strand.stopped_now():
                    return
                if not self._ready:
                    break
                item = self._ready.popleft()
                with self._room:
                    self._room.notify_all()
                yield item
        finally:
            with self._room:
                self._left = True
                self._room.notify_all()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with closing(self._work()) as items:  # type: ignore[type-var]
                for item in items:
                    with self._room:
                        self._room.wait_for(lambda: len(self._ready) < self._ahead or self._left)
                    if self._left:
                        return
                    self._ready.append(item)
                    self._strand.wake()
        except BaseException as error:
            self._error = error
        finally:
            self._over = True
            self._strand.wake()
