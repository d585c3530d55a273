"""Whether what arrived is what was sent, more strictly than `==`: for tests, ours and users'.

Laws: the types must be the same at every level; NaN is the same as NaN, and -0.0 is not the same as
0.0; a dict's order counts, an array's memory order counts, a picture's padding does not.
"""

from __future__ import annotations

import dataclasses
import operator
import struct
import sys
from collections import Counter, OrderedDict, deque
from datetime import datetime, time, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from kamesh.codec.pictures import fill

__all__ = ["same"]

_OF_FRAMES = ("pts", "dts", "duration", "time_base", "key_frame", "is_corrupt")
_OF_VIDEO: tuple[str, ...] = ("width", "height", "pict_type", "colorspace", "color_range")
_OF_VIDEO += ("color_trc", "color_primaries", "rotation", "interlaced_frame")
_OF_PACKETS = ("pts", "dts", "duration", "time_base", "size", "is_keyframe", "is_corrupt")


def same(sent: Any, arrived: Any) -> bool:
    """Tell whether two messages are equal and of the same types throughout.

    same((1, 2.0), (1, 2.0))     # True
    same((1, 2.0), [1, 2.0])     # False, and so for True and 1, or 0.0 and -0.0
    """
    if type(sent) is not type(arrived):
        return False
    if isinstance(sent, Enum):
        return sent is arrived
    if isinstance(sent, float) and type(sent) is float:
        return struct.pack("d", sent) == struct.pack("d", arrived)
    if type(sent) is complex:
        return same(sent.real, arrived.real) and same(sent.imag, arrived.imag)
    if type(sent) is Decimal:
        return str(sent) == str(arrived)
    if dataclasses.is_dataclass(sent):
        names = [field.name for field in dataclasses.fields(sent)]
        return all(same(getattr(sent, name), getattr(arrived, name)) for name in names)
    if isinstance(sent, (list, tuple, deque)):
        bound = getattr(sent, "maxlen", None) == getattr(arrived, "maxlen", None)
        return bound and len(sent) == len(arrived) and all(map(same, sent, arrived))
    if isinstance(sent, (dict, OrderedDict, Counter)):
        return same(list(sent.items()), list(arrived.items()))
    if isinstance(sent, (set, frozenset)):
        return len(sent) == len(arrived) and all(any(same(a, b) for b in arrived) for a in sent)
    if isinstance(sent, (datetime, time)):
        zones = same(sent.tzinfo, arrived.tzinfo)
        return zones and sent.fold == arrived.fold and repr(sent) == repr(arrived)
    if isinstance(sent, timezone):
        return repr(sent) == repr(arrived)
    if type(sent) is memoryview:
        return _shape(sent) == _shape(arrived) and sent.tobytes() == arrived.tobytes()
    return _same_of_libraries(sent, arrived)


def _shape(view: memoryview) -> object:
    return view.format, view.shape


def _same_of_libraries(sent: Any, arrived: Any) -> bool:
    numpy, av = sys.modules.get("numpy"), sys.modules.get("av")
    if numpy is not None and isinstance(sent, numpy.ndarray):
        orders = [(a.flags.c_contiguous, a.flags.f_contiguous) for a in (sent, arrived)]
        if orders[0] != orders[1] and any(orders[0]):  # neither: it was sent as C
            return False
        alike = sent.dtype == arrived.dtype and sent.shape == arrived.shape
        return bool(alike and _same_elements(sent, arrived))
    if numpy is not None and isinstance(sent, (numpy.str_, numpy.bytes_)):
        return len(sent) == len(arrived) and all(map(operator.eq, sent, arrived))
    if numpy is not None and isinstance(sent, numpy.generic):
        return bool(sent.dtype == arrived.dtype and _same_elements(sent, arrived))
    if av is not None and isinstance(sent, av.VideoFrame):
        formats = sent.format.name == arrived.format.name
        return (
            formats
            and _alike(sent, arrived, _OF_FRAMES + _OF_VIDEO)
            and _pixels(sent) == _pixels(arrived)
        )
    if av is not None and isinstance(sent, av.AudioFrame):
        forms = [(f.format.name, f.layout.name, f.samples, f.sample_rate) for f in (sent, arrived)]
        return (
            forms[0] == forms[1]
            and _alike(sent, arrived, _OF_FRAMES)
            and _sound(sent) == _sound(arrived)
        )
    if av is not None and isinstance(sent, av.Packet):
        return bytes(sent) == bytes(arrived) and _alike(sent, arrived, _OF_PACKETS)
    return bool(sent == arrived)


def _same_elements(sent: Any, arrived: Any) -> bool:
    """Compare bytes, leaving out what pads the fields of a structure."""
    if sent.dtype.names is None:
        return bool(sent.tobytes() == arrived.tobytes())
    return all(_same_elements(sent[name], arrived[name]) for name in sent.dtype.names)


def _alike(sent: Any, arrived: Any, names: tuple[str, ...]) -> bool:
    return all(getattr(sent, name, None) == getattr(arrived, name, None) for name in names)


def _pixels(frame: Any) -> bytes:
    """Give the pixels without what lies between the lines."""
    av = sys.modules["av"]
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for plane, source in zip(copy.planes, frame.planes, strict=True):
        fill(plane, source.line_size, memoryview(source))
    encoder: Any = av.CodecContext.create("rawvideo", "w")
    encoder.width, encoder.height, encoder.pix_fmt = copy.width, copy.height, copy.format.name
    encoder.time_base = Fraction(1)
    return b"".join(map(bytes, encoder.encode(copy) if copy.planes else ()))


def _sound(frame: Any) -> list[bytes]:
    """Give the samples of each plane; `frame.planes` goes wrong where there are eight or more."""
    plane: Any = sys.modules["av"].audio.plane.AudioPlane
    channels = frame.layout.nb_channels
    count, width = (channels, 1) if frame.format.is_planar else (1, channels)
    size = frame.samples * frame.format.bytes * width
    return [bytes(memoryview(plane(frame, index))[:size]) for index in range(count if size else 0)]
