"""Containers: packets written as Matroska, WebM, Ogg, MP4 or whatever else FFmpeg writes. Imports PyAV.

Laws
1. Packets are copied, never encoded again: what goes in can be read out, times and all.
2. Nothing is written before what the container must know beforehand is known; the packets that are
   held back for it are bounded.
3. Times go on where a sender begins anew with the same streams; with other streams it is refused.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, BinaryIO

import av

from kamesh.components.media.core.adts import ADTS_HEAD, adts_config
from kamesh.components.media.core.startcodes import parameter_sets
from kamesh.components.media.core.tracks import track_heads
from kamesh.components.media.engine.decoders import padded_packet
from kamesh.components.media.messages import MediaPacket, StreamHeader, StreamInfo
from kamesh.components.media.trouble import MediaError, because

__all__ = ["ContainerMuxer", "WriteTo"]

LOOK_AHEAD = 500  # packets held while what the container must know has not come
HEAD_ONLY = {"analyzeduration": "0", "probesize": "32"}
IN_BAND = ("h264", "hevc", "aac")  # codecs whose own head may come with the packets alone


class WriteTo:
    """A file object, for PyAV, whose bytes go to a function."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        """Hand all of them to `write`."""
        self._write = write

    def write(self, data: bytes) -> int:
        """Hand over `data`."""
        self._write(data)
        return len(data)


class ContainerMuxer:
    """Writes a header and packets into a container.

    `container` is FFmpeg's name of it, `options` are its own words for it. The file may be any that
    `write`s; where it can `seek` too, the container is finished as a file is.

    Example:
        with open("film.mkv", "wb") as file:
            muxer = ContainerMuxer(file, "matroska")
            muxer.begin(header)
            for packet in packets: muxer.mux(packet)
            muxer.finish()
    """

    def __init__(
        self, file: BinaryIO | Any, container: str, options: Mapping[str, str] | None = None
    ) -> None:
        """Check that there is such a container; MediaError if not."""
        try:
            av.ContainerFormat(container, "w")
        except ValueError as error:
            raise MediaError(f"this build of FFmpeg writes no container {container!r}") from error
        self._file, self._container, self._options = file, container, dict(options or {})
        self._infos: tuple[StreamInfo, ...] = ()
        self._heads: list[bytes] = []
        self._held: list[MediaPacket] = []
        self._sink: Any = None
        self._streams: list[Any] = []
        self._shift = Fraction(0)  # seconds
        self._shifts = False  # the next packet says by how much
        self._reached = Fraction(0)
        self._last: list[int | None] = []
        self.packets = self.late = 0

    def begin(self, header: StreamHeader) -> None:
        """Take the streams to come; MediaError if there is no place for them."""
        if not header.streams:
            raise MediaError("a stream header that names no stream cannot be multiplexed")
        if self._infos:
            if [one.codec for one in self._infos] != [one.codec for one in header.streams]:
                raise MediaError(
                    "the sender has begun anew with other streams, which one container cannot hold"
                )
            self._infos, self._shifts = header.streams, True
            return
        self._infos = header.streams
        self._heads = [info.extradata for info in header.streams]
        self._last = [None] * len(header.streams)

    def mux(self, packet: MediaPacket) -> None:
        """Write one packet, or hold it back while the head is not complete."""
        if not 0 <= packet.stream < len(self._infos):
            raise MediaError(
                f"a packet of stream {packet.stream} came; the header named {len(self._infos)}"
            )
        if self._sink is not None:
            self._write(packet)
            return
        self._held.append(packet)
        self._learn(packet)
        if self._is_known() or len(self._held) >= LOOK_AHEAD:
            self._open()

    def finish(self) -> None:
        """Write what is left, and complete the container; without a packet there is nothing to."""
        if self._sink is None and self._held:
            self._open()
        if self._sink is not None:
            sink, self._sink = self._sink, None
            self._told(sink.close)

    def discard(self) -> None:
        """Let go of it as it is; what has been written stays as it is."""
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except (OSError, ValueError):
                return  # that it is not complete is known

    def _learn(self, packet: MediaPacket) -> None:
        """Take the head of a stream out of its own packet."""
        codec = self._infos[packet.stream].codec
        if not self._heads[packet.stream] and codec in IN_BAND:
            head = adts_config if codec == "aac" else lambda data: parameter_sets(codec, data)
            self._heads[packet.stream] = head(packet.data)

    def _is_known(self) -> bool:
        return all(
            head or info.codec not in IN_BAND
            for head, info in zip(self._heads, self._infos, strict=True)
        )

    def _open(self) -> None:
        try:
            self._announce()
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{self._holds_not()}: {_plainly(error)}") from error
        held, self._held = self._held, []
        for packet in held:
            self._write(packet)

    def _announce(self) -> None:
        """Open the container, and name the streams to it by those of a Matroska head."""
        streams = tuple(
            replace(info, extradata=head) for info, head in zip(self._infos, self._heads, strict=True)
        )
        source = io.BytesIO(track_heads(StreamHeader(streams)))
        sink: Any = av.open(self._file, "w", format=self._container, options=self._options)
        with av.open(source, "r", format="matroska", options=HEAD_ONLY) as template:
            for info, one in zip(streams, template.streams, strict=True):
                stream: Any = sink.add_stream_from_template(one, opaque=True)
                stream.time_base = info.time_base
                self._streams.append(stream)
            sink.start_encoding()
        self._sink = sink

    def _write(self, packet: MediaPacket) -> None:
        info = self._infos[packet.stream]
        unit = info.time_base
        if self._shifts:
            self._shift, self._shifts = self._reached - packet.dts * unit, False
        shift = round(self._shift / unit)
        dts, pts = packet.dts + shift, packet.pts + shift
        last = self._last[packet.stream]
        if last is not None and dts <= last:
            self.late += 1
            return
        self._last[packet.stream] = dts
        self._reached = max(self._reached, (dts + max(packet.duration, 1)) * unit)
        coded = padded_packet(_bare(info.codec, packet.data))
        coded.stream = self._streams[packet.stream]
        coded.time_base, coded.dts, coded.pts = unit, dts, max(pts, dts)
        coded.duration, coded.is_keyframe = packet.duration, packet.keyframe
        self._told(lambda: self._sink.mux(coded))
        self.packets += 1

    def _told(self, do: Any) -> None:
        """Do something of FFmpeg's, with what goes wrong in plain words; the system's errors pass."""
        try:
            do()
        except av.error.FFmpegError as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise MediaError(f"{self._holds_not()}: {because(error)}") from error

    def _holds_not(self) -> str:
        codecs = " and ".join(info.codec for info in self._infos)
        return f"the container {self._container} cannot hold {codecs}"


def _bare(codec: str, data: bytes) -> bytes:
    """Give AAC without the head that it has in a transport stream, anything else as it is."""
    if codec != "aac" or not adts_config(data):
        return data
    return data[ADTS_HEAD if data[1] & 1 else ADTS_HEAD + 2 :]


def _plainly(error: Exception) -> str:
    """PyAV's own words where it has some; of what FFmpeg says, "invalid argument" says nothing."""
    return because(error) if isinstance(error, av.error.FFmpegError) else str(error)
