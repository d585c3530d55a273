"""Meshes for tests: nodes over the seeded in-memory network, under the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kamesh import Component
from kamesh.nodes.node import Node, NodeSettings
from kamesh.nodes.plan import plan_of
from kamesh.testing import run_coroutine
from kamesh.transport.memory import Network


class Mesh:
    """The nodes of one graph, each on a transport of its own."""

    def __init__(
        self, network: Network, top: Component, *, split: bool = True, patience: float = 30.0,
        placement: Mapping[str, str] | None = None,
    ) -> None:
        """Plan `top` and make its nodes; seeds are all the others."""
        self.network = network
        self.plan, self.components = plan_of(top, placement, split=split)
        names = list(self.plan.nodes)
        self.addresses = {name: f"tcp://10.0.0.{n}:4000" for n, name in enumerate(names, 1)}
        self.patience = patience
        self.nodes = {name: self.make(name) for name in names}

    def make(
        self, name: str, components: Mapping[str, Component] | None = None, transport: str = ""
    ) -> Node:
        """Make one node, with other components than the graph's if given."""
        mine = components or {
            n: c for n, c in self.components.items() if self.plan.node_of(n) == name
        }
        settings = NodeSettings(
            listen=self.addresses[name], discover=False, patience=self.patience,
            seeds=tuple(a for n, a in self.addresses.items() if n != name),
        )
        return Node(
            name, self.plan, mine, mesh="test", settings=settings,
            transport=self.network.transport(transport or name, mesh="test"),
        )

    async def run(self, *, limit: float = 600.0) -> None:
        """Run all nodes to their end."""
        async with asyncio.timeout(limit):
            await asyncio.gather(*(node.run() for node in self.nodes.values()))


def in_virtual_time(test: Callable[[Network], Awaitable[Any]], seed: int = 1) -> Any:
    """Run a coroutine that is given a network."""

    async def main() -> Any:
        return await test(Network(seed=seed))

    return run_coroutine(main())
