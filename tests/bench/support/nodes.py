"""Two nodes in two processes with one graph between them: what the link benchmarks run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from kamesh import Component
from kamesh.nodes.node import Node, NodeSettings
from kamesh.nodes.plan import plan_of
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import Insecure, MeshCredentials, MeshKey
from support.processes import free_port, together

__all__ = ["Graph", "run_nodes"]

Graph = Callable[[], tuple[Component, Callable[[], Any]]]
"""Makes a graph, and what gives the result once it has run. Its components are on one node each."""


def run_nodes(graph: Graph, *, curve: bool, within: float = 30.0) -> list[Any]:
    """Run a graph split over nodes, each in a process of its own; give what each measured."""
    names = list(plan_of(graph()[0], split=True)[0].nodes)
    addresses = {name: f"tcp://127.0.0.1:{free_port()}" for name in names}
    key = MeshKey.new()
    works = [(_node, (graph, name, addresses, key, curve)) for name in names]
    return together(*works, within=within)


def _node(
    graph: Graph, name: str, addresses: dict[str, str], key: MeshKey, curve: bool
) -> Any:
    logging.basicConfig(level=logging.CRITICAL)
    top, result = graph()
    plan, components = plan_of(top, split=True)
    others = tuple(address for node, address in addresses.items() if node != name)
    node = Node(
        name,
        plan,
        {each: part for each, part in components.items() if plan.components[each].node == name},
        mesh=key.identity,
        transport=ZeroMQTransport(MeshCredentials(key) if curve else Insecure()),
        settings=NodeSettings(listen=addresses[name], seeds=others, discover=False),
    )
    asyncio.run(node.run())
    return result()
