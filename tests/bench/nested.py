"""A component within 0, 10 and 100 chassis: what nesting costs a message. The goal: nothing."""

from __future__ import annotations

from functools import partial

from support.figures import Bench, main
from support.parts import Sink, Source, Stage, through
from support.processes import alone

from kamesh import Component, Pipeline

MESSAGES = 1_000_000
DEPTHS = (0, 10, 100)


def nested(depth: int, messages: int) -> float:
    """Send so many messages through a component so deep; give messages a second."""
    inner: Component = Stage()
    for _ in range(depth):
        inner = Pipeline(inner)
    sink = Sink()
    through(Source(messages), [inner], sink, Pipeline)
    return messages / (sink.last - sink.first)


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("nested", rounds=3 if quick else 7)
    messages = MESSAGES // 5 if quick else MESSAGES
    bench.compare(
        {f"depth {depth}": partial(alone, nested, depth, messages) for depth in DEPTHS},
        "messages/s",
    )
    for depth in DEPTHS[1:]:
        bench.ratio(f"depth {depth} to 0", f"depth {depth}", "depth 0", at_least=0.9)
    return bench


if __name__ == "__main__":
    main(measure)
