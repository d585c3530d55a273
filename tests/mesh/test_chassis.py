"""Chassis: parts, their names, their failures, their ends; and parts that come and go."""

import asyncio
import gc
import logging
import weakref
from typing import Any

import pytest
from component_kit import (
    ECHOES,
    IN_THE_LOOP,
    KINDS,
    AsyncEcho,
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    Sleeper,
    ThreadSource,
    end,
    idle,
    run,
    runtime,
    scene,
    start,
)

from kamesh import (
    Chassis,
    Component,
    ComponentFailed,
    Graphline,
    Pipeline,
    ProducerFinished,
    PureTransformer,
    Shutdown,
)
from kamesh.chassis import GRACE
from kamesh.errors import Ended, LinkageRefused, NameTaken, NotSuitable
from kamesh.testing import Stalled
from kamesh.wiring import link


class Fails(Component):
    """Fails after some seconds."""

    def __init__(self, seconds: float = 0, text: str = "the lamp is out") -> None:
        """Take when, and with what text."""
        self.seconds, self.text = seconds, text

    def main(self):
        """Wait and raise."""
        self.pause(self.seconds)
        yield
        raise ValueError(self.text)


class First(Component):
    """Takes one message and ends."""

    def main(self):
        """Take it."""
        while not self.data_ready():
            yield self.pause()
        self.send(self.recv())


class Endless(Component):
    """Sends for ever, until it is told to stop."""

    sent = 0

    def main(self):
        """Send."""
        while not self.stopping():
            self.send(self.sent)
            self.sent += 1
            yield


# -- parts and names


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Pipeline("x"), NotSuitable, "'x' is neither a component nor a callable"),
        (lambda: Pipeline(Idler), NotSuitable, r"Idler is a class.*Idler\(\.\.\.\)"),
        (lambda: Pipeline(None), NotSuitable, "None is neither"),
        (lambda: Graphline(on_failure="ignore"), NotSuitable, "'stop' or 'continue'"),
        (lambda: Graphline(A=Idler(), placement={"B": "node"}), LinkageRefused, "no part 'B'"),
        (lambda: Graphline(**{"": Idler()}), NotSuitable, "needs a name"),
    ],
)
def test_mistakes(make: Any, error: type, words: str) -> None:
    """What cannot be a part, a choice or a name is refused at once."""
    with pytest.raises(error, match=words):
        make()


def test_names_are_taken_once() -> None:
    """Two parts of one name are refused; parts without one get distinct names."""
    chassis = Chassis()
    chassis.add(Idler(), "A")
    with pytest.raises(NameTaken, match="Chassis has a part named 'A' already"):
        chassis.add(Idler(), "A")
    assert [chassis.add(Idler()).name for _ in range(3)] == ["Idler", "Idler-2", "Idler-3"]
    chassis.remove("Idler-2")
    assert chassis.add(Idler()).name == "Idler-4"


def test_a_part_of_one_chassis_only() -> None:
    """A component is a part of one chassis, and of none that it holds itself."""
    part, inner, outer = Idler(), Chassis(), Chassis()
    inner.add(part, "PART")
    outer.add(inner, "INNER")
    with pytest.raises(NameTaken, match=r"INNER/PART is a part of Chassis/INNER already"):
        outer.add(part)
    for chassis in (outer, inner):
        with pytest.raises(NameTaken, match="cannot be a part of itself"):
            chassis.add(outer)


def test_a_callable_is_wrapped() -> None:
    """A plain callable among the parts becomes a component that applies it."""
    sink = GeneratorSink()
    row = Pipeline(GeneratorSource(["a", "b"]), str.upper, sink)
    assert isinstance(row.parts["upper"], PureTransformer)
    scene(row.run_async())
    assert sink.messages == ["A", "B"]


def test_a_hundred_thousand_names_in_linear_time() -> None:
    """Many parts of one class get their names without a search through all of them."""
    chassis = Chassis()
    for _ in range(5000):
        chassis.add(Idler())
    assert list(chassis.parts)[-1] == "Idler-5000"


# -- ends


