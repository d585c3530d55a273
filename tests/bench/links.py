"""Between two processes: small dicts, encrypted, acknowledged when consumed, nothing lost.

The whole way counts: component, egress, link, ingress, component. Against zenoh (tcp, unencrypted)
and bare pyzmq, PUSH to PULL, a message a frame, with CURVE and without.
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

OURS, THEIRS = 1_000_000, 200_000


def small(number: int) -> dict[str, int]:
    """Make a small message."""
    return {"n": number}


def graph(messages: int) -> tuple[Component, Callable[[], Any]]:
    """Make the graph, and what tells the count that came and the seconds it took."""
    source, sink = Source(messages, small), Sink()
    return Pipeline(source, sink), lambda: (sink.taken, sink.last - sink.first)


def kamesh(messages: int, curve: bool) -> float:
    """Send so many; give messages a second."""
    taken, seconds = max(run_nodes(partial(graph, messages), curve=curve))
    if taken != messages:
        raise RuntimeError(f"{taken} of {messages} messages came")
    return float(taken / seconds)


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("links", rounds=2 if quick else 5)
    share = 5 if quick else 1
    contenders: dict[str, Contender] = {
        "kamesh, CURVE": partial(kamesh, OURS // share, True),
        "kamesh, NULL": partial(kamesh, OURS // share, False),
        "pyzmq, CURVE": partial(zeromq.messages, THEIRS // share, curve=True),
        "pyzmq, NULL": partial(zeromq.messages, THEIRS // share, curve=False),
    }
    if zenohs.installed():
        contenders["zenoh"] = partial(zenohs.messages, THEIRS // share)
    else:
        bench.not_installed.append("zenoh (pip install eclipse-zenoh)")
    bench.compare(contenders, "messages/s")
    bench.bound("messages/s, encrypted", "kamesh, CURVE", at_least=1_000_000)
    bench.ratio("encrypted, to zenoh", "kamesh, CURVE", "zenoh", at_least=1)
    bench.ratio("encrypted, to pyzmq", "kamesh, CURVE", "pyzmq, CURVE", at_least=1)
    bench.ratio("unencrypted, to zenoh", "kamesh, NULL", "zenoh", at_least=1)
    bench.ratio("unencrypted, to pyzmq", "kamesh, NULL", "pyzmq, NULL", at_least=1)
    return bench


if __name__ == "__main__":
    main(measure)
