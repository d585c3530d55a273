"""UDP and multicast over loopback, datagrams of 1,316 bytes: received, sent, and relayed.

Against a bare asyncio loop that does the same: with `add_reader` and `recvfrom` (one datagram each time
it is called, and all there are), and with asyncio's own DatagramProtocol and DatagramTransport.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from support.datagrams import RECEIVERS, RELAYS, SENDERS, received, relayed, sent_by
from support.figures import Bench, main
from support.processes import alone


def _against(
    bench: Bench, what: str, work: Callable[..., float], peers: Iterable[str], messages: int
) -> None:
    for way in ("UDP", "multicast"):
        names = {kind: f"{kind}: {way} {what}" for kind in ("kamesh", *peers)}
        bench.compare(
            {
                name: partial(alone, work, kind, way == "multicast", messages)
                for kind, name in names.items()
            },
            "datagrams/s of processor time",
        )
        for kind in peers:
            bench.ratio(f"{way} {what}, to {kind}", names["kamesh"], names[kind], at_least=0.8)


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("datagrams", rounds=2 if quick else 5)
    messages = 8_000 if quick else 30_000
    _against(bench, "received", received, RECEIVERS, messages)
    _against(bench, "sent", sent_by, SENDERS, messages)
    _against(bench, "relayed", relayed, RELAYS, messages)
    return bench


if __name__ == "__main__":
    main(measure)
