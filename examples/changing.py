"""Changing: a listener comes and goes while everything runs, and the other one never notices.

The clock is the one that tests have, so that the six seconds pass at once.
"""

import asyncio

from kamesh import Graphline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.ticker import Ticker
from kamesh.testing import run_coroutine


async def main():
    station = Graphline(
        CLOCK=Ticker(1.0, count=6),
        ALICE=ConsoleEchoer(tag="Alice hears "),
        linkages={("CLOCK", "outbox"): [("ALICE", "inbox")]},
    )
    running = asyncio.ensure_future(station.run_async())

    await asyncio.sleep(2.5)
    bob = station.add(ConsoleEchoer(tag="Bob hears "), "BOB")
    station.link(("CLOCK", "outbox"), [("BOB", "inbox")])

    await asyncio.sleep(2)
    station.unlink(bob)
    station.remove("BOB")

    await running


run_coroutine(main())
