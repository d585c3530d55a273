"""Decoding: packets back to pictures and sound, by PyAV. Imports PyAV.

Laws: a damaged packet costs its own picture, is counted, and stops nothing; a second header begins
anew; decoding starts at a key frame, and what comes before the first is counted as skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

from kamesh.components.media.messages import MediaPacket, StreamHeader, StreamInfo, VideoInfo
from kamesh.components.media.trouble import MediaError, because

__all__ = ["ProgrammeDecoder", "padded_packet"]

# the decoder of FFmpeg's own for AV1 works with certain graphics cards only
DECODERS = {"av1": ("libdav1d", "libaom-av1", "libgav1", "av1")}
LAYOUTS = {1: "mono", 2: "stereo", 4: "4.0", 6: "5.1", 8: "7.1"}


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
        self._contexts: list[Any] = []  # None where there is no decoder
        self._started: list[bool] = []
        self.damaged = 0
        self.skipped = 0
        self.notes: list[str] = []  # what could not be opened, while others could

    def begin(self, header: StreamHeader) -> None:
        """Open a decoder for each stream; MediaError names the codecs if this build has none of them.

        One of several that cannot be decoded is left out, and its packets are counted as skipped.
        """
        self._infos = header.streams
        self._contexts = []
        lacking: list[str] = []
        for info in header.streams:
            try:
                self._contexts.append(_opened(info))
            except MediaError as error:
                self._contexts.append(None)
                lacking.append(str(error))
        if lacking and not any(self._contexts):
            raise MediaError("; ".join(lacking))
        self.notes += lacking
        self._started = [False] * len(header.streams)

    def decode(self, packet: MediaPacket) -> list[Any]:
        """Give the frames that this packet completes."""
        if not 0 <= packet.stream < len(self._contexts):
            raise ValueError(
                f"a packet of stream {packet.stream} came; the header named {len(self._contexts)}"
            )
        info = self._infos[packet.stream]
        if self._contexts[packet.stream] is None:
            self.skipped += 1
            return []
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
        for stream in [n for n, context in enumerate(self._contexts) if context is not None]:
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
    """Open the first decoder for a codec that this build has."""
    for name in DECODERS.get(info.codec, (info.codec,)):
        try:
            context: Any = av.CodecContext.create(name, "r")
        except ValueError:  # UnknownCodecError is one
            continue
        if info.extradata:
            context.extradata = info.extradata
        if isinstance(info, VideoInfo):
            context.width, context.height = info.width, info.height
            if info.pixel_format:
                context.pix_fmt = info.pixel_format
            # by frames would hold each picture back by the number of threads
            context.thread_type = "SLICE"
        else:
            context.sample_rate = info.sample_rate
            if info.channels:
                context.layout = LAYOUTS.get(info.channels, f"{info.channels}c")
        try:
            context.open(strict=False)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{info.codec} cannot be decoded: {because(error)}") from error
        return context
    raise MediaError(f"this build of FFmpeg has no decoder for {info.codec}")
