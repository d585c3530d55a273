"""Between two processes: large buffers, acknowledged when consumed, against bare PUSH to PULL.

The peers send the same bytes object again and again without copying, as ours does, and take what
comes as bytes, as ours does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from support import zenohs, zeromq
from support.figures import Bench, Contender, main
from support.nodes import run_nodes
from support.parts import Sink, Source

from kamesh import Component, Pipeline

SIZES = {"64 KiB": (64 * 1024, 15_000), "1 MiB": (1024 * 1024, 1_200)}


def graph(messages: int, size: int) -> tuple[Component, Callable[[], Any]]:
    """Make the graph, and what tells the count that came and the seconds it took."""
    buffer = bytes(size)
    source, sink = Source(messages, lambda _: buffer), Sink()
    return Pipeline(source, sink), lambda: (sink.taken, sink.last - sink.first)


def kamesh(messages: int, size: int, curve: bool) -> float:
    """Send so many; give messages a second."""
    taken, seconds = max(run_nodes(partial(graph, messages, size), curve=curve))
    if taken != messages:
        raise RuntimeError(f"{taken} of {messages} messages came")
    return float(taken / seconds)


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("buffers", rounds=2 if quick else 3)
    for what, (size, count) in SIZES.items():
        count = count // 4 if quick else count
        contenders: dict[str, Contender] = {}
        for mechanism, curve in (("CURVE", True), ("NULL", False)):
            contenders[f"kamesh, {what}, {mechanism}"] = partial(kamesh, count, size, curve)
            contenders[f"pyzmq, {what}, {mechanism}"] = partial(
                zeromq.buffers, count, size, curve=curve
            )
        if zenohs.installed():
            contenders[f"zenoh, {what}"] = partial(zenohs.buffers, count, size)
        bench.compare(contenders, "messages/s")
        for mechanism in ("CURVE", "NULL"):
            bench.ratio(
                f"{what}, {mechanism}, to pyzmq", f"kamesh, {what}, {mechanism}",
                f"pyzmq, {what}, {mechanism}", at_least=0.8,
            )
        bench.ratio(f"{what}, NULL, to zenoh", f"kamesh, {what}, NULL", f"zenoh, {what}")
    if not zenohs.installed():
        bench.not_installed.append("zenoh (pip install eclipse-zenoh)")
    return bench


if __name__ == "__main__":
    main(measure)
