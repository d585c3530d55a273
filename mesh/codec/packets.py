"""How `av.Packet` travels.

What does: its data, pts, dts, duration, time base, whether it is a key frame or corrupt, and the
side data below. What PyAV cannot set stays behind: its stream, `pos`, the discard, trusted and
disposable flags, `opaque`, and other side data, most of which are structures in memory that FFmpeg
would trust.

Laws: those of `media`; and side data whose size FFmpeg takes for granted is held to that size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import Packing, Unpacking, exactly, sequence
from kamesh.codec.media import MATRIX, attach, enter, properties_of, set_properties
from kamesh.codec.wire import Code

if TYPE_CHECKING:
    import av

__all__: list[str] = []

# ONLY APPEND: this list is on the wire, by position.
_PROPERTIES = ("pts", "dts", "duration", "time_base", "is_keyframe", "is_corrupt")

# Bytes of each kind of side data; 0 where any number will do.
_SIDE_DATA = {
    MATRIX: 36,
    "palette": 1024,
    "skip_samples": 10,
    "mpegts_stream_id": 1,
    "a53_cc": 0,
    "webvtt_identifier": 0,
    "webvtt_settings": 0,
}


def _pack_packet(packet: av.Packet[Any], packing: Packing) -> bytes:
    sides = packet.iter_sidedata() if hasattr(packet, "iter_sidedata") else ()
    return packing.pack(
        [
            properties_of(packet, _PROPERTIES),
            [
                [side.data_type, bytes(side)]
                for side in sides
                if _fits(side.data_type, side.data_size)
            ],
            packing.blob(memoryview(packet)) if packet.size else b"",
        ]
    )


def _unpack_packet(data: bytes, unpacking: Unpacking) -> av.Packet[Any]:
    import av  # heavy, and only needed once a packet arrives

    properties, sides, blob = exactly(unpacking.unpack(data), 3)
    content = unpacking.blob(blob)
    packet = av.Packet(len(content))
    if content:
        packet.update(content)  # type: ignore[arg-type]
    for side in sequence(sides):
        name, value = exactly(side, 2)
        if type(value) is not bytes or not _fits(name, len(value)):
            raise Cannot("holds a packet with side data that is none")
        attach(packet, name, value)
    set_properties(packet, _PROPERTIES, properties)
    return packet


def _fits(name: str, size: int) -> bool:
    return size > 0 and _SIDE_DATA.get(name, -1) in (0, size)


enter("Packet", Code.PACKET, _pack_packet, _unpack_packet)
