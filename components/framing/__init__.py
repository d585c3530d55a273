"""Framing: messages out of a stream of bytes, and back.

Law: what comes out is the same however the bytes were cut on their way.
"""

from kamesh.components.framing.lines import LineSplitter, LineTooLong

__all__ = ["LineSplitter", "LineTooLong"]
