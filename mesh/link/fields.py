"""What the fields of records may hold.

Laws: a check says yes or no and changes nothing; its docstring is what the peer is told when it
said no; texts of ours that may be too long or unsayable are made fit by `clip`, never sent as is.
"""

from __future__ import annotations

from collections.abc import Callable

from kamesh.link.errors import RemoteProtocolError

Buffer = bytes | bytearray | memoryview

LARGEST = 2**64 - 1  # of every number on the wire
_NAME = 255  # characters of a node, mesh, policy or verb
_BOX = 1024  # of "COMPONENT.box", which nests
_REASON = 1024

Check = Callable[[object], bool]


def is_count(value: object) -> bool:
    """Whole, from 1."""
    return type(value) is int and 1 <= value <= LARGEST


def is_mark(value: object) -> bool:
    """Whole, from 0."""
    return type(value) is int and 0 <= value <= LARGEST


def is_flag(value: object) -> bool:
    """Either True or False, and no number for it."""
    return type(value) is bool


def is_name(value: object) -> bool:
    """Text of 1 to 255 characters."""
    return type(value) is str and 1 <= len(value) <= _NAME


def is_box(value: object) -> bool:
    """Text of 1 to 1024 characters."""
    return type(value) is str and 1 <= len(value) <= _BOX


def is_reason(value: object) -> bool:
    """Text of up to 1024 characters."""
    return type(value) is str and len(value) <= _REASON


def is_id(value: object) -> bool:
    """Sixteen bytes."""
    return type(value) is bytes and len(value) == 16


def is_plain(value: object) -> bool:
    """Up to 64 short names, mapped to None, bool, int, or short str or bytes."""
    return (
        type(value) is dict
        and len(value) <= 64
        and all(
            type(key) is str
            and len(key) <= 64
            and (
                item is None
                or type(item) in (bool, int)
                or (isinstance(item, str | bytes) and len(item) <= 128)
            )
            for key, item in value.items()
        )
    )


def clip(text: str) -> str:
    """Make any text fit to be a reason: at most 1024 bytes, and nothing that UTF-8 cannot say."""
    return text.encode("utf-8", "backslashreplace")[:_REASON].decode("utf-8", "ignore")


def nbytes(buffer: Buffer) -> int:
    """Size of a buffer, whatever its item size."""
    return buffer.nbytes if type(buffer) is memoryview else len(buffer)


def check(kind: str, values: list[object], checks: tuple[Check, ...], more: int = 0) -> None:
    """Raise `RemoteProtocolError` unless each value is what its field allows; `more` have no check."""
    if len(values) != len(checks) + more:
        raise RemoteProtocolError(
            f"{kind.upper()} has {len(values)} fields, not {len(checks) + more}"
        )
    for value, allowed in zip(values, checks):  # noqa: B905 the last ones have no check
        if not allowed(value):
            right = [each(one) for each, one in zip(checks, values, strict=False)]
            what = (allowed.__doc__ or "").rstrip(".").lower()
            raise RemoteProtocolError(
                f"field {right.index(False) + 1} of {kind.upper()} is not what it must be ({what})"
            )
