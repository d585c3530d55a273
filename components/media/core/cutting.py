"""Cutting containers, as they are written, where a viewer may begin; no I/O and no PyAV.

A live stream of Matroska or Ogg is a head that every player needs first, and then pieces: clusters
(RFC 9559, 5.1.3), pages (RFC 3533). One of MPEG-TS has no head, but tables before each place to begin
(ISO/IEC 13818-1, 2.4.4).

Laws: bytes may come in pieces of any size; what is given out is whole clusters or pages, in order,
none changed; what a finished file has at its end for seeking is left out; a piece that claims more
than the limit is refused.
"""

from __future__ import annotations

from typing import Any, Protocol

from kamesh.components.chunks import Chunk, Preamble

__all__ = ["ClusterCutter", "Cutter", "PageCutter", "TableCutter"]

LARGEST = 64 << 20
PACKET = 188  # bytes of MPEG-TS
TABLES = {0x0000, 0x0011, 0x1000}  # the PIDs of PAT, SDT and PMT, as FFmpeg numbers them
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
SIMPLE_BLOCK, BLOCK_GROUP = 0xA3, 0xA0
FIRST_VIDEO = 1  # the number of the track whose key frames are places to begin
PAGE_HEAD = 27
NOT_SAID = b"\xff" * 8  # the time of a page on which nothing ends


class Cutter(Protocol):
    """What cuts one kind of container."""

    def feed(self, data: bytes, pts: float = 0.0) -> list[Any]:
        """Take more bytes; give the pieces that are complete, with the time last told."""

    def finish(self) -> list[Any]:
        """Give what is left at the end."""


