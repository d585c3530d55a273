"""Mistakes in a file: each with its line, a sentence, and the word at fault.

Laws: all mistakes of a file are told at once, in the order of its lines; each says what to write
instead where that can be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kamesh.deploy.topology.tomllines import Path, nearest
from kamesh.errors import KameshError

__all__ = ["FileRefused", "Mistake", "Notes", "excerpt"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. `line` counts from 1; 0 is for the file as a whole."""

    file: str
    line: int
    text: str
    word: str = ""

    def __str__(self) -> str:
        """Write it as compilers do."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.text}"


class FileRefused(KameshError, ValueError):
    """A file has mistakes; they are in `mistakes`, and `source` is its text for showing the lines."""

    def __init__(self, mistakes: Iterable[Mistake], source: str = "") -> None:
        """Keep the mistakes; together they are the message."""
        self.mistakes = tuple(mistakes)
        self.source = source
        super().__init__("\n".join(map(str, self.mistakes)))

    def shown(self) -> str:
        """Write every mistake with the line it is in."""
        return "\n".join(f"{one}{excerpt(one, self.source)}" for one in self.mistakes)


def excerpt(mistake: Mistake, source: str) -> str:
    """Show the line of a mistake with the word at fault marked; "" if there is nothing to show.

    Example, for the word "stduio":

            12 | node = "stduio"
               |         ^^^^^^
    """
    lines = source.splitlines()
    if not 0 < mistake.line <= len(lines):
        return ""
    line = lines[mistake.line - 1].expandtabs(4)
    shown = f"\n    {mistake.line:>4} | {line}"
    word = re.escape(mistake.word)
    found = re.search(rf"(?<!\w){word}(?!\w)", line) or re.search(word, line)
    if found and mistake.word:
        column = found.start()
        shown += f"\n         | {' ' * column}{'^' * len(mistake.word)}"
    return shown


class Notes:
    """Takes note of the mistakes of one file while it is read."""

    def __init__(self, file: str, lines: Mapping[Path, int]) -> None:
        """Begin with none."""
        self.file = file
        self.lines = lines
        self._mistakes: list[Mistake] = []

    def note(self, path: Path, text: str, word: object = "") -> None:
        """Note what is wrong at `path`."""
        self._mistakes.append(Mistake(self.file, nearest(self.lines, path), text, str(word)))

    def line(self, path: Path) -> int:
        """Say on which line `path` is."""
        return nearest(self.lines, path)

    @property
    def mistakes(self) -> list[Mistake]:
        """Give them in the order of the lines, each once."""
        return sorted(dict.fromkeys(self._mistakes), key=lambda one: one.line)
