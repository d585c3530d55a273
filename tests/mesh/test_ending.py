"""A stream that broke off stays one, however many work on it on its way."""

from collections.abc import Callable, Generator

import pytest

from kamesh import Component, Graphline, Shutdown, ThreadedComponent
from kamesh.components.sources import DataSink
from kamesh.messages import Failure


class Breaking(Component):
    """Sends one message, and breaks when it is told that this has come through."""

    inboxes = {"inbox": "anything: break"}

    def main(self) -> Generator[None, None, None]:
        self.send("one")
        yield self.pause()
        raise RuntimeError("the disk broke")


class Turns(Component):
    """Passes on in turns."""

    def main(self) -> Generator[None, None, None]:
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()


class Awaiting(Component):
    """Passes on as a coroutine."""

    async def main(self) -> None:
        async for message in self.inbox:
            await self.send(message)


class Thread(ThreadedComponent):
    """Passes on in a thread."""

    def main(self) -> None:
        for message in self.inbox:
            self.send(message)


class Last(Component):
    """Remembers what its stream ended with; answers the first message of it."""

    def __init__(self) -> None:
        self.failure_heard: Failure | None = None

    def main(self) -> Generator[None, None, None]:
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()
        self.failure_heard = self.inbox.failure


KINDS: list[Callable[[], Component]] = [Turns, Awaiting, Thread]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_broke_off_is_cut_off_for_everybody_behind_it(
    kind: Callable[[], Component],
) -> None:
    """Whoever works on a stream to its end passes on that it broke off, in the first one's words."""
    last = Last()
    Graphline(
        SOURCE=Breaking(), ONE=kind(), TWO=kind(), LAST=last,
        linkages={
            ("SOURCE", "outbox"): ("ONE", "inbox"),
            ("ONE", "outbox"): ("TWO", "inbox"),
            ("TWO", "outbox"): ("LAST", "inbox"),
            ("LAST", "outbox"): ("SOURCE", "inbox"),
        },
        on_failure="continue",
    ).run()  # fmt: skip
    assert last.failure_heard is not None
    assert last.failure_heard.message == "the disk broke"
    assert (last.failure_heard.component, last.failure_heard.box) == ("Graphline/SOURCE", "outbox")


def test_nobody_is_blamed_for_what_broke_before_it() -> None:
    """Only the one that raised has failed."""
    one = Turns()
    graph = Graphline(
        SOURCE=Breaking(), ONE=one, LAST=DataSink(),
        linkages={
            ("SOURCE", "outbox"): ("ONE", "inbox"),
            ("ONE", "outbox"): [("LAST", "inbox"), ("SOURCE", "inbox")],
        },
        on_failure="continue",
    )  # fmt: skip
    graph.run()
    assert one.failure is None
    assert one.outbox.failure is not None
    assert one.signal.failure is None


def test_one_that_was_told_to_stop_ends_as_it_was_told() -> None:
    """After a Shutdown what it sent is over, and not broken, whatever its stream did."""

    class Patient(Component):
        def main(self) -> Generator[None, None, None]:
            while not self.inbox.ended:
                for message in self.inbox:
                    self.send(message)
                yield self.pause()
            self.control.deliver(Shutdown("enough"))
            assert self.stopping()

    patient = Patient()
    Graphline(
        SOURCE=Breaking(), ONE=patient, LAST=DataSink(),
        linkages={
            ("SOURCE", "outbox"): ("ONE", "inbox"),
            ("ONE", "outbox"): [("LAST", "inbox"), ("SOURCE", "inbox")],
        },
        on_failure="continue",
    ).run()  # fmt: skip
    assert patient.outbox.failure is None
