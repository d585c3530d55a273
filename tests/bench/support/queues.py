"""A chain of bounded asyncio.Queues as a peer: a task for each stage, a queue before each."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

__all__ = ["chain"]

BOUND = 1024  # as an inbox has
END = object()


def chain(stages: int, messages: int) -> float:
    """Send so many messages through so many tasks; give hops a second."""
    return asyncio.run(_chain(stages, messages))


async def _chain(stages: int, messages: int) -> float:
    queues: list[asyncio.Queue[object]] = [asyncio.Queue(BOUND) for _ in range(stages + 1)]

    async def source() -> None:
        for number in range(messages):
            await queues[0].put(number)
        await queues[0].put(END)

    async def stage(came: asyncio.Queue[object], goes: asyncio.Queue[object]) -> None:
        while True:
            message = await came.get()
            await goes.put(message)
            if message is END:
                return

    async def sink() -> int:
        taken = 0
        while await queues[-1].get() is not END:
            taken += 1
        return taken

    began = time.perf_counter()
    tasks = [asyncio.create_task(source())]
    tasks += [asyncio.create_task(stage(*pair)) for pair in pairwise(queues)]
    taken = await sink()
    seconds = time.perf_counter() - began
    await asyncio.gather(*tasks)
    if taken != messages:
        raise RuntimeError(f"the queues delivered {taken} of {messages} messages")
    return messages * (stages + 1) / seconds
