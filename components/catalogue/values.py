"""What goes through boxes and into arguments: the public classes and functions that are no components.

Law: a page of one is read from it: its docstring, and its fields with their defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass

from kamesh import Component
from kamesh.components.catalogue.entries import library

__all__ = ["Value", "value_named", "values"]


@dataclass(frozen=True, slots=True)
class Value:
    """One public name that is no component: how it is imported, and what it is."""

    name: str
    use: str
    thing: object

    def lines(self) -> Iterator[str]:
        """Write its page."""
        module = self.use.partition(":")[0]
        yield f"{self.name}   (from {module} import {self.name})"
        yield ""
        yield from inspect.cleandoc(getattr(self.thing, "__doc__", "") or "").splitlines()
        shown = list(_fields(self.thing))
        if shown:
            yield ""
            yield "Fields"
            yield from (f"    {line}" for line in shown)


def values() -> dict[str, Value]:
    """Give all of them, by name."""
    found: dict[str, Value] = {}
    for _, module in library([]):
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            part = isinstance(thing, type) and issubclass(thing, Component)
            if part or not callable(thing) or name.startswith("_"):
                continue
            at_home = getattr(thing, "__module__", "").startswith(f"{module.__name__}.")
            if at_home or name not in found:  # not where it is only passed on
                found[name] = Value(name, f"{module.__name__}:{name}", thing)
    return found


def value_named(name: str) -> Value | None:
    """Find one by its name, in any case of letters."""
    known = values()
    if name in known:
        return known[name]
    return next((one for each, one in known.items() if each.lower() == name.lower()), None)


def _fields(thing: object) -> Iterator[str]:
    if not (isinstance(thing, type) and is_dataclass(thing)):
        return
    for one in fields(thing):
        if one.name.startswith("_"):
            continue
        kind = one.type if isinstance(one.type, str) else getattr(one.type, "__name__", "")
        default = "" if one.default is MISSING else f" = {one.default!r}"
        yield f"{one.name}: {kind}{default}"
