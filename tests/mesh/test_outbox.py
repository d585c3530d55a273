"""Outboxes and feeds: the policies and their counts, room, and the end."""

import asyncio
from typing import Any

import pytest
from component_kit import (
    KINDS,
    SOURCES,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    end,
    idle,
    run,
    scene,
    start,
    until,
)

from kamesh import Component, Graphline, Pipeline, Policy, Shutdown, ThreadedComponent
from kamesh.outbox import Outbox
from kamesh.wiring import link, unlink

DROPPING = [Policy.DROP_OLDEST, Policy.DROP_NEWEST, Policy.LATEST]


class Small(Sleeper):
    """Holds four messages."""

    bounds = {"inbox": 4}


def whole(source: Component, sink: Component) -> dict[str, int]:
    """Check that what was sent was taken, waits, or was dropped; give the figures."""
    figures = sink.inbox.statistics()
    assert source.outbox.sent == figures.taken + figures.level + figures.dropped
    return {"sent": source.outbox.sent, "taken": figures.taken, "dropped": figures.dropped}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (Policy.DROP_OLDEST, [96, 97, 98, 99]),
        (Policy.DROP_NEWEST, [0, 1, 2, 3]),
        (Policy.LATEST, [99]),
    ],
)
def test_policies_keep_what_they_say(kind: str, policy: Policy, kept: list[int]) -> None:
    """A full inbox keeps what the policy says, never blocks, and every message is accounted for."""

    async def main() -> None:
        source, small = SOURCES[kind](range(100)), Small()
        linkage = link(source.outbox, small.inbox, policy=policy)
        tasks = [start(source), start(small)]
        await until(lambda: source.state == "ended")
        assert list(small.inbox.queue) == kept
        assert linkage.sent == 100
        assert linkage.dropped == 100 - len(kept)
        small.open()
        await asyncio.gather(*tasks)
        assert small.messages == kept
        assert whole(source, small) == {
            "sent": 100, "taken": len(kept), "dropped": 100 - len(kept)
        }

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", list(Policy))
def test_accepted_is_delivered_and_dropped(kind: str, policy: Policy) -> None:
    """Under every policy, with a reader that is slow, sent = delivered + dropped, in order."""

    class Slow(Component):
        bounds = {"inbox": 3}

        def __init__(self) -> None:
            self.messages: list[int] = []

        def main(self):
            while not self.stopping():
                if self.data_ready():
                    self.messages.append(self.recv())
                yield self.pause()

    source, slow = SOURCES[kind](range(500)), Slow()
    run(
        Graphline(
            {("A", "outbox"): ("B", "inbox")}, A=source, B=slow,
            policies={("A", "outbox"): policy},
        )
    )
    figures = whole(source, slow)
    assert figures["taken"] == len(slow.messages)
    assert slow.messages == sorted(slow.messages)
    if policy is Policy.BLOCK:
        assert (slow.messages, figures["dropped"]) == (list(range(500)), 0)
    if policy in (Policy.DROP_OLDEST, Policy.LATEST):
        assert slow.messages[-1] == 499


@pytest.mark.parametrize("policy", DROPPING)
def test_without_a_limit_only_latest_drops(policy: Policy) -> None:
    """An inbox without a bound is never full; `latest` keeps one message all the same."""
    source, sink = Idler(), Idler()
    sink.inbox.bound = None
    linkage = link(source.outbox, sink.inbox, policy=policy)
    for number in range(50):
        source.send(number)
    latest = policy is Policy.LATEST
    assert (len(sink.inbox), linkage.dropped) == ((1, 49) if latest else (50, 0))


def test_a_policy_is_per_linkage() -> None:
    """Two writers of one inbox may have policies of their own: one waits, the other drops."""

    async def main() -> None:
        patient, hasty, small = GeneratorSource(range(10)), GeneratorSource(range(10)), Small()
        link(patient.outbox, small.inbox)
        drops = link(hasty.outbox, small.inbox, policy=Policy.DROP_NEWEST)
        tasks = [start(each) for each in (patient, hasty, small)]
        await idle()
        assert (patient.state, hasty.state) == ("blocked", "ended")
        assert drops.sent == 10
        assert 4 <= len(small.inbox) <= 5  # more than its bound by what one turn has sent
        small.open()
        await asyncio.gather(*tasks)
        assert patient.outbox.feeds[0].dropped == 0
        assert len(small.messages) + drops.dropped == 20

    scene(main())


