"""MPEG transport stream: packets in, 188-byte packets out; no I/O and no PyAV.

libavformat writes transport streams too, but gives a stream of bytes in which it does not say where
a picture begins, repeats its tables by time instead of before each key frame, and through PyAV must
open an encoder to be told of a stream. A live stream that viewers join anywhere needs the opposite,
and it is little to write: ISO/IEC 13818-1 sections 2.4.3 (packets, PES) and 2.4.4 (tables); Rec.
ITU-T H.264 7.4.1.2.3 for the access unit delimiter. Tested against libavformat's reader.

Laws
1. One media packet in, one chunk out: a whole number of 188-byte packets.
2. A chunk that a newcomer may begin with starts with PAT and PMT, then the key frame, its first
   packet marked for random access and carrying the clock; the tables are repeated at least each 0.1
   s.
3. Continuity counters and times go on without a step for as long as the muxer lives, also when the
   sender begins anew.
"""

from __future__ import annotations

from fractions import Fraction

from kamesh.components.media.core.adts import adts_config, adts_header
from kamesh.components.media.messages import (
    Chunk,
    MediaPacket,
    StreamHeader,
    StreamInfo,
    VideoInfo,
)

__all__ = ["CLOCK", "PACKET", "TransportMuxer", "crc32_mpeg", "is_transport_stream"]

PACKET = 188
CLOCK = 90_000  # ticks a second
ORIGIN = CLOCK  # the first time stamp: room for pictures that are decoded before they are shown
LEAD = CLOCK // 2  # how far the clock reference runs behind the time stamps: a receiver's buffer
TABLE_INTERVAL = CLOCK // 10
WRAP = 1 << 33

PAT_PID, PMT_PID, FIRST_PID = 0x0000, 0x1000, 0x0100
STREAM_TYPES = {
    "mpeg1video": 0x01, "mpeg2video": 0x02, "mpeg4": 0x10, "h264": 0x1B, "hevc": 0x24,
    "mp2": 0x03, "mp3": 0x03, "aac": 0x0F,
}  # fmt: skip
DELIMITER = b"\x00\x00\x00\x01\x09\xf0"


def crc32_mpeg(data: bytes) -> int:
    """Give the CRC-32 of a table: polynomial 0x04C11DB7, not reflected, initial value all ones."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if crc & 0x80000000 else crc << 1
    return crc


def is_transport_stream(data: bytes) -> bool:
    """Say whether `data` looks like a piece of one: a sync byte each 188, from some place on.

    Five in a row settle it; shorter data is judged by those it has, but by two at least.
    """
    for start in range(min(PACKET, len(data))):
        marks = data[start::PACKET][:5]
        if len(marks) > 1 and marks == b"\x47" * len(marks):
            return True
    return False


class TransportMuxer:
    """Makes one programme of the streams of a header.

    Example:
        muxer = TransportMuxer()
        muxer.begin(header)
        chunk = muxer.mux(packet)
    """

    def __init__(self) -> None:
        """Start with no streams; `begin` names them."""
        self._streams: tuple[StreamInfo, ...] = ()
        self._counters: dict[int, int] = {}
        self._tables: tuple[tuple[int, bytes], ...] = ()
        self._tables_due = 0
        self._clock_stream = 0
        self._shift: int | None = ORIGIN
        self._reached = ORIGIN
        self.sequence = 0

    def begin(self, header: StreamHeader) -> None:
        """Take the streams to come; times go on from where an earlier header's ended."""
        if not header.streams:
            raise ValueError("a stream header that names no stream cannot be multiplexed")
        for info in header.streams:
            if info.codec not in STREAM_TYPES:
                raise ValueError(
                    f"MPEG-TS as written here has no place for {info.codec}; "
                    f"it takes {', '.join(sorted(STREAM_TYPES))}"
                )
            if info.codec in ("h264", "hevc") and info.extradata[:1] == b"\x01":
                raise ValueError(
                    f"these {info.codec} packets are laid out for MP4 (lengths instead of start "
                    "codes); have them encoded by Encode, whose packets fit MPEG-TS"
                )
        videos = [i for i, info in enumerate(header.streams) if isinstance(info, VideoInfo)]
        if self._streams:
            self._shift = None  # settled by the first packet
        self._streams = header.streams
        self._clock_stream = videos[0] if videos else 0
        self._tables = ((PAT_PID, _pat()), (PMT_PID, _pmt(header.streams, self._clock_stream)))
        self._tables_due = 0

    def mux(self, packet: MediaPacket) -> Chunk:
        """Give the chunk of one packet; ValueError if its stream was not announced."""
        if not 0 <= packet.stream < len(self._streams):
            raise ValueError(
                f"a packet of stream {packet.stream} came; the header named {len(self._streams)}"
            )
        info = self._streams[packet.stream]
        dts = _ticks(packet.dts, info.time_base)
        if self._shift is None:
            self._shift = self._reached - dts
        dts += self._shift
        pts = max(_ticks(packet.pts, info.time_base) + self._shift, dts)
        step = _ticks(max(packet.duration, 1), info.time_base)
        self._reached = max(self._reached, dts + step)
        leads = packet.stream == self._clock_stream
        begins = leads and (packet.keyframe or not isinstance(info, VideoInfo))
        out = bytearray()
        if begins or dts + step > self._tables_due:
            self._tables_due = dts + TABLE_INTERVAL
            for pid, section in self._tables:
                self._packets(out, pid, b"\x00" + section, b"")
        field = b""
        if leads:
            field = _clock_field(max(dts - LEAD, 0), random_access=begins)
        self._packets(out, FIRST_PID + packet.stream, self._pes(info, packet.data, pts, dts), field)
        sequence = self.sequence
        self.sequence += 1
        return Chunk(bytes(out), begins, (pts - ORIGIN) / CLOCK, sequence)

    @staticmethod
    def _pes(info: StreamInfo, data: bytes, pts: int, dts: int) -> bytes:
        """Put the head of a packetised elementary stream before one access unit."""
        if isinstance(info, VideoInfo):
            identity = 0xE0
            if info.codec == "h264" and not _has_delimiter(data):
                data = DELIMITER + data
        else:
            identity = 0xC0
            if info.codec == "aac" and not adts_config(data):
                data = (
                    adts_header(info.extradata, info.sample_rate, info.channels, len(data)) + data
                )
        if pts == dts:
            head = bytes((0x84, 0x80, 5)) + _stamp(0x2, pts)
        else:
            head = bytes((0x84, 0xC0, 10)) + _stamp(0x3, pts) + _stamp(0x1, dts)
        length = len(head) + len(data)
        if length > 0xFFFF:
            if identity != 0xE0:
                raise ValueError(f"an audio packet of {len(data)} bytes is too large for MPEG-TS")
            length = 0  # allowed for video alone: it ends where the next begins
        return b"\x00\x00\x01" + bytes((identity, length >> 8, length & 0xFF)) + head + data

    def _packets(self, out: bytearray, pid: int, payload: bytes, field: bytes) -> None:
        """Cut `payload` into packets; `field` goes into the first, stuffing into the last.

        Tables are padded with 0xFF behind the section, all else in the adaptation field.
        """
        counter = self._counters.get(pid, 0)
        if pid in (PAT_PID, PMT_PID):
            payload += b"\xff" * (-len(payload) % 184)
        high, low = pid >> 8, pid & 0xFF
        first, at, size = 0x40, 0, len(payload)
        while at < size:
            room = 184 - len(field)
            if size - at < room:
                field = _stuffed(field, room - (size - at))
                room = size - at
            out += bytes((0x47, first | high, low, (0x30 if field else 0x10) | counter))
            out += field
            out += payload[at : at + room]
            at += room
            counter = counter + 1 & 15
            first, field = 0, b""
        self._counters[pid] = counter


