"""Chunks behind markers: a stream that a receiver may enter anywhere, and that lost bytes do not end.

Each chunk stands behind a marker. In the data the marker's first byte and `%` are written as `%` and
two hexadecimal digits, so that a marker is found wherever reading begins.

Laws
1. Nothing but a marker looks like one; what is not a chunk is left out and counted, never passed on.
2. What is kept is at most one chunk; the last one is given when the stream ends, or when asked for.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import ClassVar

from kamesh.components.framing.converting import Joining, Splitting, whole
from kamesh.components.framing.incremental import (
    LONGEST,
    FrameTooLong,
    Incremental,
    checked_limit,
    given_bytes,
)
from kamesh.components.refusing import WrongFigure, as_bytes

__all__ = ["Chunker", "DataChunker", "DataDeChunker", "DeChunker"]

MARKER = b"X" * 24  # as Kamaelia has it
ESCAPED = re.compile(rb"%([0-9A-F]{2})?")
IN_ESCAPES = b"%0123456789ABCDEF"


class Chunker(Incremental[bytes, bytes]):
    """Takes chunks, gives each behind a marker.

    Example: `Chunker(b"<>").feed(b"1 < 2") == [b"<>1 %3C 2"]`.
    """

    def __init__(self, marker: bytes | str = MARKER) -> None:
        """WrongFigure for a marker that could not be told from data."""
        self._marker = _checked(marker)
        first = self._marker[:1]
        self._special = re.compile(b"[%" + re.escape(first) + b"]")

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Give the marker and the chunk."""
        yield self._marker + self._special.sub(_escape, given)


class DeChunker(Incremental[bytes, bytes]):
    """Takes bytes, gives the chunks in them, from the first marker on.

    Example: `DeChunker(b"<>").feed(b"torn<>one<>two") == [b"one"]`, and `finish()` gives the other.
    """

    def __init__(self, marker: bytes | str = MARKER, longest: int = LONGEST) -> None:
        """Begin outside of any chunk; WrongFigure for a marker that could not be told from data."""
        self._marker = _checked(marker)
        self._longest = checked_limit(longest, "chunk")
        self._kept = bytearray()
        self._searched = 0  # bytes of `_kept` in which no marker begins
        self._inside = False
        self.skipped = 0  # bytes before the first marker
        self.damaged = 0  # chunks that no sender made so

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give the chunks that are complete now."""
        kept, marker = self._kept, self._marker
        kept += given
        while (end := kept.find(marker, self._searched)) >= 0:
            found = bytes(memoryview(kept)[:end])
            del kept[: end + len(marker)]
            self._searched = 0
            yield from self._closed(found)
            self._inside = True
        self._searched = max(0, len(kept) - len(marker) + 1)
        if not self._inside:
            self.skipped += self._searched
            del kept[: self._searched]
            self._searched = 0
        self._check(self._searched)

    def flush(self) -> Iterator[bytes]:
        """Give the chunk that is under way, as if it were complete; then wait for a marker."""
        found = bytes(self._kept)
        self._kept.clear()
        self._searched = 0
        yield from self._closed(found)
        self._inside = False

    def rest(self) -> Iterator[bytes]:
        """Give the last chunk."""
        yield from self.flush()

    def _closed(self, found: bytes) -> Iterator[bytes]:
        if not self._inside:
            self.skipped += len(found)
            return
        self._check(len(found))
        if self._marker[0] in found or b"%" in ESCAPED.sub(_nothing_if_whole, found):
            self.damaged += 1
            return
        yield ESCAPED.sub(_unescape, found)

    def _check(self, length: int) -> None:
        if length > self._longest:
            raise FrameTooLong(
                f"a chunk goes on for more than {self._longest} bytes without a marker: either it is "
                f"no such stream, or raise `longest`"
            )


class DataChunker(Joining):
    """Makes a stream of bytes of chunks, each behind a marker: DataDeChunker takes them out again.

    For what a receiver may enter in the middle, or where bytes may be lost: a file that is appended
    to, a serial line, datagrams. `marker` is some bytes that data seldom begin with, the first neither
    `%` nor a hexadecimal digit in capitals; the default is 24 times "X".

    Example:
        >>> run(DataChunker(b"<>"), [b"one", b"2 > 1", b"1 < 2"])["outbox"]
        [b'<>one<>2 > 1<>1 %3C 2']

    Boxes: "inbox" bytes, each message a chunk; "outbox" bytes, several chunks in a message where
    several wait; "control".

    How it ends: with its inbox, or when told on "control".
    """

    outboxes: ClassVar = {**Joining.outboxes, "outbox": "markers and chunks, as bytes"}

    def __init__(self, marker: bytes | str = MARKER, *, name: str | None = None) -> None:
        """WrongFigure for a marker that could not be told from data."""
        super().__init__(Chunker(marker), name=name)


class DataDeChunker(Splitting):
    """Takes chunks out of bytes in which each stands behind a marker, from wherever it begins.

    What comes before the first marker is left out, and so is a chunk that no DataChunker can have
    made; `details()` counts both. A chunk with lost bytes in it may pass for a whole one: put what
    must be whole into frames with a checksum. `marker` is that of the DataChunker; `longest` is how
    many bytes a chunk may have (default 1 MiB).

    Example:
        >>> run(DataDeChunker(b"<>"), [b"rn<>one<", b">1 %3C 2"])["outbox"]
        [b'one', b'1 < 2']

    Boxes: "inbox" bytes, cut anywhere; "flush" anything: the chunk under way is sent as if it were
    complete; "outbox" the chunks, as bytes, each when the next one begins; "control".

    How it ends: when its inbox has ended, after the last chunk; told Shutdown, at once. It fails,
    with a sentence, for a chunk that is too long.
    """

    inboxes: ClassVar = {
        "inbox": "bytes",
        "flush": "anything: asks for the chunk that is under way",
        "control": "told here to finish or to stop",
    }
    _core: DeChunker

    def __init__(
        self,
        marker: bytes | str = MARKER,
        longest: int = LONGEST,
        *,
        source: str = "",
        name: str | None = None,
    ) -> None:
        """Begin outside of any chunk."""
        super().__init__(DeChunker(marker, longest), source=source, name=name)

    def main(self) -> Generator[None, None, None]:
        """Send the chunks that are complete, and those that are asked for."""
        while not self.stopping():
            if self.data_ready():
                data = as_bytes(self.recv(), self.path)
                yield from self._sending(self._core.pieces(data))
            elif self.data_ready("flush"):
                self.recv("flush")
                yield from self._sending(self._core.flush())
            else:
                yield self.pause()
        if whole(self):
            yield from self._sending(self._core.rest())

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"skipped": self._core.skipped, "damaged": self._core.damaged}


def _checked(given: bytes | str) -> bytes:
    marker = given_bytes(given, "a marker")
    if not marker or marker[0] in IN_ESCAPES:
        raise WrongFigure(
            f"{marker!r} cannot be a marker: it begins with a byte that is neither % nor one of "
            f"0-9 and A-F, as those stand in escapes"
        )
    return marker


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def _nothing_if_whole(found: re.Match[bytes]) -> bytes:
    return b"" if found[1] else b"%"
