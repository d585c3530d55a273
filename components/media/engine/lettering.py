"""Lettering: digits, capitals and a few marks drawn with a round pen, at any size, from strokes alone.

Laws: a glyph is a handful of strokes on a grid four wide and six high, so no font file is needed;
`write` is pure and gives the ink of each pixel, 0 to 1, anti-aliased; it is slow enough (about a
millisecond a glyph) to be called while a picture is prepared, not for each frame.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHABET", "text_width", "write"]

Ink = NDArray[np.float32]
Stroke = tuple[tuple[float, float], ...]

GRID_HEIGHT = 6.0
ADVANCE = 5.6  # from one glyph to the next
NARROW = {
    ":": 2.4, ".": 2.4, ",": 2.4, "!": 2.8, "'": 2.4, '"': 3.8, "(": 3.4, ")": 3.4, " ": 3.4,
}  # fmt: skip
PEN = 0.8  # width of the stroke


def _arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> Stroke:
    """Give part of an ellipse; degrees grow clockwise from the right, as y grows downwards."""
    steps = max(2, round(abs(stop - start) / 12))
    angles = (radians(start + (stop - start) * i / steps) for i in range(steps + 1))
    return tuple((x + rx * cos(a), y + ry * sin(a)) for a in angles)


def _curve(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> Stroke:
    """Give a quadratic curve from `a` to `c`, pulled towards `b`."""
    steps = 10
    weights = (
        ((1 - t) ** 2, 2 * t * (1 - t), t * t) for t in (i / steps for i in range(steps + 1))
    )
    return tuple(
        (p * a[0] + q * b[0] + r * c[0], p * a[1] + q * b[1] + r * c[1]) for p, q, r in weights
    )


_BOWL = (*_arc(2.4, 1.5, 1.6, 1.5, 270, 450), (0.0, 3.0))
_GLYPHS: dict[str, tuple[Stroke, ...]] = {
    "0": ((*_arc(2, 2, 2, 2, 180, 360), *_arc(2, 4, 2, 2, 0, 180), (0.0, 2.0)),),
    "1": (((0.7, 1.3), (2.3, 0.0), (2.3, 6.0)),),
    "2": ((*_arc(2, 2, 2, 2, 190, 395), (0.0, 6.0), (4.0, 6.0)),),
    "3": ((*_arc(2, 1.45, 1.8, 1.45, 200, 450), *_arc(2, 4.45, 2, 1.55, 270, 520)),),
    "4": (((3.0, 6.0), (3.0, 0.0), (0.0, 4.2), (4.0, 4.2)),),
    "5": (((3.7, 0.0), (0.6, 0.0), (0.35, 2.75), *_arc(1.95, 4, 2.05, 2, 217, 515)),),
    "6": (_arc(2, 4, 2, 2, 0, 360), _curve((3.3, 0.0), (0.2, 1.2), (0.0, 4.0))),
    "7": (((0.0, 0.0), (4.0, 0.0), (1.4, 6.0)),),
    "8": (_arc(2, 1.45, 1.7, 1.45, 0, 360), _arc(2, 4.45, 2, 1.55, 0, 360)),
    "9": (_arc(2, 2, 2, 2, 0, 360), _curve((4.0, 2.0), (3.8, 4.8), (0.7, 6.0))),
    ":": (((0.4, 1.7), (0.4, 1.7)), ((0.4, 4.5), (0.4, 4.5))),
    ".": (((0.4, 5.9), (0.4, 5.9)),),
    "-": (((0.8, 3.2), (3.2, 3.2)),),
    "/": (((0.2, 6.0), (3.8, 0.0)),),
    " ": (),
    ",": (((0.7, 5.2), (0.4, 5.9)),),
    "!": (((0.7, 0.0), (0.7, 4.0)), ((0.7, 5.9), (0.7, 5.9))),
    "?": (
        (*_arc(2, 1.6, 1.8, 1.6, 190, 420), (2.0, 3.4), (2.0, 4.1)),
        ((2.0, 5.9), (2.0, 5.9)),
    ),
    "'": (((0.6, 0.0), (0.5, 1.4)),),
    '"': (((0.6, 0.0), (0.5, 1.4)), ((2.0, 0.0), (1.9, 1.4))),
    "(": (_curve((1.5, 0.0), (-0.6, 3.0), (1.5, 6.0)),),
    ")": (_curve((0.4, 0.0), (2.5, 3.0), (0.4, 6.0)),),
    "+": (((2.0, 1.3), (2.0, 5.1)), ((0.1, 3.2), (3.9, 3.2))),
    "=": (((0.3, 2.3), (3.7, 2.3)), ((0.3, 4.2), (3.7, 4.2))),
    "%": (((0.0, 6.0), (4.0, 0.0)), _arc(0.8, 1, 0.8, 1, 0, 360), _arc(3.2, 5, 0.8, 1, 0, 360)),
    "A": (((0.0, 6.0), (2.0, 0.0), (4.0, 6.0)), ((0.8, 4.0), (3.2, 4.0))),
    "B": (
        ((0.0, 0.0), *_BOWL),
        ((0.0, 3.0), *_arc(2.5, 4.5, 1.5, 1.5, 270, 450), (0.0, 6.0), (0.0, 0.0)),
    ),
    "C": (_arc(2.1, 3, 2.1, 3, 320, 40),),
    "D": (((0.0, 6.0), (0.0, 0.0), *_arc(1.4, 3, 2.6, 3, 270, 450), (0.0, 6.0)),),
    "E": (((3.7, 0.0), (0.0, 0.0), (0.0, 6.0), (3.7, 6.0)), ((0.0, 3.0), (3.1, 3.0))),
    "F": (((3.7, 0.0), (0.0, 0.0), (0.0, 6.0)), ((0.0, 3.0), (3.1, 3.0))),
    "G": ((*_arc(2.1, 3, 2.1, 3, 320, 0), (2.4, 3.2)),),
    "H": (((0.0, 0.0), (0.0, 6.0)), ((4.0, 0.0), (4.0, 6.0)), ((0.0, 3.0), (4.0, 3.0))),
    "I": (((2.0, 0.0), (2.0, 6.0)),),
    "J": (((3.4, 0.0), *_arc(1.7, 4.2, 1.7, 1.8, 0, 180)),),
    "K": (((0.0, 0.0), (0.0, 6.0)), ((3.8, 0.0), (0.0, 3.6)), ((1.4, 2.5), (4.0, 6.0))),
    "L": (((0.0, 0.0), (0.0, 6.0), (3.7, 6.0)),),
    "M": (((0.0, 6.0), (0.0, 0.0), (2.0, 3.6), (4.0, 0.0), (4.0, 6.0)),),
    "N": (((0.0, 6.0), (0.0, 0.0), (4.0, 6.0), (4.0, 0.0)),),
    "O": (_arc(2, 3, 2.15, 3, 0, 360),),
    "P": (((0.0, 6.0), (0.0, 0.0), *_BOWL),),
    "Q": (_arc(2, 3, 2.15, 3, 0, 360), ((2.5, 4.4), (4.0, 6.0))),
    "R": (((0.0, 6.0), (0.0, 0.0), *_BOWL), ((1.9, 3.0), (4.0, 6.0))),
    "S": ((*_arc(2, 1.5, 1.9, 1.5, 335, 90), *_arc(2, 4.5, 2, 1.5, 270, 520)),),
    "T": (((0.0, 0.0), (4.0, 0.0)), ((2.0, 0.0), (2.0, 6.0))),
    "U": (((0.0, 0.0), *_arc(2, 4, 2, 2, 180, 0), (4.0, 0.0)),),
    "V": (((0.0, 0.0), (2.0, 6.0), (4.0, 0.0)),),
    "W": (((-0.2, 0.0), (0.9, 6.0), (2.0, 1.6), (3.1, 6.0), (4.2, 0.0)),),
    "X": (((0.1, 0.0), (3.9, 6.0)), ((3.9, 0.0), (0.1, 6.0))),
    "Y": (((0.0, 0.0), (2.0, 3.0), (4.0, 0.0)), ((2.0, 3.0), (2.0, 6.0))),
    "Z": (((0.0, 0.0), (4.0, 0.0), (0.0, 6.0), (4.0, 6.0)),),
}
ALPHABET = "".join(_GLYPHS)


def text_width(text: str, height: int) -> int:
    """Give the width in pixels of `text` written `height` pixels high."""
    return round(sum(_advance(c) for c in text) * height / GRID_HEIGHT)


@cache
def _advance(character: str) -> float:
    return NARROW.get(character, ADVANCE)


def write(text: str, height: int, *, pen: float = PEN) -> Ink:
    """Draw `text` with capitals `height` pixels high; the ink of each pixel, 0 to 1.

    Example: `write("12:34", 80)` has shape (80 + a margin for the pen, `text_width(...)`).
    What the alphabet lacks (see ALPHABET) is left blank; lower case is written as capitals.
    """
    unit = height / GRID_HEIGHT
    margin = round(unit * pen / 2) + 1
    out = np.zeros((height + 2 * margin, max(1, text_width(text, height))), np.float32)
    x = (ADVANCE - 4) / 2
    for character in text.upper():
        strokes = _GLYPHS.get(character, ())
        for stroke in strokes:
            _ink(out, stroke, x, unit, margin, pen)
        x += _advance(character)
    return out


def _ink(out: Ink, stroke: Stroke, left: float, unit: float, margin: int, pen: float) -> None:
    """Lay one stroke: full ink within half a pen of it, falling off over one pixel."""
    points = [((x + left) * unit, y * unit + margin) for x, y in stroke]
    reach = pen * unit / 2 + 1
    x0 = max(0, int(min(p[0] for p in points) - reach))
    x1 = min(out.shape[1], int(max(p[0] for p in points) + reach) + 2)
    if x1 <= x0:
        return
    ys, xs = np.mgrid[0 : out.shape[0], x0:x1].astype(np.float32) + np.float32(0.5)
    nearest = np.full(xs.shape, np.inf, np.float32)
    for (ax, ay), (bx, by) in pairwise(points):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy or 1.0
        along = np.clip(((xs - ax) * dx + (ys - ay) * dy) / length, 0, 1)
        np.minimum(nearest, (xs - ax - along * dx) ** 2 + (ys - ay - along * dy) ** 2, out=nearest)
    ink = np.clip(pen * unit / 2 + 0.5 - np.sqrt(nearest), 0, 1)
    np.maximum(out[:, x0:x1], ink, out=out[:, x0:x1])
