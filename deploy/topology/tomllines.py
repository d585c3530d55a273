"""Where things stand in a TOML file: the line of every table, key and list element.

`tomllib` reads the values and forgets the lines; tomlkit keeps the text of what it read but gives no
positions either. So the text is read a second time here, for the lines only.

Laws
1. It judges nothing and never raises: what it does not understand it skips to the end of the line.
2. For every key of a file that `tomllib` accepts it knows the line on which that key is written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Path", "lines_of", "nearest"]

Path: TypeAlias = tuple[str | int, ...]

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    '"': '"',
    "\\": "\\",
    "e": "\x1b",
}
_DEEPEST = 200  # lists within lists; tomllib itself gives up at some hundreds


def lines_of(text: str) -> dict[Path, int]:
    r"""Give the line, counted from 1, of every table, key and list element of a TOML text.

    Example: in `[[linkages]]\nto = ["A.x", "B.x"]` the path ("linkages", 0) is on line 1, and
    ("linkages", 0, "to") and ("linkages", 0, "to", 1) are on line 2. What is there twice has the
    line on which it is first.
    """
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.lines


def nearest(lines: Mapping[Path, int], path: Path) -> int:
    """Give the line of `path`, or of the innermost thing round it that has one, or 1."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


class _Lost(Exception):
    """Something that is not TOML, or not TOML as it is known here."""


class _Scanner:
    """Goes through the text once."""

    def __init__(self, text: str) -> None:
        """Begin at the first character."""
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.table: Path = ()
        self.counts: dict[Path, int] = {}  # how many tables each [[list of tables]] has so far
        self.starts = [0] + [at + 1 for at, letter in enumerate(text) if letter == "\n"]

    def scan(self) -> None:
        """Note every line."""
        while self.at < len(self.text):
            self.blank()
            if self.at >= len(self.text):
                return
            try:
                if self.here() == "[":
                    self.header()
                else:
                    self.pair(self.table, 0)
            except _Lost:
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end + 1

    def here(self) -> str:
        """Give the character here, "" at the end."""
        return self.text[self.at : self.at + 1]

    def note(self, path: Path, at: int) -> None:
        """Keep the line of a path, and of what it implies."""
        line = bisect_right(self.starts, at)
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def blank(self) -> None:
        """Skip blanks, ends of lines and comments."""
        while self.here() and self.here() in " \t\r\n#":
            if self.here() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                self.at += 1

    def spaces(self) -> None:
        """Skip blanks within a line."""
        while self.here() and self.here() in " \t":
            self.at += 1

    def take(self, word: str) -> None:
        """Go past `word`."""
        if not self.text.startswith(word, self.at):
            raise _Lost
        self.at += len(word)

    # -- tables and keys

    def header(self) -> None:
        """Read `[a.b]` or `[[a.b]]`."""
        start = self.at
        several = self.text.startswith("[[", self.at)
        self.at += 2 if several else 1
        keys = self.keys()
        self.take("]]" if several else "]")
        path: Path = ()
        for key in keys[:-1]:
            path = self.newest((*path, key))
        path = (*path, keys[-1])
        if several:
            self.counts[path] = self.counts.get(path, 0) + 1
        path = self.newest(path)
        self.note(path, start)
        self.table = path

    def newest(self, path: Path) -> Path:
        """Give the newest table of a list of tables; a path that is no such list as it is."""
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def keys(self) -> list[str]:
        """Read a key with its dots."""
        found = [self.key()]
        while self.here() == ".":
            self.at += 1
            found.append(self.key())
        return found

    def key(self) -> str:
        """Read one key, bare or quoted, with the blanks round it."""
        self.spaces()
        if self.here() in ('"', "'"):
            key = self.string()
        else:
            start = self.at
            while self.here() in _BARE:
                self.at += 1
            key = self.text[start : self.at]
            if not key:
                raise _Lost
        self.spaces()
        return key

    def pair(self, table: Path, depth: int) -> None:
        """Read `key = value`."""
        start = self.at
        path = (*table, *self.keys())
        self.note(path, start)
        self.take("=")
        self.spaces()
        self.value(path, depth)

    # -- values

    def value(self, path: Path, depth: int) -> None:
        """Read a value, noting what is within."""
        if depth > _DEEPEST:
            raise _Lost
        letter = self.here()
        if letter in ('"', "'"):
            self.string()
        elif letter == "[":
            self.at += 1
            self.elements(path, depth + 1)
        elif letter == "{":
            self.at += 1
            self.inline(path, depth + 1)
        else:
            while self.here() and self.here() not in ",]}#\n":
                self.at += 1

    def elements(self, path: Path, depth: int) -> None:
        """Read the elements of a list."""
        number = 0
        while True:
            self.blank()
            if self.here() == "]":
                self.at += 1
                return
            self.note((*path, number), self.at)
            self.value((*path, number), depth)
            number += 1
            self.blank()
            if self.here() != "]":
                self.take(",")

    def inline(self, path: Path, depth: int) -> None:
        """Read the pairs of an inline table."""
        while True:
            self.blank()
            if self.here() == "}":
                self.at += 1
                return
            self.pair(path, depth)
            self.blank()
            if self.here() != "}":
                self.take(",")

    def string(self) -> str:
        """Read a string of any of the four kinds."""
        quote = self.here()
        if self.text.startswith(quote * 3, self.at):
            return self.long_string(quote)
        self.at += 1
        found: list[str] = []
        while self.here() != quote:
            letter = self.here()
            if letter in ("", "\n"):
                raise _Lost
            self.at += 1
            found.append(self.escape() if letter == "\\" and quote == '"' else letter)
        self.at += 1
        return "".join(found)

    def long_string(self, quote: str) -> str:
        """Read a string over several lines; nobody asks what is in it."""
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            if not self.here():
                raise _Lost
            self.at += 2 if self.here() == "\\" and quote == '"' else 1
        self.at += 3
        while self.here() == quote:  # up to two quotes may stand before the three that end it
            self.at += 1
        return ""

    def escape(self) -> str:
        """Read what follows a backslash in a key."""
        letter = self.here()
        self.at += 1
        width = {"x": 2, "u": 4, "U": 8}.get(letter)
        if width is None:
            return _ESCAPES.get(letter, letter)
        digits = self.text[self.at : self.at + width]
        self.at += width
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError):
            raise _Lost from None
