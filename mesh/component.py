"""Component: what people write. It knows its boxes and nothing else.

Laws
1. To construct a component starts nothing; forgetting `super().__init__()` breaks nothing.
2. A mistake with a box is refused at once, with the names of the boxes there are.
3. The kind follows from `main`: a generator, `async def`, or (ThreadedComponent) a plain function.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import get_ident
from typing import Any, ClassVar

from kamesh import linking, running
from kamesh.asyncstrand import AsyncStrand
from kamesh.declaring import declare_boxes
from kamesh.errors import Ended, LinkageRefused, NotSuitable, UnknownBox
from kamesh.fitting import Format
from kamesh.handle import Handle
from kamesh.inbox import Inbox, InboxStatistics
from kamesh.linking import End, Ends, did_you_mean, policy_of
from kamesh.outbox import Outbox
from kamesh.owner import DEFAULT_BOUND, Policy
from kamesh.scheduler import TaskState
from kamesh.strand import Strand
from kamesh.wiring import Linkage, unlink

__all__ = ["Component", "ComponentStatistics", "strand_of"]

_ids = count(1)


@dataclass(frozen=True, slots=True)
class ComponentStatistics:
    """One component in figures: its turns, and for each outbox how many messages it has sent."""

    path: str
    kind: str
    state: str
    turns: int
    inboxes: tuple[InboxStatistics, ...]
    sent: Mapping[str, int]
    details: Mapping[str, object]


class Component:
    """A part with named, bounded inboxes and named outboxes, and a `main` that does its work.

    Example, as a generator (the fast kind):

        class Upper(Component):
            def main(self):
                while not self.stopping():
                    for text in self.inbox:
                        self.send(text.upper())
                    yield self.pause()

    and as a coroutine:

        class Upper(Component):
            async def main(self):
                async for text in self.inbox:
                    await self.send(text.upper())

    Boxes: those that `inboxes` and `outboxes` name, with what each is for; `control` and `signal`
    are always among them. `bounds` gives how many messages an inbox holds (default 1024, None for
    no limit). `formats` may say of a box, on the class or on the component itself, what it gives or
    takes: a linkage that does not fit is refused (see `kamesh.fitting`).

    How it ends: when `main` returns, its outboxes end and whoever they feed hears of it. When `main`
    raises, they end with a Failure that names the component and the line.
    """

    inboxes: ClassVar[Mapping[str, str]] = {
        "inbox": "what to work on",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar[Mapping[str, str]] = {
        "outbox": "what came of it",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar[Mapping[str, int | None]] = {}
    formats: Mapping[str, Format] = {}

    inbox: Inbox
    control: Inbox
    outbox: Outbox
    signal: Outbox

    _strand: Strand
    _strand_kind: ClassVar[type[Strand]] = Strand

    def __init_subclass__(cls, **more: Any) -> None:
        """Read the boxes that the class declares, and which kind of `main` it has."""
        super().__init_subclass__(**more)
        declare_boxes(cls, Component.inboxes, Component.outboxes)
        if "main" in cls.__dict__:
            is_async = inspect.iscoroutinefunction(inspect.unwrap(cls.main))
            if is_async and cls._strand_kind is Strand:
                cls._strand_kind = AsyncStrand
            elif not is_async and cls._strand_kind is AsyncStrand:
                cls._strand_kind = Strand

    def __new__(cls, *args: Any, **options: Any) -> Component:
        """Give the new component its boxes, whatever its `__init__` does or forgets."""
        self = super().__new__(cls)
        self.id = next(_ids)
        self._strand = cls._strand_kind(self, cls.__name__)
        return self

    def __init__(self, *, name: str | None = None) -> None:
        """Make a component; `name` is what messages and pictures call it (default: its class)."""
        if name is not None:
            self.name = name

    id: int

    @property
    def name(self) -> str:
        """What it is called; among the parts of one chassis each name is used once."""
        return self._strand.name

    @name.setter
    def name(self, name: str) -> None:
        self._strand.name = self._strand.path = name

    @property
    def path(self) -> str:
        """Its name behind those of the chassis that hold it: `OUTER/INNER/Upper`."""
        return self._strand.path

    @property
    def state(self) -> str:
        """Where it stands: new, ready, blocked, asleep or ended."""
        strand = self._strand
        if strand.blocked and strand.state == TaskState.ASLEEP:
            return "blocked"
        state = TaskState(strand.state)
        return "ready" if state in (TaskState.RUNNING, TaskState.WOKEN) else state.name.lower()

    @property
    def failure(self) -> Any:
        """Why it failed (a Failure), or None."""
        return self._strand.failure

    def __repr__(self) -> str:
        """Name it and its number."""
        return f"<{self.path} #{self.id} {self.state}>"

    def main(self) -> Any:
        """Do the work; write this one yourself."""
        raise NotSuitable(
            f"{type(self).__name__} has no main(): write one, as a generator or async"
        )

    # -- messages

    def send(self, message: object, outbox: str = "outbox") -> Awaitable[None]:
        """Send `message`; a coroutine awaits this, and so waits for room."""
        try:
            box = self._strand.outboxes[outbox]
        except KeyError:
            raise self.no_box("outbox", outbox) from None
        box.put(message)
        return box

    def send_all(self, messages: Iterable[object], outbox: str = "outbox") -> Awaitable[None]:
        """Send all of `messages`, in order: the fast way for many."""
        box = self._outbox(outbox)
        box.extend(messages)
        return box

    def finish(self, outbox: str = "outbox") -> None:
        """End one outbox: whoever it feeds hears that its stream is over. The others go on."""
        self._outbox(outbox).finish()

    def recv(self, inbox: str = "inbox") -> Any:
        """Take the oldest message; EmptyInbox if there is none."""
        return self._inbox(inbox).recv()

    def data_ready(self, inbox: str = "inbox") -> bool:
        """Say whether a message waits."""
        return self._inbox(inbox).look()

    def any_ready(self) -> bool:
        """Say whether a message waits at any inbox."""
        looks = [box.look() for box in self._strand.inboxes.values()]  # at every one of them
        return any(looks)

    def room(self, outbox: str | None = None) -> int:
        """Say how many messages may be sent before something is full (very many if nothing can be)."""
        return self._strand.room() if outbox is None else self._outbox(outbox).room()

    def pause(self, timeout: float | None = None) -> Any:
        """Sleep at the next `yield` until something arrives, or for at most `timeout` seconds.

        It gives None, which is what `yield self.pause()` then yields. What ends it otherwise is `wake()`,
        from a callback or from another thread.
        """
        strand = self._strand
        if isinstance(strand, AsyncStrand):
            raise NotSuitable(
                f"{self.path} is a coroutine: it waits with `await self.wait()`, or for a time with "
                f"`await asyncio.sleep(...)`, not with pause()"
            )
        strand.pausing = True
        if strand.runtime is None:
            return None
        if timeout is not None:
            strand.runtime.scheduler.wake_later(strand, timeout)
        elif strand.timer is not None:  # of an earlier pause, which something else has ended
            strand.runtime.scheduler.drop_timer(strand)
        return None

    def wake(self) -> None:
        """End its `pause()`, or in a coroutine its `wait()`, as a message would; from any thread.

        For what no inbox tells it of: a callback of a library, a socket that can be read. What such a
        callback sends by `self.send` is heard of after the turn that this brings.
        """
        strand = self._strand
        runtime = strand.runtime
        if runtime is None or strand.state == TaskState.ENDED:
            return
        if get_ident() == runtime.thread:
            strand.end_pause()
        else:
            with suppress(RuntimeError):  # the event loop has ended, and this with it
                runtime.loop.call_soon_threadsafe(strand.end_pause)

    async def wait(self) -> None:
        """Wait, in a coroutine, until something arrives at any inbox or one of them ends.

        What has arrived since the last `wait()` counts, whether it has been taken or not.
        """
        strand = self._strand
        if not isinstance(strand, AsyncStrand):
            raise NotSuitable(f"{self.path}: wait() is for `async def main`; use pause()")
        await strand.wait()

    def stopping(self) -> bool:
        """Say whether it is time to end: told to on `control`, or all that fed it has ended.

        After `Shutdown` at once; after `ProducerFinished`, or the end of all streams, once what has
        arrived is taken. What was told is passed on by `signal`.
        """
        return self._strand.stopping()

    def now(self) -> float:
        """Tell the time in seconds, by the clock that `pause(timeout)` goes by."""
        if self._strand.runtime is None:
            raise Ended(f"{self.path} does not run yet, so it has no clock to ask")
        return self._strand.runtime.now()

    # -- boxes

    def add_inbox(self, name: str, bound: int | None = DEFAULT_BOUND) -> str:
        """Add an inbox while it runs; a name already there is made distinct. The name is returned."""
        name = _distinct(name, self._strand.inboxes)
        self._strand.inboxes[name] = self._strand.make_inbox(name, bound)
        return name

    def add_outbox(self, name: str) -> str:
        """Add an outbox while it runs; a name already there is made distinct. The name is returned."""
        name = _distinct(name, self._strand.outboxes)
        self._strand.outboxes[name] = self._strand.make_outbox(name)
        return name

    def delete_inbox(self, name: str) -> None:
        """Take an inbox away, with the linkages to it."""
        linking.sever(self._inbox(name))
        del self._strand.inboxes[name]

    def delete_outbox(self, name: str) -> None:
        """Take an outbox away, with the linkages from it."""
        linking.sever(self._outbox(name))
        del self._strand.outboxes[name]

    def _inbox(self, name: str) -> Inbox:
        try:
            return self._strand.inboxes[name]
        except KeyError:
            raise self.no_box("inbox", name) from None

    def _outbox(self, name: str) -> Outbox:
        try:
            return self._strand.outboxes[name]
        except KeyError:
            raise self.no_box("outbox", name) from None

    def no_box(self, kind: str, name: str) -> UnknownBox:
        """Make the sentence for a box (inbox, outbox, or either) that is not there."""
        strand = self._strand
        sorts: dict[str, Mapping[str, object]]
        sorts = {"inbox": strand.inboxes, "outbox": strand.outboxes}
        have = sorts.get(kind, {**strand.inboxes, **strand.outboxes})
        return UnknownBox(
            f"{self.path} ({type(self).__name__}) has no {kind} {name!r}"
            f"{did_you_mean(name, have)}; its {kind}es: " + ", ".join(map(repr, have))
        )

    # -- linkages

    def part(self, name: object) -> Component:
        """Find the component that the end of a linkage names: itself, or one given as it is."""
        if isinstance(name, Component):
            return name
        if name == "":
            return self
        raise LinkageRefused(f"{name!r} is not a component; {self.path} has no named parts")

    def link(self, source: End, to: Ends, policy: Policy | str = Policy.BLOCK) -> list[Linkage]:
        """Link the box `source` to the box `to`, or to several: a list or ToAll copies, ByDemand deals.

        A box is a pair of a component (its name within a chassis, `""` for itself) and the box's name.
        The linkages are undone when this component ends.
        """
        made = linking.link_ends(self, source, to, policy_of(policy))
        self._strand.made += made
        return made

    def unlink(self, what: Linkage | Component) -> int:
        """Undo a linkage that this component made, or all it made with a component; say how many."""
        undone = [
            one
            for one in self._strand.made
            if what is one or (isinstance(what, Component) and linking.touches(one, what))
        ]
        self._strand.made = [one for one in self._strand.made if one not in undone]
        return sum(unlink(one) for one in undone)

    # -- running

    def run(self) -> None:
        """Run it to its end; raise ComponentFailed if it fails."""
        running.run(self._strand)

    async def run_async(self) -> None:
        """Run it to its end within a running event loop."""
        await running.run_async(self._strand)

    def background(self) -> Handle:
        """Run it in a thread of its own, and give a handle to put messages in and get them out."""
        return Handle(self)

    def stop(self) -> None:
        """End it now, and only it; from any thread. If it stops itself, at its next `yield`."""
        strand = self._strand
        if strand.state is TaskState.ENDED:
            return
        if strand.runtime is None:
            strand.stop()
        else:
            strand.runtime.call(strand.stop)

    def statistics(self) -> ComponentStatistics:
        """Give the figures."""
        strand = self._strand
        return ComponentStatistics(
            strand.path,
            type(self).__name__,
            self.state,
            strand.turns,
            tuple(box.statistics() for box in strand.inboxes.values()),
            {name: box.sent for name, box in strand.outboxes.items()},
            self.details(),
        )

    def details(self) -> Mapping[str, object]:
        """Give figures of its own, for `statistics()`: frames, bytes, viewers; none unless written."""
        return {}


declare_boxes(Component, Component.inboxes, Component.outboxes)

# `__new__` takes whatever a subclass's `__init__` does; one without its own takes a name and no more
Component.__new__.__signature__ = inspect.signature(Component.__init__)  # type: ignore[attr-defined]


def strand_of(component: object) -> Strand:
    """Give the strand of a component; NotSuitable for anything else."""
    strand = getattr(component, "_strand", None)
    if not isinstance(strand, Strand):
        raise NotSuitable(f"{component!r} is not a component")
    return strand


def _distinct(name: str, taken: Mapping[str, object]) -> str:
    if name not in taken:
        return name
    return next(f"{name}-{n}" for n in count(2) if f"{name}-{n}" not in taken)
