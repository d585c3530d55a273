"""Within one process: messages x hops a second through 1, 10 and 100 components.

Against the Pipeline of Kamaelia's Axon and a chain of bounded asyncio.Queues; statistics and
back-pressure are on, as they always are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from support import axon, queues
from support.figures import Bench, Contender, main
from support.parts import (
    AsyncSink,
    AsyncSource,
    AsyncStage,
    BatchStage,
    Sink,
    Source,
    Stage,
    through,
)
from support.processes import alone

from kamesh import Component, Pipeline

OURS, AXON, QUEUES = 2_000_000, 100_000, 500_000  # messages x hops a round


def kamesh_stages(kind: Callable[[], Component], stages: int, messages: int) -> float:
    """Run generator components."""
    return through(Source(messages), [kind() for _ in range(stages)], Sink(), Pipeline)


def kamesh_async(stages: int, messages: int) -> float:
    """Run async components."""
    return through(
        AsyncSource(messages), [AsyncStage() for _ in range(stages)], AsyncSink(), Pipeline
    )


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("local", rounds=2 if quick else 5)
    share = 4 if quick else 1
    for stages in (1, 10, 100):
        hops = share * (stages + 1)
        contenders: dict[str, Contender] = {
            f"send, {stages}": partial(alone, kamesh_stages, Stage, stages, OURS // hops),
            f"send_all, {stages}": partial(alone, kamesh_stages, BatchStage, stages, OURS // hops),
            f"queues, {stages}": partial(alone, queues.chain, stages, QUEUES // hops),
            f"async, {stages}": partial(alone, kamesh_async, stages, QUEUES // hops),
        }
        if axon.installed():
            contenders[f"Axon, {stages}"] = partial(alone, axon.pipeline, stages, AXON // hops)
        bench.compare(contenders, "messages x hops/s")
        for way in ("send", "send_all"):
            bench.ratio(
                f"{way} to Axon, {stages}", f"{way}, {stages}", f"Axon, {stages}", at_least=40
            )
            bench.ratio(
                f"{way} to queues, {stages}", f"{way}, {stages}", f"queues, {stages}", at_least=4
            )
        bench.ratio(
            f"async to queues, {stages}", f"async, {stages}", f"queues, {stages}", at_least=0.8
        )
    if not axon.installed():
        bench.not_installed.append("Axon (pip install kamaelia kamaelia-axon)")
    return bench


if __name__ == "__main__":
    main(measure)
