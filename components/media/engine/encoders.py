"""Encoders: pictures and sound to packets. Imports PyAV, so imported when first needed.

Laws: frames handed in are not changed (another component may hold the same ones); the first frame
settles size and unit of time, and later frames of another size are scaled to it; key frames carry
all that a decoder needs, so a stream may be joined at any of them; a codec that this build of
FFmpeg lacks is replaced by the nearest it has, and the replacement is told.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.audio.resampler import AudioResampler
from av.codec.codec import UnknownCodecError

from kamesh.components.media.core.codecs import ENCODERS, Maker, codec_of, is_other, makers_of
from kamesh.components.media.messages import AudioInfo, MediaPacket, VideoInfo
from kamesh.components.media.trouble import MediaError, because

__all__ = ["AudioEncoder", "VideoEncoder", "choose_encoder"]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
DRIFT = Fraction(8, 100)  # seconds sound may be off its time before it is put right


def choose_encoder(wanted: str) -> tuple[str, str]:
    """Give the encoder to use for a codec or an encoder, and a sentence if it makes another codec.

    MediaError if this build of FFmpeg has none.
    """
    for name in makers_of(wanted):
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            continue
        if is_other(name, wanted):
            return name, f"this build of FFmpeg has no {wanted} encoder, so {name} is used instead"
        return name, ""
    raise MediaError(
        f"this build of FFmpeg has no encoder {wanted!r}, nor one to use instead; "
        "`python -m av --codecs` lists what it has"
    )


class VideoEncoder:
    """Encodes the pictures of one stream.

    `rate` in frames a second; `bitrate` in bits a second; `gop` in frames from one key frame to the
    next (0: a second of frames); `preset` and `tune` as libx264 names them, ignored by other
    encoders.
    """

    def __init__(
        self, first: av.VideoFrame, codec: str, rate: Fraction, *,
        bitrate: int, gop: int = 0, preset: str = "veryfast", tune: str = "zerolatency",
    ) -> None:  # fmt: skip
        """Open the encoder for frames like `first`."""
        self.encoder, self.note = choose_encoder(codec)
        maker = ENCODERS.get(self.encoder, Maker(self.encoder))
        context: Any = av.CodecContext.create(self.encoder, "w")
        context.width = max(2, first.width // 2 * 2)
        context.height = max(2, first.height // 2 * 2)
        formats = [one.name for one in av.Codec(self.encoder, "w").video_formats or ()]
        self._form = "yuv420p" if "yuv420p" in formats or not formats else formats[0]
        context.pix_fmt = self._form
        self._unit = 1 / rate if maker.counts_frames else first.time_base or 1 / rate
        context.time_base = self._unit
        context.framerate = rate
        context.bit_rate = bitrate
        context.gop_size = gop or max(1, round(rate))
        context.max_b_frames = 0
        context.color_range = int(first.color_range)
        context.colorspace = int(first.colorspace)
        options = {"maxrate": str(bitrate), "bufsize": str(bitrate), **maker.options}
        if maker.presets:
            options |= {"preset": preset, "tune": tune}
        context.options = {key: value for key, value in options.items() if value}
        _open(context, f"{self.encoder} at {rate} frames a second")
        self._context = context
        self._last: int | None = None
        self._keyframes_only = maker.intra_only
        self.dropped = 0
        self.info = VideoInfo(
            codec_of(self.encoder), self._unit, context.width, context.height, rate, context.extradata or b""
        )

    def encode(self, frame: av.VideoFrame, time: Fraction) -> list[MediaPacket]:
        """Encode one picture, shown at `time` seconds; drop one not later than the last."""
        pts = round(time / self._unit)
        if self._last is not None and pts <= self._last:
            self.dropped += 1
            return []
        self._last = pts
        return [self._packet(p) for p in self._context.encode(self._prepared(frame, pts))]

    def finish(self) -> list[MediaPacket]:
        """Give what is left inside; nothing can be encoded afterwards."""
        return [self._packet(p) for p in self._context.encode(None)]

    def _packet(self, packet: Any) -> MediaPacket:
        length = max(1, round(1 / self.info.rate / self._unit))
        return _packet(0, packet, length, keyframe=self._keyframes_only)

    def _prepared(self, frame: av.VideoFrame, pts: int) -> av.VideoFrame:
        """Give a frame as the encoder wants it: PyAV sets times on the very frame it is handed."""
        width, height = self.info.width, self.info.height
        if frame.format.name != self._form or (frame.width, frame.height) != (width, height):
            frame = frame.reformat(width=width, height=height, format=self._form)
        elif (frame.pts, frame.time_base) == (pts, self._unit):
            return frame
        else:
            frame = _copied(frame)
        frame.pts = pts
        frame.time_base = self._unit
        return frame


class AudioEncoder:
    """Encodes sound, whatever its form, as `channels` channels (1, 2 or 6) of `sample_rate` Hz.

    Times are counted in samples, so they are without a gap or an overlap; where the sound that
    comes is off its time by more than 80 ms, as after a loss, the count is put right.
    """

    def __init__(
        self, codec: str, *, bitrate: int, sample_rate: int, channels: int, stream: int
    ) -> None:
        """Open the encoder; its packets are of stream number `stream`."""
        self.encoder, self.note = choose_encoder(codec)
        maker = ENCODERS.get(self.encoder, Maker(self.encoder))
        if maker.channels and channels not in maker.channels:
            channels = maker.channels[0]
        known = av.Codec(self.encoder, "w")
        formats, rates = known.audio_formats, known.audio_rates
        if rates and sample_rate not in rates:
            sample_rate = min(rates, key=lambda rate: abs(rate - sample_rate))
        context: Any = av.CodecContext.create(self.encoder, "w")
        self._form: tuple[str, str, int] = (
            formats[0].name if formats else "s16",
            LAYOUTS[channels],
            sample_rate,
        )
        context.format, context.layout, context.sample_rate = self._form
        context.bit_rate = bitrate
        context.time_base = Fraction(1, sample_rate)
        context.options = dict(maker.options)
        _open(context, f"{self.encoder} at {sample_rate} Hz")
        self._context = context
        self._stream = stream
        self._rate = sample_rate
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None
        self._anchor: int | None = None  # time of the first sample, in samples
        self._taken = Fraction(0)  # seconds taken in since then
        self._given = 0  # samples given to the encoder since then
        self.info = AudioInfo(
            codec_of(self.encoder), Fraction(1, sample_rate), sample_rate,
            channels, context.extradata or b"",
        )  # fmt: skip

    def encode(self, frame: av.AudioFrame, time: Fraction) -> list[MediaPacket]:
        """Encode one piece of sound heard at `time` seconds."""
        packets: list[MediaPacket] = []
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:  # the sound has another form from here on
            packets += self._resampled(None)
            self._source = source
            name, layout, rate = self._form
            self._resampler = AudioResampler(name, layout, rate, self._context.frame_size or 1024)
        if self._anchor is None:
            self._anchor = round(time * self._rate)
        off = time - Fraction(self._anchor, self._rate) - self._taken
        if abs(off) > DRIFT:
            self._anchor += max(round(off * self._rate), 0)
        self._taken += Fraction(frame.samples, frame.sample_rate)
        return packets + self._resampled(frame)

    def finish(self) -> list[MediaPacket]:
        """Give what is left inside; nothing can be encoded afterwards."""
        return self._resampled(None) + [
            _packet(self._stream, p) for p in self._context.encode(None)
        ]

    def _resampled(self, frame: av.AudioFrame | None) -> list[MediaPacket]:
        packets: list[MediaPacket] = []
        for piece in self._resampler.resample(frame) if self._resampler else ():
            piece.pts = (self._anchor or 0) + self._given
            piece.time_base = Fraction(1, self._rate)
            self._given += piece.samples
            packets += [_packet(self._stream, p) for p in self._context.encode(piece)]
        return packets


def _copied(frame: av.VideoFrame) -> av.VideoFrame:
    copy = av.VideoFrame.from_ndarray(frame.to_ndarray(), frame.format.name)
    copy.color_range, copy.colorspace = frame.color_range, frame.colorspace
    return copy


def _open(context: Any, what: str) -> None:
    try:
        context.open()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{what} cannot encode this: {because(error)}") from error


def _packet(stream: int, packet: Any, duration: int = 0, *, keyframe: bool = False) -> MediaPacket:
    dts = packet.pts if packet.dts is None else packet.dts
    pts = dts if packet.pts is None else packet.pts
    return MediaPacket(
        stream, bytes(packet), pts, dts, packet.duration or duration,
        keyframe or packet.is_keyframe,
    )
