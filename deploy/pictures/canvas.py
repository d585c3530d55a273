"""A canvas of characters: lines that join where they meet, frames, arrows and text.

Laws
1. A line is kept as the directions in which it leaves each cell; where two meet, the character that
   has them all is drawn. So the order of drawing makes no difference to lines.
2. Text and arrow heads stand above lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

__all__ = ["Canvas", "in_ascii"]

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8

_LINES: Mapping[int, str] = {
    UP: "│", DOWN: "│", LEFT: "─", RIGHT: "─",
    UP | DOWN: "│", LEFT | RIGHT: "─",
    DOWN | RIGHT: "┌", DOWN | LEFT: "┐", UP | RIGHT: "└", UP | LEFT: "┘",
    UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤",
    LEFT | RIGHT | DOWN: "┬", LEFT | RIGHT | UP: "┴",
    UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
_ROUND: Mapping[int, str] = {
    DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | RIGHT: "╰", UP | LEFT: "╯",
}  # fmt: skip
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("│", "|"),
        **dict.fromkeys("─", "-"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯", "+"),
        "▼": "v", "▲": "^", "◀": "<", "▶": ">",
        "█": "#", "░": ".", "…": "~", "·": "-", "→": ">", "✗": "x",
    }
)  # fmt: skip


class Canvas:
    """Characters in rows and columns, growing as it is drawn on.

    Example:
        canvas = Canvas()
        canvas.frame(0, 0, 3, 10, round_corners=True)
        canvas.text(0, 2, " studio ")
        print(canvas)
    """

    def __init__(self) -> None:
        """Begin with nothing on it."""
        self._lines: dict[tuple[int, int], int] = {}
        self._round: set[tuple[int, int]] = set()
        self._texts: dict[tuple[int, int], str] = {}

    def across(self, row: int, column: int, end: int, *, round_corners: bool = False) -> None:
        """Draw a line in a row, from one column to another."""
        for at in range(column, end + 1):
            self._add(
                (row, at), (LEFT if at > column else 0) | (RIGHT if at < end else 0), round_corners
            )

    def down(self, column: int, row: int, end: int, *, round_corners: bool = False) -> None:
        """Draw a line in a column, from one row to another."""
        for at in range(row, end + 1):
            self._add(
                (at, column), (UP if at > row else 0) | (DOWN if at < end else 0), round_corners
            )

    def frame(
        self, top: int, left: int, bottom: int, right: int, *, round_corners: bool = False
    ) -> None:
        """Draw a frame."""
        for row in (top, bottom):
            self.across(row, left, right, round_corners=round_corners)
        for column in (left, right):
            self.down(column, top, bottom, round_corners=round_corners)

    def text(self, row: int, column: int, text: str) -> None:
        """Write a text; a wide character takes two cells."""
        for one in text:
            if unicodedata.combining(one) and (row, column - 1) in self._texts:
                self._texts[row, column - 1] += one
                continue
            self._texts[row, column] = one
            column += 1
            if unicodedata.east_asian_width(one) in "WF":
                self._texts[row, column] = ""
                column += 1

    def _add(self, cell: tuple[int, int], directions: int, round_corner: bool) -> None:
        self._lines[cell] = self._lines.get(cell, 0) | directions
        if round_corner:
            self._round.add(cell)

    def _at(self, cell: tuple[int, int]) -> str:
        if cell in self._texts:
            return self._texts[cell]
        directions = self._lines.get(cell, 0)
        if cell in self._round and directions in _ROUND:
            return _ROUND[directions]
        return _LINES.get(directions, " ")

    def __str__(self) -> str:
        """Give the rows, without blanks at their ends."""
        cells = [*self._lines, *self._texts]
        last: dict[int, int] = {}
        for row, column in cells:
            last[row] = max(last.get(row, 0), column)
        return "\n".join(
            "".join(self._at((row, column)) for column in range(last.get(row, -1) + 1)).rstrip()
            for row in range(max(last, default=-1) + 1)
        )


def in_ascii(text: str) -> str:
    """Write a drawing in ASCII, for where line-drawing characters do not arrive."""
    return text.translate(_PLAIN).encode("ascii", "replace").decode()
