"""PureTransformer: a function made into a component."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from kamesh.component import Component

__all__ = ["PureTransformer"]


class PureTransformer(Component):
    """Applies a function to each message; a result of None is not sent.

    A chassis wraps plain functions by itself, so it is seldom written.

    Example:
        >>> run(PureTransformer(lambda n: n * n if n % 2 else None), [1, 2, 3])["outbox"]
        [1, 9]

    Boxes: inbox, what to apply it to; outbox, the results.

    How it ends: when its inbox has ended, or when told to on `control`. If the function raises, the
    component fails, with the function's own line.
    """

    def __init__(self, function: Callable[[Any], Any], *, name: str | None = None) -> None:
        """Take the function."""
        super().__init__(name=name or getattr(function, "__name__", type(function).__name__))
        self.function = function

    def main(self) -> Generator[None, None, None]:
        """Apply it to what has arrived."""
        function = self.function
        while not self.stopping():
            for message in self.inbox:
                result = function(message)
                if result is not None:
                    self.send(result)
            yield self.pause()
