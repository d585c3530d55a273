"""Segments: a stream of chunks cut for HLS, and the playlist of them (RFC 8216). Pure.

Laws
1. A segment begins with a chunk that a newcomer may begin with, if the stream has such; it is as long
   as such chunks allow within `target` seconds, and longer only where they are further apart.
2. Durations are differences of time stamps. A stream that begins anew, or of which something is
   missing, is marked as a discontinuity, and both sides of it are numbered without a gap.
3. The playlist names the last `window` segments; those it does not name any more are kept for as long
   again (6.2.2), then given up by name. What is kept is bounded, in bytes too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil

from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.refusing import between, more_than, whole

__all__ = ["Playlist", "Segment", "Segmenter"]

LONGEST = 64 << 20  # bytes of a segment in which there is no place to begin
BACK, AHEAD = 1.0, 10.0  # seconds that time stamps go back and ahead without a new beginning


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its number, its bytes, its seconds.

    `head` is the number of the preamble that it needs, if it is of fragmented MP4, `head_data` its bytes.
    """

    number: int
    data: bytes
    duration: float
    discontinuity: bool = False
    head: int | None = None
    head_data: bytes = b""


class Segmenter:
    """Cuts chunks into segments.

    Example:
        segmenter = Segmenter(target=4.0)
        for chunk in chunks:
            for segment in segmenter.put(chunk): ...
        for segment in segmenter.end(): ...

    `skipped` counts the chunks before the first place to begin.
    """

    def __init__(self, target: float = 4.0, longest: int = LONGEST) -> None:
        """Aim at `target` seconds; WrongFigure if that is none."""
        more_than(0, target, "the seconds of a segment")
        between(0, 3600, target, "the seconds of a segment")
        whole(1, longest, "the bytes of a segment")
        self.target = target
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0
        self._start = self._last_key = self._latest = self._before = 0.0
        self._group = 0.0  # seconds between the last two places to begin
        self._next = 0
        self._last: Chunk | None = None
        self._broken = self._ever = False
        self._head: int | None = None
        self._head_data = b""
        self.skipped = 0

    def put(self, item: Chunk | Preamble) -> list[Segment]:
        """Take a chunk; give the segments that are whole with it. TypeError for what is none."""
        if isinstance(item, Preamble):
            done = self._cut()
            self._broken = self._ever
            self._last = None
            self._head = 0 if self._head is None else self._head + 1
            self._head_data = item.data
            return done
        if not isinstance(item, Chunk):
            raise TypeError(
                f"HLS is made of Chunks, which say their times, not of {type(item).__name__}: link it "
                f"to MuxMPEGTS"
            )
        done = []
        if self._last is not None and _new_beginning(self._last, self._latest, item):
            done = self._cut()
            self._broken = True
        self._last = item
        if not self._pieces:
            if not item.keyframe and not (self._ever and not self._broken):
                self.skipped += 1
                return done
            self._begin(item)
        elif item.keyframe:
            self._group = item.pts - self._last_key
            self._last_key = item.pts
            if item.pts - self._start + self._group > self.target + 1e-6:
                done += self._cut(item.pts)
                self._begin(item)
        elif self._size + len(item.data) > self._longest:
            done += self._cut(item.pts)
            self._begin(item)
        self._pieces.append(item.data)
        self._size += len(item.data)
        if item.pts > self._latest:
            self._before, self._latest = self._latest, item.pts
        return done

    def end(self) -> list[Segment]:
        """Give what is left."""
        return self._cut()

    def _begin(self, chunk: Chunk) -> None:
        self._start = self._last_key = self._before = self._latest = chunk.pts
        self._size = 0

    def _cut(self, until: float | None = None) -> list[Segment]:
        if not self._pieces:
            return []
        if until is None:  # what comes last lasts about as long as what came before it
            until = self._latest + (self._latest - self._before)
        duration = max(until - self._start, 0.001)
        segment = Segment(
            self._next,
            b"".join(self._pieces),
            duration,
            self._broken and self._ever,
            self._head,
            self._head_data,
        )
        self._next += 1
        self._pieces, self._size = [], 0
        self._broken, self._ever = False, True
        return [segment]


def _new_beginning(last: Chunk, latest: float, chunk: Chunk) -> bool:
    """Say whether `chunk` does not follow `last`."""
    if chunk.sequence not in (last.sequence, last.sequence + 1):
        return True
    return not -BACK <= chunk.pts - latest <= AHEAD


class Playlist:
    """The playlist of the last segments.

    Example: `playlist.add(segment)` gives the names of files that nobody needs any more;
    `playlist.text()` is what players read.
    """

    def __init__(self, name: str, target: float, window: int | None = 6) -> None:
        """Begin empty; `window` None keeps all. WrongFigure for fewer than 3, which players need."""
        if window is not None:
            whole(3, window, "the number of segments in a playlist for players")
        self._name = name
        self._target = ceil(target)
        self._window = window
        self._listed: deque[Segment] = deque()
        self._passed: deque[Segment] = deque()  # no longer listed, and still kept
        self._discontinuities = 0  # that are no longer listed
        self.ended = False

    def file(self, segment: Segment) -> str:
        """Give the name of a segment."""
        return f"{self._name}-{segment.number}.{'ts' if segment.head is None else 'm4s'}"

    def head_file(self, head: int) -> str:
        """Give the name of a head."""
        return f"{self._name}-head{head}.mp4"

    @property
    def listed(self) -> int:
        """How many segments it names."""
        return len(self._listed)

    def add(self, segment: Segment) -> list[str]:
        """Name one more segment; give the files that nobody needs any more."""
        self._target = max(self._target, round(segment.duration))
        self._listed.append(segment)
        if self._window is None:
            return []
        while len(self._listed) > self._window:
            old = self._listed.popleft()
            self._discontinuities += old.discontinuity
            self._passed.append(old)
        gone = []
        while len(self._passed) > self._window + 1:
            old = self._passed.popleft()
            gone.append(self.file(old))
            heads = {one.head for one in (*self._passed, *self._listed)}
            if old.head is not None and old.head not in heads:
                gone.append(self.head_file(old.head))
        return gone

    def end(self) -> None:
        """Say that no more will come."""
        self.ended = True

    def text(self) -> str:
        """Write it."""
        fragmented = any(segment.head is not None for segment in self._listed)
        first = self._listed[0].number if self._listed else 0
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{7 if fragmented else 3}",
            f"#EXT-X-TARGETDURATION:{self._target}",
            f"#EXT-X-MEDIA-SEQUENCE:{first}",
        ]
        if self._discontinuities:
            lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._discontinuities}")
        if self._window is None:
            lines.append("#EXT-X-PLAYLIST-TYPE:EVENT")
        head: int | None = None
        for segment in self._listed:
            if segment.discontinuity:
                lines.append("#EXT-X-DISCONTINUITY")
            if segment.head is not None and segment.head != head:
                head = segment.head
                lines.append(f'#EXT-X-MAP:URI="{self.head_file(head)}"')
            lines += [f"#EXTINF:{segment.duration:.5f},", self.file(segment)]
        if self.ended:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"
