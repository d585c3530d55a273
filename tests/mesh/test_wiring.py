"""Linkages: what is refused, what they come down to, and what changes while all runs."""

import asyncio
import itertools
import random
from collections import deque

import pytest
from component_kit import (
    KINDS,
    SINKS,
    SOURCES,
    GeneratorEcho,
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

from kamesh import ByDemand, Chassis, Component, Graphline, Pipeline, Policy, ToAll
from kamesh.errors import LinkageRefused, NotSuitable, UnknownBox
from kamesh.outbox import Outbox
from kamesh.wiring import Dealer, link, unlink


class Beat(Component):
    """Sends the number of the hour, each hour."""

    def main(self):
        """Send it."""
        hour = 0
        while not self.stopping():
            self.send(hour)
            hour += 1
            yield self.pause(3600)


class Worker(Component):
    """Takes `most` messages, one an hour, and ends."""

    def __init__(self, most: int = 10**9, seconds: float = 3600) -> None:
        """Take how many."""
        self.most, self.seconds = most, seconds
        self.messages: list[object] = []

    def main(self):
        """Take them."""
        while not self.stopping() and len(self.messages) < self.most:
            if self.data_ready():
                self.messages.append(self.recv())
                self.pause(self.seconds)
                yield
            else:
                yield self.pause()


# -- what is refused


def test_an_inbox_to_an_outbox() -> None:
    """To link an inbox to an outbox is refused, with the right way round."""
    one, two = Idler(), Idler()
    with pytest.raises(LinkageRefused, match=r"Idler\.inbox is an inbox and Idler\.outbox an outbox"):
        link(one.inbox, two.outbox)


def test_a_circle_of_passing_on() -> None:
    """Boxes that would pass messages on to each other for ever are refused, at any length."""
    one, two, three = Idler(), Idler(), Idler()
    link(one.inbox, two.inbox)
    link(two.inbox, three.inbox)
    with pytest.raises(LinkageRefused, match="in a circle"):
        link(three.inbox, one.inbox)
    with pytest.raises(LinkageRefused, match="in a circle"):
        link(one.inbox, one.inbox)


def test_the_same_linkage_twice() -> None:
    """To make a linkage that is there already is refused."""
    one, two = Idler(), Idler()
    link(one.outbox, two.inbox, fanout="all")
    with pytest.raises(LinkageRefused, match=r"is linked to .* already"):
        link(one.outbox, two.inbox, fanout="all")


@pytest.mark.parametrize(
    ("linkages", "error", "words"),
    [
        ({("A", "outbix"): ("B", "inbox")}, UnknownBox, "did you mean 'outbox'"),
        ({("A", "outbox"): ("B", "inbix")}, UnknownBox, "did you mean 'inbox'"),
        ({("A", "inbox"): ("B", "inbox")}, UnknownBox, "has no outbox 'inbox'"),
        ({("A", "outbox"): ("X", "inbox")}, LinkageRefused, "no part 'X'.*'A', 'B', 'C'"),
        ({("A", "outbox"): "B.inbox"}, LinkageRefused, "'B.inbox' is not a box"),
        ({("A", "outbox"): None}, LinkageRefused, "None is not a box"),
        ({("A", "outbox"): []}, LinkageRefused, "is not a box"),
        ({("A", "outbox"): ToAll()}, LinkageRefused, "is not a box"),
        ({"A.outbox": ("B", "inbox")}, LinkageRefused, "'A.outbox' is not a box"),
        ({7: ("B", "inbox")}, LinkageRefused, "7 is not a box"),
        ({("A", "outbox"): [("B", "inbox"), "C"]}, LinkageRefused, "'C' is not a box"),
    ],
)
def test_mistakes_are_refused_in_words(linkages: dict, error: type, words: str) -> None:
    """A linkage to nowhere is refused when it is made, with the names that there are."""
    with pytest.raises(error, match=words):
        Graphline(linkages, A=Idler(), B=Idler(), C=Idler())


def test_an_unknown_policy() -> None:
    """A policy that is none is refused, with those that there are."""
    with pytest.raises(LinkageRefused, match=r"no policy 'lates'.*did you mean 'latest'.*block"):
        Pipeline(Idler(), Idler()).link(("Idler", "signal"), ("Idler-2", "inbox"), "lates")
    with pytest.raises(LinkageRefused, match="policies names"):
        Graphline({}, A=Idler(), policies={("A", "outbox"): "latest"})


def test_all_of_a_fanout_or_none() -> None:
    """When one of several destinations is refused, none of the linkages is made."""
    parts = {name: Idler() for name in "ABCD"}
    graph = Graphline({("A", "outbox"): [("B", "inbox")]}, **parts)
    with pytest.raises(LinkageRefused):
        graph.link(("A", "outbox"), [("C", "inbox"), ("D", "inbox"), ("B", "inbox")])
    assert [linkage.sink for linkage in parts["A"].outbox.targets] == [parts["B"].inbox]
    assert parts["C"].inbox.sources == parts["D"].inbox.sources == ()
    with pytest.raises(LinkageRefused):
        graph.link(("A", "outbox"), ByDemand(("C", "inbox"), ("D", "inbox")))
    assert parts["C"].inbox.sources == parts["D"].inbox.sources == ()


def test_nothing_ahead() -> None:
    """A demand that would never deal is refused."""
    with pytest.raises(NotSuitable, match="ahead=0"):
        ByDemand(("A", "inbox"), ahead=0)


# -- fan-out to all


@pytest.mark.parametrize("kind", KINDS)
def test_to_all(kind: str) -> None:
    """Every destination gets every message, in order; the slowest sets the pace."""

    class Slow(Worker):
        bounds = {"inbox": 2}

    slow = Slow(seconds=0)
    sinks = [SINKS[kind]() for _ in range(3)]
    run(
        Graphline(
            {("A", "outbox"): ToAll(("B", "inbox"), ("C", "inbox"), ("D", "inbox"), ("S", "inbox"))},
            A=GeneratorSource(range(50)), B=sinks[0], C=sinks[1], D=sinks[2], S=slow,
        )
    )
    assert [sink.messages for sink in sinks] == [list(range(50))] * 3
    assert slow.messages == list(range(50))


def test_diamond() -> None:
    """What is copied on two ways meets again: each message twice, each way in its order."""
    sink = GeneratorSink()
    run(
        Graphline(
            {
                ("A", "outbox"): [("L", "inbox"), ("R", "inbox")],
                ("L", "outbox"): ("S", "inbox"),
                ("R", "outbox"): ("S", "inbox"),
            },
            A=GeneratorSource(range(3000)), S=sink,
            L=lambda n: ("left", n), R=lambda n: ("right", n),
        )
    )
    for way in ("left", "right"):
        assert [n for w, n in sink.messages if w == way] == list(range(3000))


def test_self_loop() -> None:
    """A component may feed itself; it does not wait for itself, however much others send it."""

    class Collatz(Component):
        bounds = {"inbox": 4}

        def __init__(self) -> None:
            self.steps = 0

        def main(self):
            while not self.stopping():
                for number in self.inbox:
                    self.steps += 1
                    if number != 1:
                        self.send(number // 2 if number % 2 == 0 else 3 * number + 1)
                    if number == 1:
                        self.send("done", "signal")
                yield self.pause()

    async def main() -> None:
        collatz, source = Collatz(), GeneratorSource(range(1, 200))
        done = GeneratorSink()
        link(source.outbox, collatz.inbox)
        link(collatz.outbox, collatz.inbox)
        link(collatz.signal, done.inbox)
        tasks = [start(each) for each in (collatz, source, done)]
        await idle()
        assert len(done.messages) == 199
        figures = collatz.inbox.statistics()
        assert figures.taken == collatz.steps == source.outbox.sent + collatz.outbox.sent
        await end(*tasks)

    scene(main())


def test_two_ways_into_one_inbox() -> None:
    """Two outboxes of one component may feed one inbox; their messages keep the order of sending."""

    class Both(Component):
        outboxes = {"outbox": "even", "odd": "odd"}

        def main(self):
            for number in range(100):
                self.send(number, "odd" if number % 2 else "outbox")
                if number % 7 == 0:
                    yield

    both, sink = Both(), GeneratorSink()
    run(
        Graphline(
            {("B", "outbox"): ("S", "inbox"), ("B", "odd"): ("S", "inbox")}, B=both, S=sink
        )
    )
    assert sink.messages == list(range(100))
    assert both.statistics().sent == {"outbox": 50, "odd": 50, "signal": 0}


# -- by demand


@pytest.mark.parametrize("kind", KINDS)
def test_by_demand_each_message_once(kind: str) -> None:
    """What is dealt goes to one destination each, all of it, and each gets its share in order."""
    sinks = [SINKS[kind]() for _ in range(3)]
    run(
        Graphline(
            {("A", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"), ("D", "inbox"))},
            A=GeneratorSource(range(600)), B=sinks[0], C=sinks[1], D=sinks[2],
        )
    )
    assert sorted(m for sink in sinks for m in sink.messages) == list(range(600))
    for sink in sinks:
        assert sink.messages == sorted(sink.messages)
        assert sink.messages


@pytest.mark.parametrize("kind", KINDS)
def test_by_demand_from_any_kind(kind: str) -> None:
    """Whoever deals, a destination gets its messages in the order in which they were sent."""
    sinks = [Worker(seconds=0), Worker(seconds=0)]
    run(
        Graphline(
            {("A", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"), ahead=2)},
            A=SOURCES[kind](range(300)), B=sinks[0], C=sinks[1],
        )
    )
    assert sorted(m for sink in sinks for m in sink.messages) == list(range(300))
    for sink in sinks:
        assert sink.messages == sorted(sink.messages)


def test_a_slow_worker_sits_on_nothing() -> None:
    """At most `ahead` messages wait at a slow worker while a fast one does the rest."""

    async def main() -> None:
        slow, fast = Sleeper(), GeneratorSink()
        task = start(
            Graphline(
                {("A", "outbox"): ByDemand(("S", "inbox"), ("F", "inbox"), ahead=3)},
                A=GeneratorSource(range(100)), S=slow, F=fast,
            )
        )
        await idle()
        assert 1 <= len(slow.inbox) <= 3
        assert len(fast.messages) == 100 - len(slow.inbox)
        slow.open()
        await task

    scene(main())


def test_all_workers_busy_stops_the_source() -> None:
    """When every worker has enough, the source waits, and no more than that is under way."""

    async def main() -> None:
        source, workers = GeneratorSource(range(100)), [Sleeper(), Sleeper()]
        task = start(
            Graphline(
                {("A", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"), ahead=2)},
                A=source, B=workers[0], C=workers[1],
            )
        )
        await idle()
        assert source.state == "blocked"
        assert [len(worker.inbox) for worker in workers] == [2, 2]
        assert source.outbox.sent == 6  # two at each worker, and as many as workers at the dealer
        for worker in workers:
            worker.open()
        await task
        assert sorted(workers[0].messages + workers[1].messages) == list(range(100))

    scene(main())


def test_a_worker_that_ends() -> None:
    """When a worker ends the others do the rest; what it had not read is counted as dropped."""

    async def main() -> None:
        short, steady, source = Worker(most=3), Worker(), GeneratorSource(range(50))
        await Graphline(
            {("A", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"), ahead=4)},
            A=source, B=short, C=steady,
        ).run_async()
        assert len(short.messages) == 3
        dropped = short.inbox.statistics().dropped
        assert dropped <= 4
        assert len(steady.messages) == 50 - 3 - dropped
        assert source.outbox.sent == 50

    scene(main())


def test_all_workers_end() -> None:
    """When all workers have ended the source goes on, and all is accounted for."""

    async def main() -> None:
        workers, source = [Worker(most=2), Worker(most=1)], GeneratorSource(range(50))
        graph = Graphline(
            {("A", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"))},
            A=source, B=workers[0], C=workers[1],
        )
        dealer = source.outbox.targets[0].sink
        await graph.run_async()
        assert source.outbox.sent == 50
        taken = sum(len(worker.messages) for worker in workers)
        dropped = dealer.dropped + sum(worker.inbox.dropped for worker in workers)
        assert (taken, taken + dropped) == (3, 50)

    scene(main())


def test_a_worker_that_is_taken_out() -> None:
    """When a worker is removed the others do the rest; with none left the source goes on."""

    async def main() -> None:
        source, stuck, other = GeneratorSource(range(60)), Sleeper(), Sleeper()
        graph = Graphline(
            {("A", "outbox"): ByDemand(("B", "inbox"), ("C", "inbox"), ahead=2)},
            A=source, B=stuck, C=other,
        )
        task = start(graph)
        await idle()
        graph.remove("B")
        other.open(10)
        await idle()
        assert len(other.messages) == 10
        graph.remove("C")
        await task
        assert source.state == "ended"
        assert source.outbox.sent == 60

    scene(main())


def test_dealing_waits_for_the_first_destination() -> None:
    """A dealer that has no destination yet keeps what comes; it deals when one is linked."""

    async def main() -> None:
        source, sink = GeneratorSource("abc"), GeneratorSink()
        dealer = Dealer("dealer", 1, ahead=1)
        link(source.outbox, dealer.inbox)
        tasks = [start(source), start(sink)]
        await idle()
        assert dealer.inbox.dropped == 0
        link(dealer.outboxes[0], sink.inbox)
        await asyncio.gather(*tasks)
        assert sink.messages == ["a", "b", "c"]

    scene(main())


def test_dealing_to_who_answers_at_once() -> None:
    """A writer that sends the next message as soon as there is room may have any number of them."""

    class Eager:
        path, in_turns = "eager", False

        def __init__(self, count: int) -> None:
            self.outbox = Outbox("outbox", self)
            self.pending = deque(range(count))

        def room_again(self) -> None:
            while self.pending and self.outbox.room() > 0:
                self.outbox.ask_for_room()
                self.outbox.put(self.pending.popleft())

        def rewired(self) -> None:
            self.outbox.bind()

        def room(self) -> int:
            return self.outbox.room()

        def arrived(self, inbox: object) -> None:
            raise AssertionError("it has no inbox")

    eager, sink, dealer = Eager(5000), Idler(), Dealer("dealer", 1, ahead=10**6)
    sink.inbox.bound = None
    link(dealer.outboxes[0], sink.inbox)
    link(eager.outbox, dealer.inbox)
    eager.room_again()
    assert list(sink.inbox) == list(range(5000))


# -- made and undone while all runs


def test_what_was_sent_before_a_change_of_links_arrives() -> None:
    """What a turn sent before it changed its own links is delivered, counted, and wakes its reader."""

    class Switch(Component):
        def __init__(self, first: Component, second: Component) -> None:
            self.first, self.second = first, second

        def main(self):
            (linkage,) = self.link(("", "outbox"), (self.first, "inbox"))
            yield self.pause(10)
            self.send("to the first")
            self.unlink(linkage)
            self.send("to nobody")
            self.link(("", "outbox"), (self.second, "inbox"))
            self.send("to the second")
            self.link(("", "signal"), (self.second, "inbox"))
            self.send("by signal", "signal")
            yield self.pause(10)

    async def main() -> None:
        first, second = GeneratorSink(), GeneratorSink()
        switch = Switch(first, second)
        tasks = [start(each) for each in (first, second, switch)]
        await idle(15)
        assert first.messages == ["to the first"]
        assert second.messages == ["to the second", "by signal"]
        assert (first.inbox.arrived, first.inbox.taken, first.inbox.level) == (1, 1, 0)
        assert (second.inbox.arrived, second.inbox.taken) == (2, 2)
        assert (switch.outbox.sent, switch.signal.sent, switch.outbox.unheard) == (2, 1, 1)
        await end(*tasks)

    scene(main())


def test_what_was_taken_before_a_change_of_links_is_counted() -> None:
    """A turn that took messages and then changed its links frees the room for who waits."""

    class Small(Component):
        bounds = {"inbox": 2}

        def __init__(self) -> None:
            self.messages: list[object] = []

        def main(self):
            while not self.stopping():
                self.messages.extend(self.inbox)
                extra = self.add_outbox("extra")
                self.link(("", extra), (other, "inbox"))
                self.delete_outbox(extra)
                yield self.pause()

    other = Idler()
    small = Small()
    run(Pipeline(GeneratorSource(range(40)), small))
    assert small.messages == list(range(40))


def test_passing_on_what_the_same_turn_sent() -> None:
    """What a turn sent to an inbox goes along when the same turn links that inbox onward."""

    class Wirer(Component):
        def __init__(self, middle: Component, last: Component) -> None:
            self.middle, self.last = middle, last

        def main(self):
            self.link(("", "outbox"), (self.middle, "inbox"))
            yield
            self.send("first")
            link(self.middle.inbox, self.last.inbox)
            self.send("second")
            yield self.pause(10)

    async def main() -> None:
        middle, last = Idler(), GeneratorSink()
        wirer = Wirer(middle, last)
        tasks = [start(each) for each in (middle, last, wirer)]
        await idle()
        assert last.messages == ["first", "second"]
        assert (wirer.outbox.sent, middle.inbox.arrived, middle.inbox.level) == (2, 0, 0)
        await end(*tasks)

    scene(main())


def test_unlinking_frees_who_was_blocked() -> None:
    """A writer that waits for a full inbox goes on when it is unlinked from it."""

    async def main() -> None:
        source, stuck = GeneratorSource(range(5000)), Sleeper()
        linkage = link(source.outbox, stuck.inbox)
        tasks = [start(source), start(stuck)]
        await idle()
        assert source.state == "blocked"
        unlink(linkage)
        await idle()
        assert source.state == "ended"
        assert source.outbox.sent + source.outbox.unheard == 5000
        await end(*tasks)

    scene(main())


def test_links_change_at_random_and_nothing_is_lost() -> None:
    """Chains that are relinked at random while messages flow lose none and swap none."""

    async def main(seed: int) -> None:
        choice = random.Random(seed)
        source, holders = Beat(), [Idler() for _ in range(3)]
        ends = [Sleeper(), *holders]
        first = link(source.outbox, holders[0].inbox)
        made = [first]
        tasks = [start(source)]
        for _ in range(60):
            await idle(3600)
            if choice.random() < 0.5 and len(made) > 1:
                unlink(made.pop())
            elif len(made) <= 3:
                at = made[-1].sink
                following = [*holders, ends[0]][len(made)] if len(made) < 3 else ends[0]
                made.append(link(at, following.inbox))
        await idle(1)
        held = [message for each in ends for message in each.inbox.queue]
        assert sorted(held) == list(range(61)), f"seed {seed}"
        for each in ends:
            assert list(each.inbox.queue) == sorted(each.inbox.queue), f"seed {seed}"
        await end(*tasks)

    for seed in range(10):
        scene(main(seed))


def test_linkages_count_what_goes_through() -> None:
    """A linkage in the middle of a chain counts what all that feed it have sent through it."""

    async def main() -> None:
        one, two, middle, sink = (
            GeneratorSource("abc"), GeneratorSource("de"), Idler(), GeneratorSink()
        )
        ones, twos = link(one.outbox, middle.inbox), link(two.outbox, middle.inbox)
        both = link(middle.inbox, sink.inbox)
        tasks = [start(each) for each in (one, two, sink)]
        await asyncio.gather(*tasks)
        assert (ones.sent, twos.sent, both.sent, both.dropped) == (3, 2, 5, 0)
        assert str(both) == "Idler.inbox -> GeneratorSink.inbox"

    scene(main())


def test_a_policy_anywhere_in_a_chain_holds() -> None:
    """A policy given to any linkage of a chain is that of the whole way."""
    for place in range(3):
        source, one, two, sink = GeneratorSource(range(5000)), Idler(), Idler(), Sleeper()
        ways = [(source.outbox, one.inbox), (one.inbox, two.inbox), (two.inbox, sink.inbox)]
        for number, (start_box, end_box) in enumerate(ways):
            policy = Policy.LATEST if number == place else Policy.BLOCK
            link(start_box, end_box, policy=policy)

        async def main(source: Component = source, sink: Component = sink) -> None:
            tasks = [start(source), start(sink)]
            await idle()
            assert source.state == "ended"
            assert list(sink.inbox.queue) == [4999]
            await end(*tasks)

        scene(main())


def test_depth_costs_nothing() -> None:
    """A hundred chassis round a component add no feed, and no turn, to the way of a message."""

    def nested(depth: int) -> Component:
        part: Component = GeneratorEcho()
        for _ in range(depth):
            part = Pipeline(part)
        return part

    async def turns(depth: int) -> tuple[int, int]:
        source, sink = GeneratorSource(range(1000)), GeneratorSink()
        graph = Pipeline(source, nested(depth), sink)
        assert len(source.outbox.feeds) == 1
        task = start(graph)
        await task
        return runtime().scheduler.turns, len(sink.messages)

    flat, flat_count = scene(turns(0))
    deep, deep_count = scene(turns(100))
    assert flat_count == deep_count == 1000
    assert deep - flat < 100 * 10  # each chassis begins, and hears of ends; none hears of messages


def test_fan_outs_of_many() -> None:
    """A thousand destinations, linked and unlinked one by one, stay right."""

    async def main() -> None:
        source = Beat()
        sinks = [GeneratorSink() for _ in range(300)]
        linkages = [link(source.outbox, sink.inbox, fanout="all") for sink in sinks]
        tasks = [start(each) for each in (source, *sinks)]
        await idle()
        for linkage in linkages[::2]:
            unlink(linkage)
        await idle(3600)
        for sink, expected in zip(sinks, itertools.cycle(([0], [0, 1]))):
            assert sink.messages == expected
        await end(*tasks)

    scene(main())


def test_an_ended_component_may_be_linked() -> None:
    """To link to a component that has ended is no mistake: what is sent there is dropped, counted."""

    async def main() -> None:
        sink, source = GeneratorSink(), GeneratorSource("abc")
        task = start(sink)
        await idle()
        sink.stop()
        await task
        linkage = link(source.outbox, sink.inbox)
        await start(source)
        assert (linkage.sent, linkage.dropped) == (3, 3)

    scene(main())


def test_many_writers_at_once() -> None:
    """A hundred writers of every kind into one small inbox: nothing lost, each in its order."""
    class Narrow(GeneratorSink):
        bounds = {"inbox": 2}

    narrow = Narrow()
    chassis = Chassis()
    chassis.add(narrow, "SINK")
    for number in range(30):
        kind = KINDS[number % 3]
        chassis.add(SOURCES[kind]([(number, n) for n in range(20)]), f"S{number}")
        chassis.link((f"S{number}", "outbox"), ("SINK", "inbox"))
    run(chassis)
    for number in range(30):
        assert [m for m in narrow.messages if m[0] == number] == [(number, n) for n in range(20)]
