"""Whiteboard: three boards coupled in a circle are as one, and who comes late sees what was drawn.

Each stroke is on each board once, whatever the shape of the couplings; Kamaelia's whiteboards, coupled
like this, made 3,700 copies of one stroke. Boards on nodes of their own are coupled in the same way.
The clock is the one that tests have, so that the waiting passes at once.
"""

import asyncio
from itertools import permutations

from kamesh import Graphline, Pipeline, PublishTo, SubscribeTo
from kamesh.components.console import ConsoleEchoer
from kamesh.components.coupling import Couple, CoupledBackplane, Follow, latest_by
from kamesh.components.sources import DataSource
from kamesh.testing import run_coroutine

TOWNS = ("OSLO", "ROME", "BONN")


def corner(stroke):
    """Give where on the board a stroke is: a new one there takes the place of the old."""
    return stroke.split()[0]


async def main():
    parts, linkages = {}, {}
    for town in TOWNS:
        parts[town] = CoupledBackplane(town, keep=latest_by(corner), until_finished=True)
    for here, there in permutations(TOWNS, 2):
        parts[f"{here}-{there}"] = Couple(here)
        linkages[f"{here}-{there}", "outbox"] = (f"{there}-{here}", "inbox")
    boards = Graphline(linkages, **parts)
    running = asyncio.ensure_future(boards.run_async())

    boards.add(Pipeline(SubscribeTo("BONN"), ConsoleEchoer(tag="Bonn sees ")))
    boards.add(PublishTo("ROME"), "PEN")  # as long as Rome has a pen in hand, nothing ends
    await asyncio.sleep(1)
    for town, stroke in (("OSLO", "top line"), ("ROME", "left circle"), ("OSLO", "top square")):
        boards.add(Pipeline(DataSource([stroke]), PublishTo(town)))
        await asyncio.sleep(1)

    boards.add(Pipeline(Follow("ROME"), ConsoleEchoer(tag="late in Rome: ")))
    await asyncio.sleep(1)
    boards.add(Pipeline(DataSource(["right dot"]), PublishTo("BONN")))
    await asyncio.sleep(1)

    boards.parts["PEN"].stop()
    await running


run_coroutine(main())
