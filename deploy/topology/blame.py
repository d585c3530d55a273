"""Blame: the line of the user's own code from which something was raised.

Law: a line of the user's before one of a library's, a library's before one of kamesh; never a line of
Python's import machinery.
"""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import kamesh
import kamesh.components
import kamesh.deploy
import kamesh.nodes

__all__ = ["blame", "told"]

_OURS = tuple(
    f"{Path(str(each.__file__)).parent}/"
    for each in (kamesh, kamesh.components, kamesh.deploy, kamesh.nodes)
)
_LIBRARIES = tuple(
    f"{sysconfig.get_path(each)}/" for each in ("stdlib", "platstdlib", "purelib", "platlib")
)


def blame(error: BaseException) -> tuple[str, int]:
    """Give file and line of the innermost call that is the user's own; ("", 0) if there is none."""
    frames = [
        (frame.filename, frame.lineno or 0)
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen ", *_OURS))
    ]
    own = [frame for frame in frames if not frame[0].startswith(_LIBRARIES)]
    return ([("", 0), *frames, *own])[-1]


def told(error: BaseException) -> str:
    """Say what was raised in one line: "ValueError: no film"."""
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}" if text else name