def test_an_end_upstream_flows_down() -> None:
    """When the first part ends, the row ends in order, with nothing left behind."""
    order: list[str] = []

    class Row(Pipeline):
        def part_ended(self, child):
            order.append(child.name)
            super().part_ended(child)

    sink = GeneratorSink()
    scene(Row(GeneratorSource(range(3000)), GeneratorEcho(), AsyncEcho(), sink).run_async())
    assert order == ["GeneratorSource", "GeneratorEcho", "AsyncEcho", "GeneratorSink"]
    assert sink.messages == list(range(3000))


def test_an_end_downstream_stops_those_before() -> None:
    """When a part ends before those that feed it these are told to stop, as in a Unix pipe."""
    endless, sink = Endless(), GeneratorSink()
    scene(Pipeline(endless, GeneratorEcho(), First(), sink).run_async())
    assert sink.messages == [0]
    assert endless.state == "ended"


def test_each_is_told_once() -> None:
    """A row that ends from behind, slowly, tells each of its parts once."""

    class Slow(Component):
        def __init__(self, seconds: float) -> None:
            self.seconds = seconds

        def main(self):
            while not self.stopping():
                yield self.pause()
            due = self.now() + self.seconds
            while self.now() < due:
                yield self.pause(due - self.now())

    parts = [Slow(0.05 * (50 - place)) for place in range(50)]
    last = First()
    row = Pipeline(*parts, last)

    async def main() -> None:
        task = start(row)
        await idle()
        last.inbox.deliver("x")
        await task
        for part in parts:
            figures = part.control.statistics()
            assert figures.taken + figures.dropped <= 2  # from the row, and by signal

    scene(main())


def test_a_stop_after_the_first_has_ended() -> None:
    """What a row is told on control reaches the parts that still run, though the first is gone."""

    async def main() -> None:
        rest = [GeneratorEcho(), Endless(), GeneratorSink()]
        row = Pipeline(GeneratorSource("abc"), *rest)
        outer = Graphline(ROW=row)
        task = start(outer)
        await idle(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert row.parts["GeneratorSource"].state == "ended"
        outer.control.deliver(Shutdown("enough"))
        await task
        assert [part.state for part in rest] == ["ended"] * 3

    scene(main())


def test_a_nested_row_is_stopped_from_behind() -> None:
    """A row within a row, whose own first part has ended, is stopped when what it feeds ends."""
    endless = Endless()

    async def main() -> None:
        inner = Pipeline(GeneratorSource("x"), endless)  # heeds only its control
        await asyncio.wait_for(Pipeline(inner, First()).run_async(), 100)

    scene(main())
    assert endless.state == "ended"


def test_a_stop_for_a_graph_whose_teller_has_ended() -> None:
    """A part whose control was linked to the signal of one that has ended is told by the graph."""

    async def main() -> None:
        class Speaks(Component):
            def main(self):
                self.send("not the end", "signal")
                yield

        told = Idler()
        graph = Graphline({("A", "signal"): ("B", "control")}, A=Speaks(), B=told)
        task = start(graph)
        await idle()
        assert told.recv("control") == "not the end"
        graph.control.deliver(Shutdown())
        await task

    scene(main())


def test_a_part_without_control() -> None:
    """A part whose boxes were taken away does not break its chassis."""

    async def main() -> None:
        parts = [Endless(), Idler(), First()]
        row = Pipeline(*parts)
        parts[1].delete_inbox("control")
        task = start(row)
        await idle(0)
        parts[2].inbox.deliver("x")
        for _ in range(100):
            await asyncio.sleep(0)
        assert (parts[0].state, parts[2].state) == ("ended", "ended")
        await end(task)

    scene(main())


def test_stop_ends_all_that_it_holds() -> None:
    """`stop()` on a chassis ends its parts, and theirs, whatever their kind."""

    async def main() -> None:
        leaves: list[Component] = [ECHOES[kind]() for kind in KINDS]
        chassis = Graphline(IN=Graphline(DEEP=Pipeline(*leaves)), I=Idler())
        task = start(chassis)
        await asyncio.sleep(0.01)
        chassis.stop()
        assert [leaf.state for leaf in leaves] == ["ended"] * 3
        assert runtime().running == {}
        await task

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_part_that_stops_its_chassis() -> None:
    """A part may stop the chassis that holds it, in its own turn."""

    class Mutiny(Component):
        def main(self):
            self.send("last")
            captain.stop()
            yield
            raise AssertionError("it was run again")

    async def main() -> None:
        sink = GeneratorSink()
        captain.add(Mutiny(), "M")
        captain.add(Idler(), "I")
        link(captain.parts["M"].outbox, sink.inbox)
        tasks = [start(captain), start(sink)]
        await asyncio.gather(*tasks)
        assert sink.messages == ["last"]
        assert {part.state for part in captain.parts.values()} == {"ended"}

    captain = Chassis()
    scene(main())


# -- failures


@pytest.mark.parametrize("kind", IN_THE_LOOP)
def test_on_failure_stop_lets_the_others_drain(kind: str) -> None:
    """With "stop" the others finish what they have; then the chassis fails with the first failure."""

    class SlowSink(Component):
        def __init__(self) -> None:
            self.messages: list[Any] = []

        def main(self):
            while not self.stopping():
                if self.data_ready():
                    self.messages.append(self.recv())
                    self.pause(0.1)
                    yield
                else:
                    yield self.pause()

    async def main() -> None:
        slow = SlowSink()
        graph = Graphline(
            {("A", "outbox"): ("E", "inbox"), ("E", "outbox"): ("S", "inbox")},
            A=GeneratorSource(range(20)), E=ECHOES[kind](), S=slow, BAD=Fails(1),
        )
        with pytest.raises(ComponentFailed, match="BAD failed with ValueError: the lamp is out"):
            await graph.run_async()
        assert slow.messages == list(range(20))

    scene(main())


def test_after_grace_they_are_ended() -> None:
    """A part that does not finish within GRACE seconds of a failure is ended."""

    class Deaf(Component):
        def main(self):
            while True:
                yield self.pause(0.5)

    async def main() -> None:
        deaf = Deaf()
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ComponentFailed, match="the lamp is out"):
            await Graphline(D=deaf, BAD=Fails(1)).run_async()
        assert deaf.state == "ended"
        assert asyncio.get_running_loop().time() - begun == pytest.approx(1 + GRACE)

    scene(main())


