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
from kamesh.inbox import Inbox
from kamesh.linking import End, Ends, did_you_mean, ends_of
from kamesh.messages import ProducerFinished, Shutdown
from kamesh.outbox import Outbox
from kamesh.owner import Policy
from kamesh.runtime import Runtime
from kamesh.scheduler import TaskState
from kamesh.strand import Strand
from kamesh.transformer import PureTransformer

__all__ = ["Chassis", "Graphline", "Part", "Pipeline"]

log = logging.getLogger("kamesh")

GRACE = 5.0  # seconds the parts have to finish after one of them failed

Part: TypeAlias = Component | Callable[[Any], Any]


class ChassisStrand(Strand):
    """A strand that notes which child ended."""

    __slots__ = ("just_ended",)

    children: dict[Strand, None]  # those that have not ended, in the order they were put in

    def __init__(self, component: Component, name: str) -> None:
        """Begin with none."""
        super().__init__(component, name)
        self.children = {}
        self.just_ended: list[Strand] = []

    def child_ending(self, child: Strand) -> None:
        """Let those above hear of it too: what it reads may have come through them."""
        if self.parent is not None:
            self.parent.child_ending(child)

    def child_ended(self, child: Strand) -> None:
        """Note it, and look."""
        self.children.pop(child, None)
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
        self._numbers = {}
        self._overdue = {}
        return self

    parts: dict[str, Component]
    _broken: Strand | None  # the part whose failure ends the chassis
    _overdue: dict[Strand, float]  # parts that were told to stop, and by when
    _numbers: dict[str, int]  # the last number given to parts of one name

    # -- parts

    def add(self, part: Part, name: str | None = None) -> Component:
        """Put in one more part; it starts at once if the chassis runs."""
        component = self.hold(part, name)
        if self._strand.runtime is not None:
            component._strand.start(self._strand.runtime)
        return component

    def hold(self, part: Part, name: str | None = None) -> Component:
        """Put in one more part, and do not start it yet."""
        component = as_component(part)
        strand = component._strand
        if strand in self._strand.with_all_above():
            raise NameTaken(f"{component.path} cannot be a part of itself")
        if strand.parent is not None:
            raise NameTaken(f"{component.path} is a part of {strand.parent.path} already")
        if strand.state is not TaskState.NEW:
            raise Ended(f"{component.path} is {component.state}: a part is added before it starts")
        if self._strand.state is TaskState.ENDED:
            raise Ended(f"{self.path} has ended: {component.path} would never run in it")
        if name is None:
            name = self._unused(component.name)
        elif name in self.parts:
            raise NameTaken(f"{self.path} has a part named {name!r} already")
        elif not name:
            raise NotSuitable(f"a part of {self.path} needs a name; '' means {self.path} itself")
        self.parts[name] = component
        component.name = name
        strand.parent = self._strand
        self._strand.children[strand] = None
        strand.set_path(f"{self.path}/{name}")
        return component

    def _unused(self, name: str) -> str:
        wanted = name
        while wanted in self.parts:
            self._numbers[name] = self._numbers.get(name, 1) + 1
            wanted = f"{name}-{self._numbers[name]}"
        return wanted

    def remove(self, name: str) -> Component:
        """Stop a part and take it out, with the linkages it has."""
        component = self.part(name)
        strand = component._strand
        if self.parts.get(component.name) is not component:
            raise LinkageRefused(f"{component.path} is not a part of {self.path}")
        self.unlink(component)
        del self.parts[component.name]
        self._strand.children.pop(strand, None)
        strand.parent = None
        strand.stop()
        self._strand.wake()  # it may have been the last
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
        self._start_parts(strand.runtime)
        while True:
            self._look_at_ended()
            if not strand.children or self._broken is not None:
                break
            self.pass_on_control()
            yield self.pause(self._end_overdue())
        if self._broken is not None:
            yield from self._wind_up()
            raise ComponentFailed(self._broken.failure) from self._broken.error

    def _start_parts(self, runtime: Runtime) -> None:  # apart, so that `main` holds on to none
        for child in list(self._strand.children):
            child.start(runtime)

    def _look_at_ended(self) -> None:
        ended, self._strand.just_ended = self._strand.just_ended, []
        for child in ended:
            self.part_ended(child)

    def part_ended(self, child: Strand) -> None:
        """Do what is declared for a part that has ended."""
        if child.failure is None:
            return
        if self.on_failure == "stop" and self._broken is None:
            self._broken = child
        else:
            log.error("%s; the others of %s go on", child.failure, self.path)

    def tell_to_stop(self, child: Strand, reason: str) -> None:
        """Tell a part to stop; if it has not in GRACE seconds, it is ended."""
        control = child.inboxes.get("control")
        if control is not None:
            control.deliver(Shutdown(reason))
        self._overdue.setdefault(child, self.now() + GRACE)

    def _end_overdue(self) -> float | None:
        """End the parts that did not stop when told to; give the seconds until the next is due."""
        for child, due in list(self._overdue.items()):
            if child.state is TaskState.ENDED or due <= self.now():
                del self._overdue[child]
                child.stop()
        return min((due - self.now() for due in self._overdue.values()), default=None)

    def _wind_up(self) -> Generator[None, None, None]:
        """Have the parts that are left finish what they have; after GRACE seconds end them."""
        for child in list(self._strand.children):
            control = child.inboxes.get("control")
            if control is not None:
                control.deliver(ProducerFinished(self.path))
        until = self.now() + GRACE
        while self._strand.children and self.now() < until:
            yield self.pause(until - self.now())
            self._look_at_ended()

    def pass_on_control(self) -> None:
        """Give every part that has no control linkage what was told to the chassis."""
        for message in self.control:
            self.tell_parts(message)

    def tell_parts(self, message: object) -> None:
        """Put `message` into the control of every part to whose control nothing is linked.

        Nor is anything when it was only linked to the signals of parts that have ended.
        """
        for child in list(self._strand.children):
            control = child.inboxes.get("control")
            if control is not None and not _is_told(control):
                control.deliver(message)


