"""EventParser: the bytes of an event stream into events, as WHATWG HTML, 9.2.6, says. Pure.

Laws
1. However the bytes are cut, the events are the same.
2. An event is at most `longest` bytes: one that goes on is a ValueError, not a full memory.
"""

from __future__ import annotations

import codecs
import re

from kamesh.components.web.messages import Event

__all__ = ["EventParser"]

LONGEST = 1 << 20
_LINE = re.compile("\r\n|\n|\r")


class EventParser:
    r"""Takes bytes, gives events.

    Example: `EventParser().feed(b"data: hello\n\n")` is `[Event("hello", "message")]`.

    `last_id` is the id to come back with, `retry` the seconds to wait before, if the server said so.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        """Begin at the beginning of a stream."""
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._parts: list[str] = []  # of a line that has not ended
        self._returned = (
            False  # the last character was a carriage return: a line feed belongs to it
        )
        self._size = 0
        self._data: list[str] = []
        self._event = ""
        self._id = self.last_id = ""
        self.retry: float | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take some bytes; give the events that are whole with them."""
        text = self._decoder.decode(data)
        if self._returned and text:
            text = text.removeprefix("\n")
            self._returned = False
        if not text:
            return []
        self._returned = text.endswith("\r")
        self._size += len(text)
        first, *others = _LINE.split(text)
        self._parts.append(first)
        events = []
        if others:
            lines = ["".join(self._parts), *others]
            self._parts = [lines.pop()]
            for line in lines:
                if line:
                    self._take(line)
                else:
                    self._size = 0
                    events += self._dispatch()
        if self._size > self._longest:
            raise ValueError(f"an event goes on for more than {self._longest} characters")
        return events

    def _dispatch(self) -> list[Event]:
        self.last_id = self._id
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return [Event("\n".join(data), event or "message", self.last_id)] if data else []

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdecimal() and len(value) < 10:
                self.retry = int(value) / 1000
