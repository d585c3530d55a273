"""`kamesh echo` and `kamesh hz`: what an outbox sends, and how often.

Law: watching copies what is sent from now on and holds nobody up: a slow watcher loses the oldest.
"""

from __future__ import annotations

import asyncio
import math
import time
from argparse import Namespace
from collections.abc import AsyncIterable
from contextlib import aclosing

from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import find_run
from kamesh.deploy.pictures.showing import as_json, count, one_line

__all__ = ["Rate", "echo", "hz"]


class Rate:
    """How often something happens: counts, and the gaps between.

    Example: `rate.happened(now)` each time, then `rate.taken(now)` for the figures since the last.
    """

    def __init__(self, now: float) -> None:
        """Begin to count at `now` (seconds)."""
        self._began = now
        self._last: float | None = None
        self._clear()

    def _clear(self) -> None:
        self._count = self._gaps = 0
        self._sum = self._squares = 0.0
        self._least, self._most = math.inf, 0.0

    def happened(self, now: float) -> None:
        """Count one."""
        self._count += 1
        if self._last is not None:
            gap = now - self._last
            self._gaps += 1
            self._sum += gap
            self._squares += gap * gap
            self._least, self._most = min(self._least, gap), max(self._most, gap)
        self._last = now

    def taken(self, now: float) -> dict[str, float]:
        """Give the figures since the last time (messages per second, gaps in seconds); begin anew."""
        passed = now - self._began
        gaps = max(self._gaps, 1)
        mean = self._sum / gaps
        figures = {
            "messages": self._count,
            "seconds": passed,
            "rate": self._count / passed if passed > 0 else 0.0,
            "gap": mean,
            "gap_min": self._least if self._gaps else 0.0,
            "gap_max": self._most,
            "gap_deviation": math.sqrt(max(self._squares / gaps - mean * mean, 0.0)),
        }
        self._began = now
        self._clear()
        return figures


async def echo(options: Namespace, context: Context) -> int:
    """Show every message that an outbox sends, until its stream ends."""
    left = options.count
    async with (
        context.connect(find_run(options.run)) as client,
        aclosing(client.tap(options.box)) as tap,
    ):
        async for message in tap:
            if options.json:
                context.say_json(as_json(message))
            else:
                context.say(one_line(message, options.width))
            left = None if left is None else left - 1
            if left == 0:
                break
    return Exit.OK


async def hz(options: Namespace, context: Context) -> int:
    """Show, every so often, how many messages an outbox sends a second, until its stream ends."""
    left = options.count
    async with context.connect(find_run(options.run)) as client:
        rate = Rate(time.monotonic())
        counting = asyncio.ensure_future(_count(client.tap(options.box), rate))
        try:
            while left is None or left > 0:
                await asyncio.wait({counting}, timeout=options.seconds)
                _tell(rate.taken(time.monotonic()), options, context)
                left = None if left is None else left - 1
                if counting.done():
                    counting.result()
                    break
        finally:
            counting.cancel()
    return Exit.OK


async def _count(messages: AsyncIterable[object], rate: Rate) -> None:
    async for _ in messages:
        rate.happened(time.monotonic())


def _tell(figures: dict[str, float], options: Namespace, context: Context) -> None:
    if options.json:
        context.say_json(figures)
        return
    number = int(figures["messages"])
    text = f"{figures['rate']:,.1f} messages/s ({count(number)} in {figures['seconds']:.1f} s)"
    if number > 1:
        gaps = "gap {gap:.3g} s, {gap_min:.3g} to {gap_max:.3g}, deviation {gap_deviation:.3g}"
        text += "; " + gaps.format(**figures)
    context.say(text)
