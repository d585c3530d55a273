"""Record: a stream of bytes to a file that is there only when it is whole.

It is a component with a thread of its own because a disk may take its time, and `fsync` always
does.

Laws: what is written goes to `path + ".part"`, and is renamed when the stream has ended and the
disk has it; a recording that breaks off stays there as `.part`, whole up to the last chunk; nothing
that exists is overwritten before that moment, and what an earlier try left is kept as `.part.1` and
so on; a file that cannot be written is refused in a sentence.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from kamesh import ThreadedComponent
from kamesh.codec import register
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.extras import needing
from kamesh.components.files.atomic import sync_folder
from kamesh.components.files.errors import NoPath, a_path
from kamesh.components.formats import ByteStream, Either, Packets, TransportStream
from kamesh.components.media.core.livewords import FILES
from kamesh.components.media.core.mpegts import TransportMuxer
from kamesh.components.media.messages import MediaPacket, StreamHeader, unexpected
from kamesh.errors import KameshError

if TYPE_CHECKING:
    from kamesh.components.media.engine.containers import ContainerMuxer

__all__ = ["Record", "Recorded", "RecordingError"]


MOST_KEPT = 100  # recordings that broke off, kept beside a new one


@register(name="media.Recorded")
@dataclass(frozen=True, slots=True)
class Recorded:
    """Sent when a recording is complete: the file's name, its bytes, its chunks."""

    path: str
    bytes: int
    chunks: int


class RecordingError(KameshError, OSError):
    """A recording could not be begun, or could not go on."""


class Record(ThreadedComponent):
    """Records what arrives in a file, which is there when it is whole.

    Bytes are written as they are. What Encode sends is put into the container that the end of the
    file's name asks for: .mkv, .webm, .mp4, .mov, .ogg, .opus, .avi, .nut, .flv; MPEG-TS for any other.

    Example:
        >>> card = TestCard(size=(320, 180), seconds=2, realtime=False)
        >>> MediaPipeline(card, Encode(), Record("card.mp4")).run()
        >>> print(probe("card.mp4"))
        card.mp4: 50 frames of h264 320 x 180 in 2.00 s, 2 key frames, 2.01 s of aac; ...

    Boxes: "inbox" `Chunk`s or bytes, or what Encode sends; "outbox" one `Recorded` when the file is
    complete; "control".

    How it ends: when the stream ends or it is told on "control", the file is brought to the disk
    and renamed to `path`. If the stream that feeds it broke, or it cannot write (the disk is full,
    the folder may not be written to), it fails with a sentence and leaves what it has in `path +
    ".part"`.
    """

    inboxes: ClassVar = {
        "inbox": "Chunks, bytes, or a header and packets",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a Recorded when the file is complete",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Either] = {"inbox": Packets() | TransportStream() | ByteStream()}

    def __init__(self, path: str | Path, *, name: str | None = None) -> None:
        """Remember where to write; the file is made when it starts."""
        super().__init__(name=name)
        self.target = a_path(path)
        if not self.target.name:
            raise NoPath(f"{str(path)!r} is a folder: name a file to write to")
        self.unfinished = self.target.with_name(self.target.name + ".part")
        self._muxer: TransportMuxer | ContainerMuxer | None = None
        self.bytes = 0
        self.chunks = 0

    def main(self) -> None:
        """Write chunk after chunk, then put the file in its place."""
        try:
            _replaceable(self.target)
            _set_aside(self.unfinished)
            with self.unfinished.open("wb") as out:
                try:
                    for piece in self.inbox:
                        self._write(out, piece)
                    self._finish(out)
                finally:
                    self._let_go()
                out.flush()
                os.fsync(out.fileno())
            if self.inbox.failure is not None:
                raise RecordingError(
                    f"the recording {self.target} is not complete, as what it recorded broke off "
                    f"({self.inbox.failure}); what there is of it is in {self.unfinished}"
                )
            self.unfinished.replace(self.target)
            sync_folder(self.target.parent)
        except OSError as error:
            if isinstance(error, RecordingError):
                raise
            raise RecordingError(self._sentence(error)) from error
        self.send(Recorded(str(self.target), self.bytes, self.chunks))

    def _write(self, out: BinaryIO, piece: Any) -> None:
        if isinstance(piece, StreamHeader):
            self._muxer = self._muxer or self._begun(out)
            self._muxer.begin(piece)
            return
        if isinstance(piece, MediaPacket) and isinstance(self._muxer, TransportMuxer):
            piece = self._muxer.mux(piece)
        elif isinstance(piece, MediaPacket):
            if self._muxer is None:
                raise ValueError("packets came before a header: look at what is linked to Record")
            self._muxer.mux(piece)
            self.bytes = out.tell()
            self.chunks += 1
            return
        data = piece.data if isinstance(piece, Chunk | Preamble) else piece
        if not isinstance(data, bytes | bytearray | memoryview):
            raise unexpected("Record", "Chunks, bytes, or what Encode sends", piece)
        out.write(data)
        self.bytes += len(data)
        self.chunks += 1

    def _begun(self, out: BinaryIO) -> TransportMuxer | ContainerMuxer:
        """Give what writes the container that the name asks for."""
        suffix = self.target.suffix.lower()
        if suffix not in FILES:
            return TransportMuxer()
        # PyAV takes a tenth of a second to import: only who records in such a container pays for it
        with needing("Record"):
            from kamesh.components.media.engine.containers import ContainerMuxer

        return ContainerMuxer(out, *FILES[suffix])

    def _finish(self, out: BinaryIO) -> None:
        if self._muxer is not None and not isinstance(self._muxer, TransportMuxer):
            self._muxer.finish()
            out.seek(0, os.SEEK_END)
            self.bytes = out.tell()

    def _let_go(self) -> None:
        """After trouble, leave the file as it is."""
        if self._muxer is not None and not isinstance(self._muxer, TransportMuxer):
            self._muxer.discard()

    def _sentence(self, error: OSError) -> str:
        folder = self.target.parent
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return (
                    f"the disk that holds {folder} is full: {self.bytes} bytes of the recording "
                    f"are in {self.unfinished}, and the rest is lost"
                )
            case errno.ENOENT:
                return f"{self.target} cannot be recorded: there is no folder {folder}"
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return f"{self.target} cannot be recorded: {folder} may not be written to"
            case errno.EISDIR:
                return f"{self.target} cannot be recorded: there is a folder of that name"
        return f"{self.target} cannot be recorded: {error.strerror or error}"

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes": self.bytes, "chunks": self.chunks}


def _replaceable(target: Path) -> None:
    """Refuse at once what a file must not take the place of at the end: a device, a pipe, a folder."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    if target.exists() and not target.is_file():
        raise RecordingError(
            f"{target} cannot be recorded: it is a device or a pipe, and a recording is a file"
        )


def _set_aside(part: Path) -> None:
    """Keep what an earlier try left: it may be all there is of a broadcast."""
    if not part.exists():
        return
    for number in range(1, MOST_KEPT + 1):
        kept = part.with_name(f"{part.name}.{number}")
        if not kept.exists():
            part.rename(kept)
            return
    raise RecordingError(
        f"{part} and {MOST_KEPT} like it are left of earlier tries: clear them away first"
    )
