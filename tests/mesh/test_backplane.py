"""Backplanes: everybody hears everything from then on, in one order; whoever comes first waits."""

import asyncio
import gc
import weakref

import pytest
from component_kit import (
    AsyncSource,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    end,
    idle,
    run,
    runtime,
    scene,
    start,
)

from kamesh import (
    Backplane,
    ComponentFailed,
    Graphline,
    Pipeline,
    Policy,
    ProducerFinished,
    PublishTo,
    Shutdown,
    SubscribeTo,
)
from kamesh.errors import LinkageRefused


def test_all_hear_all_in_one_order() -> None:
    """Several publishers, several subscribers: all hear the same, in the same order."""
    sinks = [GeneratorSink() for _ in range(3)]
    run(
        Graphline(
            PLANE=Backplane("NEWS", until_finished=True),
            **{f"S{n}": Pipeline(SubscribeTo("NEWS"), sink) for n, sink in enumerate(sinks)},
            A=Pipeline(GeneratorSource([("a", n) for n in range(500)]), PublishTo("NEWS")),
            B=Pipeline(AsyncSource([("b", n) for n in range(500)]), PublishTo("NEWS")),
        )
    )
    assert sinks[0].messages == sinks[1].messages == sinks[2].messages
    for name in "ab":
        assert [m for m in sinks[0].messages if m[0] == name] == [(name, n) for n in range(500)]


def test_who_comes_first_waits() -> None:
    """Publishers and subscribers may come before the backplane; nothing published is lost."""

    async def main() -> None:
        sink = GeneratorSink()
        tasks = [
            start(Pipeline(SubscribeTo("NEWS"), sink)),
            start(Pipeline(GeneratorSource(range(3000)), PublishTo("NEWS"))),
        ]
        await idle(100)
        assert sink.messages == []
        tasks.append(start(Backplane("NEWS", until_finished=True)))
        await asyncio.gather(*tasks)
        assert sink.messages == list(range(3000))

    scene(main())


def test_waiting_costs_nothing() -> None:
    """Whoever waits for a backplane, or for what is published, sets no timer and is not run."""

    async def main() -> None:
        sink = GeneratorSink()
        tasks = [start(Pipeline(SubscribeTo("NEWS"), sink)), start(PublishTo("NEWS"))]
        await idle()
        turns = runtime().scheduler.turns
        await idle(3600)
        assert runtime().scheduler.turns == turns
        tasks.append(start(Backplane("NEWS")))
        await idle()
        turns = runtime().scheduler.turns
        await idle(3600)
        assert runtime().scheduler.turns == turns
        assert asyncio.get_running_loop()._scheduled == []
        await end(*tasks)

    scene(main())


def test_from_when_it_is_linked() -> None:
    """A subscriber that comes late hears what is published from then on."""

    async def main() -> None:
        plane, early, late = Backplane("NEWS"), GeneratorSink(), GeneratorSink()
        tasks = [start(plane), start(Pipeline(SubscribeTo("NEWS"), early))]
        await idle()
        plane.inbox.deliver(1)
        await idle()
        tasks.append(start(Pipeline(SubscribeTo("NEWS"), late)))
        await idle()
        plane.inbox.deliver(2)
        await idle()
        assert (early.messages, late.messages) == ([1, 2], [2])
        await end(*tasks)

    scene(main())


def test_who_leaves_disturbs_nobody() -> None:
    """A subscriber that leaves is unlinked, gone, and the rest hear on."""

    async def main() -> None:
        plane, stays = Backplane("NEWS"), GeneratorSink()
        tasks = [start(plane), start(Pipeline(SubscribeTo("NEWS"), stays))]
        guest = Pipeline(SubscribeTo("NEWS"), GeneratorSink())
        gone = weakref.ref(guest)
        visit = start(guest)
        await idle()
        plane.inbox.deliver(1)
        await idle()
        guest.control.deliver(Shutdown())
        await visit
        del guest, visit
        plane.inbox.deliver(2)
        await idle()
        gc.collect()
        assert gone() is None
        assert len(plane.outbox.targets) == 1
        assert stays.messages == [1, 2]
        await end(*tasks)

    scene(main())


