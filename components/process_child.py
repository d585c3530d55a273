"""A child process with its pipes, its group, and somebody who ends it should this process die.

Laws
1. The child leads a session and a process group of its own: what ends it ends all that it started,
   except what has left the group by itself.
2. A shell of three lines holds the reading end of a pipe from this process. When this process is gone,
   however it went, the pipe closes and the shell ends the group: SIGTERM, a grace, SIGKILL. Nothing
   runs between fork and exec, which is not safe beside threads; PR_SET_PDEATHSIG would need that, would
   fire when the *thread* ends that started the child, and would reach no grandchild.
3. Every child is waited for, so that no zombie stays.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from kamesh.components.refusing import WrongFigure
from kamesh.errors import KameshError, NotSuitable

__all__ = ["ProcessError", "Program", "arguments", "start", "variables"]

GUARD = 'read -r _; kill -s TERM -- "-$1"; sleep "$2"; kill -s KILL -- "-$1"'

log = logging.getLogger("kamesh")


class ProcessError(KameshError, OSError):
    """A program could not be started, or ended with an error where that was to be checked."""


def arguments(command: str | Sequence[str], shell: bool) -> list[str]:
    """Give the list of arguments that `command` means; WrongFigure or NotSuitable for what means none."""
    if shell:
        if not isinstance(command, str):
            raise NotSuitable("shell=True takes one string, which the shell reads; a list needs no shell")
        return ["/bin/sh", "-c", command]
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise WrongFigure(f"{command!r} is no command line: {str(error).lower()}") from None
    elif not isinstance(command, Iterable):
        raise NotSuitable(f"a command is a string or a list of them, not {command!r}")
    else:
        words = [_word(word) for word in command]
    if not words or not words[0]:
        raise WrongFigure("there is no command in it: the first word is the program to run")
    if any("\0" in word for word in words):
        raise WrongFigure("a command cannot hold a null character")
    return words


def _word(word: object) -> str:
    text = os.fspath(word) if isinstance(word, str | os.PathLike) else None
    if not isinstance(text, str):
        raise NotSuitable(f"{word!r} in a command is no text: write {str(word)!r}")
    return text


def variables(environment: Mapping[str, str] | None) -> dict[str, str] | None:
    """Give a copy of an environment; TypeError for what is no mapping of texts to texts."""
    if environment is None:
        return None
    if not isinstance(environment, Mapping):
        raise NotSuitable(f"environment={environment!r}: it is a dict, as {{'LANG': 'C'}}")
    for name, value in environment.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise NotSuitable(f"environment {name!r}: {value!r}: both the name and the value are text")
    return dict(environment)


class Program:
    """A process that was started, with its pipes (those that were asked for), none of which block."""

    def __init__(self, process: subprocess.Popen[bytes], words: Sequence[str], grace: float) -> None:
        """Take over what was started, and set the guard."""
        self.process = process
        self.name = os.path.basename(words[0])
        self.grace = grace
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        self._watch, self._guard = _guard(process.pid, grace)
        self._pidfd = -1
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # a kernel before Linux 5.3
                self._pidfd = os.pidfd_open(process.pid)

    def fileno(self) -> int:
        """Give the descriptor that becomes readable when the process ends, or -1."""
        return self._pidfd

    def ended(self) -> int | None:
        """Give the status as `subprocess` has it (negative: the signal), or None while it runs."""
        return self.process.poll()

    def kill(self, number: int) -> None:
        """Send a signal to the whole group; a group that is gone needs none."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # EPERM: only zombies are left
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """End what is left of the group, close everything, and wait, in a thread if it takes long.

        A process that still runs is told SIGTERM, and SIGKILL when its grace is over.
        """
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            _close(pipe)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self.process.poll() is None:
            self.kill(signal.SIGTERM)
            name = f"the end of {self.name}"
            threading.Thread(target=self._wait, name=name, daemon=True).start()
        else:
            self._release()

    def _wait(self) -> None:
        try:
            self.process.wait(self.grace)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGKILL)
            self.process.wait()
        self._release()

    def _release(self) -> None:
        """End what the leader has left behind in its group, and the guard, which has done its duty."""
        self.kill(signal.SIGKILL)
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            self._guard = None
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1


def start(
    words: Sequence[str],
    *,
    fed: bool,
    errors: bool,
    environment: Mapping[str, str] | None,
    folder: Path | None,
    grace: float,
) -> Program:
    """Start a program; ProcessError says in a sentence why it cannot be.

    `fed` gives it a pipe as standard input (else there is nothing in it), `errors` one as standard
    error (else it has that of this process).
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - what to run is the user's to say, as a list
            words,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors else None,
            env=None if environment is None else {**os.environ, **environment},
            cwd=folder,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise ProcessError(_sentence(error, words[0], folder)) from error
    except ValueError as error:  # a null character in a folder, "=" in the name of a variable
        raise ProcessError(f"{words[0]} cannot be run: {error}") from error
    return Program(process, words, grace)


def _guard(group: int, grace: float) -> tuple[int, subprocess.Popen[bytes] | None]:
    there, here = os.pipe()
    try:
        guard = subprocess.Popen(  # noqa: S603 - a constant, and two numbers
            ["/bin/sh", "-c", GUARD, "kamesh-guard", str(group), f"{grace:.3f}"],
            stdin=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd="/",
        )  # fmt: skip
    except OSError as error:
        os.close(here)
        log.warning("process %d outlives this one if this one is killed: no guard: %s", group, error)
        return -1, None
    finally:
        os.close(there)
    return here, guard


def _sentence(error: OSError, program: str, folder: Path | None) -> str:
    if folder is not None and not folder.is_dir():
        return f"{program} cannot be run in {folder}: there is no such folder"
    match error.errno:
        case errno.ENOENT if "/" in program and Path(program).exists():
            return f"{program} cannot be run: the interpreter that its first line names is not there"
        case errno.ENOENT if "/" in program:
            return f"there is no program {program}"
        case errno.ENOENT:
            return f"there is no program {program!r} in any folder of PATH: is it installed?"
        case errno.EACCES | errno.EPERM:
            return f"{program} cannot be run: it is not executable for this user (chmod +x)"
        case errno.ENOEXEC:
            return f"{program} cannot be run: it is no program, and no script with a #! line"
        case errno.E2BIG:
            return f"{program} cannot be run: its arguments are longer than the system takes"
    return f"{program} cannot be run: {error.strerror or error}"


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()
