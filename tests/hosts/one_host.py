"""One host of a test: a node that runs its part of a pipeline, on the address of this namespace."""

import asyncio
import sys

from kamesh import Component, Graphline
from kamesh.nodes.node import Node, NodeSettings
from kamesh.nodes.plan import plan_of
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials, MeshKey


class Numbers(Component):
    """Sends `count` numbers, one every 2 ms."""

    def __init__(self, count):
        self.count = count

    def main(self):
        for number in range(self.count):
            while self.room("outbox") <= 0:
                yield self.pause(0.01)
            self.send(number)
            yield self.pause(0.002)


class Checks(Component):
    """Says what came: how many, and whether in order."""

    def main(self):
        came = []
        while not self.stopping():
            came.extend(self.inbox)
            yield self.pause()
        print(len(came), came == list(range(len(came))), flush=True)


async def main(name, address, count):
    """Run one of the two nodes; they find each other by zeroconf alone."""
    graph = Graphline(
        SEND=Numbers(count), TAKE=Checks(), linkages={("SEND", "outbox"): ("TAKE", "inbox")},
        placement={"SEND": "left", "TAKE": "right"},
    )
    plan, components = plan_of(graph)
    mine = {each: c for each, c in components.items() if plan.node_of(each) == name}
    key = MeshKey(bytes(range(32)))
    settings = NodeSettings(listen=f"tcp://{address}:0", interfaces=(address,))
    node = Node(
        name, plan, mine, mesh=key.identity, settings=settings,
        transport=ZeroMQTransport(MeshCredentials(key)),
    )
    await asyncio.wait_for(node.run(), 60)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
