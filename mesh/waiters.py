"""Waiters: the coroutines that wait for one thing.

Law: who is cancelled while it waits leaves nothing behind.
"""

from __future__ import annotations

import asyncio

__all__ = ["Waiters"]


class Waiters:
    """The coroutines that wait for one thing; made when the first of them comes."""

    __slots__ = ("futures",)

    def __init__(self) -> None:
        """Begin with none."""
        self.futures: list[asyncio.Future[bool]] = []

    async def wait(self) -> bool:
        """Wait to be let go; give what `let_go` was given."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        try:
            return await future
        finally:
            if future in self.futures:
                self.futures.remove(future)

    def let_go(self, answer: bool = True) -> None:
        """Let all of them go on."""
        if self.futures:
            futures, self.futures = self.futures, []
            for future in futures:
                if not future.done():
                    future.set_result(answer)