def test_after_grace_though_its_outbox_is_full() -> None:
    """The same for a chassis whose own outbox leads to an inbox that is full."""

    class Deaf(Component):
        def main(self):
            while True:
                self.send("more")
                yield

    class Small(Sleeper):
        bounds = {"inbox": 2}

    async def main() -> None:
        deaf, small = Deaf(), Small()
        inner = Graphline({("D", "outbox"): ("", "outbox")}, D=deaf, BAD=Fails(1))
        link(inner.outbox, small.inbox)
        other = start(small)
        with pytest.raises(ComponentFailed, match="the lamp is out"):
            await inner.run_async()
        assert deaf.state == "ended"
        assert len(small.inbox) <= 3  # it was run once more, to hear that it should finish
        await end(other)

    scene(main())


def test_on_failure_continue(caplog: pytest.LogCaptureFixture) -> None:
    """With "continue" the failure is logged, its streams break with it, and the others go on."""
    sink, other = GeneratorSink(), GeneratorSink()
    graph = Graphline(
        {("BAD", "outbox"): ("S", "inbox"), ("A", "outbox"): ("O", "inbox")},
        BAD=Fails(), S=sink, A=GeneratorSource(range(100)), O=other, on_failure="continue",
    )
    with caplog.at_level(logging.ERROR, "kamesh"):
        scene(graph.run_async())
    assert "Graphline/BAD failed with ValueError: the lamp is out" in caplog.text
    assert "the others of Graphline go on" in caplog.text
    assert other.messages == list(range(100))
    assert sink.inbox.failure.box == "outbox"
    assert graph.failure is None


