"""What the parts of plumbing refuse when they are made: figures and names that make no sense.

Law: a mistake that can be seen at construction is refused there, in one plain sentence that says what
would be right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from kamesh.errors import KameshError, NameTaken

__all__ = ["WrongFigure", "at_least", "box_names", "more_than"]


class WrongFigure(KameshError, ValueError):
    """A number was given that makes no sense where it stands."""


def at_least(least: float, value: float, what: str) -> None:
    """Refuse a `value` below `least`; `what` is how a person calls it."""
    if not (least <= value < math.inf):
        raise WrongFigure(f"{what} cannot be {value}: it is {least:g} or more")


def more_than(limit: float, value: float, what: str) -> None:
    """Refuse a `value` that is not above `limit`."""
    if not (limit < value < math.inf):
        raise WrongFigure(f"{what} cannot be {value}: it is more than {limit:g}")


def box_names(names: Iterable[str] | int, what: str, taken: Iterable[str] = ()) -> list[str]:
    """Give the names of boxes: those in the list, or `"1"` to `"n"` for a number n.

    Refused are none at all, one named twice, and one that is there already (`taken`).
    """
    if isinstance(names, str):
        raise WrongFigure(f"{what} has a list of names for its boxes, or how many; not {names!r}")
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
