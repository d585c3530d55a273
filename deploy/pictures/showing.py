"""How a message, a number or a time is shown to a person, and how a message is told in JSON.

Laws
1. What comes from others cannot command the terminal: control characters are written out.
2. Nothing shown is longer than it is asked to be, however large the message.
"""

from __future__ import annotations

import math
from itertools import islice
from reprlib import Repr

__all__ = ["as_json", "count", "counted", "duration", "one_line", "printable", "size"]

MOST_ITEMS = 1000  # of one list or dict in JSON
MOST_DEPTH = 20
UNITS = ("KiB", "MiB", "GiB", "TiB")
_SHORT = Repr()
_SHORT.maxlevel = 4
_SHORT.maxdict = _SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxfrozenset = 20
_SHORT.maxstring = _SHORT.maxother = 400
_SHORT.maxlong = 60


def one_line(message: object, width: int = 400) -> str:
    """Show a message in one line; a text as it is, anything else as Python writes it."""
    if isinstance(message, str):
        text = message[: width + 1]
    elif isinstance(message, bytes | bytearray):
        text = repr(bytes(message[:64])) + (
            f"... {size(len(message))}" if len(message) > 64 else ""
        )
    elif hasattr(message, "shape") and hasattr(message, "dtype"):
        shape = "x".join(map(str, message.shape)) or "scalar"
        text = f"<array {shape} {message.dtype}>"
    else:
        text = _SHORT.repr(message)
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def printable(text: str) -> str:
    r"""Write out what is not printable: a line end as \n, an escape as \x1b."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode()
        for one in text
    )


def as_json(message: object, depth: int = 0) -> object:
    """Give what JSON can hold of a message; what it cannot is an object with its "type"."""
    if message is None or isinstance(message, bool | int | str):
        return message
    if isinstance(message, float):
        return message if math.isfinite(message) else {"type": "float", "text": str(message)}
    if depth < MOST_DEPTH and isinstance(message, list | tuple):
        return [as_json(one, depth + 1) for one in islice(message, MOST_ITEMS)]
    if (
        depth < MOST_DEPTH
        and isinstance(message, dict)
        and all(isinstance(k, str) for k in message)
    ):
        return {k: as_json(one, depth + 1) for k, one in islice(message.items(), MOST_ITEMS)}
    if isinstance(message, bytes | bytearray | memoryview):
        head = bytes(message[:32]).hex()
        return {"type": type(message).__name__, "length": len(message), "head": head}
    return {"type": type(message).__qualname__, "text": one_line(message)}


def count(number: int) -> str:
    """Write a number with its thousands apart: "1,250"."""
    return f"{number:,}"


def size(octets: int) -> str:
    """Write a number of bytes: "12 bytes", "1.2 MiB"."""
    if octets < 1024:
        return f"{octets} bytes"
    power = min((octets.bit_length() - 1) // 10, len(UNITS))
    return f"{octets / 1024**power:.1f} {UNITS[power - 1]}"


def counted(number: int, noun: str) -> str:
    """Write a number of things: `1 message`, `1,024 messages`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a time that has passed: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "4 d 3 h"."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = int(seconds)
    for unit, length, smaller, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