def test_who_gives_up_waiting_is_forgotten() -> None:
    """A subscriber that is stopped before its backplane comes leaves nothing behind."""

    async def main() -> None:
        waits = SubscribeTo("NEVER")
        gone = weakref.ref(waits)
        task = start(waits)
        await idle()
        waits.control.deliver(Shutdown())
        await task
        del waits, task
        gc.collect()
        assert gone() is None
        assert runtime().services._watchers == {}

    scene(main())


def test_a_slow_subscriber() -> None:
    """By default a slow subscriber makes the publishers wait; with a policy it loses, counted."""

    class Small(Sleeper):
        bounds = {"inbox": 3}

    async def main(policy: Policy | str) -> tuple[str, list[int], int]:
        source, slow, quick = GeneratorSource(range(5000)), Small(), GeneratorSink()
        tasks = [
            start(Backplane("NEWS", until_finished=True)),
            start(Pipeline(SubscribeTo("NEWS", policy=policy), slow)),
            start(Pipeline(SubscribeTo("NEWS"), quick)),
        ]
        await idle()
        tasks.append(start(Pipeline(source, PublishTo("NEWS"))))
        await idle()
        state, heard = source.state, len(quick.messages)
        slow.open()
        await asyncio.gather(*tasks)
        assert quick.messages == list(range(5000))
        return state, slow.messages, heard

    state, got, heard = scene(main("block"))
    assert (state, got) == ("blocked", list(range(5000)))
    assert heard < 2000
    state, got, heard = scene(main(Policy.LATEST))
    assert (state, got, heard) == ("ended", [4999], 5000)
    with pytest.raises(LinkageRefused, match=r"no policy 'lates'.*did you mean 'latest'"):
        SubscribeTo("NEWS", policy="lates")


def test_its_end_is_the_end_for_all() -> None:
    """When the backplane ends, by ProducerFinished after what has come, its subscribers end."""

    async def main() -> None:
        plane, sink = Backplane("NEWS"), GeneratorSink()
        tasks = [start(plane), start(Pipeline(SubscribeTo("NEWS"), sink))]
        await idle()
        for number in range(3):
            plane.inbox.deliver(number)
        plane.control.deliver(ProducerFinished())
        await asyncio.gather(*tasks)
        assert sink.messages == [0, 1, 2]

    scene(main())


def test_publishers_that_end_leave_it_open() -> None:
    """Without `until_finished` it stays when its publishers have gone."""

    async def main() -> None:
        plane = Backplane("NEWS")
        task = start(plane)
        await Pipeline(GeneratorSource("abc"), PublishTo("NEWS")).run_async()
        await idle()
        assert plane.state == "asleep"
        plane.control.deliver(Shutdown())
        await task

    scene(main())


def test_one_of_a_name() -> None:
    """A second backplane of one name is refused; when the first has ended the name is free."""

    async def main() -> None:
        first = start(Backplane("NEWS"))
        await idle()
        with pytest.raises(ComponentFailed, match=r"'backplane:NEWS' is there already"):
            await start(Backplane("NEWS"))
        await end(first)
        second = start(Backplane("NEWS"))
        await idle()
        assert not second.done()
        await end(second)

    scene(main())


def test_a_publisher_that_fails() -> None:
    """A publisher that fails does not break the stream of the others."""

    class Bad(Idler):
        def main(self):
            self.send("last words")
            yield self.pause(5)
            raise ValueError("no")

    async def main() -> None:
        sink = GeneratorSink()
        tasks = [start(Backplane("NEWS")), start(Pipeline(SubscribeTo("NEWS"), sink))]
        bad = start(Pipeline(Bad(), PublishTo("NEWS")))
        with pytest.raises(ComponentFailed, match="ValueError: no"):
            await bad
        await Pipeline(GeneratorSource(["on it goes"]), PublishTo("NEWS")).run_async()
        await idle()
        assert sink.messages == ["last words", "on it goes"]
        await end(*tasks)

    scene(main())
