"""A TCP server: echoes a second over 1,000 connections, and 10,000 connections held at once.

Against Kamaelia's SimpleServer, asyncio's streams and a bare asyncio.Protocol, under the same load from
a process of its own: each connection sends its next 64 bytes when the answer has come. Kamaelia is given
300 connections, which is to its advantage: it answers the slower the more there are, takes a third of a
minute to accept 1,000, and stops serving all of them at 1,022.
"""

from __future__ import annotations

from functools import partial

from support import axon
from support.echoes import hold, requests, served
from support.figures import Bench, Contender, main

CONNECTIONS, KAMAELIAS = 1000, 300
HELD = 10_000


def echoes(kind: str, connections: int, seconds: float, used: dict[str, list[float]]) -> float:
    """Give the answers a second."""
    with served(kind) as server:
        found = requests(server, connections, seconds)
    for name in ("server's processor", "server's microseconds", "load's processor"):
        used.setdefault(f"{name}, {kind}", []).append(found[name])
    return found["answers/s"]


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("tcp", rounds=1 if quick else 3)
    seconds = 1.0 if quick else 2.0
    used: dict[str, list[float]] = {}
    kinds = ["kamesh", "streams"] if quick else ["kamesh", "streams", "protocol"]
    if axon.installed():
        kinds.append("Kamaelia")
    else:
        bench.not_installed.append("Kamaelia (pip install kamaelia kamaelia-axon)")
    many = dict.fromkeys(kinds, CONNECTIONS) | {"Kamaelia": KAMAELIAS}
    contenders: dict[str, Contender] = {
        kind: partial(echoes, kind, many[kind], seconds, used) for kind in kinds
    }
    bench.compare(contenders, "answers/s")
    bench.ratio("to Kamaelia's SimpleServer", "kamesh", "Kamaelia", at_least=40)
    bench.ratio("to asyncio's streams", "kamesh", "streams", at_least=0.8)
    bench.ratio("to a bare asyncio.Protocol", "kamesh", "protocol")
    for name, shares in used.items():
        bench.add(name, "an answer" if "microseconds" in name else "of one", *shares)
    bench.ratio(
        "processor an answer, to asyncio's streams",
        "server's microseconds, kamesh",
        "server's microseconds, streams",
    )

    held = 2_000 if quick else HELD
    for kind in ("kamesh", "streams"):
        with served(kind) as server:
            found = hold(server, held)
        bench.add(f"held and answered, {kind}", "connections", found["answered"])
        bench.add(f"connected and answered in, {kind}", "s", found["seconds"])
        bench.add(f"memory, {kind}", "bytes/connection", found["bytes each"])
    bench.bound(f"{held:,} held and answered", "held and answered, kamesh", at_least=held)
    bench.ratio("memory to asyncio's streams", "memory, kamesh", "memory, streams")
    return bench


if __name__ == "__main__":
    main(measure)
