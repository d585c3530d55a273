"""What a backplane keeps for those who come late: the last ones, the latest of each kind, or your own.

Laws
1. What is kept is a fold: it follows from the messages and their order alone.
2. A state that was given away is never changed afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from kamesh.components.refusing import whole
from kamesh.errors import NotSuitable

__all__ = ["Keep", "Reducer", "keeping", "last", "latest_by"]


@runtime_checkable
class Reducer(Protocol):
    """What is kept, as a user writes it; `merge(mine, theirs)` may be there as well."""

    def empty(self) -> Any:
        """Give the state before the first message."""

    def apply(self, state: Any, message: Any) -> Any:
        """Give the state after `message`; `state` itself stays as it is."""


@dataclass(frozen=True)
class Keep:
    """How to keep something, by four functions; `name` is compared when backplanes are coupled.

    `apply` gives the state after a message and may change the one it is given; `give` makes of it what
    can be sent and is not changed any more, and `take` the reverse. `merge(mine, theirs)` is used only
    when two backplanes have both forgotten what the other lacks.
    """

    name: str
    empty: Callable[[], Any]
    apply: Callable[[Any, Any], Any]
    give: Callable[[Any], Any] = lambda state: state
    take: Callable[[Any], Any] = lambda state: state
    merge: Callable[[Any, Any], Any] | None = None


def last(count: int) -> Keep:
    """Keep the last `count` messages, oldest first; the state is a tuple. WrongFigure below 1.

    Example: `CoupledBackplane("CHAT", keep=last(50))`.
    """
    whole(1, count, "the number of messages that are kept")

    def apply(state: deque[Any], message: Any) -> deque[Any]:
        state.append(message)
        return state

    def empty() -> deque[Any]:
        return deque(maxlen=count)

    return Keep(f"last({count})", empty, apply, tuple, lambda state: deque(state, count))


def latest_by(key: Callable[[Any], Hashable]) -> Keep:
    """Keep the latest message of each `key(message)`; the state is a dict, by key.

    It is as large as there are keys. Example: `latest_by(lambda move: move.player)`.
    """
    if not callable(key):
        raise NotSuitable(f"latest_by({key!r}): it takes a function that gives the key of a message")

    def apply(state: dict[Hashable, Any], message: Any) -> dict[Hashable, Any]:
        state[key(message)] = message
        return state

    def merge(mine: dict[Hashable, Any], theirs: dict[Hashable, Any]) -> dict[Hashable, Any]:
        return {**theirs, **mine}

    return Keep("latest_by", dict, apply, dict, dict, merge)


def keeping(keep: Keep | Reducer | Callable[[Any, Any], Any] | None) -> Keep | None:
    """Make a Keep of what a user gave: None, a Keep, a reducer, or a function (state, message).

    A function is given None before the first message. NotSuitable for anything else.
    """
    if keep is None or isinstance(keep, Keep):
        return keep
    if isinstance(keep, Reducer):
        merge = getattr(keep, "merge", None)
        return Keep(type(keep).__name__, keep.empty, keep.apply, merge=merge)
    if callable(keep):
        name = getattr(keep, "__name__", type(keep).__name__)
        return Keep(name, lambda: None, keep)
    raise NotSuitable(
        f"keep={keep!r}: it is last(n), latest_by(key), a function (state, message) -> state, or "
        f"an object with empty() and apply(state, message)"
    )
