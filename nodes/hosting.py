"""Hosting: the components that a node runs.

Law: each is started once, its end is told once, and nothing is left running when the node ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kamesh.component import Component
from kamesh.errors import UnknownBox
from kamesh.inbox import Inbox
from kamesh.linking import did_you_mean
from kamesh.messages import Failure, ProducerFinished
from kamesh.outbox import Outbox
from kamesh.runtime import Runtime
from kamesh.scheduler import TaskState
from kamesh.strand import Strand
from kamesh.wiring import unlink

__all__ = ["Hosting"]


class Hosting:
    """The components of one node, by the names that the plan gives them."""

    def __init__(
        self, node: str, components: Mapping[str, Component], top: Component | None = None
    ) -> None:
        """Take the components; with `top`, that chassis is run whole and they are its parts."""
        self.node = node
        self.components = dict(components)
        self.top = top
        if top is None:
            for component in self.components.values():
                _set_free(component)
        self._live: set[Strand] = set()
        self._runtime: Runtime | None = None

    @property
    def over(self) -> bool:
        """Whether everything has ended."""
        return not self._live

    def start(self, runtime: Runtime, ended: Callable[[str, Failure | None], None]) -> None:
        """Start them; `ended` is told the name and the failure of each that ends."""
        self._runtime = runtime
        whole = {self.top.name: self.top} if self.top is not None else self.components
        for name, component in whole.items():
            strand = component._strand
            if self.top is None:
                strand.set_path(name)
            self._live.add(strand)
            strand.on_end = self._on_end(name, ended)
        for component in whole.values():
            component._strand.start(runtime)

    def _on_end(
        self, name: str, ended: Callable[[str, Failure | None], None]
    ) -> Callable[[Strand, BaseException | None], None]:
        def over(strand: Strand, error: BaseException | None) -> None:
            self._live.discard(strand)
            ended(name, strand.failure)

        return over

    def finish(self) -> None:
        """Tell the sources to finish; who is fed by others ends when its streams do."""
        for strand in list(self._live):
            control = strand.inboxes.get("control")
            boxes = [box for name, box in strand.inboxes.items() if name != "control"]
            if control is not None and not any(box.live for box in boxes):
                unfed = not any(box.finished for box in boxes)  # or what feeds it is not linked yet
                control.deliver(ProducerFinished(self.node, at_end=unfed))

    def tell(self, name: str, message: object) -> None:
        """Put `message` into the control of one component."""
        component = self.components.get(name)
        if component is not None and not component.control.closed:
            component.control.deliver(message)

    def unread(self) -> int:
        """Count the messages that wait for those that still run."""
        boxes = [item for strand in self._live for item in strand.inboxes.items()]
        return sum(len(box.queue) for name, box in boxes if name != "control")

    def stop(self) -> None:
        """End all that still runs."""
        for strand in list(self._live):
            strand.stop()

    # -- finding

    def named(self) -> Iterator[tuple[str, Component]]:
        """Give every component that runs or ran here, with its name; also those made meanwhile."""
        yield from self.components.items()
        known = {component.id for component in self.components.values()}
        if self._runtime is not None:
            for strand in list(self._runtime.running.values()):
                if strand.component.id not in known and strand.state is not TaskState.ENDED:
                    yield strand.path, strand.component

    def inbox(self, box: str) -> Inbox:
        """Find an inbox by `COMPONENT.box`; UnknownBox says what there is."""
        component, name = self._component(box)
        inboxes = component._strand.inboxes
        if name not in inboxes:
            raise self._no_box(box, "inbox", name, inboxes)
        return inboxes[name]

    def outbox(self, box: str) -> Outbox:
        """Find an outbox by `COMPONENT.box`; UnknownBox says what there is."""
        component, name = self._component(box)
        outboxes = component._strand.outboxes
        if name not in outboxes:
            raise self._no_box(box, "outbox", name, outboxes)
        return outboxes[name]

    def _component(self, box: str) -> tuple[Component, str]:
        name, _, box_name = box.rpartition(".")
        for known, component in self.named():
            if known == name:
                return component, box_name
        names = [known for known, _ in self.named()]
        raise UnknownBox(
            f"node {self.node} has no component {name!r}{did_you_mean(name, names)}; it has: "
            + (", ".join(names) or "none")
        )

    def _no_box(self, box: str, kind: str, name: str, have: Mapping[str, object]) -> UnknownBox:
        return UnknownBox(
            f"{self.node}/{box}: there is no {kind} {name!r}{did_you_mean(name, have)}; there is: "
            + ", ".join(have)
        )


def _set_free(component: Component) -> None:
    """Take a part out of the chassis it was made in: the plan links it now."""
    strand = component._strand
    strand.parent = None
    for inbox in strand.inboxes.values():
        for linkage in inbox.sources:
            unlink(linkage)
    for outbox in strand.outboxes.values():
        for linkage in outbox.targets:
            unlink(linkage)
