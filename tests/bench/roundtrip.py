"""Between two processes: 64 bytes from a component to another and back, in microseconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from support import zenohs, zeromq
from support.figures import Bench, main
from support.nodes import run_nodes
from support.parts import BatchStage

from kamesh import Component, Graphline

TRIPS = 3000


class Asker(Component):
    """Sends 64 bytes and waits for them, again and again."""

    def __init__(self, trips: int) -> None:
        """Take how often."""
        self.trips = trips
        self.taken: list[float] = []

    def main(self) -> Generator[None, None, None]:
        """Ask."""
        question = bytes(64)
        for _ in range(self.trips):
            began = time.perf_counter()
            self.send(question)
            while not self.data_ready():
                yield self.pause()
            self.recv()
            self.taken.append(time.perf_counter() - began)


def graph(trips: int) -> tuple[Component, Callable[[], Any]]:
    """Make the graph, and what tells the seconds of each trip."""
    asker = Asker(trips)
    whole = Graphline(
        ASKER=asker,
        ECHO=BatchStage(),
        linkages={("ASKER", "outbox"): ("ECHO", "inbox"), ("ECHO", "outbox"): ("ASKER", "inbox")},
    )
    return whole, lambda: sorted(asker.taken)


def kamesh(trips: int, curve: bool) -> list[float]:
    """Go there and back so often; give the seconds of each, sorted."""
    taken: list[float] = max(run_nodes(partial(graph, trips), curve=curve), key=len)
    return taken


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("roundtrip", rounds=2 if quick else 5)
    trips = TRIPS // 4 if quick else TRIPS
    contenders: dict[str, Callable[[], list[float]]] = {
        "kamesh, CURVE": partial(kamesh, trips, True),
        "kamesh, NULL": partial(kamesh, trips, False),
        "pyzmq, CURVE": partial(zeromq.round_trips, trips, curve=True),
        "pyzmq, NULL": partial(zeromq.round_trips, trips, curve=False),
    }
    if zenohs.installed():
        contenders["zenoh"] = partial(zenohs.round_trips, trips)
    else:
        bench.not_installed.append("zenoh (pip install eclipse-zenoh)")
    taken: dict[str, list[list[float]]] = {name: [] for name in contenders}
    for _ in range(bench.rounds):
        for name, contender in contenders.items():
            taken[name].append(contender())
    for name, rounds in taken.items():
        for part, place in (("p50", 0.5), ("p99", 0.99)):
            figures = [1e6 * trip[int(place * len(trip))] for trip in rounds]
            bench.add(f"{name}, {part}", "microseconds", *figures)
    for part in ("p50", "p99"):
        bench.ratio(f"{part}, encrypted, to pyzmq", f"kamesh, CURVE, {part}", f"pyzmq, CURVE, {part}")
        bench.ratio(f"{part}, unencrypted, to pyzmq", f"kamesh, NULL, {part}", f"pyzmq, NULL, {part}")
        bench.ratio(f"{part}, unencrypted, to zenoh", f"kamesh, NULL, {part}", f"zenoh, {part}")
    return bench


if __name__ == "__main__":
    main(measure)
