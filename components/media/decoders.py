"""Decoding: packets back to pictures and sound, by PyAV. Imports PyAV.

Laws: a damaged packet costs its own picture, is counted, and stops nothing; a second header begins
anew; decoding starts at a key frame, and what comes before the first is counted as skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

from kamesh.components.media.messages import MediaPacket, StreamHeader, StreamInfo, VideoInfo

__all__ = ["ProgrammeDecoder", "padded_packet"]


class ProgrammeDecoder:
    """Takes a header and packets, gives `av.VideoFrame` and `av.AudioFrame` with their times.

    Example:
        decoder = ProgrammeDecoder()
        decoder.begin(header)
        for frame in decoder.decode(packet): ...
        for frame in decoder.finish(): ...
    """

    def __init__(self) -> None:
        """Begin with no streams."""
        self._infos: tuple[StreamInfo, ...] = ()
        self._contexts: list[Any] = []
        self._started: list[bool] = []
        self.damaged = 0
        self.skipped = 0

    def begin(self, header: StreamHeader) -> None:
        """Open a decoder for each stream; ValueError names a codec that this build lacks."""
        self._infos = header.streams
        self._contexts = [_opened(info) for info in header.streams]
        self._started = [False] * len(header.streams)

    def decode(self, packet: MediaPacket) -> list[Any]:
        """Give the frames that this packet completes."""
        if not 0 <= packet.stream < len(self._contexts):
            raise ValueError(
                f"a packet of stream {packet.stream} came; the header named {len(self._contexts)}"
            )
        info = self._infos[packet.stream]
        if not self._started[packet.stream]:
            if isinstance(info, VideoInfo) and not packet.keyframe:
                self.skipped += 1
                return []
            self._started[packet.stream] = True
        if not packet.data:
            return []  # to FFmpeg it would mean the end
        coded = padded_packet(packet.data)
        coded.pts, coded.dts, coded.time_base = packet.pts, packet.dts, info.time_base
        return self._frames(packet.stream, coded)

    def finish(self) -> Iterator[Any]:
        """Give what the decoders still hold; they can be used no more."""
        for stream in range(len(self._contexts)):
            yield from self._frames(stream, None)
        self._contexts = []

    def _frames(self, stream: int, packet: Any) -> list[Any]:
        try:
            frames: list[Any] = self._contexts[stream].decode(packet)
        except av.error.InvalidDataError:
            self.damaged += 1
            return []
        for frame in frames:
            frame.time_base = frame.time_base or self._infos[stream].time_base
        return frames


def padded_packet(data: bytes) -> Any:
    """Give a packet that FFmpeg may read some bytes beyond its end, as its readers do.

    PyAV 17 and later make a packet of the very bytes they are given, without the zeros that must stand
    behind them; mpeg4 then decodes to something else from time to time.
    """
    packet: Any = av.Packet(len(data))
    packet.update(data)
    return packet


def _opened(info: StreamInfo) -> Any:
    try:
        context: Any = av.CodecContext.create(info.codec, "r")
    except ValueError:
        raise ValueError(f"this build of FFmpeg has no decoder for {info.codec}") from None
    if info.extradata:
        context.extradata = info.extradata
    if isinstance(info, VideoInfo):
        context.thread_type = (
            "SLICE"  # by frames would hold each picture back by the number of threads
        )
    return context