def _ticks(value: int, time_base: Fraction) -> int:
    return value * time_base.numerator * CLOCK // time_base.denominator


def _stamp(mark: int, ticks: int) -> bytes:
    """Write a 33-bit time with its marker bits."""
    ticks %= WRAP
    return bytes((
        mark << 4 | ticks >> 29 & 0x0E | 1, ticks >> 22 & 0xFF, ticks >> 14 & 0xFE | 1,
        ticks >> 7 & 0xFF, ticks << 1 & 0xFE | 1,
    ))  # fmt: skip


def _clock_field(ticks: int, *, random_access: bool) -> bytes:
    """Write an adaptation field with the programme clock reference."""
    clock = (ticks % WRAP) << 15 | 0x3F << 9
    return bytes((7, 0x50 if random_access else 0x10)) + clock.to_bytes(6, "big")


def _stuffed(field: bytes, more: int) -> bytes:
    """Make an adaptation field `more` bytes longer."""
    if field:
        return bytes((field[0] + more,)) + field[1:] + b"\xff" * more
    return b"\x00" if more == 1 else bytes((more - 1, 0)) + b"\xff" * (more - 2)


def _has_delimiter(data: bytes) -> bool:
    start = 4 if data[:4] == b"\x00\x00\x00\x01" else 3
    return len(data) > start and data[start] & 0x1F == 9


def _section(table: int, identity: int, body: bytes) -> bytes:
    """Put head and check around a table."""
    length = 5 + len(body) + 4
    head = bytes(
        (table, 0xB0 | length >> 8, length & 0xFF, identity >> 8, identity & 0xFF, 0xC1, 0, 0)
    )
    section = head + body
    return section + crc32_mpeg(section).to_bytes(4, "big")


def _pat() -> bytes:
    return _section(0, 1, bytes((0, 1, 0xE0 | PMT_PID >> 8, PMT_PID & 0xFF)))


def _pmt(streams: tuple[StreamInfo, ...], clock_stream: int) -> bytes:
    pid = FIRST_PID + clock_stream
    body = bytes((0xE0 | pid >> 8, pid & 0xFF, 0xF0, 0))
    for index, info in enumerate(streams):
        pid = FIRST_PID + index
        body += bytes((STREAM_TYPES[info.codec], 0xE0 | pid >> 8, pid & 0xFF, 0xF0, 0))
    return _section(2, 1, body)
