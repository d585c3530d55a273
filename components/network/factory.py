"""What makes a protocol for each connection: a class or a function, with or without the Peer.

Law: how it wants to be called is found out once, when the server is made, and so are mistakes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from kamesh import Component
from kamesh.components.named import is_name, thing_named
from kamesh.components.network.messages import Peer
from kamesh.errors import NotSuitable

__all__ = ["Factory", "ProtocolFactory"]

ProtocolFactory: TypeAlias = Callable[..., Component]  # called with no argument, or with the Peer


class Factory:
    """Makes a protocol for each connection, and says what is wrong with what was made."""

    def __init__(self, protocol: ProtocolFactory | str) -> None:
        """Find out how `protocol` wants to be called; NotSuitable if it cannot be.

        Text names it: "module:Class", or a component of the library by its name or word.
        """
        if isinstance(protocol, str):
            protocol = _named(protocol)
        self._protocol = protocol
        self.name = _name(protocol)
        if isinstance(protocol, Component):
            raise NotSuitable(
                f"{self.name} is one component, and each connection needs one of its own: give the "
                f"class, or a function that makes one"
            )
        if not callable(protocol):
            raise NotSuitable(f"{protocol!r} makes no components: give a class or a function")
        self._takes_peer = self._asks_for_peer()

    def _asks_for_peer(self) -> bool:
        required = [one for one in _parameters(self._protocol) if one.default is one.empty]
        places = [
            one for one in required if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]
        named = [one for one in required if one.kind is one.KEYWORD_ONLY]
        if len(places) > 1 or named:
            names = ", ".join(one.name for one in (*places, *named))
            raise NotSuitable(
                f"{self.name} wants {names}: it is called with nothing, or with the Peer alone; a "
                f"lambda or functools.partial can give the rest"
            )
        return bool(places)

    def __call__(self, peer: Peer) -> Component:
        """Make one for a connection with `peer`."""
        made = self._protocol(peer) if self._takes_peer else self._protocol()
        if not isinstance(made, Component):
            raise NotSuitable(f"{self.name} gave {made!r:.60}, which is not a component")
        if made.state != "new":
            raise NotSuitable(
                f"{self.name} gave {made.path}, which is {made.state}: each connection needs a new one"
            )
        return made


def _named(name: str) -> ProtocolFactory:
    if is_name(name):
        return thing_named(name)  # type: ignore[return-value]  # what it is is looked at next
    # to find one among all components, each is imported: only for who says no module
    from kamesh.components.catalogue import catalogue

    return catalogue().find(name).component


def _name(protocol: object) -> str:
    if isinstance(protocol, partial):
        return _name(protocol.func)
    return getattr(protocol, "__name__", None) or type(protocol).__name__


def _parameters(protocol: ProtocolFactory) -> list[inspect.Parameter]:
    """List what it takes; a component's class by its `__init__`, which is what people write."""
    try:
        if isinstance(protocol, type) and issubclass(protocol, Component):
            return list(inspect.signature(protocol.__init__).parameters.values())[1:]
        return list(inspect.signature(protocol).parameters.values())
    except (TypeError, ValueError):  # one written in C tells nothing of itself
        return []