class _Headed:
    """What cutters of streams with a head share: the head goes out once, before the first piece."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._buffer = bytearray()
        self._head: bytearray | None = bytearray()
        self._sequence = 0

    def _to_head(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data

    def _piece(self, data: bytes, keyframe: bool, pts: float) -> list[Preamble | Chunk]:
        """Give the next piece, behind the head if that has not gone out."""
        out: list[Preamble | Chunk] = []
        if self._head is not None:
            out.append(Preamble(bytes(self._head)))
            self._head = None
        out.append(Chunk(data, keyframe, pts, self._sequence))
        self._sequence += 1
        return out

    def finish(self) -> list[Preamble | Chunk]:
        """Give nothing: what is not whole at the end is no piece."""
        return []


class ClusterCutter(_Headed):
    """Turns the bytes of Matroska or WebM into one `Preamble` and a `Chunk` for each cluster.

    `pictures` says that the first track is of pictures: then only a cluster whose first picture is a key
    frame is a place to begin.

    Example: `for item in cutter.feed(data): fanout.put(item)`.
    """

    def __init__(self, *, pictures: bool) -> None:
        """Start before the first byte."""
        super().__init__()
        self._pictures = pictures

    def feed(self, data: bytes, pts: float = 0.0) -> list[Preamble | Chunk]:
        """Take more bytes; give what is complete. ValueError if they are no Matroska."""
        self._buffer += data
        out: list[Preamble | Chunk] = []
        while (found := _element(self._buffer)) is not None:
            name, begin, size = found
            if name == SEGMENT:  # what is in it comes as if it stood beside it
                self._to_head(bytes(self._buffer[:begin]))
                del self._buffer[:begin]
                continue
            if size is None or begin + size > LARGEST:
                raise ValueError("this is no Matroska that can be served live")
            if len(self._buffer) < begin + size:
                break
            whole = bytes(self._buffer[: begin + size])
            del self._buffer[: begin + size]
            if name == CLUSTER:
                keyframe = not self._pictures or _begins_with_key(whole[begin:])
                out += self._piece(whole, keyframe, pts)
            else:  # of the head, which says where in it each is; or of the end, which nobody needs
                self._to_head(whole)
        return out


class PageCutter(_Headed):
    """Turns the bytes of Ogg into one `Preamble` and a `Chunk` for each page.

    The head is all pages before the first that has a time. Pages of sound can be begun with anywhere.

    Example: `for item in cutter.feed(data): fanout.put(item)`.
    """

    def feed(self, data: bytes, pts: float = 0.0) -> list[Preamble | Chunk]:
        """Take more bytes; give what is complete. ValueError if they are no pages of Ogg."""
        self._buffer += data
        out: list[Preamble | Chunk] = []
        while len(self._buffer) >= PAGE_HEAD:
            if self._buffer[:4] != b"OggS":
                raise ValueError("this is no Ogg: a page does not begin where the last one ended")
            segments = self._buffer[26]
            begin = PAGE_HEAD + segments
            size = begin + sum(self._buffer[PAGE_HEAD:begin])
            if len(self._buffer) < begin or len(self._buffer) < size:
                break
            page = bytes(self._buffer[:size])
            del self._buffer[:size]
            if self._head is not None and page[6:14] in (bytes(8), NOT_SAID):
                self._head += page
                continue
            out += self._piece(page, True, pts)
        return out


class TableCutter:
    """Turns the bytes of MPEG-TS into a `Chunk` from each PAT to the next.

    A place to begin is where the first packet after the tables is marked for random access.
    """

    def __init__(self) -> None:
        """Start before the first byte."""
        self._buffer = bytearray()
        self._pts = 0.0
        self._sequence = 0

    def feed(self, data: bytes, pts: float = 0.0) -> list[Chunk]:
        """Take more bytes, whole packets or not; give what is complete."""
        begin = max(PACKET, len(self._buffer) // PACKET * PACKET)
        if not self._buffer:
            self._pts = pts
        self._buffer += data
        out: list[Chunk] = []
        at = begin
        while at + PACKET <= len(self._buffer):
            if _pid(self._buffer, at) == 0 and self._media(at):
                out.append(self._piece(at))
                self._pts, at = pts, 0
            at += PACKET
        return out

    def finish(self) -> list[Chunk]:
        """Give what is left at the end."""
        return [self._piece(len(self._buffer))] if self._buffer else []

    def _media(self, size: int) -> bool:
        """Say whether there is more than tables in what has come."""
        return any(_pid(self._buffer, at) not in TABLES for at in range(0, size, PACKET))

    def _piece(self, size: int) -> Chunk:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        pids = [_pid(data, at) for at in range(0, size, PACKET)]
        at = next((n * PACKET for n, pid in enumerate(pids) if pid not in TABLES), None)
        # the adaptation field is there, is not empty, and says random_access_indicator
        key = at is not None and bool(data[at + 3] & 0x20 and data[at + 4] and data[at + 5] & 0x40)
        piece = Chunk(data, key and 0 in pids, self._pts, self._sequence)
        self._sequence += 1
        return piece


def _pid(data: bytes | bytearray, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]


def _element(data: bytes | bytearray) -> tuple[int, int, int | None] | None:
    """Read the head of an EBML element: its name, where its data begins, its size (None: not said).

    None if the head has not come whole; ValueError if it is none.
    """
    if not data:
        return None
    name_length = 9 - data[0].bit_length()
    if name_length > 4:
        raise ValueError("this is no Matroska: a byte that begins nothing")
    if len(data) <= name_length:
        return None
    first = data[name_length]
    length = 9 - first.bit_length()
    begin = name_length + length
    if length > 8:
        raise ValueError("this is no Matroska: a size that is none")
    if len(data) < begin:
        return None
    size = int.from_bytes(data[name_length:begin], "big") & ((1 << 7 * length) - 1)
    name = int.from_bytes(data[:name_length], "big")
    return name, begin, None if size == (1 << 7 * length) - 1 else size


def _begins_with_key(cluster: bytes) -> bool:
    """Say whether the first block of the first track is a key frame; sound may stand before it."""
    at = 0
    while (found := _element(cluster[at : at + 12])) is not None:
        name, begin, size = found
        block = cluster[at + begin : at + begin + 4]
        if name == SIMPLE_BLOCK and len(block) == 4 and block[0] & 0x7F == FIRST_VIDEO:
            return bool(block[3] & 0x80)
        if name == BLOCK_GROUP or size is None:
            return False
        at += begin + size
    return False
