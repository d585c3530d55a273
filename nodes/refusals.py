"""Refusals: why a node did not do what it was asked, as a number for programs and a sentence for people.

On the wire a refused request is answered with [number, sentence].

Laws
1. Numbers are only ever appended and never reused; nothing is decided by the words of a sentence.
2. An error arrives as the one that was raised. A number that is not known here is an error all the same.
"""

from __future__ import annotations

from enum import IntEnum

from kamesh.errors import Ended, Full, KameshError, LinkageRefused, UnknownBox, UnknownName

__all__ = ["Why", "error_of", "refusal_of"]


class Why(IntEnum):
    """The numbers. ONLY APPEND TO THIS LIST."""

    OTHER = 0
    UNKNOWN_BOX = 1
    UNKNOWN_NAME = 2
    FULL = 3
    ENDED = 4
    LINKAGE_REFUSED = 5


ERRORS: dict[Why, type[KameshError]] = {
    Why.OTHER: UnknownName,
    Why.UNKNOWN_BOX: UnknownBox,
    Why.UNKNOWN_NAME: UnknownName,
    Why.FULL: Full,
    Why.ENDED: Ended,
    Why.LINKAGE_REFUSED: LinkageRefused,
}
NUMBERS: dict[type[Exception], Why] = {
    kind: why for why, kind in ERRORS.items() if why is not Why.OTHER
}


def refusal_of(error: Exception) -> list[object]:
    """Give what answers a request that ended with `error`."""
    return [int(NUMBERS.get(type(error), Why.OTHER)), str(error)]


def error_of(answer: object) -> KameshError:
    """Give the error that a refusal stands for."""
    match answer:
        case [int(number), str(sentence)]:
            known = number in [int(why) for why in Why]
            return ERRORS[Why(number) if known else Why.OTHER](sentence)
        case _:
            return UnknownName(str(answer))
