"""Which encoder makes what, and the words each wants. No PyAV, no I/O.

A codec is asked for by its own name ("vp9", "opus", "dirac") or by that of an encoder ("libx264").

Laws
1. What takes an encoder's place makes the same codec if there is such a one; another codec is told.
2. Every encoder is set for a live stream: no picture waits for later ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ENCODERS", "Maker", "codec_of", "is_other", "makers_of"]


@dataclass(frozen=True, slots=True)
class Maker:
    """One encoder of FFmpeg: the codec of its packets, and its options for a live stream.

    `presets` and `tunes` say whether it has libx264's words of that name. `counts_frames` is of those
    that take no time but a whole number of pictures; `channels` are the only ones it takes, if any.
    """

    codec: str
    options: Mapping[str, str] = field(default_factory=dict)
    presets: bool = False
    counts_frames: bool = False
    intra_only: bool = False
    channels: tuple[int, ...] = ()


_VPX = {"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0", "auto-alt-ref": "0"}
_X26 = {"forced-idr": "1"}
_TRIED = {"strict": "experimental"}  # what FFmpeg calls so: it works, and others do better

ENCODERS: Mapping[str, Maker] = {
    "libx264": Maker("h264", {**_X26, "sc_threshold": "0"}, presets=True),
    "libopenh264": Maker("h264"),
    "h264_v4l2m2m": Maker("h264"),
    "h264_nvenc": Maker("h264"),
    "h264_vaapi": Maker("h264"),
    "h264_qsv": Maker("h264"),
    "libx265": Maker("hevc", {**_X26, "x265-params": "log-level=none"}, presets=True),
    "hevc_nvenc": Maker("hevc"),
    "libvpx": Maker("vp8", _VPX),
    "libvpx-vp9": Maker("vp9", {**_VPX, "row-mt": "1"}),
    "libaom-av1": Maker("av1", {"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "libsvtav1": Maker("av1", {"preset": "10"}),
    "mpeg1video": Maker("mpeg1video", counts_frames=True),
    "mpeg2video": Maker("mpeg2video", counts_frames=True),
    "mpeg4": Maker("mpeg4", counts_frames=True),
    "vc2": Maker("dirac", _TRIED, intra_only=True),
    "libfdk_aac": Maker("aac"),
    "libmp3lame": Maker("mp3"),
    "libtwolame": Maker("mp2"),
    "libopus": Maker("opus"),
    "opus": Maker("opus", _TRIED),
    "libvorbis": Maker("vorbis"),
    "vorbis": Maker("vorbis", _TRIED, channels=(2,)),
}

# the encoders of a codec, the best first; those of FFmpeg's own name last
OF_CODEC: Mapping[str, tuple[str, ...]] = {
    "h264": ("libx264", "libopenh264"),
    "hevc": ("libx265",),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libsvtav1", "libaom-av1"),
    "mpeg2": ("mpeg2video",),
    "h265": ("libx265",),
    "dirac": ("vc2",),
    "aac": ("aac", "libfdk_aac"),
    "mp3": ("libmp3lame",),
    "mp2": ("mp2", "libtwolame"),
    "opus": ("libopus", "opus"),
    "vorbis": ("libvorbis", "vorbis"),
}
INSTEAD: Mapping[str, tuple[str, ...]] = {  # another codec, where there is no encoder for the one
    "h264": ("mpeg2video", "mpeg4"),
    "hevc": ("libx264", "libopenh264", "mpeg2video", "mpeg4"),
    "aac": ("mp2",),
}


def codec_of(encoder: str) -> str:
    """Name the codec of what an encoder makes: `codec_of("libx264")` is "h264"."""
    maker = ENCODERS.get(encoder)
    return maker.codec if maker is not None else encoder


def makers_of(wanted: str) -> tuple[str, ...]:
    """Name the encoders to try for a codec or an encoder, the best first."""
    codec = wanted if wanted in OF_CODEC else codec_of(wanted)
    named = () if wanted in OF_CODEC else (wanted,)
    return tuple(dict.fromkeys((*named, *OF_CODEC.get(codec, ()), *INSTEAD.get(codec, ()))))


def is_other(made: str, wanted: str) -> bool:
    """Say whether the encoder `made` is something else than `wanted`, a codec or an encoder."""
    if wanted in OF_CODEC:
        return made not in OF_CODEC[wanted]
    return made != wanted
