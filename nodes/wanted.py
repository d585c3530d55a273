"""Wanted: which peers a node wants to be linked to, where they listen, and when to dial them again.

Law: the first attempt is made at once, each later one a little later, with jitter, never faster than
BACK_OFF says, and seldom after a refusal.
"""

from __future__ import annotations

import random

__all__ = ["Wanted"]

BACK_OFF = (0.05, 2.0)  # seconds before the second and before every later attempt
AFTER_REFUSAL = 30.0  # seconds before trying again somebody who said no


class Wanted:
    """Peers by name. Pure: it only says when."""

    def __init__(self) -> None:
        """Begin with none."""
        self._addresses: dict[str, str] = {}
        self._attempts: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        """Say whether a peer is wanted."""
        return name in self._attempts

    def add(self, name: str) -> None:
        """Want a peer."""
        self._attempts.setdefault(name, 0)

    def drop(self, name: str) -> None:
        """Want it no more."""
        self._attempts.pop(name, None)

    def forget(self, name: str) -> None:
        """Keep nothing of a peer."""
        self._attempts.pop(name, None)
        self._addresses.pop(name, None)

    def listens(self, name: str, address: str) -> bool:
        """Note where a peer listens; say whether that is news of one that is wanted."""
        changed = self._addresses.get(name) != address
        self._addresses[name] = address
        if changed:
            self.reached(name)
        return changed and name in self._attempts

    def address(self, name: str) -> str | None:
        """Give where a wanted peer listens, if that is known."""
        return self._addresses.get(name) if name in self._attempts else None

    def at(self, address: str) -> list[str]:
        """Name the peers that listen at an address."""
        return [name for name, one in self._addresses.items() if one == address]

    def reached(self, name: str) -> None:
        """Count from the beginning again."""
        if name in self._attempts:
            self._attempts[name] = 0

    def again_in(self, name: str, *, refused: bool = False) -> float | None:
        """Give the seconds until the next attempt, and count it; None if the peer is not wanted."""
        if name not in self._attempts:
            return None
        self._attempts[name] += 1
        first, most = BACK_OFF
        delay = min(most, first * 2.0 ** min(self._attempts[name], 10)) * random.uniform(0.5, 1.0)
        return max(delay, AFTER_REFUSAL) if refused else delay