def test_the_first_failure_counts_the_others_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Of several failures the first is the chassis's own, and none is silent."""

    class Late(Component):
        def main(self):
            while not self.stopping():
                yield self.pause()
            raise OSError("while finishing")

    graph = Graphline(A=Fails(1, "first"), B=Fails(1, "second"), C=Late())
    with caplog.at_level(logging.ERROR, "kamesh"), pytest.raises(ComponentFailed, match="first"):
        scene(graph.run_async())
    assert "ValueError: second" in caplog.text
    assert "OSError: while finishing" in caplog.text


def test_a_failure_rises_through_all_that_hold_it() -> None:
    """Through any depth the failure that comes out is the part's own, with the exception behind it."""
    graph: Component = Fails(1)
    for _ in range(10):
        graph = Pipeline(graph)
    with pytest.raises(ComponentFailed) as caught:
        scene(graph.run_async())
    assert caught.value.failure.component == "Pipeline/" * 10 + "Fails"
    assert caught.value.failure.text == "raise ValueError(self.text)"
    cause: BaseException | None = caught.value
    while isinstance(cause, ComponentFailed):
        cause = cause.__cause__
    assert isinstance(cause, ValueError)


def test_a_failure_contained_at_some_depth() -> None:
    """A chassis that says "continue" keeps a failure below it from those above."""
    sink = GeneratorSink()
    inner = Graphline(BAD=Fails(), on_failure="continue")
    outer = Graphline({("A", "outbox"): ("S", "inbox")}, IN=inner, A=GeneratorSource("ab"), S=sink)
    scene(outer.run_async())
    assert sink.messages == ["a", "b"]


def test_mains_that_fail_or_end_at_once() -> None:
    """Parts that are over before the chassis has started the rest do not confuse it."""

    class AtOnce(Component):
        def main(self):
            self.send("at once")

    class FailsAtOnce(Component):
        def main(self):
            raise ValueError("at once")

    sink = GeneratorSink()
    scene(Pipeline(AtOnce(), sink).run_async())
    assert sink.messages == ["at once"]
    with pytest.raises(ComponentFailed, match="at once"):
        scene(Graphline(A=FailsAtOnce(), B=AtOnce(), C=Idler()).run_async())


# -- parts that come and go


def test_parts_added_while_it_runs() -> None:
    """A part added to a running chassis starts at once; linked in the same turn it misses nothing."""

    async def main() -> None:
        chassis, sink = Chassis(), GeneratorSink()
        chassis.add(Idler(), "KEEPS")
        task = start(chassis)
        await idle()
        chassis.add(GeneratorSource("abc"), "A")
        chassis.add(sink, "S")
        chassis.link(("A", "outbox"), ("S", "inbox"))
        await idle()
        assert sink.messages == ["a", "b", "c"]
        assert (sink.state, chassis.state) == ("ended", "asleep")
        chassis.control.deliver(Shutdown())
        await task

    scene(main())


def test_parts_removed_while_it_runs() -> None:
    """A part that is removed is ended, its linkages are gone, and its name is free."""

    async def main() -> None:
        chassis, sink = Chassis(), GeneratorSink()
        chassis.add(Endless(), "A")
        chassis.add(sink, "S")
        chassis.add(Idler(), "KEEPS")
        chassis.link(("A", "outbox"), ("S", "inbox"))
        task = start(chassis)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first = chassis.remove("A")
        assert (first.state, "A" in chassis.parts) == ("ended", False)
        assert sink.inbox.sources == ()
        await idle()
        assert sink.state == "asleep"  # to be unlinked is not the end
        with pytest.raises(Ended, match="a part is added before it starts"):
            chassis.add(first, "A")
        chassis.add(GeneratorSource(["again"]), "A")
        chassis.link(("A", "outbox"), ("S", "inbox"))
        await idle()
        assert sink.messages[-1] == "again"
        assert sink.state == "ended"
        await end(task)

    scene(main())


def test_removing_what_is_no_part() -> None:
    """To remove what is not a part is refused, by name and by component."""
    chassis = Chassis()
    with pytest.raises(LinkageRefused, match="no part 'A'"):
        chassis.remove("A")
    with pytest.raises(LinkageRefused, match="Idler is not a part of Chassis"):
        chassis.remove(Idler())  # type: ignore[arg-type]


