"""Drawing: words as a picture of red, green, blue and opacity; where a picture is put. NumPy only.

Laws: pure, and slow enough (some milliseconds a line) to be called when the words change, not for
each frame; letters that the alphabet of `lettering` lacks are written without their accents, or left
blank.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kamesh.components.media.engine.lettering import write
from kamesh.components.refusing import WrongFigure

__all__ = ["Layer", "draw_words", "place"]

Layer = NDArray[np.uint8]  # height x width x 4: red, green, blue, opacity

GAP = 0.4  # of the letters' height, between lines and around them
PLACES: Mapping[str, float] = {
    "left": 0.0, "right": 1.0, "top": 0.0, "bottom": 1.0, "center": 0.5,
}  # fmt: skip
MARGIN = 0.04  # of the picture's height


def draw_words(
    words: str, height: int, colour: tuple[int, int, int] = (255, 255, 255), box: float = 0.6
) -> Layer:
    """Draw lines of words, each in the middle, with letters `height` pixels high.

    `box` is the opacity, 0 to 1, of the black behind them. Example: `draw_words("NEWS", 40).shape`.
    """
    gap = max(1, round(height * GAP))
    inks = [write(_plain(line), height) for line in words.split("\n")]
    tall = sum(ink.shape[0] for ink in inks) + gap * (len(inks) - 1) + 2 * gap
    wide = max(ink.shape[1] for ink in inks) + 2 * gap
    layer = np.zeros((tall, wide, 4), np.float32)
    layer[..., 3] = box
    y = gap
    for ink in inks:
        x = (wide - ink.shape[1]) // 2
        part = layer[y : y + ink.shape[0], x : x + ink.shape[1]]
        part[..., 3] = ink + part[..., 3] * (1 - ink)  # ink over box
        for channel, value in enumerate(colour):
            part[..., channel] = value / 255 * ink / np.maximum(part[..., 3], 1e-6)
        y += ink.shape[0] + gap
    drawn: Layer = np.rint(np.clip(layer, 0, 1) * 255).astype(np.uint8)
    return drawn


def place(
    position: str | tuple[int, int], size: tuple[int, int], within: tuple[int, int]
) -> tuple[int, int]:
    """Give the left upper corner of a layer of `size` in a picture: (x, y) in pixels.

    `position` is a corner or a side in words ("bottom", "top right", "center"), or (x, y), counted
    from the right or from below where it is negative. Example: `place("center", (20, 10), (100, 50))`
    is (40, 20).
    """
    (wide, tall), (width, height) = size, within
    if not isinstance(position, str):
        x, y = position
        return (x if x >= 0 else width - wide + x + 1), (y if y >= 0 else height - tall + y + 1)
    margin = round(height * MARGIN)
    across = down = 0.5
    for word in position.split():
        if word not in PLACES:
            raise WrongFigure(
                f"{position!r} is no place in a picture: write {', '.join(PLACES)}, two of them, "
                "or (x, y) in pixels"
            )
        if word in ("top", "bottom"):
            down = PLACES[word]
        elif word != "center":
            across = PLACES[word]
    return (
        margin + round((width - wide - 2 * margin) * across) if across != 0.5 else (width - wide) // 2,
        margin + round((height - tall - 2 * margin) * down) if down != 0.5 else (height - tall) // 2,
    )


def _plain(line: str) -> str:
    """Take accents off, as the alphabet has none."""
    apart = unicodedata.normalize("NFKD", line)
    return "".join(each for each in apart if not unicodedata.combining(each))
