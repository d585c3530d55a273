"""Encode: pictures and sound to packets.

It is a component with a thread of its own: a picture of 1280 x 720 takes libx264 3 ms at
`veryfast`, during which the scheduler would run nothing else; the encoder itself lets Python go on
meanwhile.

Laws: one header goes out before the first packet, and packets in order of time after it; no frame
that arrives in order is left out; the frames themselves are not changed. What is done with them is
in `encoding.py`, apart from any component.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Packets, Pictures, Sound
from kamesh.components.media.core.settings import EncodeSettings
from kamesh.components.media.core.ticks import checked_rate
from kamesh.components.media.messages import MediaPacket, StreamHeader
from kamesh.components.sending import shut_down
from kamesh.inbox import Inbox

if TYPE_CHECKING:
    from kamesh.components.media.engine.encoding import ProgrammeEncoder

__all__ = ["Encode"]

log = logging.getLogger("kamesh")


class Encode(ThreadedComponent):
    """Encodes a programme: one picture stream and one sound stream, or one of them.

    `video` and `audio` name a codec ("h264", "hevc", "vp8", "vp9", "av1", "mpeg2", "dirac"; "aac",
    "opus", "vorbis", "mp3", "mp2", "flac") or one of FFmpeg's encoders ("libx264"); "" leaves that
    stream out. Where this build of FFmpeg has no encoder for H.264, MPEG-2 or MPEG-4 takes its place
    (for AAC: MP2), and the log says so. `bitrate` and `audio_bitrate` in bits a second. `gop`: frames
    from one key frame to the next, that is from one place where a viewer can join to the next; 0 for a
    second of frames. `preset` and `tune` as libx264 has them: "zerolatency" gives a packet for each
    picture at once, without B-frames. `rate` in frames a second, by default what the first two
    pictures say. Sound is made `channels` channels of `sample_rate` Hz, or what is nearest to it of
    what the codec takes.

    Example:
        >>> card = TestCard(size=(320, 180), seconds=1, realtime=False)
        >>> Pipeline(card, Encode("vp9", audio="", gop=12), kept := DataSink()).run()
        >>> kept.messages[0].streams[0].codec, sum(packet.keyframe for packet in kept.messages[1:])
        ('vp9', 3)

    Boxes: "inbox" `av.VideoFrame` of any size and format (the first one's size is kept); "audio"
    `av.AudioFrame` of any form; "outbox" a StreamHeader, then MediaPackets; "control". If both
    inboxes are linked, the header waits for both streams, for 50 frames at the most.

    How it ends: when both streams have, or when told on "control": what is inside is encoded and
    sent, and the stream ends.
    """

    inboxes: ClassVar = {
        "inbox": "pictures: av.VideoFrame",
        "audio": "sound: av.AudioFrame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a StreamHeader, then MediaPackets",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 8, "audio": 16}
    formats: Mapping[str, Format] = {
        "inbox": Pictures(), "audio": Sound(), "outbox": Packets(),
    }  # fmt: skip
    audio: Inbox

    def __init__(
        self,
        video: str = "libx264",
        audio: str = "aac",
        bitrate: int = 2_500_000,
        gop: int = 0,
        preset: str = "veryfast",
        tune: str = "zerolatency",
        *,
        audio_bitrate: int = 128_000,
        rate: int | str | Fraction | None = None,
        sample_rate: int = 48000,
        channels: int = 2,
        name: str | None = None,
    ) -> None:
        """Check the figures; the encoders are opened when the first frames have come."""
        super().__init__(name=name)
        self.settings = EncodeSettings(
            video, audio, bitrate, gop, preset, tune, audio_bitrate,
            None if rate is None else checked_rate(rate), sample_rate, channels,
        )  # fmt: skip
        self._encoder: ProgrammeEncoder | None = None
        self.frames = 0

    def main(self) -> None:
        """Encode what comes, from whichever inbox it comes first."""
        # PyAV takes a tenth of a second to import: only the node that encodes pays for it
        with needing("Encode"):
            from kamesh.components.media.engine.encoding import AUDIO, VIDEO, ProgrammeEncoder

        encoder = self._encoder = ProgrammeEncoder(self.settings)
        while not self.stopping():
            # what has come is taken at once, and what came of it sent at once: where there is always
            # more, to wake the others for each frame took a tenth of the time
            pictures = [self.recv("inbox") for _ in range(len(self.inbox))]
            sounds = [self.recv("audio") for _ in range(len(self.audio))]
            made: list[StreamHeader | MediaPacket] = []
            for picture in pictures:
                made += encoder.picture(picture)
                self.frames += 1
            for sound in sounds:
                made += encoder.sound(sound)
            for message in made:
                if shut_down(self):
                    break
                self.send(message)
            for stream, inbox in ((VIDEO, self.inbox), (AUDIO, self.audio)):
                if inbox.ended or not (inbox.feeds or inbox.arrived):
                    self.send_all(encoder.end(stream))
            while encoder.notes:
                log.warning("%s: %s", self.path, encoder.notes.pop(0))
            self.pause()
        self.send_all(encoder.finish())

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"frames": self.frames, "dropped": self._encoder.dropped if self._encoder else 0}
