"""Contact: a client for the nodes of a run, over the same links and with the same key as theirs.

Law: whoever can read the run's key can talk to its nodes, and nobody else can.
"""

from __future__ import annotations

from kamesh.deploy.launching.runs import Run
from kamesh.nodes.client import Client
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials

__all__ = ["connect"]


def connect(run: Run) -> Client:
    """Give a client to be used in `async with`.

    Example:
        async with connect(find_run()) as client:
            reports = await client.nodes()
    """
    key = run.key
    endpoints = {name: node.endpoint for name, node in run.nodes.items()}
    return Client(ZeroMQTransport(MeshCredentials(key)), key.identity, endpoints)
