"""The first words on a connection: who is there, and whether the two can go together.

Laws: a greeting is judged by what it says alone (version, mesh, name), and admits nobody by
itself: keys are the transport's affair; a refusal tells both sides of the disagreement; two nodes
that dial each other at once agree, without a word, which connection stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from kamesh.link.errors import RemoteProtocolError
from kamesh.link.fields import Buffer, clip
from kamesh.link.framing import unpack
from kamesh.link.limits import LinkLimits
from kamesh.link.records import VERSION_MAX, VERSION_MIN, Hello

__all__ = ["disagreement", "keeps_own_dial", "read_greeting", "version_of"]


def version_of(greeting: Hello) -> int | None:
    """Return the highest version that both sides speak, if there is one."""
    highest = min(greeting.version_max, VERSION_MAX)
    return highest if highest >= max(greeting.version_min, VERSION_MIN) else None


def disagreement(greeting: Hello, *, mesh: str, node: str, peer: str | None) -> str | None:
    """Return why the two cannot go together, in a sentence for both of them, or None."""
    if version_of(greeting) is None:
        return clip(
            f"node {node!r} speaks versions {VERSION_MIN} to {VERSION_MAX} of the link protocol, "
            f"and node {greeting.node!r} speaks {greeting.version_min} to {greeting.version_max}: "
            f"update the older of the two"
        )
    if greeting.mesh != mesh:
        return clip(
            f"node {node!r} belongs to the mesh {mesh!r} and node {greeting.node!r} to the "
            f"mesh {greeting.mesh!r}"
        )
    if greeting.node == node:
        return clip(
            f"both nodes are called {node!r}: give one of them another name, unless a node "
            "has dialed itself"
        )
    if peer is not None and greeting.node != peer:
        return clip(
            f"node {node!r} expected to talk to {peer!r} here, and this is {greeting.node!r}"
        )
    return None


def read_greeting(frames: Sequence[Buffer], limits: LinkLimits | None = None) -> Hello | None:
    """Return the HELLO or WELCOME that a first message begins with; None if it is anything else.

    For the shell, which must know who speaks before it can choose the `Link` for a connection. The
    frames are to be given to that link's `received` afterwards, whole.
    """
    try:
        first = unpack(frames, limits or LinkLimits())[0]
    except RemoteProtocolError:
        return None  # the link that gets the frames will say what is wrong with them
    return first if isinstance(first, Hello) else None


def keeps_own_dial(node: str, peer: str) -> bool:
    """Return whether, of two connections dialed both ways, `node` keeps the one that it dialed.

    The node whose name sorts first dialed the one that stays: both ends come to the same answer.
    """
    return node < peer
