"""The folder of this user's runs on this host: where it is, that it is ours alone, and its lock.

Laws
1. Nobody but the user can read or write what is in it: a folder that is a link, another user's, or
   open to others for writing is refused, never used.
2. A file is seen whole or not at all; whoever changes what is there holds the lock, and nobody waits
   for it longer than LOCK_PATIENCE.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kamesh.errors import KameshError

__all__ = ["FolderRefused", "locked", "runtime_folder", "write_whole"]

LOCK_PATIENCE = 5.0  # seconds; what is done under the lock takes milliseconds
LOCK_AGAIN = 0.01


class FolderRefused(KameshError):
    """The folder for runs cannot be used; the text says which, why, and what to do."""


def runtime_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Give the folder of this user's runs, made if it is missing.

    It is $KAMESH_RUNTIME_DIR, or `kamesh` in $XDG_RUNTIME_DIR if that is this user's own, or
    /tmp/kamesh-UID.
    """
    environment = os.environ if environment is None else environment
    chosen = environment.get("KAMESH_RUNTIME_DIR")
    session = environment.get("XDG_RUNTIME_DIR")
    if chosen:
        folder = Path(chosen)
    elif session and _is_own_folder(Path(session)):
        folder = Path(session, "kamesh")
    else:
        folder = Path(f"/tmp/kamesh-{os.geteuid()}")  # noqa: S108 it is checked to be ours alone
    return _private(folder)


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except FileExistsError as error:
        raise FolderRefused(f"{folder} is to hold the runs of kamesh, and is a file") from error
    except OSError as error:
        raise FolderRefused(f"{folder} cannot hold the runs of kamesh: {error.strerror}") from error
    if stat.S_ISLNK(status.st_mode):
        raise FolderRefused(
            f"{folder} is a link to somewhere else, which somebody may have laid: remove it, or "
            f"set KAMESH_RUNTIME_DIR to a folder of your own"
        )
    if status.st_uid != os.geteuid():
        raise FolderRefused(
            f"{folder} belongs to another user, who could read the keys of your runs: set "
            f"KAMESH_RUNTIME_DIR to a folder of your own"
        )
    if status.st_mode & 0o022:
        raise FolderRefused(
            f"others may write to {folder}, so what is there cannot be trusted: `chmod 700 "
            f"{folder}` if all in it is yours, or set KAMESH_RUNTIME_DIR to another folder"
        )
    if status.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _is_own_folder(folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False  # left over from another login; the next choice is used
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder of runs."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder / ".lock", flags, 0o600)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FolderRefused(
                        f"another kamesh has held {folder}/.lock for {LOCK_PATIENCE:g} seconds"
                    ) from None
                time.sleep(LOCK_AGAIN)
        yield
    finally:
        os.close(descriptor)  # and with it goes the lock


def write_whole(path: Path, text: str) -> None:
    """Write a file for its owner only, so that a reader finds the old text or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise FolderRefused(f"{path} cannot be written: {error.strerror}") from error
