"""How nodes end: nobody leaves before those who sent to it know what became of it."""

import asyncio
import logging
import random

import pytest
from meshes import Mesh, in_virtual_time

from kamesh import Component, Graphline, Pipeline
from kamesh.components.sending import stopped_within, told_to_end
from kamesh.nodes.node import NodeFailed
from kamesh.testing import Collector, Feeder
from kamesh.transport.memory import Conditions, Network

SOON = 12.0  # virtual seconds; who waits for an answer that never comes waits for 30


@pytest.mark.parametrize("seed", range(40))
def test_who_has_taken_everything_stays_until_its_sender_knows(seed):
    """Whenever the connection breaks around the end of a stream, both nodes end soon."""
    sink = Collector()
    top = Pipeline(Feeder(range(3)), sink)

    async def test(network: Network) -> None:
        chance = random.Random(seed)
        network.shape("feeder", "collector", Conditions(delay=0.02, jitter=0.02))
        network.shape("collector", "feeder", Conditions(delay=0.02, jitter=0.02))
        mesh = Mesh(network, top)
        running = asyncio.ensure_future(mesh.run(limit=SOON))
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        network.reset("feeder", "collector")
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        network.reset("feeder", "collector")
        await running

    in_virtual_time(test, seed)
    assert sink.messages == [0, 1, 2]


def test_a_component_that_fails_after_its_stream_has_ended_lets_its_senders_go(caplog):
    """The end was already there when it raised: its sender hears that nobody takes the rest."""

    class Bad(Component):
        def main(self):
            while not self.inbox.finished:
                yield self.pause()
            raise ValueError("not this")

    top = Graphline(A=Feeder(range(10)), B=Bad(), linkages={("A", "outbox"): ("B", "inbox")})

    async def test(network: Network) -> list[BaseException | None]:
        mesh = Mesh(network, top)
        async with asyncio.timeout(SOON):
            return await asyncio.gather(
                *(node.run() for node in mesh.nodes.values()), return_exceptions=True
            )

    well, failed = in_virtual_time(test)
    assert well is None
    assert isinstance(failed, NodeFailed)
    assert "not this" in str(failed)
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


@pytest.mark.parametrize("when", [0.0, 1.0], ids=["before it starts", "while it runs"])
def test_a_node_that_will_not_come_back_is_not_waited_for(when):
    """Told so by who started both: senders to it go on, receivers from it hear that it is lost."""
    sink = Collector()
    top = Graphline(
        A=Feeder(range(10)), B=lambda n: n, C=sink,
        linkages={("A", "outbox"): ("B", "inbox"), ("B", "outbox"): ("C", "inbox")},
        placement={"A": "here", "B": "there", "C": "here"},
    )

    async def test(network: Network) -> None:
        mesh = Mesh(network, top, split=False)
        node = mesh.nodes["here"]
        asyncio.get_running_loop().call_later(when, node.gone, "there", "node there was killed")
        async with asyncio.timeout(SOON):
            await node.run()

    in_virtual_time(test)
    assert "node there was killed" in str(sink.inbox.failure)


def test_what_was_sent_before_a_failure_arrives_though_the_receiver_is_late():
    """A component sends and raises before the other node is even there: what it sent is not lost."""
    sink = Collector()

    class Brief(Component):
        def main(self):
            self.send("before")
            yield
            raise ValueError("and no more")

    top = Graphline(A=Brief(), B=sink, linkages={("A", "outbox"): ("B", "inbox")})

    async def test(network: Network) -> list[BaseException | None]:
        mesh = Mesh(network, top)
        failing = asyncio.ensure_future(mesh.nodes["a"].run())
        await asyncio.sleep(1.5)
        async with asyncio.timeout(SOON):
            return await asyncio.gather(failing, mesh.nodes["b"].run(), return_exceptions=True)

    failed, _ = in_virtual_time(test)
    assert isinstance(failed, NodeFailed)
    assert sink.messages == ["before"]
    assert "and no more" in str(sink.inbox.failure)


def test_one_whose_streams_have_ended_is_told_to_finish_as_such():
    """A client that still tries to send hears that this is no mere end of its stream, and ends at once."""

    class Tries(Component):
        def __init__(self):
            self.ended_at = 0.0

        async def main(self):
            assert not await stopped_within(self, 3.0, told_to_end)  # the end of its stream is none
            assert await stopped_within(self, 100.0, told_to_end)
            self.ended_at = self.now()

    tries = Tries()
    top = Graphline(A=Feeder(range(3)), B=tries, linkages={("A", "outbox"): ("B", "inbox")})

    async def test(network: Network) -> float:
        mesh = Mesh(network, top, split=False)
        running = asyncio.ensure_future(mesh.run(limit=60.0))
        await asyncio.sleep(10)
        (node,) = mesh.nodes.values()
        began = asyncio.get_running_loop().time()
        await node.stop(5.0)
        await running
        return began

    began = in_virtual_time(test)
    assert began <= tries.ended_at < began + 1
