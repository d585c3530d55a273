"""100,000 components that wait: the memory of each, and the processor time they take in 2 seconds."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
import tracemalloc
from collections.abc import Generator
from functools import partial

from support.figures import Bench, main
from support.processes import alone

from kamesh import Component
from kamesh.runtime import current_runtime

SECONDS = 2.0


class Idle(Component):
    """Waits for messages that do not come."""

    def main(self) -> Generator[None, None, None]:
        """Wait."""
        while not self.stopping():
            for _ in self.inbox:
                pass
            yield self.pause()


def resident() -> int:
    """Give the bytes of memory this process has now."""
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize()


async def wait(count: int, traced: bool) -> tuple[float, float, float]:
    """Start so many; give bytes each, and seconds of processor time and of waiting."""
    runtime = current_runtime()
    gc.collect()
    if traced:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if traced else resident()
    kept = [Idle() for _ in range(count)]
    for each in kept:
        each._strand.start(runtime)
    while any(each.state != "asleep" for each in kept):  # noqa: ASYNC110 nobody tells of it
        await asyncio.sleep(0.1)
    gc.collect()
    used = (tracemalloc.get_traced_memory()[0] if traced else resident()) - before
    tracemalloc.stop()
    began, busy = time.monotonic(), time.process_time()
    await asyncio.sleep(SECONDS)
    busy, waited = time.process_time() - busy, time.monotonic() - began
    for each in kept:
        each.stop()
    return used / count, busy, waited


def idle(count: int, traced: bool) -> tuple[float, float, float]:
    """Do it in an event loop."""
    return asyncio.run(wait(count, traced))


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("idle")
    count = 10_000 if quick else 100_000
    kept, busy, waited = alone(partial(idle, count, False))
    bench.add("resident memory", "bytes/component", kept)
    bench.add("processor time", "% of one core", 100 * busy / waited)
    bench.add("traced memory", "bytes/component", alone(partial(idle, count, True))[0])
    bench.bound(f"bytes each of {count:,}, resident", "resident memory", at_most=3072)
    bench.bound(f"bytes each of {count:,}, traced", "traced memory", at_most=3072)
    bench.bound(f"processor time of {count:,}", "processor time", at_most=0.5)
    return bench


if __name__ == "__main__":
    main(measure)