class Pipeline(Chassis):
    """Components in a row, each one's outbox linked to the next one's inbox, signal to control.

    A plain callable stands for a component that applies it to each message.

    Example:
        >>> Pipeline(DataSource(["one", "two"]), str.upper, DataSink(heard := [])).run()
        >>> heard
        ['ONE', 'TWO']

    Boxes: its inbox is the first one's, its outbox and signal the last one's; what it is told on
    control it tells the first one that still runs, and each tells the next by its signal.

    How it ends: when all parts have. When one ends before those that feed it, these are told to stop,
    as in a Unix pipe.
    """

    _places: Mapping[str, int]
    _done = 0  # how many of the row have ended, or were told to

    def __init__(
        self,
        *parts: Part,
        name: str | None = None,
        on_failure: str = "stop",
        placement: Mapping[str, str] | None = None,
    ) -> None:
        """Wire `parts` in their order; with no part at all it ends at once."""
        super().__init__(name=name)
        self.on_failure = failure_choice(on_failure)
        self.placement = _dict(placement, "placement=")
        names = [self.add(part).name for part in parts]
        self._places = {name: place for place, name in enumerate(names)}
        if not names:
            return
        for before, after in pairwise(names):
            self.link((before, "outbox"), (after, "inbox"))
            self.link((before, "signal"), (after, "control"))
        if "inbox" in self.parts[names[0]]._strand.inboxes:
            self.link(("", "inbox"), (names[0], "inbox"))
        for box in ("outbox", "signal"):
            if box in self.parts[names[-1]]._strand.outboxes:
                self.link((names[-1], box), ("", box))

    def part_ended(self, child: Strand) -> None:
        """Tell those before it to stop as well."""
        super().part_ended(child)
        ended = self._places.get(child.name, -1)
        for before in list(self._strand.children):
            place = self._places.get(before.name, -1)
            if place > ended:
                break
            if place >= self._done:
                self.tell_to_stop(before, f"{child.path} has ended")
        self._done = max(self._done, ended + 1)

    def tell_parts(self, message: object) -> None:
        """Put `message` into the control of the first part that still runs."""
        for child in self._strand.children:
            if "control" in child.inboxes:
                child.inboxes["control"].deliver(message)
                return


class Graphline(Chassis):
    """Named components, linked as a dict says.

    Example:
        >>> left, right = [], []
        >>> Graphline(
        ...     NUMBERS=DataSource([1, 2]), LEFT=DataSink(left), RIGHT=DataSink(right),
        ...     linkages={("NUMBERS", "outbox"): [("LEFT", "inbox"), ("RIGHT", "inbox")]},
        ... ).run()
        >>> left, right
        ([1, 2], [1, 2])

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
        self.on_failure = failure_choice(on_failure)
        self.placement = _dict(placement, "placement=")
        for each, part in parts.items():
            self.add(part, each)
        for each in self.placement:
            self.part(each)
        left = _dict(policies, "policies=")
        for source, ends in _dict(linkages, "linkages=").items():
            self._grow(source, ends)
            self.link(source, ends, left.pop(source, Policy.BLOCK))
        for source in left:
            raise LinkageRefused(
                f"policies names {source!r}, from which {self.path} has no linkage"
            )

    def _grow(self, source: End, ends: Ends) -> None:
        """Add the boxes of its own that the linkages name."""
        boxes = {**self._strand.inboxes, **self._strand.outboxes}
        if _is_own(source) and source[1] not in boxes:
            self.add_inbox(source[1])
        for end in ends_of(ends):
            if _is_own(end) and end[1] not in boxes:
                self.add_outbox(end[1])


def _is_own(end: object) -> bool:
    return isinstance(end, tuple) and len(end) == 2 and end[0] == ""


def as_component(part: Part) -> Component:
    """Give a component for `part`: itself, or one that applies a callable to each message."""
    if isinstance(part, Component):
        return part
    if isinstance(part, type) and issubclass(part, Component):
        raise NotSuitable(f"{part.__name__} is a class; put in an instance: {part.__name__}(...)")
    if callable(part):
        return PureTransformer(part)
    raise NotSuitable(f"{part!r} is neither a component nor a callable")


def _dict(given: Mapping[Any, Any] | None, what: str) -> dict[Any, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise NotSuitable(f"{what}{given!r}: it is a dict")
    return dict(given or {})


def failure_choice(word: str) -> str:
    if word not in ("stop", "continue"):
        raise NotSuitable(f"on_failure={word!r}: it is 'stop' or 'continue'")
    return word


def _is_told(control: Inbox) -> bool:
    """Say whether something is linked to `control`, other than signals that have ended."""
    sources = [linkage.source for linkage in control.sources]
    return any(not (isinstance(s, Outbox) and s.name == "signal" and s.ended) for s in sources)
