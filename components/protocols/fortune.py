"""Fortune: one saying for everybody who connects (Kamaelia's FortuneCookie; RFC 865, quote of the day)."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable
from pathlib import Path

from kamesh import Component
from kamesh.components.refusing import integer
from kamesh.errors import NotSuitable

__all__ = ["SAYINGS", "Fortune", "fortunes_of"]

SAYINGS = (
    "A queue without a bound is a promise to run out of memory.",
    "Whoever sends nothing is never misunderstood.",
    "Two clocks never agree; one is never asked.",
    "What ends by itself needs nobody to end it.",
)


class Fortune(Component):
    r"""Says one of several sayings, chosen by chance, and ends.

    `sayings` are texts of one line or more; `fortunes_of` reads them from a file. `seed` makes the
    choice the same each time.

    Example:
        >>> run(Fortune(["Look before you leap."]))["outbox"]
        [b'Look before you leap.\n']

    Boxes: "inbox" is not read; "outbox" one saying as bytes, with a line feed; "control". For a server:
    `TCPServer(Fortune, port=17)`.

    How it ends: by itself, when it has said its saying.
    """

    def __init__(
        self, sayings: Iterable[str] = SAYINGS, *, seed: int | None = None, name: str | None = None
    ) -> None:
        """Choose one; NotSuitable if there is none."""
        super().__init__(name=name)
        if isinstance(sayings, str) or not isinstance(sayings, Iterable):
            raise NotSuitable(f"sayings are a list of texts, and not {sayings!r}")
        sayings = list(sayings)
        if not sayings:
            raise NotSuitable("there are no sayings to choose from")
        if seed is not None:
            integer(seed, "the seed")
        self.saying = random.Random(seed).choice(sayings)

    def main(self) -> Generator[None, None, None]:
        """Say it."""
        self.send(self.saying.encode() + b"\n")
        yield


def fortunes_of(path: str | Path) -> list[str]:
    """Read sayings from a file as fortune(6) has them: UTF-8, with a line "%" after each."""
    parts = ("\n" + Path(path).read_text("utf-8") + "\n").split("\n%\n")
    return [saying for part in parts if (saying := part.strip("\n"))]
