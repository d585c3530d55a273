"""Chunks: a byte stream in pieces, some of which a newcomer may begin with; and its fan-out.

`Fanout` is the decision part of every server of a live stream, with no socket and no clock: what a
newcomer is given first, what each viewer has waiting, and what a slow one misses.

Laws
1. A newcomer begins with the latest chunk that is a place to begin, and all that has followed it.
2. What waits for a viewer is bounded in bytes. One that is slow misses whole stretches, each up to
   the next place to begin, and every chunk missed is counted; it never makes another wait.
3. Chunks are never changed, split or put in another order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from kamesh.codec import register

__all__ = ["Chunk", "Fanout", "FanoutStatistics", "Preamble", "Viewer"]

VIEWER_BYTES = 4 << 20  # what may wait for one viewer: some ten seconds of a 3 Mbit/s stream
RECENT_BYTES = 16 << 20  # what is kept for newcomers


@register(name="chunks.Chunk")
@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a byte stream: whole packets of it, or one fragment.

    `keyframe` says that a receiver which knows nothing yet may begin here. `pts` is the time in
    seconds, on the stream's own clock, at which its first picture or sound is to be presented.
    `sequence` counts the chunks of the stream from 0.
    """

    data: bytes
    keyframe: bool = True
    pts: float = 0.0
    sequence: int = 0


@register(name="chunks.Preamble")
@dataclass(frozen=True, slots=True)
class Preamble:
    """What every newcomer must be given before any chunk, such as the head of a fragmented MP4.

    It makes an end of what came before it: a stream that sends a second one has begun anew.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class FanoutStatistics:
    """A fan-out in figures: viewers now and in all, bytes, chunks that slow ones missed."""

    viewers: int
    viewers_ever: int
    bytes_in: int
    bytes_out: int
    skipped: int
    recent_bytes: int


class Viewer:
    """One receiver: what waits for it. Made by `Fanout.join`."""

    __slots__ = (
        "_fanout",
        "_queue",
        "_wake",
        "began",
        "bytes_out",
        "ended",
        "skipped",
        "skipping",
        "waiting",
    )

    def __init__(self, fanout: Fanout, wake: Callable[[], None]) -> None:
        """Start with nothing; `wake` is called whenever there is something to take, or the end."""
        self._fanout = fanout
        self._queue: deque[bytes] = deque()
        self._wake = wake
        self.waiting = 0  # bytes
        self.bytes_out = 0
        self.skipped = 0  # chunks
        self.began = False
        self.skipping = True
        self.ended = False

    def offer(self, chunk: Chunk) -> None:
        """Queue `chunk`, or count it as skipped."""
        if self.skipping and chunk.keyframe and self.waiting <= self._fanout.viewer_bytes // 2:
            self.skipping = False
        if (
            not self.skipping
            and self.waiting
            and self.waiting + len(chunk.data) > self._fanout.viewer_bytes
        ):
            self.skipping = True
        if not self.skipping:
            self.began = True
            self.push(chunk.data)
        elif self.began:
            self.skipped += 1
            self._fanout.skipped += 1

    def push(self, data: bytes) -> None:
        """Queue bytes that must not be skipped."""
        self._queue.append(data)
        self.waiting += len(data)
        self._wake()

    def take(self) -> bytes | None:
        """Take the oldest piece, or None when nothing waits."""
        if not self._queue:
            return None
        data = self._queue.popleft()
        self.waiting -= len(data)
        self.bytes_out += len(data)
        self._fanout.bytes_out += len(data)
        return data

    def restart(self, preamble: bytes) -> None:
        """Begin anew: what follows belongs to a new stream."""
        self.skipping = True
        if preamble:
            self.push(preamble)

    def end(self) -> None:
        """Hear that no more will come; what waits may still be taken."""
        self.ended = True
        self._wake()


class Fanout:
    """Deals one stream of chunks to any number of viewers.

    Example:
        fanout = Fanout()
        viewer = fanout.join(wake=event.set)
        fanout.put(chunk)
        data = viewer.take()
    """

    def __init__(
        self, *, viewer_bytes: int = VIEWER_BYTES, recent_bytes: int = RECENT_BYTES
    ) -> None:
        """Keep at most `viewer_bytes` for each viewer and `recent_bytes` for newcomers."""
        self.viewer_bytes = viewer_bytes
        self.recent_bytes = recent_bytes
        self.preamble = b""
        self.ended = False
        self.bytes_in = self.bytes_out = self.skipped = 0
        self.viewers: dict[Viewer, None] = {}
        self._viewers_ever = 0
        self._recent: list[Chunk] = []
        self._recent_size = 0

    @property
    def ready(self) -> bool:
        """Whether a newcomer would be given something at once."""
        return bool(self._recent)

    def put(self, item: Chunk | Preamble | bytes) -> None:
        """Deal the next piece; plain bytes are a chunk that anyone may begin with."""
        if isinstance(item, Preamble):
            self._begin(item)
            return
        if isinstance(item, bytes | bytearray | memoryview):
            item = Chunk(bytes(item))
        elif not isinstance(item, Chunk):
            raise TypeError(
                f"a stream is dealt out as Chunks or bytes, not as {type(item).__name__}"
            )
        chunk = item
        self.bytes_in += len(chunk.data)
        self._remember(chunk)
        for viewer in self.viewers:
            viewer.offer(chunk)

    def _begin(self, preamble: Preamble) -> None:
        self.preamble = preamble.data
        self._recent, self._recent_size = [], 0
        for viewer in self.viewers:
            viewer.restart(preamble.data)

    def _remember(self, chunk: Chunk) -> None:
        if chunk.keyframe:
            self._recent, self._recent_size = [chunk], len(chunk.data)
        elif self._recent:
            self._recent.append(chunk)
            self._recent_size += len(chunk.data)
        if self._recent_size > self.recent_bytes:  # then newcomers wait for the next place to begin
            self._recent, self._recent_size = [], 0

    def join(self, wake: Callable[[], None]) -> Viewer:
        """Admit a viewer and queue for it what it needs to begin."""
        viewer = Viewer(self, wake)
        self._viewers_ever += 1
        self.viewers[viewer] = None
        if self.preamble:
            viewer.push(self.preamble)
        for chunk in self._recent:
            viewer.offer(chunk)
        if self.ended:
            viewer.end()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; twice is once."""
        self.viewers.pop(viewer, None)

    def end(self) -> None:
        """Tell every viewer that the stream is over."""
        self.ended = True
        for viewer in self.viewers:
            viewer.end()

    def statistics(self) -> FanoutStatistics:
        """Give the figures."""
        return FanoutStatistics(
            len(self.viewers),
            self._viewers_ever,
            self.bytes_in,
            self.bytes_out,
            self.skipped,
            self._recent_size,
        )
