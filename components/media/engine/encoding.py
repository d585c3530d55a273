"""Encoding one programme: a picture stream and a sound stream, under one header and in one order.

Laws: the header goes out once, before the first packet, when it is known which streams there are;
packets leave in order of decoding time; what is held back is bounded, and what comes too late to be
part of the programme is counted. Imports PyAV, so it is imported when first needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av

from kamesh.components.media.core.interleave import Interleaver
from kamesh.components.media.core.settings import EncodeSettings
from kamesh.components.media.core.timeline import Timeline
from kamesh.components.media.engine.encoders import AudioEncoder, VideoEncoder
from kamesh.components.media.messages import (
    MediaPacket,
    StreamHeader,
    StreamInfo,
    unexpected,
)

__all__ = ["AUDIO", "VIDEO", "ProgrammeEncoder"]

HELD_FRAMES = 50  # pictures kept while the first sound is awaited
VIDEO, AUDIO = 0, 1


class ProgrammeEncoder:
    """Takes frames, gives a header and packets.

    Example:
        encoder = ProgrammeEncoder(settings)
        for message in encoder.picture(frame): ...
        for message in encoder.finish(): ...
    """

    def __init__(self, settings: EncodeSettings) -> None:
        """Open nothing yet: the first frames say what is to be encoded."""
        self._settings = settings
        self._timeline = Timeline()
        self._video: VideoEncoder | None = None
        self._audio: AudioEncoder | None = None
        self._held: list[tuple[int, av.VideoFrame | av.AudioFrame]] = []
        self._ended = [not settings.video, not settings.audio]
        self._seen = [0, 0]  # frames held of each
        self._finished = [False, False]
        self._elapsed = [Fraction(0), Fraction(0)]  # when a frame that bears no time begins
        self._merged: Interleaver[MediaPacket] | None = None
        self.notes: list[str] = []
        self.refused = 0  # frames of a stream that the header does not have

    @property
    def dropped(self) -> int:
        """How many frames were not encoded: out of order, or of a stream not in the header."""
        return self.refused + (self._video.dropped if self._video else 0)

    def picture(self, frame: av.VideoFrame) -> Iterator[StreamHeader | MediaPacket]:
        """Take a picture; give what can go out now."""
        if not isinstance(frame, av.VideoFrame):
            raise unexpected("Encode", "av.VideoFrame on its inbox", frame)
        yield from self._take(VIDEO, frame)

    def sound(self, frame: av.AudioFrame) -> Iterator[StreamHeader | MediaPacket]:
        """Take a piece of sound; give what can go out now."""
        if not isinstance(frame, av.AudioFrame):
            raise unexpected("Encode", "av.AudioFrame on its box for audio", frame)
        yield from self._take(AUDIO, frame)

    def end(self, stream: int) -> Iterator[StreamHeader | MediaPacket]:
        """Hear that no more pictures (VIDEO) or no more sound (AUDIO) will come."""
        if self._ended[stream]:
            return
        self._ended[stream] = True
        if self._merged is None:
            yield from self._begin_if_known()
        self._finish_stream(stream)
        yield from self._leaving()

    def finish(self) -> Iterator[StreamHeader | MediaPacket]:
        """End both streams and give all that is left."""
        yield from self.end(VIDEO)
        yield from self.end(AUDIO)

    def _take(
        self, stream: int, frame: av.VideoFrame | av.AudioFrame
    ) -> Iterator[StreamHeader | MediaPacket]:
        if self._ended[stream]:
            self.refused += 1
        elif self._merged is not None:
            self._encode(stream, frame)
            yield from self._leaving()
        else:
            self._held.append((stream, frame))
            self._seen[stream] += 1
            yield from self._begin_if_known()

    # the header

    def _begin_if_known(self) -> Iterator[StreamHeader | MediaPacket]:
        """Open the encoders once each stream has shown itself, or has had the time to."""
        if not self._held:
            return
        waiting = [s for s in (VIDEO, AUDIO) if not self._seen[s] and not self._ended[s]]
        if (waiting or self._rate() is None) and len(self._held) < HELD_FRAMES:
            return
        self._open()
        infos: list[StreamInfo] = [e.info for e in (self._video, self._audio) if e is not None]
        self._merged = Interleaver(len(infos))
        yield StreamHeader(tuple(infos))
        held, self._held = self._held, []
        for stream, frame in held:
            self._encode(stream, frame)
        for stream in (VIDEO, AUDIO):
            if self._ended[stream]:
                self._finish_stream(stream)
        yield from self._leaving()

    def _open(self) -> None:
        s = self._settings
        pictures = [f for _, f in self._held if isinstance(f, av.VideoFrame)]
        if pictures:
            self._video = VideoEncoder(
                pictures[0], s.video, self._rate() or Fraction(25),
                bitrate=s.bitrate, gop=s.gop, preset=s.preset, tune=s.tune,
            )  # fmt: skip
        if self._seen[AUDIO]:
            self._audio = AudioEncoder(
                s.audio, bitrate=s.audio_bitrate, sample_rate=s.sample_rate, channels=s.channels,
                stream=1 if pictures else 0,
            )  # fmt: skip
        self.notes += [e.note for e in (self._video, self._audio) if e is not None and e.note]

    def _rate(self) -> Fraction | None:
        """Frames a second: as set, else by what two pictures say; 25 when there are never two."""
        pictures = [f for s, f in self._held if s == VIDEO]
        if self._settings.rate is not None or not pictures:
            return self._settings.rate or Fraction(25)
        if len(pictures) < 2:
            return Fraction(25) if self._ended[VIDEO] else None
        first, second = _time_of(pictures[0]), _time_of(pictures[1])
        if first is None or second is None or second <= first:
            return Fraction(25)
        return min(max(1 / (second - first), Fraction(1)), Fraction(240)).limit_denominator(1001)

    # encoding

    def _encode(self, stream: int, frame: av.VideoFrame | av.AudioFrame) -> None:
        encoder = (self._video, self._audio)[stream]
        if encoder is None:
            self.refused += 1
            return
        length = self._length(frame)
        time = _time_of(frame)
        if time is None:
            time = self._elapsed[stream]
        self._elapsed[stream] = time + length
        place = self._timeline.place(stream, time, length)
        self._merge(encoder.encode(frame, place), encoder.info.time_base)  # type: ignore[arg-type]

    def _length(self, frame: av.VideoFrame | av.AudioFrame) -> Fraction:
        """Give the seconds that a frame lasts."""
        if isinstance(frame, av.AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        return 1 / self._video.info.rate if self._video else Fraction(0)

    def _finish_stream(self, stream: int) -> None:
        encoder = (self._video, self._audio)[stream]
        if encoder is None or self._merged is None or self._finished[stream]:
            return
        self._finished[stream] = True
        self._merge(encoder.finish(), encoder.info.time_base)
        self._merged.end(stream if self._video else 0)

    def _merge(self, packets: list[MediaPacket], unit: Fraction) -> None:
        if self._merged is None:
            return
        for packet in packets:
            self._merged.put(packet.stream, float(packet.dts * unit), packet)

    def _leaving(self) -> Iterator[MediaPacket]:
        if self._merged is not None:
            yield from self._merged.take()


def _time_of(frame: av.VideoFrame | av.AudioFrame) -> Fraction | None:
    if frame.pts is None or not frame.time_base:
        return None
    return frame.pts * frame.time_base
