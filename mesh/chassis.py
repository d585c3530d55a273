"""Chassis: components that hold other components and wire them.

Laws
1. A chassis starts its children when it is started, never before, and ends when they all have.
2. Its own boxes pass on to its children's: being nested costs nothing per message.
3. What a child's failure does is declared: `on_failure="stop"` (the others are stopped, and the
   chassis fails with it) or `"continue"` (it is logged, and the others go on).
4. Each part has a name of its own; a mistake in the wiring is refused with the names that exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

from kamesh.component import Component
from kamesh.errors import ComponentFailed, Ended, LinkageRefused, NameTaken, NotSuitable
from kamesh.linking import End, Ends, did_you_mean
from kamesh.messages import Failure, ProducerFinished, Shutdown
from kamesh.owner import Policy
from kamesh.scheduler import TaskState
from kamesh.strand import Strand
from kamesh.transformer import PureTransformer
from kamesh.wiring import ByDemand, ToAll

__all__ = ["Chassis", "Graphline", "Part", "Pipeline"]

log = logging.getLogger("kamesh")

GRACE = 5.0  # seconds the parts have to finish after one of them failed

Part: TypeAlias = Component | Callable[[Any], Any]


class ChassisStrand(Strand):
    """A strand that notes which child ended."""

    __slots__ = ("just_ended",)

    def __init__(self, component: Component, name: str) -> None:
        """Begin with none ended."""
        super().__init__(component, name)
        self.just_ended: list[Strand] = []

    def child_ended(self, child: Strand) -> None:
        """Note it, and look."""
        self.children = tuple(one for one in self.children if one is not child)
        self.just_ended.append(child)
        self.wake()


class Chassis(Component):
    """A component made of others: what Pipeline and Graphline have in common.

    Use it for graphs that change while they run: `add`, `remove`, `link`, `unlink`.

    Example: `chassis.add(Upper(), name="UPPER")`, then
    `chassis.link(("", "inbox"), ("UPPER", "inbox"))`; `""` names the chassis itself.

    How it ends: when every part has ended. A message on `control` goes to every part whose own
    control nothing is linked to.
    """

    _strand_kind: ClassVar[type[Strand]] = ChassisStrand
    _strand: ChassisStrand
    on_failure: str = "stop"

    def __new__(cls, *args: Any, **options: Any) -> Chassis:
        """Begin with no parts."""
        self: Chassis = super().__new__(cls)  # type: ignore[assignment]
        self.parts = {}
        self._broken = None
        return self

    _broken: Failure | None

    parts: dict[str, Component]

    # -- parts

    def add(self, part: Part, name: str | None = None) -> Component:
        """Put in one more part; it starts at once if the chassis runs."""
        component = as_component(part)
        strand = component._strand
        if strand in self._strand.with_all_above():
            raise NameTaken(f"{component.path} cannot be a part of itself")
        if strand.parent is not None:
            raise NameTaken(f"{component.path} is a part of {strand.parent.path} already")
        if strand.state is not TaskState.NEW:
            raise Ended(f"{component.path} is {component.state}: a part is added before it starts")
        if name is None:
            name = _unused(component.name, self.parts)
        elif name in self.parts:
            raise NameTaken(f"{self.path} has a part named {name!r} already")
        self.parts[name] = component
        component.name = name
        strand.parent = self._strand
        self._strand.children += (strand,)
        strand.set_path(f"{self.path}/{name}")
        if self._strand.runtime is not None and self._strand.state is not TaskState.ENDED:
            strand.start(self._strand.runtime)
        return component

    def remove(self, name: str) -> Component:
        """Stop a part and take it out, with the linkages it has."""
        component = self.part(name)
        self.unlink(component)
        del self.parts[name]
        self._strand.children = tuple(
            s for s in self._strand.children if s is not component._strand
        )
        component._strand.parent = None
        component.stop()
        return component

    def part(self, name: object) -> Component:
        """Give the part of that name; `""` is the chassis itself."""
        if isinstance(name, Component):
            return name
        if name == "":
            return self
        if name not in self.parts:
            raise LinkageRefused(
                f"{self.path} has no part {name!r}{did_you_mean(name, self.parts)}; its parts: "
                + (", ".join(map(repr, self.parts)) or "none")
            )
        return self.parts[str(name)]

    # -- running

    def main(self) -> Generator[None, None, None]:
        """Start the parts, pass on what is told on `control`, and end when they all have."""
        strand = self._strand
        assert strand.runtime is not None
        for child in strand.children:
            child.start(strand.runtime)
        while True:
            ended, strand.just_ended = strand.just_ended, []
            for child in ended:
                self.part_ended(child)
            if not strand.children or self._broken is not None:
                break
            self.pass_on_control()
            yield self.pause()
        if self._broken is not None:
            yield from self._wind_up()
            raise ComponentFailed(self._broken)

    def part_ended(self, child: Strand) -> None:
        """Do what is declared for a part that has ended."""
        if child.failure is None:
            return
        if self.on_failure == "stop":
            self._broken = child.failure
        else:
            log.error("%s; the others of %s go on", child.failure, self.path)

    def _wind_up(self) -> Generator[None, None, None]:
        """Have the parts that are left finish what they have; after GRACE seconds end them."""
        for child in self._strand.children:
            control = child.inboxes.get("control")
            if control is not None:
                control.deliver(ProducerFinished(self.path))
        until = self.now() + GRACE
        while self._strand.children and self.now() < until:
            yield self.pause(until - self.now())

    def pass_on_control(self) -> None:
        """Give every part that has no control linkage what was told to the chassis."""
        for message in self.control:
            self.tell_parts(message)

    def tell_parts(self, message: object) -> None:
        """Put `message` into the control of every part to whose control nothing is linked."""
        for child in self._strand.children:
            control = child.inboxes.get("control")
            if control is not None and not control.sources:
                control.deliver(message)


class Pipeline(Chassis):
    """Components in a row, each one's outbox linked to the next one's inbox, signal to control.

    Example: `Pipeline(ConsoleReader(), str.upper, ConsoleEchoer()).run()`. A plain callable stands
    for a component that applies it to each message.

    Boxes: its inbox and control are the first one's, its outbox and signal the last one's.

    How it ends: when all parts have. When one ends before those that feed it, these are told to stop,
    as in a Unix pipe.
    """

    def __init__(
        self,
        *parts: Part,
        name: str | None = None,
        on_failure: str = "stop",
        placement: Mapping[str, str] | None = None,
    ) -> None:
        """Wire `parts` in their order; with no part at all it ends at once."""
        super().__init__(name=name)
        self.on_failure = _failure_choice(on_failure)
        self.placement = dict(placement or {})
        names = [_name_of(self, part) for part in parts]
        if not names:
            return
        for before, after in pairwise(names):
            self.link((before, "outbox"), (after, "inbox"))
            self.link((before, "signal"), (after, "control"))
        first, last = self.parts[names[0]]._strand, self.parts[names[-1]]._strand
        for box in ("inbox", "control"):
            if box in first.inboxes:
                self.link(("", box), (names[0], box))
        for box in ("outbox", "signal"):
            if box in last.outboxes:
                self.link((names[-1], box), ("", box))

    def part_ended(self, child: Strand) -> None:
        """Tell those before it to stop as well."""
        super().part_ended(child)
        names = list(self.parts)
        place = names.index(child.name)
        for name in names[:place]:
            before = self.parts[name]._strand
            if before in self._strand.children:
                before.inboxes["control"].deliver(Shutdown(f"{child.path} has ended"))


def _name_of(chassis: Chassis, part: Part) -> str:
    return chassis.add(part).name


class Graphline(Chassis):
    """Named components, linked as a dict says.

    Example:
        Graphline(
            CAMERA=TestCard(), LEFT=Screen(), RIGHT=Screen(),
            linkages={("CAMERA", "outbox"): [("LEFT", "inbox"), ("RIGHT", "inbox")]},
        ).run()

    Boxes: `("", "inbox")` and so on are the Graphline's own; naming one that it does not have adds it.
    A list of destinations, or ToAll, copies to all; ByDemand shares out. `policies` gives a linkage's
    policy by its source. `placement` says which part runs on which node.

    How it ends: when all parts have. What is told on its `control` goes to every part whose own
    control is not linked; its `signal` says that it has finished unless a part is linked to it.
    """

    def __init__(
        self,
        linkages: Mapping[End, Ends] | None = None,
        *,
        name: str | None = None,
        on_failure: str = "stop",
        policies: Mapping[End, Policy | str] | None = None,
        placement: Mapping[str, str] | None = None,
        **parts: Part,
    ) -> None:
        """Add `parts` under their names and wire them."""
        super().__init__(name=name)
        self.on_failure = _failure_choice(on_failure)
        self.placement = dict(placement or {})
        for each, part in parts.items():
            self.add(part, each)
        for each in self.placement:
            self.part(each)
        policies = dict(policies or {})
        for source, ends in (linkages or {}).items():
            self._grow(source, ends)
            self.link(source, ends, policies.pop(source, Policy.BLOCK))
        for source in policies:
            raise LinkageRefused(
                f"policies names {source!r}, from which {self.path} has no linkage"
            )

    def _grow(self, source: End, ends: Ends) -> None:
        """Add the boxes of its own that the linkages name."""
        if source[:1] == ("",) and source[1] not in self._strand.inboxes:
            self.add_inbox(source[1])
        several = ends.ends if isinstance(ends, ToAll | ByDemand) else ends
        for end in [several] if isinstance(several, tuple) and several[:1] == ("",) else several:
            if isinstance(end, tuple) and end[:1] == ("",) and end[1] not in self._strand.outboxes:
                self.add_outbox(end[1])


def as_component(part: Part) -> Component:
    """Give a component for `part`: itself, or one that applies a callable to each message."""
    if isinstance(part, Component):
        return part
    if isinstance(part, type) and issubclass(part, Component):
        raise NotSuitable(f"{part.__name__} is a class; put in an instance: {part.__name__}(...)")
    if callable(part):
        return PureTransformer(part)
    raise NotSuitable(f"{part!r} is neither a component nor a callable")


def _failure_choice(word: str) -> str:
    if word not in ("stop", "continue"):
        raise NotSuitable(f"on_failure={word!r}: it is 'stop' or 'continue'")
    return word


def _unused(name: str, taken: Mapping[str, object]) -> str:
    number, wanted = 1, name
    while wanted in taken:
        number += 1
        wanted = f"{name}-{number}"
    return wanted
