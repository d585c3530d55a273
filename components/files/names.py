"""Names of files under a folder: which are wanted, and which may be written. No I/O.

Laws
1. A pattern without "/" is about names, wherever they are; one with "/" is about the way from the
   folder, where ** stands for any folders, also none.
2. A name that could lead out of its folder is refused, whatever the disk looks like.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath, PurePosixPath

from kamesh.components.files.errors import FileError
from kamesh.components.refusing import WrongFigure

__all__ = ["Patterns", "parts_inside"]

LONGEST = 4096  # characters of a path (PATH_MAX)


class Patterns:
    """Which files are wanted, by glob patterns: one of them must fit.

    Example: `Patterns("*.py", "docs/**").fit("src/a.py")` is True. `*` and `?` stand for characters
    of one name, `[...]` for one of some; capitals matter.
    """

    def __init__(self, *patterns: str) -> None:
        """Take the patterns; WrongFigure for an empty one, or one that leads out of the folder."""
        self._patterns = [_split(pattern) for pattern in patterns]

    def fit(self, path: str) -> bool:
        """Say whether a path, relative and with "/" between its names, fits one of them."""
        parts = path.split("/")
        return any(
            fnmatchcase(parts[-1], pattern[0]) if len(pattern) == 1 else _fits(parts, pattern)
            for pattern in self._patterns
        )


def parts_inside(path: str | PurePath) -> tuple[str, ...]:
    """Give the names on the way to `path`, which is to be inside a folder; FileError if it is not."""
    text = path.as_posix() if isinstance(path, PurePath) else path
    parts = PurePosixPath(text).parts
    shown = text if len(text) <= 120 else f"{text[:60]}...{text[-30:]}"
    if not parts or text.endswith("/"):
        raise FileError(f"{shown!r} is no name for a file")
    if text.startswith("/") or ".." in parts or PurePath(*parts).is_absolute():
        raise FileError(f"{shown!r} leads out of the folder and is not written")
    if "\0" in text or len(text) > LONGEST or not _is_text(text):
        raise FileError(f"{shown!r} cannot be the name of a file")
    return parts


def _is_text(text: str) -> bool:
    """Say whether the system has a form for it: of half a character it has none."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _split(pattern: str) -> tuple[str, ...]:
    if not isinstance(pattern, str):
        raise WrongFigure(f"a pattern for files is text such as '*.ts', and not {pattern!r}")
    parts = tuple(pattern.split("/"))
    if not pattern or pattern.startswith("/") or ".." in parts:
        raise WrongFigure(
            f"{pattern!r} is no pattern for files in a folder: it is one for names, such as '*.ts', or "
            f"for the way from there, such as 'films/**/*.ts'"
        )
    single = [
        part for at, part in enumerate(parts) if part != "**" or parts[at - 1 : at] != ("**",)
    ]
    return tuple(single)


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[at:], pattern[1:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
