"""What components refuse when they are made: figures, names and functions that make no sense.

Law: a mistake that can be seen at construction is refused there, in one plain sentence that says what
would be right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real

from kamesh.errors import KameshError, NameTaken, NotSuitable

__all__ = ["WrongFigure", "at_least", "box_names", "function", "more_than", "whole"]

BOXES = 4096  # of one part: a number of more is a slip


class WrongFigure(KameshError, ValueError):
    """A number was given that makes no sense where it stands."""


def at_least(least: float, value: float, what: str) -> None:
    """Refuse a `value` below `least`; `what` is how a person calls it."""
    kind = "" if _is_number(value) else "a number, "
    if kind or not (least <= value < math.inf):
        raise WrongFigure(f"{what} cannot be {value!r}: it is {kind}{least:g} or more")


def whole(least: int, value: object, what: str) -> None:
    """Refuse a `value` below `least`, or one that is no whole number: of messages there is no half."""
    if not (_is_number(value) and isinstance(value, Integral)):
        raise WrongFigure(f"{what} cannot be {value!r}: it is a whole number, {least} or more")
    if int(value) < least:
        raise WrongFigure(f"{what} cannot be {value!r}: it is {least} or more")


def more_than(limit: float, value: float, what: str) -> None:
    """Refuse a `value` that is not above `limit`."""
    kind = "" if _is_number(value) else "a number, "
    if kind or not (limit < value < math.inf):
        raise WrongFigure(f"{what} cannot be {value!r}: it is {kind}more than {limit:g}")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


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
