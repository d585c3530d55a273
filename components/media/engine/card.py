"""The test card: what each of its frames shows, as arrays, with no component and no PyAV.

Laws: a frame is a pure function of its number, so any frame can be drawn again and compared; all
that never moves is drawn once, and all that moves is brightness only, so a frame costs one copy of
the picture and a few small patches; each frame carries its own number as a row of dark and bright
blocks that survives encoding, so that a recording can prove which frames arrived.

The number is 32 bits, the most significant first, then the CRC-8 (polynomial 0x07, initial value
0xFF) of its four bytes: forty blocks across the picture. The colours are the 75 % bars of
ITU-R BT.709, limited range.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import pi

import numpy as np
from numpy.typing import NDArray

from kamesh.components.media.engine.lettering import text_width, write

__all__ = ["Card", "Planes", "crc8", "flash_is_on", "read_number", "timecode"]

Plane = NDArray[np.uint8]
Real = NDArray[np.float32]

BLOCKS = 40  # 32 bits of number, 8 of check
BLOCK_TOP, BLOCK_BOTTOM = 0.945, 0.985  # of the height
FLASH_FRAMES = 2  # at the start of each second
BLACK, WHITE, DARK = 16, 235, 24

_BARS = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1)]
_STEPS = [(0, 0, 1), (0, 0, 0), (1, 0, 1), (0, 0, 0), (0, 1, 1), (0, 0, 0), (1, 1, 1)]


@dataclass(frozen=True, slots=True)
class Planes:
    """A YUV 4:2:0 picture: `y` is height x width, `u` and `v` half of each."""

    y: Plane
    u: Plane
    v: Plane


def timecode(number: int, rate: Fraction) -> str:
    """Give `hh:mm:ss.ff` of a frame: ff counts the frames of its second; hours wrap at a day."""
    per_second = max(1, round(rate))
    seconds, frame = divmod(number, per_second)
    hours, minutes = seconds // 3600 % 24, seconds // 60 % 60
    return f"{hours:02}:{minutes:02}:{seconds % 60:02}.{frame:02}"


def flash_is_on(number: int, rate: Fraction) -> bool:
    """Say whether the flash is lit in this frame, and the blip sounds with it."""
    return number % max(1, round(rate)) < FLASH_FRAMES


def crc8(value: int) -> int:
    """Give the check of a 32-bit number, so that a black or a white picture reads as no number."""
    crc = 0xFF
    for byte in value.to_bytes(4, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def read_number(luma: Plane) -> int | None:
    """Read the frame number off the brightness of a picture of any size; None if it bears none."""
    height, width = luma.shape
    top = round(height * (BLOCK_TOP * 0.7 + BLOCK_BOTTOM * 0.3))
    bottom = max(top + 1, round(height * (BLOCK_TOP * 0.3 + BLOCK_BOTTOM * 0.7)))
    line = luma[top:bottom].mean(axis=0)
    third = width / BLOCKS / 3
    value = 0
    for left in _edges(width)[:-1]:
        level = float(
            line[round(left + third) : max(round(left + 2 * third), round(left + third) + 1)].mean()
        )
        if 100 < level < 150:
            return None
        value = value << 1 | (level > 125)
    number, check = value >> 8, value & 0xFF
    return number if crc8(number) == check else None


def _edges(width: int) -> list[int]:
    return [round(i * width / BLOCKS) for i in range(BLOCKS + 1)]


class Card:
    """Draws the frames of one test card.

    Example: `Card((1280, 720), Fraction(25)).draw(picture, 7)` where `picture` is an array of
    brightness that starts as a copy of `card.still.y`; the colours are `card.still.u` and `.v`.
    `size` is width and height in pixels, both even, at least 160 x 90.
    """

    def __init__(self, size: tuple[int, int], rate: Fraction, label: str = "KAMESH") -> None:
        """Draw all that never moves. Takes some 0.2 s at 1280x720."""
        self.width, self.height = size
        self.rate = rate
        self._per_second = max(1, round(rate))
        w, h = self.width, self.height
        unit = min(h, w / 1.45)  # so that the panel fits a tall picture too
        panel = round(unit * 0.36)
        left, top = round(w * 0.5 - unit * 0.63), round(h * 0.48 - unit * 0.18)
        self._box = (left, top, round(w * 0.5 + unit * 0.63), top + panel)
        self._unit = unit
        margin = round(unit * 0.06)
        self._ring_size = round(panel * 0.54)
        self._ring_at = (left + margin, top + round(panel * 0.14))
        self._clock_at = (left + margin * 2 + self._ring_size, top + round(panel * 0.13))
        self._glyphs = {c: _luma(write(c, round(panel * 0.27))) for c in "0123456789:."}
        small = round(panel * 0.115)
        self._small = {c: _luma(write(c, small)) for c in "0123456789"}
        number_top = top + round(panel * 0.545)
        self._number_at = (self._clock_at[0] + text_width("FRAME ", small), number_top)
        flash_right = self._box[2] - margin
        self._flash_at = (
            flash_right - round(unit * 0.14),
            number_top + 1,
            flash_right,
            number_top + self._small["0"].shape[0] - 1,
        )
        self._rings = [self._ring(i / self._per_second) for i in range(self._per_second)]
        self._track = (round(h * 0.845), round(h * 0.90))
        self.still = self._still(label, small)

    def draw(self, picture: Plane, number: int) -> None:
        """Draw what moves in frame `number` over a copy of the still picture's brightness."""
        flash = flash_is_on(number, self.rate)
        x, y = self._clock_at
        _letters(picture, timecode(number, self.rate), self._glyphs, x, y)
        _letters(picture, f"{number:08}", self._small, *self._number_at)
        ring = self._rings[number % self._per_second]
        x, y = self._ring_at
        picture[y : y + ring.shape[0], x : x + ring.shape[1]] = ring
        if flash:
            x0, y0, x1, y1 = self._flash_at
            picture[y0:y1, x0:x1] = WHITE
        self._draw_marker(picture, number)
        self._draw_blocks(picture, number)

    def _draw_marker(self, picture: Plane, number: int) -> None:
        """Draw a bar that crosses the picture once in four seconds."""
        top, bottom = self._track
        wide = max(4, self.width // 80)
        period = self._per_second * 4
        left = number % period * (self.width - wide) // period
        picture[top:bottom, left : left + wide] = WHITE

    def _draw_blocks(self, picture: Plane, number: int) -> None:
        number &= 0xFFFFFFFF
        value = number << 8 | crc8(number)
        bits = [value >> (BLOCKS - 1 - i) & 1 for i in range(BLOCKS)]
        row = np.repeat(
            np.where(np.array(bits, bool), np.uint8(WHITE), np.uint8(BLACK)),
            np.diff(_edges(self.width)),
        )
        top = round(self.height * BLOCK_TOP)
        picture[top : max(top + 1, round(self.height * BLOCK_BOTTOM))] = row

    # what never moves

    def _still(self, label: str, small: int) -> Planes:
        w, h = self.width, self.height
        rgb = np.full((h, w, 3), _level(DARK), np.float32)
        for top, bottom, colours, gain in ((0.0, 0.70, _BARS, 0.75), (0.70, 0.75, _STEPS, 0.75)):
            edges = [round(i * w / 14) * 2 for i in range(7)] + [w]
            for colour, x0, x1 in zip(colours, edges, edges[1:], strict=False):
                rgb[_even(h * top) : _even(h * bottom), x0:x1] = np.array(colour) * gain
        rgb[_even(h * 0.75) : _even(h * 0.83)] = np.linspace(0, 1, w, dtype=np.float32)[
            None, :, None
        ]
        self._draw_circle(rgb)
        self._draw_box(rgb)
        left, _, right, bottom = self._box
        faint = np.float32(0.55)
        title = f"{label} - {w} X {h} - {float(self.rate):.5g} FPS"
        tiny = max(5, round(small * 0.62))
        while text_width(title, tiny) > right - left and tiny > 5:
            tiny -= 1
        _blend(
            rgb,
            write(title, tiny),
            round(w / 2 - text_width(title, tiny) / 2),
            bottom - round(self._unit * 0.07),
            faint,
        )
        _blend(rgb, write("FRAME ", small), self._clock_at[0], self._number_at[1], faint)
        return _to_yuv(rgb)

    def _draw_circle(self, rgb: Real) -> None:
        """Draw a circle the height of the picture: round only if nobody has stretched it."""
        h, w = rgb.shape[:2]
        ys, xs = np.ogrid[0:h, 0:w]
        away = np.abs(np.hypot(xs + 0.5 - w / 2, ys + 0.5 - h * 0.48) - min(h * 0.45, w * 0.48))
        ink = np.clip(h / 480 + 0.5 - away, 0, 1)[:, :, None].astype(np.float32)
        rgb[:] = rgb * (1 - ink) + ink

    def _draw_box(self, rgb: Real) -> None:
        """Draw a dark panel with round corners for all that is written."""
        h, w = rgb.shape[:2]
        left, top, right, bottom = self._box
        radius = self._unit * 0.05
        ys, xs = np.ogrid[0:h, 0:w]
        dx = np.maximum(np.abs(xs + 0.5 - (left + right) / 2) - (right - left) / 2 + radius, 0)
        dy = np.maximum(np.abs(ys + 0.5 - (top + bottom) / 2) - (bottom - top) / 2 + radius, 0)
        ink = np.clip(radius + 0.5 - np.hypot(dx, dy), 0, 1)[:, :, None].astype(np.float32)
        rgb[:] = rgb * (1 - ink) + np.float32(_level(DARK)) * ink

    def _ring(self, turn: float) -> Plane:
        """Draw a dial whose bright part grows clockwise from the top, once round in a second."""
        n = self._ring_size
        ys, xs = np.mgrid[0:n, 0:n].astype(np.float32) + np.float32(0.5) - n / 2
        away = np.abs(np.hypot(xs, ys) - n * 0.41)
        ink = np.clip(n * 0.05 + 0.5 - away, 0, 1)
        angle = np.arctan2(xs, -ys) / (2 * pi) % 1
        reached = angle <= turn + 1 / self._per_second
        level = np.where(reached, WHITE, 72)
        hand = np.clip(n * 0.02 + 0.5 - _from_hand(xs, ys, turn, n * 0.30), 0, 1)
        ink, level = np.maximum(ink, hand), np.where(hand > 0, WHITE, level)
        picture: Plane = (DARK + ink * (level - DARK)).astype(np.uint8)
        return picture


def _from_hand(xs: Real, ys: Real, turn: float, length: float) -> Real:
    """How far each pixel is from the hand of the dial."""
    hx, hy = np.sin(2 * pi * turn), -np.cos(2 * pi * turn)
    along = np.clip(xs * hx + ys * hy, 0, length)
    far: Real = np.hypot(xs - along * hx, ys - along * hy)
    return far


def _letters(picture: Plane, text: str, glyphs: dict[str, Plane], x: int, y: int) -> None:
    for character in text:
        glyph = glyphs[character]
        picture[y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph
        x += glyph.shape[1]


def _luma(ink: Real) -> Plane:
    picture: Plane = (DARK + ink * (WHITE - DARK)).astype(np.uint8)
    return picture


def _blend(rgb: Real, ink: Real, x: int, y: int, level: np.float32) -> None:
    part = rgb[y : y + ink.shape[0], x : x + ink.shape[1]]
    cover = ink[: part.shape[0], : part.shape[1], None]
    part[:] = part * (1 - cover) + level * cover


def _even(value: float) -> int:
    return round(value / 2) * 2


def _level(luma: int) -> float:
    return (luma - BLACK) / (WHITE - BLACK)


def _to_yuv(rgb: Real) -> Planes:
    """Convert to limited-range BT.709, the colours averaged over two by two pixels."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    u, v = (b - y) / 1.8556, (r - y) / 1.5748

    def halved(plane: Real) -> Plane:
        h, w = plane.shape
        small: Plane = np.rint(
            plane.reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3)) * 224 + 128
        ).astype(np.uint8)
        return small

    return Planes(np.rint(y * 219 + 16).astype(np.uint8), halved(u), halved(v))
