"""How `av.AudioFrame` travels.

What does: format, layout of channels, samples and their rate, planes, pts, dts, duration, time
base. What PyAV cannot set stays behind: `metadata`, side data, `opaque`.

Laws: those of `media`; and a layout is sent by a name that is known to be read again as the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import Packing, Unpacking, exactly, sequence, whole
from kamesh.codec.media import enter, properties_of, set_properties
from kamesh.codec.wire import Code

if TYPE_CHECKING:
    import av
    import av.audio.plane

__all__: list[str] = []

# ONLY APPEND: this list is on the wire, by position.
_PROPERTIES = ("pts", "dts", "duration", "time_base", "sample_rate", "key_frame")
_MAX_SAMPLES = 1 << 24
_MAX_CHANNELS = 1024


def _pack_audio(frame: av.AudioFrame, packing: Packing) -> bytes:
    channels = frame.layout.nb_channels
    size = _plane_size(frame.format, channels, frame.samples)
    planes = _planes(frame, _count(frame.format, channels, frame.samples))
    return packing.pack(
        [
            frame.format.name,
            _layout_name(frame.layout),
            frame.samples,
            properties_of(frame, _PROPERTIES),
            [packing.blob(memoryview(plane)[:size]) for plane in planes],
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
    due = _count(form, channels, samples)
    if len(contents) != due or any(len(content) != size for content in contents):
        raise Cannot("holds sound whose planes do not fit its samples")
    frame = av.AudioFrame(form, layout, samples)
    for plane, content in zip(_planes(frame, due), contents, strict=True):
        memoryview(plane)[:size] = content
    set_properties(frame, _PROPERTIES, properties)
    return frame


def _count(form: av.AudioFormat, channels: int, samples: int) -> int:
    if not samples:
        return 0
    return channels if form.is_planar else 1


def _planes(frame: av.AudioFrame, count: int) -> list[av.audio.plane.AudioPlane]:
    """Give the planes; `frame.planes` reads past the last one where there are eight or more."""
    from av.audio.plane import AudioPlane  # there already, and its import is heavy

    return [AudioPlane(frame, index) for index in range(count)]


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


enter("AudioFrame", Code.AUDIO_FRAME, _pack_audio, _unpack_audio)
