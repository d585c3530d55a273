"""What goes wrong with files and folders, in one sentence each with the name in it.

Laws: a sentence says which file, what could not be done, and why, in words and not in numbers; a name
that is nearly right is offered.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kamesh.errors import KameshError
from kamesh.linking import did_you_mean

__all__ = ["FileError", "said", "sentence"]


class FileError(KameshError, OSError):
    """A file could not be opened, read or written."""


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
            near = did_you_mean(path.name, (each.name for each in folder.iterdir()))
            return f"there is no file {path}{near}"
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


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 120 else f"{text[:60]}...{text[-30:]}"
