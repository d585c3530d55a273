"""Measuring: how many bytes a message is.

Law: what has no obvious length in bytes is refused in a sentence, not guessed.
"""

from __future__ import annotations

from typing import Any

from kamesh.errors import NotSuitable

__all__ = ["byte_length"]


def byte_length(message: Any) -> int:
    """Give the bytes of a message: of bytes, of text in UTF-8, of an array or a picture's plane."""
    if isinstance(message, bytes | bytearray):
        return len(message)
    if isinstance(message, str):
        return len(message) if message.isascii() else len(message.encode())
    length = getattr(message, "nbytes", None)  # a memoryview, a NumPy array
    if not isinstance(length, int):
        raise NotSuitable(
            f"{message!r} has no length in bytes; say with measure= how a message is measured"
        )
    return length
