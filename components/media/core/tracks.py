"""Tracks: the head of a Matroska file that names streams, and nothing else; no I/O and no PyAV.

PyAV writes packets into a container only for a stream that it knows from an encoder it has opened,
or from a container it has read. Packets that come over a linkage have neither; so it is given this
head to read. EBML is RFC 8794, Matroska RFC 9559, the names of codecs RFC 9559 section 27.

Law: what a header says of a stream is in it, byte for byte: codec, extradata, size, samples, channels.
"""

from __future__ import annotations

import struct

from kamesh.components.media.messages import AudioInfo, StreamHeader, StreamInfo, VideoInfo

__all__ = ["track_heads"]

CODEC_IDS = {
    "h264": "V_MPEG4/ISO/AVC", "hevc": "V_MPEGH/ISO/HEVC", "vp8": "V_VP8", "vp9": "V_VP9",
    "av1": "V_AV1", "mpeg1video": "V_MPEG1", "mpeg2video": "V_MPEG2", "mpeg4": "V_MPEG4/ISO/ASP",
    "dirac": "V_DIRAC", "theora": "V_THEORA", "prores": "V_PRORES", "ffv1": "V_FFV1",
    "mjpeg": "V_MJPEG",
    "aac": "A_AAC", "mp2": "A_MPEG/L2", "mp3": "A_MPEG/L3", "opus": "A_OPUS", "vorbis": "A_VORBIS",
    "flac": "A_FLAC", "ac3": "A_AC3", "eac3": "A_EAC3", "dts": "A_DTS",
}  # fmt: skip
SEGMENT = b"\x18\x53\x80\x67\x01" + b"\xff" * 7  # of no known size
FLAC_HEAD = b"fLaC\x80\x00\x00\x22"  # the one block that follows is the last, of 34 bytes


def track_heads(header: StreamHeader) -> bytes:
    """Give the head of a Matroska file with the streams of `header`.

    ValueError for a codec that Matroska has no name for.
    """
    ebml = _element(0x1A45DFA3, _text(0x4282, "matroska") + _number(0x4287, 4) + _number(0x4285, 2))
    info = _element(0x1549A966, _number(0x2AD7B1, 1_000_000) + _text(0x4D80, "-") + _text(0x5741, "-"))
    tracks = b"".join(_track(number, one) for number, one in enumerate(header.streams, 1))
    cluster = _element(0x1F43B675, _number(0xE7, 0))  # before it sees one, FFmpeg waits for more
    return ebml + SEGMENT + info + _element(0x1654AE6B, tracks) + cluster


def _track(number: int, info: StreamInfo) -> bytes:
    codec = CODEC_IDS.get(info.codec)
    if codec is None:
        raise ValueError(
            f"there is no place for {info.codec} here; there is for {', '.join(sorted(CODEC_IDS))}"
        )
    kind = 1 if isinstance(info, VideoInfo) else 2
    said = _number(0xD7, number) + _number(0x73C5, number) + _number(0x83, kind)
    said += _text(0x86, codec) + _about(info)
    private = FLAC_HEAD * (info.codec == "flac") + info.extradata
    return _element(0xAE, said + (_element(0x63A2, private) if info.extradata else b""))


def _about(info: VideoInfo | AudioInfo) -> bytes:
    if isinstance(info, VideoInfo):
        return _element(0xE0, _number(0xB0, info.width) + _number(0xBA, info.height))
    return _element(0xE1, _number(0xB5, info.sample_rate, real=True) + _number(0x9F, info.channels))


def _element(name: int, data: bytes) -> bytes:
    """Write one element: its name as it stands, its size in eight bytes, and what is in it."""
    size = (len(data) | 1 << 56).to_bytes(8, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + data


def _number(name: int, value: int, *, real: bool = False) -> bytes:
    if real:
        return _element(name, struct.pack(">d", value))
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _text(name: int, text: str) -> bytes:
    return _element(name, text.encode())
