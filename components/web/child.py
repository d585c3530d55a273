"""Child: a component that another one runs for one connection, and speaks with by its boxes.

Laws
1. What is put in waits for room, and what it sends waits to be got: back-pressure from end to end.
2. Its failure is logged with its name and is nobody else's; it ends no later than who runs it.
3. One whose connection is over is told to finish: it takes what came before the end. Shutdown is for
   one in the middle of an answer to nobody, and for those whose server ends. If it has not ended GRACE
   seconds later, it is ended.
4. What broke off ends its inbox with a failure, so that it is not taken for whole.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from kamesh import Component, Failure, ProducerFinished, Shutdown
from kamesh.errors import Ended, NotSuitable
from kamesh.inbox import Inbox
from kamesh.outbox import Outbox
from kamesh.owner import UNLIMITED
from kamesh.scheduler import ENDED, NEW
from kamesh.strand import Strand
from kamesh.waiters import Waiters
from kamesh.wiring import link

__all__ = ["Child", "Children"]

log = logging.getLogger("kamesh")

GRACE = 5.0  # seconds it has to end when it is told to
AHEAD = 16  # messages of its own that wait to be got


class Children:
    """Those that one component runs. Made in its `main`; they end no later than it."""

    def __init__(self, parent: Component) -> None:
        """Run them for `parent`."""
        self._strand = parent._strand
        self._strand.children = self.running = {}
        self._numbers = 0

    running: dict[Strand, None]

    def start(self, component: Any) -> Child:
        """Start `component`; NotSuitable if it is none, or has run before."""
        if not isinstance(component, Component):
            raise NotSuitable(f"{component!r} was made to serve a connection, and is no component")
        strand = component._strand
        if strand.state is not NEW or strand.parent is not None:
            raise NotSuitable(f"{component.path} was to serve a connection, and has run already")
        self._numbers += 1
        component.name = f"{component.name}-{self._numbers}"
        strand.parent = self._strand
        strand.set_path(f"{self._strand.path}/{component.name}")
        self.running[strand] = None
        child = Child(component, self.running)
        runtime = self._strand.runtime
        assert runtime is not None  # who runs others runs itself
        strand.start(runtime)
        return child

    def tell_to_stop(self) -> None:
        """Tell all that are left to stop, because who runs them ends."""
        for strand in list(self.running):
            control = strand.inboxes.get("control")
            if control is not None:
                control.deliver(Shutdown(f"{self._strand.path} ends"))


class Child:
    """The other side of a component's boxes. Made by `Children.start`.

    Example:
        child = children.start(Echo())
        await child.put(b"hello")
        answer = await child.get()          # Ended when its outbox has
    """

    in_turns = False

    def __init__(self, component: Component, among: dict[Strand, None]) -> None:
        """Link its boxes; `Children` starts it."""
        self.component = component
        self.path = f"{component.path}/outside"
        self._strand = component._strand
        self._among = among
        self._waiters = Waiters()
        self.into = Outbox("into", self)
        self.out_of = Inbox("out-of", self, AHEAD)
        if "inbox" in self._strand.inboxes:
            link(self.into, self._strand.inboxes["inbox"])
        if "outbox" in self._strand.outboxes:
            link(self._strand.outboxes["outbox"], self.out_of)
        self._strand.on_end = self._ended

    async def put(self, message: object) -> bool:
        """Put a message in, waiting for room; False if it takes no more."""
        if self.over or not self.into.feeds or self.into.feeds[0].sink.closed:
            return False
        await self.into
        if self._strand.state is ENDED:  # meanwhile
            return False
        self.into.put(message)
        return True

    async def get(self) -> Any:
        """Get what it has sent, waiting for it; Ended when it will send no more."""
        while not self.out_of.queue:
            if self.done:
                raise Ended(f"{self.component.path} has sent all that it will")
            await self._waiters.wait()
        return self.out_of.recv()

    @property
    def done(self) -> bool:
        """Whether all that it has sent was got, and it will send no more."""
        return not self.out_of.queue and (self.out_of.ended or self.over)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._strand.state is ENDED

    @property
    def failed(self) -> bool:
        """Whether it has raised."""
        return self._strand.failure is not None

    def finish(self, broken: str = "") -> None:
        """End what is put in; `broken` says why if it is not whole."""
        failure = Failure(self.path, "ConnectionError", broken, says_all=True) if broken else None
        self.into.finish(failure)

    async def end(self, broken: str = "") -> None:
        """Have it finish, now that nobody listens to it; return when it has.

        With `broken`, why nobody gets the rest of its answer, it is to stop.
        """
        self.finish(broken)
        self.out_of.close()
        control = self._strand.inboxes.get("control")
        if not self.over and control is not None:
            control.deliver(Shutdown(broken) if broken else ProducerFinished(self.path))
        try:
            async with asyncio.timeout(GRACE):
                while not self.over:
                    await self._waiters.wait()
        except TimeoutError:
            log.warning("%s did not end when it was told to, and was ended", self.component.path)
        finally:
            self._strand.stop()

    def _ended(self, strand: Strand, error: BaseException | None) -> None:
        self._among.pop(strand, None)
        if error is not None:
            log.error("%s", strand.failure, exc_info=error)
        self._waiters.let_go()

    # what its boxes report

    def arrived(self, inbox: Inbox) -> None:
        """Let go who waits for a message."""
        self._waiters.let_go()

    def room_again(self) -> None:
        """Let go who waits for room."""
        self.into.room_again()

    def rewired(self) -> None:
        """Choose the way in again."""
        self.into.bind()

    def room(self) -> int:
        """Say that what is taken needs no room elsewhere."""
        return UNLIMITED
