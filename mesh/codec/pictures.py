"""How `av.VideoFrame` travels.

What does: format, size, planes, pts, dts, duration, time base, type of picture, the four colour
properties, whether it is a key frame, its display matrix (that is, `rotation`), and whether it is
interlaced. What PyAV cannot set stays behind: `metadata`, other side data, `opaque`. Which field of
an interlaced picture comes first PyAV does not say; the upper one is assumed.

Laws: those of `media`; and lines may be of another length on the other side, so planes are copied
line by line where they are.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import Packing, Unpacking, exactly, sequence, whole
from kamesh.codec.media import MATRIX, attach, enter, properties_of, set_properties
from kamesh.codec.wire import Buffer, Code

if TYPE_CHECKING:
    import av

__all__ = ["fill"]

# ONLY APPEND: this list is on the wire, by position.
_PROPERTIES = (
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
_MATRIX_SIZE = 36
_MAX_SIDE = 32_768


def _pack_video(frame: av.VideoFrame, packing: Packing) -> bytes:
    planes = frame.planes
    try:
        blobs = [packing.blob(memoryview(plane)) for plane in planes]
    except TypeError:
        raise Cannot(
            f"is a picture of the format {frame.format.name}, whose memory is not at hand",
            "bring it into main memory first: frame.reformat(format='nv12')",
        ) from None
    matrix = _matrix(frame)
    interlaced = bool(frame.interlaced_frame)
    if frame.format.has_palette and (matrix or interlaced):
        raise Cannot(
            "is a picture with a palette that is turned or interlaced",
            "bring it into another form first: frame.reformat(format='rgb24')",
        )
    return packing.pack(
        [
            frame.width,
            frame.height,
            frame.format.name,
            properties_of(frame, _PROPERTIES),
            [plane.line_size for plane in planes],
            blobs,
            matrix,
            interlaced,
        ]
    )


def _matrix(frame: av.VideoFrame) -> bytes:
    side_data: Any = frame.side_data
    if not len(side_data):
        return b""
    try:
        matrix = bytes(side_data["DISPLAYMATRIX"])
    except KeyError:
        return b""
    return matrix if len(matrix) == _MATRIX_SIZE else b""


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
        fill(plane, line, content)
    if matrix or interlaced:
        if type(matrix) is not bytes or len(matrix) not in (0, _MATRIX_SIZE):
            raise Cannot("holds a picture with a display matrix that is none")
        if frame.format.has_palette:
            raise Cannot("holds a picture with a palette that is turned or interlaced")
        frame = _marked(frame, matrix, bool(interlaced))
    set_properties(frame, _PROPERTIES, properties)
    return frame


def fill(plane: Any, line: int, content: Buffer) -> None:
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

    encoder: Any = av.CodecContext.create("rawvideo", "w")
    decoder: Any = av.CodecContext.create("rawvideo", "r")
    for context in (encoder, decoder):
        context.width, context.height = frame.width, frame.height
        context.pix_fmt = frame.format.name
    encoder.time_base = Fraction(1)
    if interlaced:
        decoder.options = {"field_order": "tt"}
    frame.pts = 0
    (packet,) = encoder.encode(frame)
    if matrix:
        attach(packet, MATRIX, matrix)
    (marked,) = decoder.decode(packet)
    marked.pts = marked.dts = None
    if not isinstance(marked, av.VideoFrame) or marked.format.name != frame.format.name:
        raise Cannot("holds a picture that cannot be rotated or interlaced here")
    return marked


enter("VideoFrame", Code.VIDEO_FRAME, _pack_video, _unpack_video)
