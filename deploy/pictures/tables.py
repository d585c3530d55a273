"""Tables for the terminal: columns as wide as what is in them, numbers to the right.

Law: pure text from plain values; nothing here knows where it is shown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["clip", "fit", "table", "wide"]


def wide(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def clip(text: str, width: int) -> str:
    """Cut a text to `width` columns, with "…" for what is gone."""
    if wide(text) <= width:
        return text
    while text and wide(text) > width - 1:
        text = text[:-1]
    return f"{text}…" if width > 0 else ""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Cut or fill a text to exactly `width` columns."""
    text = clip(text, width)
    blank = " " * (width - wide(text))
    return blank + text if right else text + blank


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()
) -> list[str]:
    """Lay out rows under their heads; the columns named in `right` are aligned to the right.

    Example: `table(["NODE", "PID"], [["studio", "12"]], right=["PID"])` gives
    ["NODE    PID", "studio   12"].
    """
    rows = [tuple(row) for row in rows]
    to_right = [head in set(right) for head in heads]
    widths = [
        max(wide(head), *(wide(row[place]) for row in rows)) if rows else wide(head)
        for place, head in enumerate(heads)
    ]
    return [
        "  ".join(
            fit(cell, width, right=side)
            for cell, width, side in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in (tuple(heads), *rows)
    ]
