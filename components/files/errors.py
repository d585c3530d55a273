"""What goes wrong with files and folders, in one sentence each with the name in it.

Laws: a sentence says which file, what could not be done, and why, in words and not in numbers; a name
that is nearly right is offered.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from kamesh.errors import KameshError
from kamesh.linking import did_you_mean

__all__ = ["FileError", "NoPath", "NoText", "a_path", "said", "sentence"]

MOST_NAMES = 2000  # looked at for one that is nearly right


class FileError(KameshError, OSError):
    """A file could not be opened, read or written."""


class NoText(FileError, ValueError):
    """A text has a character in it that no file can hold."""


class NoPath(FileError, ValueError, TypeError):
    """Something was given as the name of a file that can be none."""


def a_path(given: str | os.PathLike[str]) -> Path:
    """Give a path; NoPath for what no file can have as its name, whatever the disk holds."""
    if not isinstance(given, str | os.PathLike) or not isinstance(os.fspath(given), str):
        kind = type(given).__name__
        raise NoPath(f"the path of a file is text or a Path, and not {given!r} of the type {kind}")
    path = Path(given)
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:
        raise NoPath(f"{_shortened(path)!a} cannot be the name of a file: it is no text") from None
    if b"\0" in name:
        raise NoPath(
            f"{_shortened(path)!r} cannot be the name of a file: there is a zero byte in it"
        )
    return path


@contextmanager
def said(path: Path, done: str) -> Iterator[None]:
    """Put what the system says of `path` into a sentence; `done` as `sentence` has it."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(sentence(error, path, done)) from error


def sentence(error: OSError, path: Path, done: str) -> str:
    """Say in a sentence why `path` could not be `done` ("read", "written", "replaced" ...)."""
    folder = path.parent
    incomplete = f"{path} is left as it was" if done == "replaced" else f"{path} is not complete"
    match error.errno:
        case errno.ENOENT if folder.is_dir():
            return f"there is no file {path}{_near(path)}"
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} cannot be {done}: there is no folder {folder}"
        case errno.EEXIST:
            return f"{path} exists already, and it was asked for as new"
        case errno.EISDIR:
            return f"{path} cannot be {done}: it is a folder"
        case errno.EACCES | errno.EPERM:
            return f"{path} cannot be {done}: this user has no permission to"
        case errno.EROFS:
            return f"{path} cannot be written: {folder} can only be read"
        case errno.ENOSPC | errno.EDQUOT:
            return f"{incomplete}: the disk that holds it is full"
        case errno.EFBIG:
            return f"{incomplete}: it would be larger than a file may be here"
        case errno.ENAMETOOLONG:
            return f"{_shortened(path)} cannot be {done}: the name is too long"
        case errno.ELOOP:
            return f"{path} cannot be {done}: a symbolic link stands in the way"
        case errno.EMFILE | errno.ENFILE:
            return f"{path} cannot be {done}: too many files are open"
    return f"{path} cannot be {done}: {error.strerror or error}"


def _near(path: Path) -> str:
    """Offer a name that is nearly that of `path`, if its folder may be read."""
    names: list[str] = []
    with suppress(OSError):
        names = [each.name for each in islice(path.parent.iterdir(), MOST_NAMES)]
    return did_you_mean(path.name, names)


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 120 else f"{text[:60]}...{text[-30:]}"
