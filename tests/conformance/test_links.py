"""Links: behaviours 10 to 16."""

from itertools import permutations

from component_kit import GeneratorSink, GeneratorSource, Idler, end, idle, run, scene, start

from kamesh import Chassis, Component, Graphline
from kamesh.wiring import Linkage, link, unlink


class Hourly(Component):
    """Sends the hour, each hour."""

    def main(self):
        """Send it."""
        hour = 0
        while not self.stopping():
            self.send(hour)
            hour += 1
            yield self.pause(3600)


class Holder(Component):
    """Does nothing, but has an inbox and an outbox that can pass on."""

    def main(self):
        """Sleep."""
        while not self.stopping():
            yield self.pause()


def test_10_outbox_to_inbox() -> None:
    """What is sent at an outbox arrives at the inbox that it is linked to."""
    sink = GeneratorSink()
    run(Graphline({("A", "outbox"): ("B", "inbox")}, A=GeneratorSource("x"), B=sink))
    assert sink.messages == ["x"]


def test_11_passing_on() -> None:
    """An inbox linked to an inbox, and an outbox linked to an outbox, pass on."""
    inner_sink, outer_sink = GeneratorSink(), GeneratorSink()
    inward = Graphline({("", "inbox"): ("S", "inbox")}, S=inner_sink)
    outward = Graphline({("S", "outbox"): ("", "outbox")}, S=GeneratorSource("out"))
    run(
        Graphline(
            {("A", "outbox"): ("IN", "inbox"), ("OUT", "outbox"): ("B", "inbox")},
            A=GeneratorSource("in"), IN=inward, OUT=outward, B=outer_sink,
        )
    )
    assert inner_sink.messages == ["i", "n"]
    assert outer_sink.messages == ["o", "u", "t"]


def test_12_any_order_of_making() -> None:
    """A chain of links gives the same result in whatever order its links were made."""

    async def main(order: tuple[int, ...]) -> None:
        source, sink = Hourly(), GeneratorSink()
        one, two, three, four = (Holder() for _ in range(4))
        links = [
            (source.outbox, one.outbox), (one.outbox, two.outbox), (two.outbox, three.inbox),
            (three.inbox, four.inbox), (four.inbox, sink.inbox),
        ]
        for place in order:
            link(*links[place])
        tasks = [start(each) for each in (source, sink)]
        await idle(3600 * 1.5)
        assert sink.messages == [0, 1], order
        await end(*tasks)

    for order in permutations(range(5)):
        scene(main(order))


def test_13_a_middle_link_removed() -> None:
    """With a link in the middle removed, delivery returns to the nearest end that is left."""

    async def main() -> None:
        source, holder, sink = Hourly(), Holder(), GeneratorSink()
        link(source.outbox, holder.inbox)
        onward = link(holder.inbox, sink.inbox)
        tasks = [start(each) for each in (source, sink)]
        await idle()
        assert unlink(onward)
        await idle(3600)
        assert (sink.messages, list(holder.inbox.queue)) == ([0], [1])
        link(holder.inbox, sink.inbox)
        await idle(3600)
        assert (sink.messages, list(holder.inbox.queue)) == ([0, 1, 2], [])
        await end(*tasks)

    scene(main())


def test_14_undone_by_handle_or_component() -> None:
    """A link is undone by its handle or with a component, and only by whoever made it."""
    source, sink, other = GeneratorSource("a"), GeneratorSink(), GeneratorSink()
    chassis, stranger = Chassis(), Chassis()
    for name, part in (("A", source), ("B", sink), ("C", other)):
        chassis.add(part, name)
    (by_handle,) = chassis.link(("A", "outbox"), ("B", "inbox"))
    chassis.link(("A", "signal"), ("C", "control"))
    assert stranger.unlink(by_handle) == 0
    assert stranger.unlink(source) == 0
    assert source.outbox.targets == (by_handle,)
    assert chassis.unlink(by_handle) == 1
    assert source.outbox.targets == ()
    assert chassis.unlink(other) == 1
    assert source.signal.targets == ()


def test_15_links_go_with_their_maker() -> None:
    """The links that a component made vanish when it ends; others stay."""

    async def main() -> None:
        class Patch(Component):
            def main(self):
                self.link((source, "outbox"), (sink, "inbox"))
                yield self.pause(3600 * 1.5)

        source, sink, idler = Hourly(), GeneratorSink(), Idler()
        kept = link(source.signal, idler.control)
        tasks = [start(each) for each in (Patch(), source, sink)]
        await idle(3600 * 3)
        assert sink.messages == [0, 1]
        assert source.outbox.targets == ()
        assert sink.inbox.sources == ()
        assert source.signal.targets == (kept,)
        await end(*tasks)

    scene(main())


def test_16_removing_an_unknown_link() -> None:
    """To remove a link that is not there does nothing."""
    one, two = Holder(), Holder()
    chassis = Chassis()
    chassis.add(one, "A")
    chassis.add(two, "B")
    (linkage,) = chassis.link(("A", "outbox"), ("B", "inbox"))
    assert chassis.unlink(linkage) == 1
    assert chassis.unlink(linkage) == 0
    assert chassis.unlink(Linkage(one.outbox, two.inbox)) == 0
    assert chassis.unlink(Holder()) == 0
    assert unlink(linkage) is False
