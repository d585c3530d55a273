"""What could not be done with a file, as a record, and who hears of it.

Law: the rule of `components/failing.py`: told on "errors" where that is linked, and failing where not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kamesh import Component, register
from kamesh.components.failing import tell_failure
from kamesh.components.files.errors import FileError, sentence

__all__ = ["FileFailed", "tell_file_failure"]


@register(name="files.FileFailed")
@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file with which something could not be done: which, and why, in a sentence; as text, that.

    Example: `str(FileFailed(Path("a.ts"), "there is no file a.ts"))` is `"there is no file a.ts"`.
    """

    path: Path
    reason: str

    def __str__(self) -> str:
        """Say why."""
        return self.reason


def tell_file_failure(component: Component, error: OSError, path: Path, done: str) -> None:
    """Tell of `path` that could not be `done` ("read", "moved"...), or raise Unheard."""
    reason = str(error) if isinstance(error, FileError) else sentence(error, path, done)
    tell_failure(component, FileFailed(path, reason), error)
