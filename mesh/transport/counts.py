"""What every transport checks in a message before sending it, and what it counts.

Laws: a message is checked whole before its first frame is sent, since half a message cannot be
taken back; the counters are plain integers of one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from kamesh.transport.interface import (
    Buffer,
    FrameRefused,
    TransportLimits,
    TransportStatistics,
)

__all__ = ["Counts", "checked"]


@dataclass(slots=True)
class Counts:
    """The counters behind TransportStatistics, under the same names."""

    dialed: int = 0
    accepted: int = 0
    lost: int = 0
    refused: int = 0
    broken: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    unsent: int = 0

    def frozen(self, still_open: int) -> TransportStatistics:
        """Return them as they are now."""
        counters = {one.name: getattr(self, one.name) for one in fields(self)}
        return TransportStatistics(open=still_open, **counters)


def checked(
    frames: Sequence[Buffer], limits: TransportLimits
) -> tuple[list[bytes | memoryview], int]:
    """Return the frames as bytes or flat views that keep their memory in place, and their bytes.

    Raises FrameRefused, with a sentence, for what the other side would refuse.
    """
    if not 0 < len(frames) <= limits.frames:
        raise FrameRefused(f"a message has 1 to {limits.frames} frames, not {len(frames)}")
    total = 0
    parts: list[bytes | memoryview] = []
    for frame in frames:
        if type(frame) is bytes:
            size = len(frame)
            parts.append(frame)
        else:
            view = memoryview(frame)  # held until sent, so that a bytearray cannot be resized
            if not view.c_contiguous:
                raise FrameRefused("a frame must be contiguous in memory: send a copy of it")
            size = view.nbytes
            parts.append(view.cast("B") if size else b"")
        if size > limits.frame_bytes:
            raise FrameRefused(
                f"a frame of {size:,} bytes is larger than the {limits.frame_bytes:,} "
                f"that go over a connection: send it in pieces, or raise the limit on both sides"
            )
        total += size
    return parts, total
