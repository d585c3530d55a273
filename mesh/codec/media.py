"""How PyAV's frames and packets travel, where PyAV is there.

What travels of a picture: format, size, planes, pts, dts, duration, time base, type, the four
colour properties, whether it is a key frame, its display matrix (that is, `rotation`), and whether
it is interlaced; of sound: format, layout, samples, rate, planes and times; of a packet: its data,
times, key and corrupt flags, and the side data listed below. What PyAV cannot set stays behind:
`metadata`, other side data, `opaque`, and a packet's stream, `pos` and discard flags. Which field
of an interlaced picture comes first PyAV does not say; the upper one is assumed.

Laws: PyAV is imported only when one of its values is sent (then it is there already) or received;
planes and data are sent in place, so they must not be drawn over once sent; received ones are
copied into memory of FFmpeg's own, since its decoders read past the end of what they are given; no
more is allocated than was received, and none of it is left as it was found.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import ADOPT, PACK, UNPACK, Packing, Unpacking, exactly, sequence, whole
from kamesh.codec.wire import Buffer, Code

if TYPE_CHECKING:
    import av

__all__: list[str] = []

# ONLY APPEND: these lists are on the wire, by position.
_OF_VIDEO = (
    "pts",
    "dts",
    "duration",
    "time_base",
    "pict_type",
    "colorspace",
    "color_range",
    "color_trc",
    "color_primaries",
    "key_frame",
)
_OF_AUDIO = ("pts", "dts", "duration", "time_base", "sample_rate", "key_frame")
_OF_PACKET = ("pts", "dts", "duration", "time_base", "is_keyframe", "is_corrupt")
_NUMBERS = {
    "pict_type": 7,
    "colorspace": 511,
    "color_range": 511,
    "color_trc": 511,
    "color_primaries": 511,
    "sample_rate": (1 << 31) - 1,
}

# Side data of packets whose bytes mean something to FFmpeg only at this size (0: at any).
_SIDE_DATA = {
    "display_matrix": 36,
    "palette": 1024,
    "skip_samples": 10,
    "mpegts_stream_id": 1,
    "a53_cc": 0,
    "webvtt_identifier": 0,
    "webvtt_settings": 0,
}
_MATRIX = 36
_MAX_SIDE = 32_768
_MAX_SAMPLES = 1 << 24
_MAX_CHANNELS = 1024
_ABSENT = object()


def _adopt(kind: type) -> bool:
    av = sys.modules.get("av")
    if av is None:
        return False
    if kind is av.VideoFrame:
        PACK[kind] = (Code.VIDEO_FRAME, _pack_video)
    elif kind is av.AudioFrame:
        PACK[kind] = (Code.AUDIO_FRAME, _pack_audio)
    elif kind is av.Packet:
        PACK[kind] = (Code.PACKET, _pack_packet)
    else:
        return False
    return True


# --- properties -------------------------------------------------------------------------------


def _properties(of: Any, names: tuple[str, ...]) -> list[Any]:
    values = [getattr(of, name, None) for name in names]
    return [
        int(value) if name in _NUMBERS and value is not None else value
        for name, value in zip(names, values, strict=True)
    ]


def _set_properties(of: Any, names: tuple[str, ...], values: Any) -> None:
    # A newer sender may know more of them, an older one fewer; so may another version of PyAV.
    for name, value in zip(names, sequence(values), strict=False):
        if name in _NUMBERS:
            whole(value, 0, _NUMBERS[name], f"a frame's {name}")
        if getattr(of, name, _ABSENT) not in (_ABSENT, value):
            setattr(of, name, value)


# --- pictures ---------------------------------------------------------------------------------


def _pack_video(frame: av.VideoFrame, packing: Packing) -> bytes:
    planes = frame.planes
    side_data: Any = frame.side_data
    try:
        blobs = [packing.blob(memoryview(plane)) for plane in planes]
    except TypeError:
        raise Cannot(
            f"is a picture of the format {frame.format.name}, whose memory is not at hand",
            "bring it into main memory first: frame.reformat(format='nv12')",
        ) from None
    matrix = b""
    if getattr(frame, "rotation", 0):
        matrix = bytes(side_data["DISPLAYMATRIX"])
    return packing.pack(
        [
            frame.width,
            frame.height,
            frame.format.name,
            _properties(frame, _OF_VIDEO),
            [plane.line_size for plane in planes],
            blobs,
            matrix,
            bool(frame.interlaced_frame),
        ]
    )


def _unpack_video(data: bytes, unpacking: Unpacking) -> av.VideoFrame:
    import av  # heavy, and only needed once a frame arrives

    width, height, name, properties, lines, blobs, matrix, interlaced = exactly(
        unpacking.unpack(data), 8
    )
    whole(width, 0, _MAX_SIDE, "the width of a picture")
    whole(height, 0, _MAX_SIDE, "the height of a picture")
    contents = [unpacking.blob(blob) for blob in sequence(blobs)]
    bits = av.VideoFormat(name, width, height).bits_per_pixel
    if width * height * bits > 8 * sum(map(len, contents)):
        raise Cannot("holds a picture that is larger than its planes")
    frame = av.VideoFrame(width, height, name)
    planes = frame.planes
    for plane, line, content in zip(planes, sequence(lines), contents, strict=True):
        whole(line, -(1 << 31), (1 << 31) - 1, "the line size of a plane")
        _fill(plane, line, content)
    if matrix or interlaced:
        if type(matrix) is not bytes or len(matrix) not in (0, _MATRIX):
            raise Cannot("holds a picture with a display matrix that is none")
        frame = _marked(frame, matrix, bool(interlaced))
    _set_properties(frame, _OF_VIDEO, properties)
    return frame


def _fill(plane: Any, line: int, content: Buffer) -> None:
    """Copy a plane; its lines may be of another length here, and run upwards where `line` < 0."""
    if line == plane.line_size:
        plane.update(content)  # checks the size
        return
    size, height, step = abs(line), plane.height, plane.line_size
    if len(content) != size * height or step <= 0:
        raise Cannot("holds a picture whose planes do not fit its size")
    view, source = memoryview(plane), memoryview(content)
    padding = bytes(max(0, step - size))
    for row in range(height):
        start = size * (row if line > 0 else height - 1 - row)
        view[row * step : (row + 1) * step] = (
            bytes(source[start : start + min(size, step)]) + padding
        )


def _marked(frame: av.VideoFrame, matrix: bytes, interlaced: bool) -> av.VideoFrame:
    """Give the same picture with a display matrix, interlaced or not.

    PyAV can set neither, but FFmpeg's decoder for raw pictures does: the matrix from the side data
    of its packet, the other from its field order.
    """
    import av  # there already, and its import is heavy
    from av.packet import PacketSideData, packet_sidedata_type_from_literal

    encoder: Any = av.CodecContext.create("rawvideo", "w")
    decoder: Any = av.CodecContext.create("rawvideo", "r")
    for context in (encoder, decoder):
        context.width, context.height = frame.width, frame.height
        context.pix_fmt = frame.format.name
    encoder.time_base = "1/1"
    if interlaced:
        decoder.options = {"field_order": "tt"}
    frame.pts = 0
    (packet,) = encoder.encode(frame)
    if matrix:
        kind: Any = PacketSideData
        side_data = kind(packet_sidedata_type_from_literal("display_matrix"), len(matrix))
        side_data.update(matrix)
        packet.set_sidedata(side_data)
    (marked,) = decoder.decode(packet)
    marked.pts = marked.dts = None
    if not isinstance(marked, av.VideoFrame) or marked.format.name != frame.format.name:
        raise Cannot("holds a picture that cannot be rotated or interlaced here")
    return marked


# --- sound ------------------------------------------------------------------------------------


def _pack_audio(frame: av.AudioFrame, packing: Packing) -> bytes:
    size = _plane_size(frame.format, frame.layout.nb_channels, frame.samples)
    return packing.pack(
        [
            frame.format.name,
            _layout_name(frame.layout),
            frame.samples,
            _properties(frame, _OF_AUDIO),
            [packing.blob(memoryview(plane)[:size]) for plane in frame.planes],
        ]
    )


def _unpack_audio(data: bytes, unpacking: Unpacking) -> av.AudioFrame:
    import av  # heavy, and only needed once a frame arrives

    name, layout_name, samples, properties, blobs = exactly(unpacking.unpack(data), 5)
    whole(samples, 0, _MAX_SAMPLES, "a number of samples")
    contents = [unpacking.blob(blob) for blob in sequence(blobs)]
    form, layout = av.AudioFormat(name), av.AudioLayout(layout_name)
    channels = whole(layout.nb_channels, 1, _MAX_CHANNELS, "a number of channels")
    size = _plane_size(form, channels, samples)
    planes_due = (channels if form.is_planar else 1) if samples else len(contents)
    if len(contents) != planes_due or any(len(content) != size for content in contents):
        raise Cannot("holds sound whose planes do not fit its samples")
    frame = av.AudioFrame(form, layout, samples)
    for plane, content in zip(frame.planes, contents, strict=bool(samples)):
        if plane.buffer_size == size:
            plane.update(content)  # type: ignore[arg-type]
        else:
            memoryview(plane)[:size] = content
    _set_properties(frame, _OF_AUDIO, properties)
    return frame


def _plane_size(form: av.AudioFormat, channels: int, samples: int) -> int:
    return samples * form.bytes * (1 if form.is_planar else channels)


def _layout_name(layout: av.AudioLayout) -> str:
    name = _readable(layout.name, tuple(channel.name for channel in layout.channels))
    if not name:
        raise Cannot(
            f"is sound of the layout {layout.name!r}, which does not travel", "resample it"
        )
    return name


@lru_cache(maxsize=256)
def _readable(name: str, channels: tuple[str, ...]) -> str:
    """Give a name of a layout that FFmpeg reads again as the same layout, or nothing."""
    import av  # there already, and its import is heavy

    for text in (name, "+".join(channels)):
        try:
            if av.AudioLayout(text).name == name:
                return text
        except ValueError:
            continue
    return ""


# --- packets ----------------------------------------------------------------------------------


def _pack_packet(packet: av.Packet[Any], packing: Packing) -> bytes:
    sides = packet.iter_sidedata() if hasattr(packet, "iter_sidedata") else ()
    return packing.pack(
        [
            _properties(packet, _OF_PACKET),
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
        _attach(packet, name, value)
    _set_properties(packet, _OF_PACKET, properties)
    return packet


def _fits(name: str, size: int) -> bool:
    return size > 0 and _SIDE_DATA.get(name, -1) in (0, size)


def _attach(packet: Any, name: Any, value: bytes) -> None:
    from av.packet import PacketSideData, packet_sidedata_type_from_literal

    kind: Any = PacketSideData
    side_data = kind(packet_sidedata_type_from_literal(name), len(value))
    side_data.update(value)
    packet.set_sidedata(side_data)


ADOPT.append(_adopt)
UNPACK[Code.VIDEO_FRAME] = _unpack_video
UNPACK[Code.AUDIO_FRAME] = _unpack_audio
UNPACK[Code.PACKET] = _unpack_packet
