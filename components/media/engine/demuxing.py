"""Demuxing: a container of any kind to a header and packets, nothing decoded. Imports PyAV.

Laws
1. The header names what was chosen; packets leave as the container has them, cut off from it: H.264
   and HEVC with start codes, as Encode makes them, so that any multiplexer here takes them.
2. A container that breaks off is read as far as it goes, and how it broke off is in `broken`.
3. Subtitles that are text leave as `Subtitle`s, beside the packets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av

from kamesh.components.media.core.selection import Choice, Known, choose
from kamesh.components.media.core.startcodes import byte_stream_head, has_lengths
from kamesh.components.media.core.styling import plain_text
from kamesh.components.media.messages import (
    AudioInfo,
    MediaPacket,
    StreamHeader,
    StreamInfo,
    Subtitle,
    VideoInfo,
)
from kamesh.components.media.trouble import MediaError, because

__all__ = ["Demuxer", "chosen_stream", "open_media"]

COVER, DEFAULT = 0x400, 0x1  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC and _DEFAULT
LONG_SUBTITLE = 5.0  # seconds that one stays which does not say


def open_media(
    target: Any,
    where: str,
    *,
    form: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout: tuple[float, float] | None = None,
) -> Any:
    """Open a path, an address or a file object for reading; MediaError, in a sentence about `where`.

    `form` is FFmpeg's name of the format, None to find out; `timeout` in seconds, to open and to
    read.
    """
    try:
        return av.open(
            target, "r", format=form, container_options=dict(options or {}), timeout=timeout
        )
    except (av.error.FFmpegError, OSError, EOFError) as error:
        raise MediaError(f"{where} cannot be opened: {because(error)}") from error
    except ValueError as error:
        raise MediaError(f"{where} cannot be opened: {error}") from error


class Demuxer:
    """Reads one opened container to its end.

    Example:
        with Demuxer(open_media("film.mkv", "film.mkv"), "film.mkv", audio="deu") as film:
            header = film.header
            for message in film: ...  # MediaPackets and Subtitles
    """

    def __init__(
        self,
        container: Any,
        where: str,
        *,
        video: Choice = None,
        audio: Choice = None,
        subtitles: Choice = False,
    ) -> None:
        """Choose the streams; MediaError if one that was asked for is not there, or none is."""
        self.where = where
        self.broken = ""
        self.damaged = 0
        self.form = str(container.format.name)
        self.notes: list[str] = []  # streams that are left out
        self._container = container
        try:
            streams = container.streams
            self._video = chosen_stream(where, "video", streams.video, video)
            self._audio = chosen_stream(where, "audio", streams.audio, audio)
            self._text = chosen_stream(where, "subtitles", streams.subtitles, subtitles)
            self._chosen = self._readable(s for s in (self._video, self._audio) if s is not None)
            if not self._chosen and self._text is None:
                raise MediaError(f"{where} has nothing of what was chosen: it has {_kinds(streams)}")
        except MediaError:
            container.close()
            raise
        self._place = {stream.index: place for place, stream in enumerate(self._chosen)}
        self._filters = {stream.index: _start_codes(stream) for stream in self._chosen}
        self._reached: dict[int, int] = {}
        self.header = StreamHeader(tuple(_info(stream) for stream in self._chosen))

    def _readable(self, streams: Iterable[Any]) -> list[Any]:
        """Leave out what this build of FFmpeg knows nothing of, while there is something else."""
        streams = list(streams)
        known = [stream for stream in streams if stream.codec_context is not None]
        for stream in streams if known else ():
            if stream.codec_context is None:
                self.notes.append(f"{self.where}: {_unknown(stream)}; the rest goes on")
        return known or streams

    def __enter__(self) -> Demuxer:
        """Use it in a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the container."""
        self._container.close()

    def __iter__(self) -> Iterator[MediaPacket | Subtitle]:
        """Give what is chosen, in the order of the container."""
        wanted = [*self._chosen, *([self._text] if self._text is not None else [])]
        packets: Iterator[Any] = self._container.demux(wanted)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError, EOFError) as error:
                damaged = isinstance(error, av.error.InvalidDataError)
                self.broken = "what follows is no part of it" if damaged else because(error)
                return
            if packet is None:
                return
            if not packet.size:
                continue
            if packet.is_corrupt:
                self.damaged += 1
            if packet.stream is self._text:
                yield from _subtitles(packet)
            else:
                yield from self._packets(packet)

    def _packets(self, packet: Any) -> Iterator[MediaPacket]:
        index = packet.stream.index
        lengths = self._filters[index]
        if lengths is None:
            yield self._message(index, packet, packet.stream.time_base)
            return
        with suppress(av.error.InvalidDataError):  # one that is cut short costs itself
            for filtered in lengths.filter(packet):
                yield self._message(index, filtered, packet.stream.time_base)

    def _message(self, index: int, packet: Any, unit: Fraction) -> MediaPacket:
        last = self._reached.get(index)
        dts, pts = packet.dts, packet.pts
        if dts is None:  # Matroska does not say it of pictures out of order
            dts = (pts if pts is not None else 0) if last is None else last + 1
            dts = dts if pts is None else min(dts, pts)
        self._reached[index] = dts
        return MediaPacket(
            self._place[index],
            bytes(packet),
            dts if pts is None else pts,
            dts,
            packet.duration or 0,
            bool(packet.is_keyframe),
        )


def chosen_stream(where: str, kind: str, streams: Any, choice: Choice) -> Any:
    """Give the stream of PyAV's that is meant; None for none, MediaError if it is not there."""
    place = choose(where, kind, [_known(stream) for stream in streams], choice)
    return None if place is None else streams[place]


