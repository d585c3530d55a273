"""Cloning: the same picture with another time, without copying its pixels. Imports PyAV.

PyAV has no way to do so but FFmpeg's filters, which hand on what they do not change: a graph of no
filter at all.

Law: the picture that was handed in is not changed, and shares its pixels with what is given.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

__all__ = ["Cloner"]


class Cloner:
    """Clones pictures.

    Example: `Cloner().clone(picture, 7, Fraction(1, 25))` is the picture at 7/25 s.
    """

    def __init__(self) -> None:
        """Begin with no graph."""
        self._form = ""
        self._source: Any = None
        self._sink: Any = None
        self._graph: Any = None

    def clone(self, frame: av.VideoFrame, pts: int, time_base: Fraction) -> av.VideoFrame:
        """Give `frame` with this time."""
        if (frame.pts, frame.time_base) == (pts, time_base):
            return frame
        form = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25:"
            f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        if form != self._form:
            self._form, self._graph = form, Graph()
            self._source = self._graph.add("buffer", form)
            self._sink = self._graph.add("buffersink")
            self._source.link_to(self._sink)
            self._graph.configure()
        self._source.push(frame)
        other: av.VideoFrame = self._sink.pull()
        other.pts, other.time_base = pts, time_base
        return other
