"""Remuxing: an MPEG transport stream read as it comes, written as fragmented MP4. Imports PyAV.

Laws: packets are copied, never decoded; each fragment begins with a key frame, so it is complete
and is given out one key frame later; reading waits for whoever brings the bytes and for nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media.core.adts import ADTS_HEAD, adts_config
from kamesh.components.media.core.fragments import FragmentCutter
from kamesh.components.media.core.mpegts import PACKET, is_transport_stream
from kamesh.components.media.engine.containers import WriteTo
from kamesh.components.media.engine.decoders import padded_packet

__all__ = ["remux"]

PROBE = {"analyzeduration": "1500000", "probesize": "2000000"}  # microseconds, bytes
FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof+omit_tfhd_offset"}
# without it PyAV looks for an encoder, which copying does not need; PyAV 14 does not know the word
AS_IT_IS: dict[str, Any] = {"opaque": True} if int(av.__version__.split(".")[0]) > 14 else {}
LOOK_AHEAD = 500  # packets
GIVE_UP = 8 << 20  # bytes in which no stream was found


def remux(read: Callable[[int], bytes]) -> Iterator[Preamble | Chunk]:
    """Give the pieces of a fragmented MP4 of the transport stream that `read` gives.

    `read(n)` gives 1 to n bytes, waiting for them, or none at the end of the stream. ValueError if
    the bytes are not a transport stream, or its pictures are in a codec that MP4 has no place for.
    """
    try:
        reads = _Reads(read)
        with av.open(reads, "r", format="mpegts", options=PROBE) as source:
            reads.found = True
            yield from _copied(source)
    except av.error.FFmpegError as error:
        raise ValueError(
            f"this is not an MPEG transport stream that can be read: {error}"
        ) from error


def _copied(source: InputContainer) -> Iterator[Preamble | Chunk]:
    pieces: list[Preamble | Chunk] = []
    cutter = FragmentCutter()
    time = 0.0
    writes = WriteTo(lambda data: pieces.extend(cutter.feed(data, time)))
    streams = [s for s in source.streams if s.type in ("video", "audio")]
    if not streams:
        raise ValueError("this transport stream has neither pictures nor sound")
    demuxed: Iterator[Any] = source.demux(streams)
    packets = (p for p in demuxed if p.dts is not None and p.pts is not None)
    first = _up_to_first_sound(packets, streams)
    start = float(first[0].pts * first[0].time_base) if first else 0.0
    with av.open(writes, "w", format="mp4", options=FRAGMENTED) as sink:
        copies = {s.index: _add(sink, s, first) for s in streams}
        for packet in chain(first, packets):
            time = float(packet.pts * packet.time_base) - start
            sink.mux(_raw(packet, copies[packet.stream.index]))
            yield from _drained(pieces)
    yield from _drained(pieces)


def _up_to_first_sound(packets: Iterator[Any], streams: list[Any]) -> list[Any]:
    """Read until each stream of AAC has shown its head, which fragmented MP4 wants beforehand."""
    missing = {s.index for s in streams if s.codec_context.name == "aac"}
    read: list[Any] = []
    while missing and len(read) < LOOK_AHEAD:
        packet = next(packets, None)
        if packet is None:
            break
        read.append(packet)
        missing.discard(packet.stream.index)
    return read


def _add(sink: OutputContainer, stream: Any, first: list[Any]) -> Any:
    """Announce one stream of the source in the MP4."""
    try:
        copy = sink.add_stream_from_template(stream, **AS_IT_IS)
    except ValueError as error:
        raise ValueError(
            f"the pictures or the sound cannot be put into MP4 for browsers: {error}"
        ) from error
    if stream.codec_context.name == "aac":
        heads = [head for p in first if p.stream is stream and (head := adts_config(bytes(p)))]
        if heads:
            copy.codec_context.extradata = heads[0]
    return copy


def _raw(packet: Any, stream: Any) -> Any:
    """Give a packet of `stream`; AAC without the ADTS head that it has in a transport stream.

    libavformat's own filter for this is not put in place for MP4 whose head is written first.
    """
    data = bytes(packet) if stream.codec_context.name == "aac" else b""
    if adts_config(data):
        bare = padded_packet(data[ADTS_HEAD if data[1] & 1 else ADTS_HEAD + 2 :])
        bare.pts, bare.dts, bare.time_base = packet.pts, packet.dts, packet.time_base
        bare.duration = packet.duration or 0
        bare.is_keyframe = True
        packet = bare
    packet.stream = stream
    return packet


def _drained(pieces: list[Preamble | Chunk]) -> Iterator[Preamble | Chunk]:
    ready, pieces[:] = pieces[:], []
    yield from ready


class _Reads:
    """A file object, for PyAV, whose bytes come from a function.

    FFmpeg looks for a transport stream in whatever it is given, without end; so the first bytes are
    looked at here, and it is told that there are no more when it has found nothing in GIVE_UP bytes.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._first = b""
        self._given = 0
        self.found = False
        while len(self._first) < 6 * PACKET and (data := read(6 * PACKET)):
            self._first += data
        if not is_transport_stream(self._first):
            raise ValueError("this is not an MPEG transport stream")

    def read(self, size: int) -> bytes:
        if not self.found and self._given > GIVE_UP:
            return b""
        data, self._first = self._first[:size], self._first[size:]
        data = data or self._read(size)
        self._given += len(data)
        return data
