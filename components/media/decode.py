"""Decode: packets back to pictures and sound.

It is a component with a thread of its own, for the reason given in `files.py`. What is done with
the packets is in `decoders.py`, apart from any component.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Packets, Pictures, Sound
from kamesh.components.media.messages import MediaPacket, StreamHeader, unexpected

if TYPE_CHECKING:
    from kamesh.components.media.engine.decoders import ProgrammeDecoder

__all__ = ["Decode"]

log = logging.getLogger("kamesh")


class Decode(ThreadedComponent):
    """Decodes packets to pictures and sound: all codecs that this build of FFmpeg has.

    The packets may come from Encode, Demux, PacketSource or NetworkSource, in this process or
    another.

    Example:
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> Pipeline(card, Encode(audio=""), Decode(), kept := DataSink()).run()
        >>> len(kept.messages)
        25

    Boxes: "inbox" a StreamHeader, then MediaPackets; "outbox" `av.VideoFrame`; "audio"
    `av.AudioFrame`; "control". A packet that is damaged costs its own picture and is counted.

    How it ends: when the stream ends or it is told on "control": what the decoders hold is sent
    first. A codec that this build of FFmpeg has not is said in the log, and the other stream goes on;
    it fails, with a sentence, when there is no other.
    """

    inboxes: ClassVar = {
        "inbox": "a StreamHeader, then MediaPackets",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "audio": "sound: av.AudioFrame",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}
    formats: Mapping[str, Format] = {
        "inbox": Packets(), "outbox": Pictures(), "audio": Sound(),
    }  # fmt: skip

    def __init__(self, *, name: str | None = None) -> None:
        """Open nothing yet: the header says what will come."""
        super().__init__(name=name)
        self._decoder: ProgrammeDecoder | None = None
        self.frames = 0

    def main(self) -> None:
        """Decode packet after packet."""
        # PyAV takes a tenth of a second to import: only the node that decodes pays for it
        with needing("Decode"):
            from kamesh.components.media.engine.decoders import ProgrammeDecoder

        decoder = self._decoder = ProgrammeDecoder()
        for message in self.inbox:
            if isinstance(message, StreamHeader):
                self._send_frames(decoder.finish())
                decoder.begin(message)
                while decoder.notes:
                    log.warning("%s: %s; the rest goes on", self.path, decoder.notes.pop(0))
            elif isinstance(message, MediaPacket):
                self._send_frames(decoder.decode(message))
            else:
                raise unexpected("Decode", "what Encode sends", message)
        self._send_frames(decoder.finish())

    def _send_frames(self, frames: Any) -> None:
        for frame in frames:
            if hasattr(frame, "sample_rate"):
                self.send(frame, "audio")
            else:
                self.send(frame)
                self.frames += 1

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        decoder = self._decoder
        return {
            "frames": self.frames,
            "damaged": decoder.damaged if decoder else 0,
            "skipped": decoder.skipped if decoder else 0,
        }
