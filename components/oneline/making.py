"""What some words of one-line pipelines are made by: parts of other files under their short names."""

from __future__ import annotations

import re
from collections.abc import Generator

from kamesh import Component, Pipeline, PureTransformer
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.files import FileWriter
from kamesh.components.plumbing.transforms import Filter, Tee

__all__ = [
    "append",
    "grep",
    "lower",
    "save",
    "strip",
    "tee",
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


class Written(Component):
    """Makes bytes of what is to be written: bytes as they are, anything else on a line of its own.

    Example: `Pipeline(DataSource([b"as it is", 7]), Written(), FileWriter("out"))`.

    Boxes: "inbox" anything; "outbox" bytes; "control". How it ends: with its inbox, or when told.
    """

    def main(self) -> Generator[None, None, None]:
        """Make bytes of what has arrived."""
        while not self.stopping():
            for message in self.inbox:
                data = message.data if isinstance(message, Chunk | Preamble) else message
                if not isinstance(data, bytes | bytearray | memoryview):
                    data = f"{data}\n".encode(errors="surrogateescape")
                self.send(data)
            yield self.pause()


def save(path: str) -> Component:
    """Write messages to a file: bytes as they are, anything else as lines."""
    return Pipeline(Written(), FileWriter(path))


def append(path: str) -> Component:
    """Write messages to the end of a file."""
    return Pipeline(Written(), FileWriter(path, "append"))


def tee(path: str) -> Component:
    """Copy messages to a file."""
    return Tee(save(path))


def tee_stream(path: str) -> Component:
    """Copy a transport stream to a file."""
    # the media package pulls in what only media needs
    from kamesh.components.media.record import Record

    return Tee(Record(path))
