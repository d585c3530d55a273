"""Filling a set or a dict with keys that somebody else chose.

Numbers, and tuples of them, hash to values anyone can compute; enough of them chosen to collide
make one insertion cost as much as all before it (100,000 ints: minutes). str and bytes are hashed
with a secret and need no care. So large fillings go in slices, and are given up when they cost many
times what hashing the same keys does.

Laws: small fillings are not slowed down; the time is this thread's own, so a busy machine changes
nothing; the allowance is for a whole payload, not for each set in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import thread_time
from typing import Any

from kamesh.codec.errors import Cannot

__all__ = ["Filler"]

_FREE = 64  # keys; as many colliding ones cost some 50 us at worst
_SLICE = 512  # keys
_ALLOWANCE = 0.010  # seconds, once
_EACH = 2e-6  # seconds for each key; an honest one takes a tenth of it
_TIMES = 4  # what an insertion may cost, in hashings of its key


class Filler:
    """Fills sets and dicts for one payload, with one allowance for all."""

    __slots__ = ("spare",)

    def __init__(self) -> None:
        """Start with the whole allowance."""
        self.spare = _ALLOWANCE

    def fill(
        self, update: Callable[[Any], object], keys: Sequence[Any], items: Sequence[Any]
    ) -> None:
        """Call `update` with all items, or raise `Cannot` when their keys collide."""
        if len(keys) <= _FREE:
            update(items)
            return
        for start in range(0, len(keys), _SLICE):
            end = start + _SLICE
            began = thread_time()
            deque(map(hash, keys[start:end]), maxlen=0)
            hashed = thread_time()
            update(items[start:end])
            took = thread_time() - hashed
            earned = _EACH * len(keys[start:end]) + _TIMES * (hashed - began)
            self.spare = min(_ALLOWANCE, self.spare + earned - took)
            if self.spare < 0:
                raise Cannot("holds keys that have been chosen to collide")
