"""StopOnSignal: a stream that ends, in good order, when the process is asked to stop.

Laws
1. At the first signal the stream ends here: what has come is passed on, what is behind it finishes what
   it has, what is before it is told to stop. At a second one, nothing more is passed on.
2. Several of them in one process all hear; each signal's handler is put back when the last of them
   has ended, so that another signal then does what it did before.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from types import FrameType
from typing import Any, ClassVar

from kamesh import Component, ProducerFinished, Shutdown
from kamesh.components.refusing import WrongFigure
from kamesh.components.sending import shut_down
from kamesh.errors import NotSuitable

__all__ = ["StopOnSignal"]

Hearer = Callable[[signal.Signals], None]

_hearers: dict[signal.Signals, list[Hearer]] = {}  # who hears each signal that is heard
_before: dict[signal.Signals, Any] = {}  # the handler that each had before


def _hear(which: signal.Signals, hearer: Hearer) -> None:
    if which not in _hearers:
        _before[which] = signal.signal(which, _heard)
        _hearers[which] = []
    _hearers[which].append(hearer)


def _hear_no_more(which: signal.Signals, hearer: Hearer) -> None:
    if hearer not in _hearers.get(which, ()):
        return
    _hearers[which].remove(hearer)
    if not _hearers[which]:
        del _hearers[which]
        before = _before.pop(which)
        if signal.getsignal(which) is _heard:  # else somebody has taken it over meanwhile
            signal.signal(which, signal.SIG_DFL if before is None else before)


def _heard(number: int, _frame: FrameType | None) -> None:
    which = signal.Signals(number)
    for hearer in list(_hearers.get(which, ())):
        hearer(which)


class StopOnSignal(Component):
    """Passes a stream on until the process gets a signal, and then ends it in good order.

    `signals` are those it heeds, or their names, or one (default: SIGINT, which is Ctrl-C, and SIGTERM). In a
    Pipeline, put it after the source: at the signal the source is told to stop, and all that comes
    after finishes what it has, so that files are whole and the last figures are written. What it then
    sends on "signal" is ProducerFinished; with `tell="stop"` it is Shutdown: nothing that waits is
    passed on, and what comes after stops at once. In a Graphline it may stand apart: link its "signal"
    to the "control" of whatever is to stop (with "stop" for a source that would first send all it has),
    and the "signal" of what ends last to its own "control". A second signal, while it still passes on
    what waits, ends it at once.

    Signals reach a program in its main thread alone, so it runs where `run()` is called there, and
    not in a `background()` or under another thread's event loop.

    Example:
        >>> import itertools, signal
        >>> def pretend_ctrl_c(number):
        ...     if number == 5000:
        ...         signal.raise_signal(signal.SIGINT)
        ...     return number
        >>> kept = DataSink()
        >>> Pipeline(DataSource(itertools.count()), pretend_ctrl_c, StopOnSignal(), kept).run()
        >>> len(kept.messages) >= 5000
        True

    Boxes: "inbox" anything; "outbox" the same; "signal" at the signal, what `tell` says; "control".

    How it ends: at the signal; with its inbox; or when told on "control".
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "the same, until the signal",
        "signal": "at the signal, or passing on what was told on control",
    }

    def __init__(
        self,
        signals: Iterable[signal.Signals | str] | signal.Signals | str = (signal.SIGINT, signal.SIGTERM),
        *,
        tell: str = "finish",
        name: str | None = None,
    ) -> None:
        """Take the signals; WrongFigure for one that cannot be heard, or for none."""
        super().__init__(name=name)
        if tell not in ("finish", "stop"):
            raise WrongFigure(f"what follows is told to 'finish' or to 'stop', not {tell!r}")
        if isinstance(signals, str | int):
            signals = (signals,)
        if not isinstance(signals, Iterable):
            raise WrongFigure(f"StopOnSignal takes signals or their names, not {signals!r}")
        self.signals = tuple(_known(which) for which in signals)
        if not self.signals:
            raise WrongFigure("StopOnSignal needs a signal to stop on")
        self.tell = tell
        self.heard: list[signal.Signals] = []

    def main(self) -> Generator[None, None, None]:
        """Pass on what has arrived until it hears something."""
        if threading.current_thread() is not threading.main_thread():
            raise NotSuitable(
                f"{self.path} would hear no signal: they come to the program's main thread, and this "
                f"is another; run() it there"
            )
        runtime = self._strand.runtime
        assert runtime is not None

        def hear(which: signal.Signals) -> None:
            self.heard.append(which)
            runtime.loop.call_soon_threadsafe(self._strand.wake)

        for which in self.signals:
            _hear(which, hear)
        try:
            while not self.heard and not self.stopping():
                self.send_all(self.inbox)
                yield self.pause()
            if self.heard:
                yield from self._end()
        finally:
            for which in self.signals:
                _hear_no_more(which, hear)

    def _end(self) -> Generator[None, None, None]:
        left = len(self.inbox) if self.tell == "finish" else 0
        while left and len(self.heard) == 1 and not shut_down(self):
            ready = list(islice(self.inbox, left))
            self.send_all(ready)
            left -= len(ready)
            yield
        if self.tell == "finish":
            self.send(ProducerFinished(self.path), "signal")
        else:
            self.send(Shutdown(f"the process got {self.heard[0].name}"), "signal")


def _known(which: signal.Signals | str) -> signal.Signals:
    """Give the signal of that name or number, if it can be heard."""
    try:
        known = signal.Signals[which] if isinstance(which, str) else signal.Signals(which)
    except (KeyError, ValueError):
        raise WrongFigure(f"this system has no signal {which!r}") from None
    if known in (signal.SIGKILL, signal.SIGSTOP):
        raise WrongFigure(f"{known.name} stops a program without asking; nothing can hear it")
    return known
