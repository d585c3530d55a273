"""Digest: what a stream of bytes hashes to.

Law: the hash is that of the bytes alone, however they were cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import ClassVar

from kamesh.components.framing.converting import ThreadedConverting
from kamesh.components.framing.incremental import Incremental
from kamesh.components.refusing import WrongFigure, text
from kamesh.linking import did_you_mean

__all__ = ["Digest", "Digester"]


class Digester(Incremental[bytes, str]):
    """Takes bytes, gives their hash, in hexadecimal, when they have ended."""

    def __init__(self, algorithm: str = "sha256") -> None:
        """Begin; WrongFigure for a hash there is not, or one that has no size of its own."""
        there_are = {each for each in hashlib.algorithms_available if "shake" not in each}
        text(algorithm, "the name of a hash")
        if algorithm not in there_are:
            raise WrongFigure(
                f"there is no hash {algorithm!r}{did_you_mean(algorithm, sorted(there_are))}: take "
                f"sha256, sha512, sha3_256, blake2b ..."
            )
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def pieces(self, given: bytes) -> Iterator[str]:
        """Take `given`; there is nothing to give yet."""
        self._hash.update(given)
        yield from ()

    def rest(self) -> Iterator[str]:
        """Give the hash."""
        yield self._hash.hexdigest()


class Digest(ThreadedConverting):
    """Sends the hash of a stream of bytes when it has ended.

    `algorithm` is what `hashlib` has: "sha256" (the default), "sha512", "sha3_256", "blake2b" ...

    Example:
        >>> run(Digest(), [b"on", b"e"])["outbox"]
        ['7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed']

    Boxes: "inbox" bytes; "outbox" the hash, a str in hexadecimal; "control".

    How it ends: when its inbox has ended, after the hash is sent; told Shutdown, at once, without it.
    """

    outboxes: ClassVar = {**ThreadedConverting.outboxes, "outbox": "the hash, in hexadecimal"}

    def __init__(self, algorithm: str = "sha256", *, name: str | None = None) -> None:
        """Begin; WrongFigure for a hash there is not."""
        super().__init__(Digester(algorithm), name=name)
