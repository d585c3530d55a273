"""History: the last events of a stream, and where each reader of it stands. Pure.

Nothing waits for a reader: it is a place in the history that all share. One that is so slow that its
place is forgotten misses what was forgotten, which is counted, and goes on with the oldest there is.

Laws
1. What is kept is bounded, in events and in bytes, whatever readers do.
2. A reader gets events in order, each once; one that comes back with an id goes on after it, and gets
   all there is if the id is not known any more.
3. An event without an id is given one; ids of another run are never taken for ids of this one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from kamesh.components.refusing import whole
from kamesh.components.web.messages import Event

__all__ = ["History", "Reader", "written"]

EVENTS = 256
BYTES = 4 << 20
TURN = 64 << 10  # bytes that a reader is given at a time, and the rest of one event more


def written(event: Event) -> bytes:
    r"""Write an event as the wire has it (WHATWG HTML, 9.2.5); ValueError for a name of two lines.

    Example: `written(Event("two\nlines", id="7"))` is `b"id: 7\ndata: two\ndata: lines\n\n"`.
    """
    lines = []
    for name, value in (("id", event.id), ("event", event.event)):
        if any(sign in value for sign in "\r\n\0"):
            raise ValueError(f"an event's {name} is one line: not {value!r}")
        if value:
            lines.append(f"{name}: {value}")
    if event.retry is not None:
        lines.append(f"retry: {round(event.retry * 1000)}")
    text = event.data.replace("\r\n", "\n").replace("\r", "\n")
    lines += [f"data: {line}" for line in text.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


class Reader:
    """Where one reader stands. Made by `History.join`."""

    __slots__ = ("_history", "_next", "missed")

    def __init__(self, history: History, first: int) -> None:
        """Begin with event number `first`."""
        self._history = history
        self._next = first
        self.missed = 0

    def take(self) -> bytes:
        """Take what is next, as the wire has it; b"" if nothing is."""
        history = self._history
        if self._next < history.first:
            self.missed += history.first - self._next
            history.missed += history.first - self._next
            self._next = history.first
        data = bytearray()
        for at in range(self._next - history.first, len(history.kept)):
            data += history.kept[at][1]
            self._next += 1
            if len(data) >= TURN:
                break
        return bytes(data)


class History:
    r"""The last events of a stream.

    Example:
        history = History("run1")
        reader = history.join(last_id="")
        history.put(Event("hello"))
        reader.take()                   # b"id: run1-1\ndata: hello\n\n"
    """

    def __init__(self, run: str, events: int = EVENTS, most: int = BYTES) -> None:
        """Keep at most so many events, and bytes; `run` is what ids of this run begin with."""
        whole(1, events, "the number of events in a history")
        whole(1, most, "the bytes of a history")
        self._run = run
        self._events = events
        self._most = most
        self._bytes = 0
        self.first = 1  # the number of the oldest event that is kept
        self.kept: deque[tuple[str, bytes]] = deque()  # the id of each, and how it is written
        self.missed = 0

    @property
    def number(self) -> int:
        """How many events there have been."""
        return self.first + len(self.kept) - 1

    def put(self, event: Event) -> None:
        """Keep an event; what is too much is forgotten, the oldest first."""
        if not event.id:
            event = replace(event, id=f"{self._run}-{self.number + 1}")
        data = written(event)
        self.kept.append((event.id, data))
        self._bytes += len(data)
        while len(self.kept) > self._events or (self._bytes > self._most and len(self.kept) > 1):
            self._bytes -= len(self.kept.popleft()[1])
            self.first += 1

    def join(self, last_id: str = "") -> Reader:
        """Admit a reader: it begins with what comes, or after the event that it has had last."""
        if not last_id:
            return Reader(self, self.number + 1)
        for at in range(len(self.kept) - 1, -1, -1):
            if self.kept[at][0] == last_id:
                return Reader(self, self.first + at + 1)
        return Reader(self, self.first)
