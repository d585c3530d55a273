"""`kamesh new`: a component, a node or a project to begin with, and its tests.

Law: nothing that is there already is written over; either all files are made or none.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.skeletons import files_of, named
from kamesh.errors import KameshError, NotSuitable

__all__ = ["new"]


class NotMade(KameshError, OSError):
    """A file could not be written; the text says which and why."""


def new(options: Namespace, context: Context) -> int:
    """Make the files, and say what to do with them."""
    names, folder = named(options.name), Path(options.folder)
    texts = files_of(options.what, names, options.kind)
    there = [path for path in texts if (folder / path).exists()]
    if there:
        raise NotSuitable(f"{folder / there[0]} is there already: choose another name, or another folder")
    made: list[Path] = []
    try:
        for path, text in texts.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as out:
                made.append(file)  # from now on it is ours to take away
                out.write(text)
    except OSError as error:
        for file in made:
            file.unlink(missing_ok=True)
        raise NotMade(f"{folder / path} cannot be written: {error.strerror}") from error
    for file in made:
        context.say(str(file))
    context.remark(_next(options.what, names.snake, names.kebab, folder))
    return Exit.OK


def _next(what: str, snake: str, kebab: str, folder: Path) -> str:
    """Say what to try first."""
    go = "" if folder == Path(".") else f"cd {folder} && "
    tries = {
        "component": f"{go}python -m pytest test_{snake}.py",
        "node": f"{go}kamesh run {snake}.toml; python -m pytest",
        "project": f"cd {folder / kebab}, and go on as its README.md says",
    }
    return f"try: {tries[what]}"
