"""Valve: lets a stream through, or not, as it is told meanwhile.

Law: what is told at "switch" counts before what has come at "inbox"; a shut valve takes nothing, or,
where that was asked for, drops what comes and counts it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from kamesh import Component
from kamesh.components.refusing import WrongFigure
from kamesh.errors import NotSuitable
from kamesh.inbox import Inbox

__all__ = ["Valve"]


class Valve(Component):
    """Lets messages through while it is open.

    True at "switch" opens it and False shuts it; it begins open, unless `start` is "shut". A shut valve
    holds the stream: it takes nothing, so the source waits once the inbox is full. With
    `when_shut="drop"` it drops what comes while it is shut, and counts it.

    Example:
        >>> run(Valve(start="shut", when_shut="drop"), {"inbox": [1, 2], "switch": []})["outbox"]
        []
        >>> run(Valve(start="shut"), {"inbox": [1, 2], "switch": [True]})["outbox"]
        [1, 2]

    Boxes: "inbox" anything; "switch" True to open, False to shut; "outbox" what was let through;
    "control".

    How it ends: with its inbox, or when told on "control", after what has come is let through. What is
    held when nothing can open it any more (the stream at "switch" has ended, or there is none) is
    dropped, and counted by the inbox.
    """

    inboxes: ClassVar = {
        "inbox": "anything",
        "switch": "True to open, False to shut",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "what was let through",
        "signal": "passes on what was told on control",
    }

    switch: Inbox

    def __init__(
        self, start: str = "open", *, when_shut: str = "hold", name: str | None = None
    ) -> None:
        """Take how it begins, "open" or "shut", and what it does when shut, "hold" or "drop"."""
        super().__init__(name=name)
        if start not in ("open", "shut"):
            raise WrongFigure(f"a valve begins 'open' or 'shut', not {start!r}")
        if when_shut not in ("hold", "drop"):
            raise WrongFigure(f"a valve that is shut does 'hold' or 'drop', not {when_shut!r}")
        self.is_open = start == "open"
        self.when_shut = when_shut
        self.dropped = 0

    def main(self) -> Generator[None, None, None]:
        """Let through what has arrived, or not."""
        while not (self.stopping() or self.inbox.ended or self._stuck()):
            for told in self.switch:
                if not isinstance(told, bool):
                    raise NotSuitable(
                        f"{self.path} was sent {told!r} on its switch: True opens it, False shuts it"
                    )
                self.is_open = told
            if self.is_open:
                self.send_all(self.inbox)
            elif self.when_shut == "drop":
                self.dropped += sum(1 for _ in self.inbox)
            yield self.pause()

    def _stuck(self) -> bool:
        """Say whether what it holds can never be let through, and nothing else will come."""
        if self.is_open or self.when_shut == "drop" or self.switch.live or self.switch.queue:
            return False
        nothing_comes = self.inbox.finished > 0 and not self.inbox.live
        return nothing_comes or self._strand.stop_note is not None

    def details(self) -> dict[str, object]:
        """Give the figures that are its own."""
        return {"open": self.is_open, "dropped": self.dropped}
