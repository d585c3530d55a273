"""What some words of one-line pipelines are made by: parts of other files under their short names."""

from __future__ import annotations

import re

from kamesh import Component, PureTransformer
from kamesh.components.files import FileWriter, LineWriter
from kamesh.components.plumbing.transforms import Filter, Tee

__all__ = [
    "append",
    "append_bytes",
    "grep",
    "lower",
    "strip",
    "tee",
    "tee_bytes",
    "tee_stream",
    "upper",
]


def upper() -> Component:
    """Make text all capitals."""
    return PureTransformer(str.upper)


def lower() -> Component:
    """Make text all small letters."""
    return PureTransformer(str.lower)


def strip() -> Component:
    """Take the blanks off both ends of text."""
    return PureTransformer(str.strip)


def grep(pattern: str) -> Component:
    """Let through what `pattern`, a regular expression, is found in; ValueError if it is none."""
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return Filter(lambda message: search(str(message)))


def append(path: str) -> Component:
    """Write messages as lines to the end of a file."""
    return LineWriter(path, "append")


def append_bytes(path: str) -> Component:
    """Write bytes to the end of a file."""
    return FileWriter(path, "append")


def tee(path: str) -> Component:
    """Copy messages as lines to a file."""
    return Tee(LineWriter(path))


def tee_bytes(path: str) -> Component:
    """Copy bytes to a file."""
    return Tee(FileWriter(path))


def tee_stream(path: str) -> Component:
    """Copy a transport stream to a file."""
    # the media package pulls in what only media needs
    from kamesh.components.media.record import Record

    return Tee(Record(path))
