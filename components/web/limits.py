"""Limits: what a server on the web takes from its clients, and for how long it waits for them.

Law: each has a default that a public server can live with; none can be switched off by a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from kamesh.components.refusing import WrongFigure, mapping, more_than
from kamesh.linking import did_you_mean

__all__ = ["LASTING", "Limits", "Stalled", "TooLarge", "TooSlow", "limits_of"]


class TooLarge(Exception):
    """A client sends more than it may."""


class TooSlow(Exception):
    """A client, or who is to answer it, has taken too long."""


class Stalled(ConnectionError):
    """A client takes nothing of what it is sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server; each is more than 0.

    `body`: bytes of a request's body. `head`: bytes of a line or a header of its head. `connections`
    and `requests`: how many there are at a time; one more is answered 503 and closed. `idle`: seconds
    in which a client may send nothing when it is its turn, or take nothing of what it is sent.
    `patience`: seconds that a handler may take to begin its answer. `grace`: seconds that requests
    under way have when the server ends.
    """

    body: int = 16 << 20
    head: int = 16 << 10
    connections: int = 1000
    requests: int = 250
    idle: float = 60.0
    patience: float = 60.0
    grace: float = 5.0

    def __post_init__(self) -> None:
        """WrongFigure for a limit that is not more than 0."""
        for each in fields(self):
            more_than(0, getattr(self, each.name), f"the limit {each.name}=")


LASTING = Limits(requests=1000)  # for servers whose answers last: an event stream, a WebSocket


def limits_of(given: Limits | Mapping[str, Any]) -> Limits:
    """Make limits of what a user gives; WrongFigure for one that there is not.

    Example: `limits_of({"body": 1 << 20})`.
    """
    if isinstance(given, Limits):
        return given
    there = [each.name for each in fields(Limits)]
    given = mapping(given, "limits")
    for name in given:
        if name not in there:
            raise WrongFigure(
                f"there is no limit {name!r}{did_you_mean(name, there)}; there is {', '.join(there)}"
            )
    return Limits(**given)