def test_nothing_linked() -> None:
    """What is sent while nothing is linked is discarded, and counted as unheard."""
    idler = Idler()
    idler.send("x")
    idler.send_all(range(4))
    assert (idler.outbox.unheard, idler.outbox.sent) == (5, 0)
    assert idler.room("outbox") > 10**9


def test_sent_counts_what_was_linked_before() -> None:
    """The count of messages sent does not shrink when a linkage is undone."""

    async def main() -> None:
        source, sink = GeneratorSource(range(7)), GeneratorSink()
        linkage = link(source.outbox, sink.inbox)
        tasks = [start(source), start(sink)]
        await idle()
        unlink(linkage)
        assert source.outbox.sent == 7
        assert source.statistics().sent["outbox"] == 7
        await end(*tasks)

    scene(main())


def test_to_several_counts_each() -> None:
    """A message that is copied to three inboxes counts three times; room is that of the fullest."""
    source, sinks = Idler(), [Small() for _ in range(3)]
    for sink in sinks:
        link(source.outbox, sink.inbox, fanout="all")
    assert source.room("outbox") == 4
    sinks[1].inbox.deliver("x")
    assert source.room("outbox") == 3
    source.send_all("ab")
    assert [list(sink.inbox.queue) for sink in sinks] == [["a", "b"], ["x", "a", "b"], ["a", "b"]]


def test_after_the_end_nothing_is_heard() -> None:
    """What is sent by an outbox that has ended is discarded: the end is the last that is heard."""

    class Chatty(Component):
        def main(self):
            self.send("before")
            self.finish()
            self.send("after")
            self.send_all(["after", "all"])
            self.send("other", "signal")
            yield

    sink, chatty = GeneratorSink(), Chatty()
    scene(Pipeline(chatty, sink).run_async())
    assert sink.messages == ["before"]
    assert chatty.outbox.unheard == 3


def test_one_outbox_ends_the_others_go_on() -> None:
    """`finish` ends one stream; those that the other outboxes feed hear nothing of it."""

    class Two(Component):
        outboxes = {"outbox": "numbers", "video": "frames"}

        def main(self):
            self.send("frame", "video")
            self.finish("video")
            yield self.pause(10)
            self.send("late")

    async def main() -> None:
        two, video, sink = Two(), GeneratorSink(), GeneratorSink()
        task = start(
            Graphline(
                {("T", "video"): ("V", "inbox"), ("T", "outbox"): ("S", "inbox")},
                T=two, V=video, S=sink,
            )
        )
        await idle(5)
        assert (video.state, video.messages, sink.state) == ("ended", ["frame"], "asleep")
        await task
        assert sink.messages == ["late"]

    scene(main())


def test_awaiting_waits_for_room_in_all() -> None:
    """`await send` goes on when every inbox that it feeds has room, whichever gets it last."""

    class Sender(Component):
        sent = 0

        async def main(self):
            for number in range(100):
                await self.send(number)
                self.sent += 1

    async def main() -> None:
        sender, one, two, rival = Sender(), Small(), Small(), GeneratorSource("xy")
        link(sender.outbox, one.inbox, fanout="all")
        link(sender.outbox, two.inbox, fanout="all")
        tasks = [start(each) for each in (sender, one, two)]
        await idle()
        assert sender.sent == 3
        one.open(1)  # and a rival takes the room that came
        await idle()
        link(rival.outbox, one.inbox)
        tasks.append(start(rival))
        await idle()
        assert sender.sent == 3
        two.open(1)
        await idle()
        one.open(2)
        await idle()
        assert sender.sent == 4
        one.open()
        two.open()
        await asyncio.gather(*tasks)
        assert two.messages == list(range(100))

    scene(main())


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """A coroutine that gives up waiting for room leaves no future in the outbox."""

    class Impatient(Component):
        tries = 0

        async def main(self):
            await self.send("fills it")
            while self.tries < 5:
                self.tries += 1
                try:
                    await asyncio.wait_for(self.outbox._wait_for_room(), 1)
                except TimeoutError:
                    continue

    async def main() -> None:
        class One(Sleeper):
            bounds = {"inbox": 1}

        impatient, one = Impatient(), One()
        link(impatient.outbox, one.inbox)
        tasks = [start(impatient), start(one)]
        await idle(2.5)
        assert impatient.outbox._waiters is not None
        assert len(impatient.outbox._waiters.futures) == 1
        one.open()
        await asyncio.gather(*tasks)
        assert impatient.outbox._waiters.futures == []

    scene(main())


