"""The fields of one table: which keys there may be, of which types, and what is wrong with the rest.

Law: a key that is wrong is told and left out; whoever reads the others finds only what is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from kamesh.deploy.topology.mistakes import Notes
from kamesh.deploy.topology.tomllines import Path
from kamesh.linking import did_you_mean

__all__ = ["Fields", "kind"]

Types: TypeAlias = type | tuple[type, ...]

_KINDS: Mapping[type, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
    list: "a list",
}


def kind(value: object) -> str:
    """Say what a value of a TOML file is: "a whole number"."""
    return _KINDS.get(type(value), "a date or a time")


class Fields(dict[str, object]):
    """The keys of one table that are known and of the right type; the others are noted.

    Example: `Fields(notes, ("nodes", "a"), "node a", table, {"host": str}).get("host", "")`.
    """

    def __init__(
        self, notes: Notes, path: Path, what: str, table: object, known: Mapping[str, Types]
    ) -> None:
        """Check `table`, which stands at `path` and is called `what` in sentences."""
        super().__init__()
        if not isinstance(table, dict):
            notes.note(path, f"{what} is {kind(table)}, and should be a table", path[-1])
            return
        for key, value in table.items():
            if key not in known:
                notes.note(
                    (*path, key),
                    f"{what} has no key {key!r}{did_you_mean(key, known)}; "
                    f"its keys: {', '.join(known)}",
                    key,
                )
            elif not _fits(value, known[key]):
                notes.note(
                    (*path, key),
                    f"{key!r} of {what} is {kind(value)}, and should be {_wanted(known[key])}",
                    key,
                )
            else:
                self[key] = value


def _fits(value: object, types: Types) -> bool:
    return isinstance(value, types) and not (isinstance(value, bool) and types is int)


def _wanted(types: Types) -> str:
    several = types if isinstance(types, tuple) else (types,)
    return " or ".join(_KINDS[one] for one in several)
