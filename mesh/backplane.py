"""Backplane: a named place to publish to and subscribe from.

Laws
1. Every message that is published reaches everybody who is subscribed then, in one order for all.
2. Who comes before the backplane waits for it; who leaves is unlinked and disturbs nobody.
"""

from __future__ import annotations

from collections.abc import Generator

from kamesh.component import Component
from kamesh.linking import policy_of
from kamesh.owner import Policy
from kamesh.runtime import current_runtime
from kamesh.strand import Strand
from kamesh.wiring import link

__all__ = ["AtBackplane", "Backplane", "PublishTo", "SubscribeTo"]


def _service(name: str) -> str:
    return f"backplane:{name}"


class Backplane(Component):
    """A named place to publish to and subscribe from.

    Example:
        >>> heard = []
        >>> Graphline(
        ...     NEWS=Backplane("NEWS", until_finished=True),
        ...     DESK=Pipeline(DataSource(["rain", "sun"]), PublishTo("NEWS")),
        ...     READER=Pipeline(SubscribeTo("NEWS"), DataSink(heard)),
        ... ).run()
        >>> heard
        ['rain', 'sun']

    A slow subscriber makes the publishers wait, unless its SubscribeTo has another policy. Backplanes
    of several nodes are made one with `kamesh.components.coupling`.

    Boxes: inbox, what is published; outbox, to the subscribers.

    How it ends: when told to on `control`; with `until_finished`, when everybody who published has
    ended. Its end is the end of the stream for all subscribers.
    """

    def __init__(
        self, name: str, *, until_finished: bool = False, component_name: str | None = None
    ) -> None:
        """Make a backplane called `name`; names are unique within a node."""
        super().__init__(name=component_name)
        self.topic = name
        self.until_finished = until_finished

    def main(self) -> Generator[None, None, None]:
        """Offer itself, and pass on what is published."""
        self.offer()
        over = self._strand.stopping if self.until_finished else self._strand.told
        while not over():
            self.send_all(self.inbox)
            yield self.pause()

    def offer(self) -> None:
        """Let itself be found by its name; NameTaken if there is one of that name."""
        current_runtime().services.register(_service(self.topic), self._strand, "inbox")


class AtBackplane(Component):
    """What those at a backplane share: to find it, whenever it comes. They run on its node."""

    def __init__(self, name: str, *, component_name: str | None = None) -> None:
        super().__init__(name=component_name)
        self.topic = name

    def find(self) -> Generator[None, None, Strand | None]:
        """Wait for the backplane; None if it is time to end first."""
        services = current_runtime().services
        while (found := services.watch(_service(self.topic), self._strand)) is None:
            if self._strand.told():
                return None
            yield self.pause()
        return found[0]


class PublishTo(AtBackplane):
    """Publishes to a backplane what comes to its inbox.

    Example:
        >>> news = Backplane("NEWS", until_finished=True)
        >>> run(Graphline(
        ...     NEWS=news, DESK=PublishTo("NEWS"),
        ...     linkages={("", "inbox"): ("DESK", "inbox"), ("NEWS", "outbox"): ("", "outbox")},
        ... ), ["rain"])["outbox"]
        ['rain']

    Boxes: inbox, what to publish; backplane, linked to it; outbox is unused.

    How it ends: with its inbox; what arrives before the backplane does waits, with back-pressure.
    """

    outboxes = {"outbox": "unused", "backplane": "to the backplane", "signal": "passed on"}

    def main(self) -> Generator[None, None, None]:
        """Link to the backplane and pass on."""
        backplane = yield from self.find()
        if backplane is None:
            return
        self.link(("", "backplane"), (backplane.component, "inbox"))
        while not self.stopping():
            self.send_all(self.inbox, "backplane")
            yield self.pause()


class SubscribeTo(AtBackplane):
    """Sends on what is published to a backplane, from when it is linked.

    `policy` says what happens when who reads is slow (`block` by default: the publishers wait).

    Example:
        >>> heard = []
        >>> Graphline(
        ...     NEWS=Backplane("NEWS", until_finished=True),
        ...     DESK=Pipeline(OneShot("rain"), PublishTo("NEWS")),
        ...     READER=Pipeline(SubscribeTo("NEWS", policy="drop_oldest"), DataSink(heard)),
        ... ).run()
        >>> heard
        ['rain']

    Boxes: outbox, what is published.

    How it ends: when the backplane does, or when told to on `control`.
    """

    def __init__(
        self, name: str, *, policy: Policy | str = Policy.BLOCK, component_name: str | None = None
    ) -> None:
        """Subscribe to the backplane called `name`."""
        super().__init__(name, component_name=component_name)
        self.policy = policy_of(policy)

    def main(self) -> Generator[None, None, None]:
        """Have the backplane's outbox pass on to this one's."""
        backplane = yield from self.find()
        if backplane is None:
            return
        source = backplane.outboxes["outbox"]
        linkage = link(source, self.outbox, policy=self.policy, fanout="all")
        self._strand.made.append(linkage)
        while not (source.ended or self._strand.told()):
            yield self.pause()