def test_adding_to_what_has_ended() -> None:
    """A part added to a chassis that has ended would never run: that is refused."""
    chassis = Chassis()
    scene(chassis.run_async())
    with pytest.raises(Ended, match="Chassis has ended"):
        chassis.add(Idler())


def test_the_last_part_removed_ends_the_chassis() -> None:
    """A chassis whose last part is taken out has nothing left to wait for."""

    async def main() -> None:
        chassis = Chassis()
        chassis.add(Idler(), "A")
        task = start(chassis)
        await idle()
        chassis.remove("A")
        await task

    scene(main())


def test_removed_parts_leave_no_reference() -> None:
    """What was a part of a running chassis and is removed is gone, with all it held."""

    async def main() -> None:
        chassis = Chassis()
        chassis.add(Idler(), "KEEPS")
        task = start(chassis)
        remains: list[Any] = []
        for make in (Idler, Endless, AsyncEcho, lambda: Pipeline(Idler(), GeneratorEcho())):
            part = make()
            chassis.add(part, "GUEST")
            chassis.link(("KEEPS", "outbox"), ("GUEST", "inbox"))
            await idle(0)
            await asyncio.sleep(0)
            chassis.remove("GUEST")
            remains.append(weakref.ref(part))
            del part
        await idle()
        gc.collect()
        assert [one() for one in remains] == [None] * 4
        assert len(runtime().running) == 2
        await end(task)

    scene(main())


def test_ten_thousand_parts_end_quickly() -> None:
    """The ends of many parts cost no more than their number: each is told of once."""

    async def main() -> None:
        chassis = Chassis()
        for _ in range(5000):
            chassis.add(Idler())
        task = start(chassis)
        await idle()
        before = runtime().scheduler.turns
        chassis.control.deliver(Shutdown())
        await task
        assert runtime().scheduler.turns - before < 5000 * 3

    scene(main())


def test_a_graph_that_can_never_end_says_who_waits() -> None:
    """Under the virtual clock a graph that waits for ever is reported with who waits."""
    with pytest.raises(Stalled, match=r"Graphline/A is asleep"):
        scene(Graphline(A=Idler()).run_async())


def test_own_boxes_of_a_graphline() -> None:
    """Boxes that a Graphline's linkages name are made; those of its kind are used."""

    async def main() -> None:
        sink, back = GeneratorSink(), GeneratorSink()
        graph = Graphline(
            {
                ("", "video"): ("E", "inbox"),
                ("E", "outbox"): ("", "film"),
                ("E", "signal"): ("", "signal"),
            },
            E=GeneratorEcho(),
        )
        link(graph._outbox("film"), sink.inbox)
        link(graph.signal, back.inbox)
        tasks = [start(each) for each in (graph, sink, back)]
        graph._inbox("video").deliver("frame")
        await idle()
        graph.control.deliver(ProducerFinished("test"))
        await asyncio.gather(*tasks)
        assert sink.messages == ["frame"]
        assert back.messages == [ProducerFinished("test")]

    scene(main())


def test_a_loop_back_through_the_own_inbox() -> None:
    """A part may send to the graph's own inbox: what it sends comes round."""
    seen: list[int] = []

    class Countdown(Component):
        def main(self):
            while not self.stopping():
                for number in self.inbox:
                    seen.append(number)
                    if number == 0:
                        return
                    self.send(number - 1)
                yield self.pause()

    async def main() -> None:
        graph = Graphline(
            {("", "inbox"): ("C", "inbox"), ("C", "outbox"): ("", "inbox")}, C=Countdown()
        )
        graph.inbox.deliver(5)
        await graph.run_async()

    scene(main())
    assert seen == [5, 4, 3, 2, 1, 0]


def test_kinds_together() -> None:
    """Generators, coroutines and threads in one row: nothing lost, in order, all ended."""
    sink = GeneratorSink()
    parts = [ECHOES[kind]() for kind in KINDS * 3]
    run(Pipeline(ThreadSource(range(2000)), *parts, sink))
    assert sink.messages == list(range(2000))
    assert {part.state for part in parts} == {"ended"}
