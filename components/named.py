"""Things named in text: "module:name", as topologies and one-line pipelines say what a program would hold.

Law: what cannot be had is said in one sentence, when the component is made.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from kamesh.errors import UnknownName

__all__ = ["imported", "is_name", "thing_named"]

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_name(value: object) -> bool:
    """Say whether `value` is text of the form "module:name"."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def imported(name: str) -> Any:
    """Import what "module:name" names; ImportError or AttributeError, as Python has it, if it cannot."""
    module, _, attributes = name.partition(":")
    thing: Any = importlib.import_module(module)
    for attribute in attributes.split("."):
        thing = getattr(thing, attribute)
    return thing


def thing_named(name: str) -> object:
    """Import what "module:name" names; UnknownName if it cannot be had.

    Example: `thing_named("kamesh.components.protocols:Echo")` is the class Echo.
    """
    try:
        return imported(name)
    except (ImportError, AttributeError) as error:
        raise UnknownName(f"{name} cannot be had: {error}") from error
