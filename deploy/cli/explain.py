"""From whatever was raised to a plain sentence and an exit code.

Laws: every mistake that kamesh has a name for is told in its own words; what it has none for is told
as a failure of kamesh itself, with the way to see more.
"""

from __future__ import annotations

import os

from kamesh.components.journal import NotAJournal
from kamesh.components.oneline.tokens import PipelineMistake
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import NothingRunning
from kamesh.deploy.topology.loading import NotLoadable
from kamesh.deploy.topology.mistakes import FileRefused
from kamesh.errors import (
    KameshError,
    LinkageRefused,
    NameTaken,
    NotSuitable,
    UnknownBox,
    UnknownName,
)
from kamesh.nodes.client import NoAnswer
from kamesh.nodes.planned import PlanRefused

__all__ = ["exit_code", "sentence"]

MISTAKES = (
    FileRefused,
    LinkageRefused,
    NameTaken,
    NotAJournal,
    NotLoadable,
    NotSuitable,
    PipelineMistake,
    PlanRefused,
    UnknownBox,
    UnknownName,
)


def exit_code(error: BaseException) -> Exit:
    """Say with which code the command ends after this."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return Exit.OUTPUT_GONE
    if isinstance(error, NothingRunning):
        return Exit.NOTHING_RUNNING
    if isinstance(error, NoAnswer):
        return Exit.NO_ANSWER
    if isinstance(error, MISTAKES):
        return Exit.MISTAKE
    return Exit.FAILED


def sentence(error: BaseException) -> str:
    """Say what happened; "" where there is nothing to say."""
    if isinstance(error, KeyboardInterrupt | BrokenPipeError):
        return ""
    if isinstance(error, FileRefused):
        return error.shown()
    if isinstance(error, KameshError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        named = isinstance(error.filename, str)
        where = os.fspath(error.filename) if named else "the system does not allow it"
        return f"{where}: {error.strerror}"
    return (
        f"kamesh itself failed, with {type(error).__name__}: {error}. KAMESH_DEBUG=1 shows where; "
        f"please report it"
    )
