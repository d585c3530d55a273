"""What components refuse: figures, names and functions that make no sense, and messages that are no bytes.

Law: a mistake that can be seen at construction is refused there, in one plain sentence that says what
would be right; each is a KameshError.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from kamesh.errors import KameshError, NameTaken, NotSuitable

__all__ = [
    "NotBytes",
    "WrongFigure",
    "as_bytes",
    "at_least",
    "between",
    "box_names",
    "function",
    "integer",
    "mapping",
    "more_than",
    "text",
    "whole",
]

BOXES = 4096  # of one part: a number of more is a slip


class WrongFigure(KameshError, ValueError):
    """A number or a word was given that makes no sense where it stands."""


class NotBytes(NotSuitable):
    """Something else was sent to what takes bytes."""


def as_bytes(message: object, who: str) -> bytes:
    """Give the bytes of bytes, bytearray or memoryview; NotBytes in the name of `who` otherwise."""
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    way_out = "; str.encode makes bytes of it" if isinstance(message, str) else ""
    kind = type(message).__name__
    raise NotBytes(f"{who} takes bytes, and was sent a message of the type {kind}{way_out}")


def at_least(least: float, value: float, what: str) -> None:
    """Refuse a `value` below `least`; `what` is how a person calls it."""
    kind = "" if _is_finite(value) else "a number, "
    if kind or not least <= value:
        raise WrongFigure(f"{what} cannot be {value!r}: it is {kind}{least:g} or more")


def between(least: float, most: float, value: float, what: str) -> None:
    """Refuse a `value` below `least` or above `most`."""
    kind = "" if _is_finite(value) else "a number, "
    if kind or not least <= value <= most:
        raise WrongFigure(f"{what} cannot be {value!r}: it is {kind}from {least:g} to {most:g}")


def whole(least: int, value: object, what: str, most: int | None = None) -> None:
    """Refuse a `value` that is no whole number from `least` to `most`: of messages there is no half."""
    there_is = f"{least} or more" if most is None else f"from {least} to {most}"
    if not (_is_number(value) and isinstance(value, Integral)):
        raise WrongFigure(f"{what} cannot be {value!r}: it is a whole number, {there_is}")
    if int(value) < least or (most is not None and int(value) > most):
        raise WrongFigure(f"{what} cannot be {value!r}: it is {there_is}")


def integer(value: object, what: str) -> None:
    """Refuse what is no whole number; it may be below 0."""
    if not (_is_number(value) and isinstance(value, Integral)):
        raise WrongFigure(f"{what} cannot be {value!r}: it is a whole number")


def text(value: object, what: str) -> None:
    """Refuse what is no text."""
    if not isinstance(value, str):
        raise WrongFigure(f"{what} cannot be {value!r}: it is text")


def more_than(limit: float, value: float, what: str) -> None:
    """Refuse a `value` that is not above `limit`."""
    kind = "" if _is_finite(value) else "a number, "
    if kind or not limit < value:
        raise WrongFigure(f"{what} cannot be {value!r}: it is {kind}more than {limit:g}")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return _is_number(value) and math.isfinite(value)
    except OverflowError:  # of whole numbers there are some that no float holds
        return False


def mapping(value: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Give a dict of what is one, by text; an empty one of None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise NotSuitable(f"{what} are a dict by their names, and not {value!r}")
    return dict(value)


def function(value: object, what: str) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise NotSuitable(f"{what} is a function, and {value!r} is none")


def box_names(names: Iterable[str] | int, what: str, taken: Iterable[str] = ()) -> list[str]:
    """Give the names of boxes: those in the list, or `"1"` to `"n"` for a number n.

    Refused are none at all, one named twice, and one that is there already (`taken`).
    """
    if isinstance(names, str | bytes | bool) or not isinstance(names, int | Iterable):
        raise WrongFigure(f"{what} has a list of names for its boxes, or how many; not {names!r}")
    if isinstance(names, int) and names > BOXES:
        raise WrongFigure(f"{what} has at most {BOXES:,} boxes, not {names:,}")
    given = [str(n + 1) for n in range(names)] if isinstance(names, int) else list(names)
    found: list[str] = []
    for name in given:
        if not isinstance(name, str) or not name:
            raise WrongFigure(f"{what} has a list of names for its boxes; {name!r} is none")
        if name in found or name in taken:
            raise NameTaken(f"{what} cannot have a second box named {name!r}")
        found.append(name)
    if not found:
        raise WrongFigure(f"{what} needs the names of its boxes, or how many there are")
    return found
