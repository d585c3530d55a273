"""About how much memory messages take, so that few large ones wait where many small ones may.

Law: a guess that costs less than taking the message; it decides how many may wait, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["places", "weight"]

LIGHT, UNKNOWN = 1024, 16 * 1024  # bytes that a message counts for if it does not say
TOGETHER = 32 * 1024 * 1024  # bytes that may wait in one place
FEWEST = 4
_LIGHT = {type(None), bool, int, float, dict, list, tuple}


def weight(message: Any) -> int:
    """Say about how many bytes a message has: what it says itself, or what is usual."""
    kind = type(message)
    if kind in _LIGHT:
        return LIGHT
    if kind is bytes or kind is str or kind is bytearray:
        return LIGHT + len(message)
    planes = getattr(message, "planes", None)  # of a picture or of sound
    if isinstance(planes, Sequence):
        return LIGHT + sum(int(plane.buffer_size) for plane in planes)
    return LIGHT + int(getattr(message, "nbytes", UNKNOWN))


def places(bytes_: int, messages: int, most: int) -> int:
    """Say how many messages like these may wait: at most `most`."""
    if messages == 0:
        return most
    return max(FEWEST, min(most, TOGETHER // max(1, bytes_ // messages)))
