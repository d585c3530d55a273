"""Reading a media file: its pictures and its sound in one order of time. Imports PyAV.

Laws: the first piece is at time 0; frames come in order of time across both streams, however the
file interleaves them; what is held back is packets, not pictures, so it stays small; a mistake with
the file is a `MediaFileError`, in a sentence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import av

from kamesh.components.files.errors import a_path
from kamesh.components.media.core.interleave import Interleaver
from kamesh.components.media.core.selection import Choice
from kamesh.components.media.engine.demuxing import chosen_stream
from kamesh.components.media.trouble import MediaError

__all__ = ["MediaFile", "MediaFileError"]

SPAN = 5.0  # seconds that one stream of a file may lag behind the other
SOUND_WAITS = Fraction(2)  # seconds that sound waits for a picture that does not come
MOST_DAMAGED = 100  # packets in a row that cannot be decoded before the file is given up


class MediaFileError(MediaError):
    """A file that cannot be read as media."""


class MediaFile:
    """A file opened for reading once, from its beginning to its end.

    Example:
        with MediaFile("film.mp4") as film:
            for time, frame in film.frames(): ...
    """

    def __init__(self, path: str | Path, video: Choice = None, audio: Choice = None) -> None:
        """Open it and look what is in it; `video` and `audio` choose among several streams."""
        self.path = a_path(path)
        self._container = _opened(self.path)
        where, streams = str(self.path), self._container.streams
        try:
            self.video: Any = chosen_stream(where, "video", streams.video, video)
            self.audio: Any = chosen_stream(where, "audio", streams.audio, audio)
        except MediaError as error:
            self._container.close()
            raise MediaFileError(str(error)) from error
        if self.video is None or self.video.codec_context is None:
            has = "neither pictures nor sound"
            if self.video is not None:
                has = "one that this build of FFmpeg has no decoder for"
            elif streams.audio:
                has = "only sound (PacketSource and Decode play it)"
            self._container.close()  # of which nothing may be asked afterwards
            raise MediaFileError(f"{self.path} has no video stream: it has {has}")
        self.video.thread_type = "AUTO"
        self.damaged = 0
        self.length = Fraction(0)  # seconds, known once all frames have been given

    def __enter__(self) -> MediaFile:
        """Use it in a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def format(self) -> str:
        """FFmpeg's name for the kind of file."""
        return str(self._container.format.name)

    @property
    def rate(self) -> Fraction:
        """Pictures a second; 25 where the file does not say."""
        return Fraction(self.video.average_rate or self.video.guessed_rate or 25)

    def frames(self) -> Iterator[tuple[Fraction, Any]]:
        """Give each frame with its time in seconds from the beginning.

        A decoder gives pictures some packets late, so sound waits for the picture it goes with.
        """
        start = self._start()
        sound: deque[tuple[Fraction, Any]] = deque()
        for stream, packet in self._packets():
            for frame in self._decoded(stream, packet):
                time, start = self._placed(frame, start)
                if stream is self.audio:
                    sound.append((time, frame))
                    while sound[-1][0] - sound[0][0] > SOUND_WAITS:
                        yield sound.popleft()
                    continue
                while sound and sound[0][0] <= time:
                    yield sound.popleft()
                yield time, frame
        yield from sound
        if not self.length:
            raise MediaFileError(f"{self.path} cannot be played: not one picture of it can be decoded")

    def _start(self) -> Fraction | None:
        """Give the time of the earliest piece, as the file says it."""
        streams = [
            s for s in (self.video, self.audio) if s is not None and s.start_time is not None
        ]
        return min((s.start_time * s.time_base for s in streams), default=None)

    def _placed(self, frame: Any, start: Fraction | None) -> tuple[Fraction, Fraction | None]:
        """Give the frame's time from the beginning, and set it on the frame."""
        if frame.pts is None or not frame.time_base:
            time = self.length  # a file that bears no times: one frame after the other
        else:
            start = frame.pts * frame.time_base if start is None else start
            time = frame.pts * frame.time_base - start
        if frame.time_base:
            frame.pts = round(time / frame.time_base)
        self.length = max(self.length, time + self._duration(frame))
        return time, start

    def _packets(self) -> Iterator[tuple[Any, Any]]:
        """Give packets in order of time, and at the end one that is None for each stream."""
        streams = [self.video] if self.audio is None else [self.video, self.audio]
        place = {stream.index: i for i, stream in enumerate(streams)}
        merged: Interleaver[tuple[Any, Any]] = Interleaver(len(streams), span=SPAN)
        reached = [-inf] * len(streams)
        try:
            for packet in self._container.demux(streams):
                if not packet.size:
                    continue
                i = place[packet.stream.index]
                if packet.dts is not None:  # Matroska does not say it of pictures out of order
                    reached[i] = float(packet.dts * packet.time_base)
                merged.put(i, reached[i], (packet.stream, packet))
                yield from merged.take()
        except av.error.FFmpegError as error:
            raise MediaFileError(f"{self.path} cannot be read to its end: {error}") from error
        for i, _ in enumerate(streams):
            merged.end(i)
        yield from merged.take()
        for stream in streams:
            yield stream, None

    def _decoded(self, stream: Any, packet: Any) -> list[Any]:
        try:
            frames: list[Any] = stream.codec_context.decode(packet)
        except av.error.InvalidDataError as error:
            self.damaged += 1
            if self.damaged >= MOST_DAMAGED and not self.length:
                raise MediaFileError(f"{self.path} cannot be decoded: {error}") from error
            return []
        for frame in frames:  # PyAV leaves it out of what comes when the packets are over
            frame.time_base = frame.time_base or stream.time_base
        return frames

    def _duration(self, frame: Any) -> Fraction:
        if isinstance(frame, av.AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        return 1 / self.rate


def _opened(path: Path) -> Any:
    if not path.exists():
        raise MediaFileError(f"there is no file {path}")
    if path.is_dir():
        raise MediaFileError(f"{path} is a folder, not a media file")
    if path.stat().st_size == 0:
        raise MediaFileError(f"{path} is empty")
    try:
        return av.open(str(path))
    except PermissionError:
        raise MediaFileError(f"{path} may not be read by this user") from None
    except av.error.FFmpegError:
        raise MediaFileError(
            f"{path} is not a media file: FFmpeg knows no format like it"
        ) from None
