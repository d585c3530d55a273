"""ThreadedComponent: a component whose `main` is a plain blocking function in a thread of its own.

Law: what a component may do, this one may do from its thread; what touches its boxes or its linkages
happens in the event loop's thread, between two turns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any, ClassVar

from kamesh.component import Component
from kamesh.linking import End, Ends
from kamesh.owner import DEFAULT_BOUND, Policy
from kamesh.strand import Strand
from kamesh.threadstrand import OUTGOING, ThreadStrand
from kamesh.wiring import Linkage

__all__ = ["ThreadedComponent"]


class ThreadedComponent(Component):
    """A component whose `main` is a plain function that may block.

    Example:
        class Lines(ThreadedComponent):
            def main(self):
                for path in self.inbox:             # waits; ends when the stream ends
                    for line in open(path):
                        self.send(line)             # waits while the receiver is full

    Boxes: as any component; `outgoing` is how many messages it may have sent by one outbox that no
    inbox has taken yet (default 64: say less where they are large).

    How it ends: when `main` returns or raises, and all it sent is delivered. A stop reaches it at the
    next thing it asks of kamesh, as `Ended`.
    """

    outgoing: ClassVar[int] = OUTGOING

    _strand_kind: ClassVar[type[Strand]] = ThreadStrand
    _strand: ThreadStrand

    def send(self, message: object, outbox: str = "outbox") -> Awaitable[None]:
        """Send `message`, waiting for room."""
        box = self._outbox(outbox)
        self._strand.emit(box, message)
        return box

    def send_all(self, messages: Iterable[object], outbox: str = "outbox") -> Awaitable[None]:
        """Send all of `messages` in order, waiting for room."""
        box = self._outbox(outbox)
        for message in messages:
            self._strand.emit(box, message)
        return box

    def recv(self, inbox: str = "inbox", timeout: float | None = 0.0) -> Any:
        """Take the oldest message, waiting up to `timeout` seconds (None: until the stream ends).

        EmptyInbox if there is none by then.
        """
        return self._strand.take(self._inbox(inbox), timeout)

    def pause(self, timeout: float | None = None) -> Any:
        """Wait until a message waits at any inbox or it is time to end; `timeout` in seconds."""
        self._strand.pause(timeout)

    def finish(self, outbox: str = "outbox") -> None:
        """End one outbox, after all that was sent by it before; the others go on."""
        box = self._outbox(outbox)
        self._strand.wait_until_sent_on(box)
        self._strand.in_loop(box.finish)

    # -- what happens in the event loop's thread

    def add_inbox(self, name: str, bound: int | None = DEFAULT_BOUND) -> str:
        """Add an inbox, between two turns of the scheduler; the name it got is returned."""
        return self._strand.in_loop(lambda: Component.add_inbox(self, name, bound))

    def add_outbox(self, name: str) -> str:
        """Add an outbox, between two turns of the scheduler; the name it got is returned."""
        return self._strand.in_loop(lambda: Component.add_outbox(self, name))

    def delete_inbox(self, name: str) -> None:
        """Take an inbox away, between two turns of the scheduler."""
        self._strand.in_loop(lambda: Component.delete_inbox(self, name))

    def delete_outbox(self, name: str) -> None:
        """Take an outbox away, between two turns of the scheduler."""
        self._strand.in_loop(lambda: Component.delete_outbox(self, name))

    def link(self, source: End, to: Ends, policy: Policy | str = Policy.BLOCK) -> list[Linkage]:
        """Link boxes, between two turns of the scheduler."""
        return self._strand.in_loop(lambda: Component.link(self, source, to, policy))

    def unlink(self, what: Linkage | Component) -> int:
        """Undo linkages, between two turns of the scheduler."""
        return self._strand.in_loop(lambda: Component.unlink(self, what))
