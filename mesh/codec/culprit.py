"""After a batch could not be encoded: which message it was, where inside it, and what to do.

Laws: runs only when encoding has failed, and may be slow; it looks with the same tables that
encoded, so what it blames is what failed; it comes to an end on messages that hold themselves.
"""

from __future__ import annotations

import dataclasses
import types
from collections import defaultdict
from collections.abc import Callable
from enum import Enum
from typing import Any

from kamesh.codec.errors import Cannot, TooMuch, Unsendable
from kamesh.codec.kinds import CONTAINERS, PACK, name_of
from kamesh.codec.survey import TooDeep, TooMany, survey
from kamesh.codec.wire import MAX_DEPTH, MAX_PAYLOAD, MAX_VALUES, Encoded

__all__ = ["explain"]

_MAX_PATH = 200
_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    types.ModuleType,
    type,
)
_BASES: tuple[type, ...] = (dict, list, tuple, set, frozenset, str, bytes, int, float)
_SIMPLE = (type(None), bool, int, float, str, bytes)
_REGISTER = "register the class with @kamesh.register, or send a dict"

Attempt = Callable[[list[Any]], Encoded]


def explain(batch: list[Any], error: Exception, attempt: Attempt) -> Unsendable:
    """Say why `batch` could not be encoded; `error` is how it failed."""
    if isinstance(error, TooMany):
        return _too_much(batch, error, attempt)
    for index in range(len(batch)):
        found = _first_fault(batch, index, attempt)
        if found is not None:
            return found
    return Unsendable(0, "", "", f"changed while it was read ({error})", "send a copy of it")


def _first_fault(batch: list[Any], index: int, attempt: Attempt) -> Unsendable | None:
    found = _Search(attempt).look(batch[index], "", 0)
    if found is None:
        return None
    value, path, cause = found
    kind = type(value)
    short = path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}..."
    return Unsendable(index, name_of(kind), short, cause.why, cause.way_out or _way_out(kind))


def _too_much(batch: list[Any], error: TooMany, attempt: Attempt) -> Unsendable:
    values = size = 0
    for index, message in enumerate(batch):
        try:
            values += survey([message])[2]
            size += len(attempt([message]).payload)
        except Exception as own:
            fault = _first_fault(batch, index, attempt)
            if fault is not None:
                return fault
            error = own if isinstance(own, TooMany) else error
            break
        if values > MAX_VALUES or size > MAX_PAYLOAD:
            break
    return TooMuch(index, name_of(type(batch[index])), "", error.why, error.way_out)


class _Search:
    """A walk through one message to the first value that cannot travel."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.above: set[int] = set()
        self.sound: dict[int, int] = {}  # containers found sound, and at what depth

    def look(self, value: object, path: str, depth: int) -> tuple[object, str, Cannot] | None:
        """Give the value at fault, where it is and why, or None."""
        container = CONTAINERS.get(type(value))
        if container is None:
            return self._alone(value, path)
        if id(value) in self.above:
            return value, path, Cannot("holds itself", "send its parts with keys between them")
        if depth >= MAX_DEPTH:
            return value, path, TooDeep()
        if self.sound.get(id(value), -1) >= depth:
            return None
        self.above.add(id(value))
        try:
            for step, part in container.parts(value):
                found = self.look(part, path + step, depth + 1)
                if found is not None:
                    return found
        except Exception as error:
            return value, path, _as_cannot(error)
        finally:
            self.above.discard(id(value))
        self.sound[id(value)] = depth
        return None

    def _alone(self, value: object, path: str) -> tuple[object, str, Cannot] | None:
        if type(value) in _SIMPLE:
            return None
        try:
            self.attempt([value])
        except Exception as error:
            return value, path, _as_cannot(error)
        return None


def _as_cannot(error: Exception) -> Cannot:
    if isinstance(error, Cannot):
        return error
    return Cannot(f"could not be read ({type(error).__name__}: {error})", "send it as plain values")


def _way_out(kind: type) -> str:
    if dataclasses.is_dataclass(kind) or issubclass(kind, Enum):
        return _REGISTER
    if issubclass(kind, defaultdict):
        return "its factory is code, and code does not travel: send dict(it)"
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return "register the class with @kamesh.register, or send a tuple"
    if issubclass(kind, _CODE):
        return "code does not travel: send the values it works on"
    for base in PACK if kind.__module__.startswith("numpy") else ():
        if base.__name__ == "ndarray" and issubclass(kind, base):
            return "send numpy.asarray(it)"
    for base in _BASES:
        if issubclass(kind, base):
            return f"it is a {base.__name__} of a class of its own: send {base.__name__}(it)"
    return _REGISTER