def _known(stream: Any) -> Known:
    said = getattr(stream, "disposition", 0)
    flags = int(getattr(said, "value", said))
    return Known(
        stream.language or "",
        bool(flags & DEFAULT),
        bool(flags & COVER),
        stream.codec_context is not None,
    )


def _info(stream: Any) -> StreamInfo:
    context = stream.codec_context
    if context is None:
        raise MediaError(_unknown(stream))
    codec = context.codec.canonical_name
    head = byte_stream_head(codec, bytes(context.extradata or b""))
    if stream.type == "video":
        rate = stream.average_rate or stream.guessed_rate or 0
        return VideoInfo(
            codec, stream.time_base, context.width, context.height, Fraction(rate), head,
            str(context.pix_fmt or "") if codec == "rawvideo" else "",
        )  # fmt: skip
    return AudioInfo(codec, stream.time_base, context.sample_rate, context.channels or 0, head)


def _unknown(stream: Any) -> str:
    return f"this build of FFmpeg has no decoder for the {stream.type} in it (stream {stream.index})"


def _start_codes(stream: Any) -> Any:
    context = stream.codec_context
    codec = context.codec.canonical_name if context else ""
    if not context or not has_lengths(codec, bytes(context.extradata or b"")):
        return None
    return av.bitstream.BitStreamFilterContext(f"{codec}_mp4toannexb", stream)


def _subtitles(packet: Any) -> Iterator[Subtitle]:
    """Give the text of a packet; a picture of text is none."""
    unit = packet.time_base
    start = float((packet.pts or 0) * unit)
    length = float(packet.duration * unit) if packet.duration else LONG_SUBTITLE
    try:
        rects = packet.decode()
    except av.error.FFmpegError:
        return
    for rect in rects:
        words = getattr(rect, "dialogue", b"") or getattr(rect, "text", b"")
        text = plain_text(words.decode("utf-8", "replace"))
        if text:
            yield Subtitle(text, start, start + length)


def _kinds(streams: Any) -> str:
    counts = [("video", streams.video), ("audio", streams.audio), ("subtitles", streams.subtitles)]
    return ", ".join(f"{len(found)} {kind}" for kind, found in counts if found) or "no streams"
