"""Router: each message to the outbox that its key names.

Laws
1. A message goes to exactly one outbox; what no route is for goes to "outbox", and is counted.
2. The messages of one outbox stay in their order.
3. A receiver that is slow holds back the whole stream, unless its linkage is given another policy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from typing import Any, ClassVar

from kamesh import Component
from kamesh.components.refusing import box_names, function
from kamesh.errors import NotSuitable

__all__ = ["Router"]


class Router(Component):
    """Sends each message to the outbox that its key names.

    `key` gives the key of a message; a text is short for the item, or the attribute, of that name.
    `routes` are the names of the outboxes, where the keys are such
    names themselves, or a mapping from keys to names. Router.where(...) is for choosing by predicates
    instead: the first that is true of the message says where it goes.

    Example:
        >>> by_sign = Router(lambda n: n > 0, {True: "positive", False: "rest"})
        >>> sent = run(by_sign, [1, -2, 3])
        >>> sent["positive"], sent["rest"]
        ([1, 3], [-2])
        >>> sent = run(Router.where(error=lambda line: "error" in line), ["error 1", "fine"])
        >>> sent["error"], sent["outbox"]
        (['error 1'], ['fine'])

    Boxes: "inbox" anything; an outbox for each name in `routes`; "outbox" what none of them is for;
    "control".

    How it ends: with its inbox, or when told on "control". If the key or a predicate raises, it fails
    with that line.
    """

    inboxes: ClassVar = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "what no route is for",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self,
        key: Callable[[Any], Hashable] | str,
        routes: Iterable[str] | Mapping[Any, str],
        *,
        name: str | None = None,
    ) -> None:
        """Take the key and the routes; WrongFigure for none, NameTaken for an outbox named twice."""
        super().__init__(name=name)
        if isinstance(routes, Mapping):
            self.routes = dict(routes)
        else:
            self.routes = {each: each for each in box_names(routes, "a Router")}
        names = dict.fromkeys(self.routes.values())
        taken = (*self._strand.inboxes, "signal")
        for each in box_names((one for one in names if one != "outbox"), "a Router", taken):
            self.add_outbox(each)
        self.key = _field(key) if isinstance(key, str) else key
        function(self.key, "the key of a Router, unless it is a name,")
        self.unrouted = 0

    @classmethod
    def where(cls, *, name: str | None = None, **predicates: Callable[[Any], object]) -> Router:
        """Make one with an outbox for each predicate; the first that is true of a message has it."""
        for box, holds in predicates.items():
            function(holds, f"what says whether a message is for {box!r}")

        def first(message: object) -> str | None:
            return next((box for box, holds in predicates.items() if holds(message)), None)

        return cls(first, list(predicates), name=name)

    def main(self) -> Generator[None, None, None]:
        """Send what has arrived where it belongs."""
        key, routes = self.key, self.routes
        while not self.stopping():
            for message in self.inbox:
                chosen = key(message)
                try:
                    box = routes.get(chosen)
                except TypeError:
                    raise NotSuitable(
                        f"{self.path} cannot look up the key {chosen!r} of {message!r}: "
                        f"a key is something that can stand in a dict"
                    ) from None
                if box is None:
                    self.unrouted += 1
                    box = "outbox"
                self.send(message, box)
            yield self.pause()

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"unrouted": self.unrouted}


def _field(name: str) -> Callable[[Any], Hashable]:
    """Make a key of the name of an item or an attribute."""

    def field(message: Any) -> Hashable:
        key: Hashable
        key = message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)
        return key

    return field
