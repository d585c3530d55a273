"""What media components say to each other: the description of streams, then their packets.

Laws: a `StreamHeader` comes before the first packet and says all that a decoder or a multiplexer
must know, so the two ends may be different processes with different builds of FFmpeg; each record
is frozen and of plain values, so a node that only passes it on needs no PyAV. Pictures and sound
themselves travel as `av.VideoFrame` and `av.AudioFrame`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from kamesh.codec import register
from kamesh.components.chunks import Chunk, Preamble

__all__ = [
    "AudioInfo",
    "Chunk",
    "MediaPacket",
    "Preamble",
    "SoundLevel",
    "StreamHeader",
    "StreamInfo",
    "Subtitle",
    "VideoInfo",
    "unexpected",
]


@register(name="media.VideoInfo")
@dataclass(frozen=True, slots=True)
class VideoInfo:
    """One video stream: codec by FFmpeg's name (`h264`), size in pixels, frames a second.

    `time_base` is the unit of its packets' times in seconds. `extradata` is what the decoder must
    have beforehand; it is empty where each key frame carries it, as in an MPEG transport stream.
    `pixel_format` is said of pictures that are not encoded at all (`rawvideo`).
    """

    codec: str
    time_base: Fraction
    width: int
    height: int
    rate: Fraction = Fraction(0)
    extradata: bytes = b""
    pixel_format: str = ""


@register(name="media.AudioInfo")
@dataclass(frozen=True, slots=True)
class AudioInfo:
    """One audio stream: its codec by FFmpeg's name (`aac`, `mp2`), samples a second, channels."""

    codec: str
    time_base: Fraction
    sample_rate: int
    channels: int = 2
    extradata: bytes = b""


StreamInfo = VideoInfo | AudioInfo


@register(name="media.StreamHeader")
@dataclass(frozen=True, slots=True)
class StreamHeader:
    """Which streams follow; a packet's `stream` is an index into `streams`.

    A second header on one linkage means that the sender has begun anew.
    """

    streams: tuple[VideoInfo | AudioInfo, ...]


@register(name="media.MediaPacket")
@dataclass(frozen=True, slots=True)
class MediaPacket:
    """One encoded picture or piece of sound; times in units of its stream's `time_base`."""

    stream: int
    data: bytes
    pts: int
    dts: int
    duration: int = 0
    keyframe: bool = False


@register(name="media.Subtitle")
@dataclass(frozen=True, slots=True)
class Subtitle:
    r"""Words to be shown from `start` to `end`, in seconds on the stream's own clock.

    The text is plain, its lines apart by "\n"; an empty one takes away what is shown.
    """

    text: str
    start: float = 0.0
    end: float = float("inf")


@register(name="media.SoundLevel")
@dataclass(frozen=True, slots=True)
class SoundLevel:
    """How loud sound is from `time` seconds on: the peak and the root mean square; 1.0 is full scale."""

    time: float
    peak: float
    rms: float


def unexpected(who: str, wants: str, got: object) -> TypeError:
    """Give the error of a component that was sent something it can do nothing with."""
    return TypeError(f"{who} takes {wants}, not {type(got).__name__}: look at what is linked to it")
