"""Painting: a layer with opacity over pictures of any pixel format, by FFmpeg. Imports PyAV.

Laws: one picture in, one picture out, of the same size, format and time; pictures handed in are not
changed; as long as layer and format stay, nothing is made anew.
"""

from __future__ import annotations

from typing import Any

import av

from kamesh.components.media.engine.drawing import Layer
from kamesh.components.media.engine.filtering import FilterMachine
from kamesh.components.media.trouble import MediaError

__all__ = ["Painter"]


class Painter:
    """Lays one layer over pictures.

    Example: `Painter(layer, (16, 16)).paint(frame)`.
    """

    def __init__(self, layer: Layer, corner: tuple[int, int]) -> None:
        """Take the layer and where its left upper corner goes."""
        self._layer = layer
        self._corner = corner
        self._form: tuple[str, int, int] | None = None
        self._machine: FilterMachine | None = None

    def paint(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Give the picture with the layer over it."""
        form = (frame.format.name, frame.width, frame.height)
        if self._machine is None or form != self._form:
            self._form, self._machine = form, self._made(frame)
        painted: list[Any] = [out for _, out in self._machine.push("inbox", frame)]
        if len(painted) != 1:
            raise MediaError(f"{len(painted)} pictures came of one when a layer was put over it")
        out: av.VideoFrame = painted[0]
        out.pts, out.time_base = frame.pts, frame.time_base
        return out

    def _made(self, frame: av.VideoFrame) -> FilterMachine:
        x, y = self._corner
        machine = FilterMachine(
            f"[inbox][layer]overlay={x}:{y}:format=auto,format={frame.format.name}[outbox]"
        )
        layer: Any = av.VideoFrame.from_ndarray(self._layer, "rgba")
        layer.pts, layer.time_base = frame.pts, frame.time_base
        for _ in machine.push("layer", layer):
            pass  # nothing comes before the first picture
        for _ in machine.end("layer"):
            pass
        return machine
