"""Muxing live: packets in, a head and pieces out, each piece as soon as it is whole. Imports PyAV.

Laws: what comes out is `Preamble`s and `Chunk`s that a fan-out takes as they are; a sender that begins
anew begins a new container, with a head of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media.core.cutting import ClusterCutter, Cutter, PageCutter, TableCutter
from kamesh.components.media.core.fragments import FragmentCutter
from kamesh.components.media.core.livewords import LIVE
from kamesh.components.media.engine.containers import ContainerMuxer, WriteTo
from kamesh.components.media.messages import MediaPacket, StreamHeader, VideoInfo

__all__ = ["LiveMuxer"]

Piece = Preamble | Chunk


class LiveMuxer:
    """Takes a header and packets, gives a `Preamble` and `Chunk`s of a container.

    Example:
        muxer = LiveMuxer("webm")
        for piece in muxer.begin(header): ...
        for piece in muxer.mux(packet): ...
        for piece in muxer.finish(): ...
    """

    def __init__(self, container: str, options: Mapping[str, str] | None = None) -> None:
        """Begin with nothing; `options` are FFmpeg's own for the container."""
        self._container = container
        self._options = {**LIVE[container], **(options or {})}
        self._muxer: ContainerMuxer | None = None
        self._cutter: Cutter = TableCutter()
        self._pieces: list[Piece] = []
        self._units: list[Any] = []
        self._time = 0.0

    def begin(self, header: StreamHeader) -> Iterator[Piece]:
        """Take the streams to come; give what is left of those before."""
        yield from self.finish()
        self._cutter = _cutter(self._container, header)
        self._muxer = ContainerMuxer(WriteTo(self._take), self._container, self._options)
        self._muxer.begin(header)
        self._units = [info.time_base for info in header.streams]

    def mux(self, packet: MediaPacket) -> Iterator[Piece]:
        """Take a packet; give what is whole now."""
        if self._muxer is None:
            raise ValueError("packets came before a header: look at what is linked to this")
        if 0 <= packet.stream < len(self._units):
            self._time = float(packet.pts * self._units[packet.stream])
        self._muxer.mux(packet)
        yield from self._ready()

    def finish(self) -> Iterator[Piece]:
        """Give what is left inside."""
        if self._muxer is not None:
            muxer, self._muxer = self._muxer, None
            muxer.finish()
            self._pieces += self._cutter.finish()
        yield from self._ready()

    def _take(self, data: bytes) -> None:
        self._pieces += self._cutter.feed(data, self._time)

    def _ready(self) -> Iterator[Piece]:
        ready, self._pieces = self._pieces, []
        yield from ready


def _cutter(container: str, header: StreamHeader) -> Cutter:
    match container:
        case "matroska" | "webm":
            first = header.streams[0] if header.streams else None
            return ClusterCutter(pictures=isinstance(first, VideoInfo))
        case "ogg":
            return PageCutter()
        case "mp4":
            return FragmentCutter()
    return TableCutter()