@pytest.mark.parametrize("kind", KINDS)
def test_control_reaches_one_that_is_blocked(kind: str) -> None:
    """A component whose outbox is full hears what comes on control, and can end by it."""

    class GeneratorStubborn(Component):
        def main(self):
            while not self.stopping():
                self.send("more")
                yield

    class AsyncStubborn(Component):
        async def main(self):
            while not self.stopping():
                await self.send("more")

    class ThreadStubborn(ThreadedComponent):
        outgoing = 1

        def main(self):
            while not self.stopping():
                self.send("more")

    stubborn: Component = {
        "generator": GeneratorStubborn, "async": AsyncStubborn, "thread": ThreadStubborn
    }[kind]()

    async def main() -> None:
        class Stuck(Small):
            pass

        stuck = Stuck()
        link(stubborn.outbox, stuck.inbox)
        tasks = [start(stubborn), start(stuck)]
        most = 4 if kind != "thread" else 5
        await until(lambda: len(stuck.inbox) == 4)
        await asyncio.sleep(0.01)
        stubborn.control.deliver("something of its own")
        await asyncio.sleep(0.01)
        assert len(stuck.inbox) <= most + 1
        assert stubborn.state != "ended"
        assert stubborn.recv("control") == "something of its own"
        stubborn.control.deliver(Shutdown("enough"))
        stuck.open()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        assert len(stuck.messages) <= most + 3

    asyncio.run(main())


def test_a_box_that_passes_on_never_blocks_its_owner() -> None:
    """A chassis is not blocked because what goes through its outbox finds no room."""

    async def main() -> None:
        source, small = GeneratorSource(range(50)), Small()
        inner = Pipeline(source)
        outer = Graphline({("IN", "outbox"): ("OUT", "inbox")}, IN=inner, OUT=small)
        task = start(outer)
        await idle()
        assert source.state == "blocked"
        assert inner.state == "asleep"
        inner.control.deliver(Shutdown("enough"))
        await idle()
        assert inner._strand.turns > 1
        small.open()
        await task
        assert small.messages == list(range(50))  # this source heeds no control

    scene(main())


def test_extend_of_what_raises_midway() -> None:
    """What an iterable gave before it raised is sent, and accounted for; the failure is its own."""

    def numbers() -> Any:
        yield from range(3)
        raise ValueError("no fourth")

    class Sender(Component):
        def main(self):
            self.send_all(numbers())
            yield

    async def main() -> None:
        sender, sink = Sender(), GeneratorSink()
        link(sender.outbox, sink.inbox)
        tasks = [start(sender), start(sink)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert "no fourth" in str(results[0])
        assert sink.messages == [0, 1, 2]
        assert whole(sender, sink)["sent"] == 3
        assert sink.inbox.failure is not None
        assert sink.inbox.failure.box == "outbox"

    scene(main())


def test_a_failure_names_the_box_that_broke_off() -> None:
    """Who is fed hears the component, its box, and the line; the component's own has no box."""

    class Broken(Component):
        def main(self):
            yield
            raise ValueError("the lamp is out")

    async def main() -> None:
        broken, sink = Broken(), GeneratorSink()
        link(broken.outbox, sink.inbox)
        results = await asyncio.gather(start(broken), start(sink), return_exceptions=True)
        assert str(sink.inbox.failure) == (
            f"Broken.outbox broke off with ValueError: the lamp is out at {__file__}:"
            f'{sink.inbox.failure.line}: `raise ValueError("the lamp is out")`'
        )
        assert str(results[0]).startswith("Broken failed with ValueError: the lamp is out at ")

    scene(main())


def test_an_outbox_waits_for_nobody_it_does_not_feed() -> None:
    """Awaiting an outbox that feeds nothing, or has ended, returns at once."""

    async def main() -> None:
        idler = Idler()
        box: Outbox = idler.outbox
        await box
        small = Small()
        link(box, small.inbox)
        for number in range(9):
            small.inbox.deliver(number)
        box.finish()
        await box

    scene(main())
