"""Kamaelia's Axon as a peer: its Pipeline, fed in bursts, since its scheduler sleeps once a cycle."""

from __future__ import annotations

import importlib.util
import time

__all__ = ["installed", "pipeline"]

BURST = 1000


def installed() -> bool:
    """Say whether `pip install kamaelia kamaelia-axon` has been done."""
    return all(importlib.util.find_spec(name) is not None for name in ("Axon", "Kamaelia"))


def pipeline(stages: int, messages: int) -> float:
    """Send so many messages through so many components; give hops a second."""
    from Axon.Component import component  # type: ignore[import-not-found,import-untyped,unused-ignore]  # a peer, not needed
    from Axon.Ipc import producerFinished  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from Kamaelia.Chassis.Pipeline import Pipeline  # type: ignore[import-not-found,import-untyped,unused-ignore]

    class Source(component):  # type: ignore[misc]
        def main(self):  # type: ignore[no-untyped-def]
            sent = 0
            while sent < messages:
                for number in range(sent, min(sent + BURST, messages)):
                    self.send(number, "outbox")
                sent += BURST
                yield 1
            self.send(producerFinished(self), "signal")

    class Stage(component):  # type: ignore[misc]
        def main(self):  # type: ignore[no-untyped-def]
            while True:
                while self.dataReady("inbox"):
                    self.send(self.recv("inbox"), "outbox")
                if self.dataReady("control"):
                    self.send(self.recv("control"), "signal")
                    return
                yield 1

    class Sink(component):  # type: ignore[misc]
        taken = 0

        def main(self):  # type: ignore[no-untyped-def]
            while True:
                while self.dataReady("inbox"):
                    self.recv("inbox")
                    self.taken += 1
                if self.dataReady("control"):
                    return
                yield 1

    sink = Sink()
    whole = Pipeline(Source(), *(Stage() for _ in range(stages)), sink)
    began = time.perf_counter()
    whole.run()
    seconds = time.perf_counter() - began
    if sink.taken != messages:
        raise RuntimeError(f"Axon delivered {sink.taken} of {messages} messages")
    return messages * (stages + 1) / seconds
