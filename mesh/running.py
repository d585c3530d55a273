"""The ways to run: to the end, within an event loop, and as whoever launched this program wants.

Laws: `run()` in a plain program makes an event loop of its own and closes it; when a launcher has
taken over (`kamesh run --split`, a node process) it gets the component instead, and decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kamesh.errors import Ended
from kamesh.runtime import run_strand
from kamesh.strand import Strand

__all__ = ["run", "run_async", "take_over"]

_launcher: Callable[[Strand], None] | None = None


def take_over(launcher: Callable[[Strand], None] | None) -> None:
    """Have `launcher` called with whatever is `run()` from now on; None gives `run()` back."""
    global _launcher
    _launcher = launcher


def run(strand: Strand) -> None:
    """Run to the end, in an event loop of its own."""
    if _launcher is not None:
        _launcher(strand)
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise Ended(
            f"{strand.path}.run() was called inside a running event loop; "
            f"`await {strand.path}.run_async()` there, or add it to a chassis that runs"
        )
    asyncio.run(run_strand(strand))


async def run_async(strand: Strand) -> None:
    """Run to the end, in the event loop that runs."""
    await run_strand(strand)
