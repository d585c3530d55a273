"""Calling what makes a component with the words of a line: what does not fit is said before it is called.

Law: what is wrong is named in the words of the line, never in those of Python's calls.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kamesh.linking import did_you_mean

__all__ = ["literal", "wrong_with"]


def literal(given: str) -> object:
    """Take a word for what it looks like: a number, true, false, none, a list or a table; else text.

    Example: `literal("[1, 2]")` is [1, 2], `literal("0.5")` is 0.5, `literal("abc")` is "abc".
    """
    for convert in (int, float):
        try:
            return convert(given)
        except ValueError:
            continue
    if given[:1] in ("[", "{"):
        try:
            return json.loads(given)
        except ValueError:
            return given
    return {"true": True, "false": False, "none": None}.get(given.lower(), given)


def wrong_with(
    maker: Callable[..., Any], arguments: Sequence[object], options: Mapping[str, object]
) -> str:
    """Say why `maker` cannot be called so; "" if it can be, or nothing is known of it.

    Example: `wrong_with(Batch, [], {"sise": 2})` is "it has no argument 'sise' (did you mean 'size'?)".
    """
    try:
        signature = inspect.signature(maker)
        signature.bind(*arguments, **options)
    except TypeError:
        pass
    else:
        return ""
    taken = [one for one in signature.parameters.values() if one.name != "name"]
    names = [one.name for one in taken if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    open_ended = len(names) < len(taken)
    unknown = [each for each in options if each not in (*names, "name")]
    if unknown and not open_ended:
        return f"it has no argument {unknown[0]!r}{did_you_mean(unknown[0], names)}"
    places = [one.name for one in taken if one.kind is one.POSITIONAL_OR_KEYWORD]
    if len(arguments) > len(places) and not open_ended:
        takes = ", ".join(names) or "no arguments"
        return f"it has no place for {arguments[len(places)]!r}; it takes {takes}"
    twice = [each for each in places[: len(arguments)] if each in options]
    if twice:
        return f"it is given {twice[0]} twice"
    missing = [
        one.name
        for one in taken
        if one.default is one.empty
        and one.name in names
        and one.name not in (*places[: len(arguments)], *options)
    ]
    return f"it needs {' and '.join(missing)}" if missing else ""
