"""Programs: a user's Python file read up to the component that it would run.

Laws
1. The file is run as it would be by Python, but nothing it builds is started: at its first `run()` the
   reading is over.
2. What it prints meanwhile is not shown; what it raises is told with its own file and line.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from kamesh import running
from kamesh.component import Component
from kamesh.deploy.topology.blame import blame, told
from kamesh.deploy.topology.mistakes import FileRefused, Mistake
from kamesh.errors import KameshError
from kamesh.strand import Strand

__all__ = ["component_of", "run_program"]


class _Built(BaseException):
    """Leaves the user's file once its component is there."""


def component_of(path: str | Path, arguments: Sequence[str] = (), *, call: int = 0) -> Component:
    """Give the component on which a program calls `run()` (for the `call`-th time, from 0).

    Raises FileRefused with the line if the file cannot be read so far.

    Example: `component_of("hello.py")`.
    """
    built: list[Component] = []
    calls = 0

    def taken(strand: Strand) -> None:
        nonlocal calls
        if calls == call:
            built.append(strand.component)
            raise _Built
        calls += 1

    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            run_program(path, arguments, taken)
    except _Built:
        return built[0]
    raise _no_run(Path(path))


def run_program(
    path: str | Path, arguments: Sequence[str], taken: Callable[[Strand], None]
) -> None:
    """Run a program to its end, giving to `taken` whatever it calls `run()` on.

    Raises FileRefused, with the line, for what the program itself raises.
    """
    path = Path(path)
    calls = 0

    def launch(strand: Strand) -> None:
        nonlocal calls
        calls += 1
        taken(strand)

    if not path.is_file():
        raise FileRefused([Mistake(str(path), 0, "there is no such file")])
    try:
        with _as_program(path, arguments):
            running.take_over(launch)
            runpy.run_path(str(path), run_name="__main__")
    except SyntaxError as error:
        raise _refused(
            path, f"this is not Python: {error.msg}", error.lineno or 0, error.filename
        ) from error
    except SystemExit as error:
        if calls == 0:
            raise _refused(
                path, f"the program ended itself (exit {error.code}) before any run()"
            ) from error
        raise
    except Exception as error:
        if calls and isinstance(error, KameshError):
            raise  # what was run says itself what is wrong
        file, line = blame(error)
        raise _refused(path, told(error), line, file) from error
    finally:
        running.take_over(None)
    if calls == 0:
        raise _no_run(path)


def _no_run(path: Path) -> FileRefused:
    return _refused(path, "the program came to its end without calling run() on a component")


def _refused(path: Path, text: str, line: int = 0, file: str | None = None) -> FileRefused:
    named = str(path) if not file or Path(file).resolve() == path.resolve() else file
    source = Path(named).read_text(errors="replace") if Path(named).is_file() else ""
    return FileRefused([Mistake(named, line, text)], source)


@contextmanager
def _as_program(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Have `sys.argv` and the module path be what the program expects."""
    argv, module_path = sys.argv, list(sys.path)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, module_path
