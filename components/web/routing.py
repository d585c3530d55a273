"""Routing: which of the routes of a server a request takes.

    routes = Routes({"/": home, "POST /items": add, "/items/{id}": show, "/static/*": folder})
    routes.find("GET", "/items/7")      # Found(show, {"id": "7"}, "")

Laws
1. A route of fixed text goes before one with `{names}`, that before one that ends with `*`; of two
   with `*` the longer goes first.
2. A path for which there are routes, but none of its method, is not the same as one for which there
   are none: the methods that would do are named.
3. What is no route is refused when the table is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kamesh.errors import KameshError

__all__ = ["BadRoute", "Found", "Routes", "WrongMethod"]

_ROUTE = re.compile(r"(?:([A-Z]+) +)?(/.*)")
_PART = re.compile(r"\{([A-Za-z_]\w*)\}")


class BadRoute(KameshError, ValueError):
    """What was written is no route."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a request comes to: the target, what `{names}` stand for, and what `*` stands for."""

    target: Any
    parts: Mapping[str, str]
    rest: str


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """There are routes for the path, by these methods."""

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str  # "" for any
    pattern: re.Pattern[str]
    target: Any
    order: tuple[int, int]


class Routes:
    """A table of routes."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Read the table; BadRoute for what is no route."""
        routes = [_route(text, target) for text, target in table.items()]
        self._routes = sorted(routes, key=lambda route: route.order)

    def __len__(self) -> int:
        """Count them."""
        return len(self._routes)

    def find(self, method: str, path: str) -> Found | WrongMethod | None:
        """Find the route for a decoded `path`; HEAD goes where GET does."""
        allowed: dict[str, None] = {}
        wanted = "GET" if method == "HEAD" else method
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            if route.method in ("", wanted, method):
                parts = match.groupdict()
                rest = parts.pop("rest_of_path", "") or ""
                return Found(route.target, parts, rest)
            allowed[route.method] = None
        return WrongMethod(tuple(allowed)) if allowed else None


def _route(text: str, target: Any) -> _Route:
    match = _ROUTE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadRoute(
            f"{text!r} is no route: write a path, or a method and a path, such as '/items/{{id}}' "
            f"or 'POST /items'"
        )
    method, path = match.group(1) or "", match.group(2)
    stem = path.removesuffix("*")
    names = _PART.findall(stem)
    left = _PART.sub("", stem)
    if any(sign in left for sign in "{}*") or len(set(names)) != len(names):
        raise BadRoute(
            f"{text!r} is no route: a name stands in {{braces}}, each once, and a * only at the end"
        )
    if stem != path and not stem.endswith("/"):
        raise BadRoute(f"{text!r} is no route: a * stands for all below a folder, as in '/files/*'")
    pieces = _PART.split(stem)  # text and names by turns
    pattern = "".join(
        f"(?P<{piece}>[^/]+)" if index % 2 else re.escape(piece)
        for index, piece in enumerate(pieces)
    )
    if stem != path:
        pattern += "(?P<rest_of_path>.*)"
    kind = 2 if stem != path else 1 if names else 0
    return _Route(method, re.compile(pattern, re.DOTALL), target, (kind, -len(left)))
