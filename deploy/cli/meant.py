"""What is meant by WHAT on the command line: a topology, a Python program or a one-line pipeline.

Law: something that looks like a file is one, and must be there; all else is words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from kamesh.deploy.topology.mistakes import FileRefused, Mistake

__all__ = ["meant", "there"]


def meant(what: str) -> Literal["topology", "program", "words"]:
    """Say what `what` is; FileRefused if it is a file that is not there."""
    path = Path(what)
    first = what.split("!")[0].strip()
    if "!" in what and not path.exists():
        return "words"
    if path.suffix not in (".py", ".toml") and "/" not in first and not path.exists():
        return "words"
    there(path)
    return "topology" if path.suffix == ".toml" else "program"


def there(path: Path) -> Path:
    """Give `path` back if it is a file; FileRefused with a sentence otherwise."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise FileRefused([Mistake(str(path), 0, f"there is {what}")])
    return path
