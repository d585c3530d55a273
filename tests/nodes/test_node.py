"""Nodes over the in-memory network: what crosses, how it ends, and what faults cost."""

import asyncio
import random

import pytest
from meshes import Mesh, in_virtual_time

from kamesh import (
    Backplane,
    ByDemand,
    Component,
    Graphline,
    Par,
    Pipeline,
    PublishTo,
    Shutdown,
    SubscribeTo,
)
from kamesh.nodes.node import NodeFailed
from kamesh.testing import Collector, Feeder
from kamesh.transport.memory import Network


class Ticking(Component):
    """Sends a number every 10 ms, for ever or `count` times."""

    def __init__(self, count: int = 10**9) -> None:
        self.count = count

    def main(self):
        for number in range(self.count):
            while self.room("outbox") <= 0:
                yield
            self.send(number)
            self.pause(0.01)
            yield
            if self.stopping():
                return


def test_a_pipeline_of_three_nodes_gives_the_same_as_one():
    """The same graph on three nodes: every message once, in order, and all nodes end."""
    sink = Collector()
    top = Pipeline(Feeder(range(5000)), lambda n: n * 2, sink)

    async def test(network: Network) -> None:
        await Mesh(network, top).run()

    in_virtual_time(test)
    assert sink.messages == [2 * n for n in range(5000)]


def test_what_waits_for_a_link_is_bounded_by_the_window_and_not_by_a_guess():
    """An egress holds a window's worth from the start, before it has seen how large messages are."""
    bounds = []

    class Sink(Component):
        bounds = {"inbox": 100}

        def main(self):
            while not self.stopping():
                for _ in self.inbox:
                    for egress in mesh.nodes["feeder"].joints.egresses.values():
                        if egress.sink.endswith(".inbox"):
                            bounds.append(egress.inbox.bound)
                yield self.pause()

    top = Pipeline(Feeder([1], name="feeder"), Sink())

    async def test(network: Network) -> None:
        nonlocal mesh
        mesh = Mesh(network, top)
        await mesh.run()

    mesh: Mesh
    in_virtual_time(test)
    assert bounds == [400]


@pytest.mark.parametrize("kind", ["generator", "async"])
def test_back_pressure_crosses_the_link(kind):
    """A consumer that takes nothing stops a producer elsewhere; what is under way is bounded."""

    class Stuck(Component):
        bounds = {"inbox": 4}

        def main(self):
            while not self.control.queue:
                yield self.pause()

    class Fast(Component):
        sent = 0

        def main(self):
            while not self.stopping():
                self.send(self.sent)
                self.sent += 1
                yield

    class FastAsync(Fast):
        async def main(self):
            while not self.stopping():
                await self.send(self.sent)
                self.sent += 1

    fast = Fast() if kind == "generator" else FastAsync()

    async def test(network: Network) -> int:
        mesh = Mesh(network, Graphline(A=fast, B=Stuck(), linkages={("A", "outbox"): ("B", "inbox")}))
        running = asyncio.ensure_future(mesh.run())
        await asyncio.sleep(5)
        before = fast.sent
        await asyncio.sleep(20)
        assert fast.sent == before, "the producer goes on although nobody takes anything"
        await asyncio.gather(running, *(node.stop(1.0) for node in mesh.nodes.values()))
        return before

    assert in_virtual_time(test) < 4 + 16 + 64 + 16


@pytest.mark.parametrize("seed", range(5))
def test_connections_that_break_cost_nothing(seed):
    """Resets at any moment: nothing lost, nothing twice, order kept."""
    sink = Collector()
    top = Pipeline(Ticking(1000), lambda n: n, sink)

    async def test(network: Network) -> None:
        mesh = Mesh(network, top)
        chance = random.Random(seed)
        running = asyncio.ensure_future(mesh.run())
        names = list(mesh.nodes)
        while not running.done():
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            a, b = chance.sample(names, 2)
            network.reset(a, b)
        await running

    in_virtual_time(test, seed)
    assert sink.messages == list(range(1000))


def test_a_cut_of_ten_seconds_is_bridged():
    """Nothing passes for ten seconds; then all goes on where it was."""
    sink = Collector()
    top = Pipeline(Ticking(500), sink)

    async def test(network: Network) -> None:
        mesh = Mesh(network, top)
        running = asyncio.ensure_future(mesh.run())
        await asyncio.sleep(1)
        network.cut(*mesh.nodes)
        await asyncio.sleep(10)
        network.heal(*mesh.nodes)
        await running

    in_virtual_time(test)
    assert sink.messages == list(range(500))


def test_a_node_that_comes_back_as_a_new_run_goes_on():
    """The receiver is killed and started again: all that was not consumed is sent to the new one."""
    first, second = Collector(), Collector()
    top = Graphline(A=Ticking(300), B=first, linkages={("A", "outbox"): ("B", "inbox")})

    async def test(network: Network) -> None:
        mesh = Mesh(network, top)
        sender = asyncio.ensure_future(mesh.nodes["a"].run())
        receiver = asyncio.ensure_future(mesh.nodes["b"].run())
        await asyncio.sleep(1)
        network.crash("b")
        first._strand.stop()
        await asyncio.sleep(0.5)
        again = asyncio.ensure_future(mesh.make("b", {"B": second}).run())
        await asyncio.wait_for(asyncio.gather(sender, again), 60)
        receiver.cancel()
        await asyncio.gather(receiver, return_exceptions=True)

    in_virtual_time(test)
    got = first.messages + second.messages
    assert sorted(set(got)) == list(range(300))
    assert second.messages == sorted(second.messages)


def test_a_sender_that_never_comes_back_ends_the_stream_with_a_failure():
    """When patience is over the stream ends as broken, naming the node."""

    class Keeper(Component):
        seen = None

        def main(self):
            while not self.stopping():
                list(self.inbox)
                yield self.pause()
            self.seen = self.inbox.failure

    keeper = Keeper()
    top = Graphline(A=Ticking(), B=keeper, linkages={("A", "outbox"): ("B", "inbox")})

    async def test(network: Network) -> None:
        mesh = Mesh(network, top, patience=8.0)
        sender = asyncio.ensure_future(mesh.nodes["a"].run())
        receiver = asyncio.ensure_future(mesh.nodes["b"].run())
        await asyncio.sleep(1)
        network.crash("a")
        top.parts["A"].stop()
        await asyncio.wait_for(receiver, 60)
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)

    in_virtual_time(test)
    assert keeper.seen is not None
    assert keeper.seen.error == "PeerLost"
    assert keeper.seen.component == "a/A.outbox"


def test_a_component_that_raises_fails_its_node_and_breaks_the_stream():
    """The node says which component, what and where; who is fed by it hears the stream broke."""
    sink = Collector()

    class Bad(Component):
        def main(self):
            while not self.stopping():
                for number in self.inbox:
                    if number == 3:
                        raise ValueError("three is too many")
                    self.send(number)
                yield self.pause()

    top = Graphline(A=Feeder(range(10)), B=Bad(), C=sink, linkages={
        ("A", "outbox"): ("B", "inbox"), ("B", "outbox"): ("C", "inbox"),
    })

    async def test(network: Network) -> list[BaseException | None]:
        mesh = Mesh(network, top)
        return await asyncio.gather(
            *(node.run() for node in mesh.nodes.values()), return_exceptions=True
        )

    results = in_virtual_time(test)
    assert sum(isinstance(r, NodeFailed) and "three is too many" in str(r) for r in results) == 1
    assert sink.inbox.failure is not None
    assert "three is too many" in str(sink.inbox.failure)
    assert sink.messages == [0, 1, 2]


def test_a_pipeline_ends_upstream_when_a_part_downstream_ends():
    """Over nodes as within one: when who reads has ended, who writes is told to stop."""

    class FirstThree(Component):
        def main(self):
            count = 0
            while count < 3:
                for number in self.inbox:
                    self.send(number)
                    count += 1
                    if count == 3:
                        return
                yield self.pause()

    sink = Collector()
    top = Pipeline(Ticking(), FirstThree(), sink)

    async def test(network: Network) -> None:
        await Mesh(network, top).run(limit=60)

    in_virtual_time(test)
    assert sink.messages == [0, 1, 2]


def test_what_cannot_travel_fails_its_sender_in_a_sentence():
    """The type, the box and a way out are named, and the receiver's node goes on."""

    class Strange:
        pass

    sink = Collector()
    top = Pipeline(Feeder([1, Strange(), 2]), sink)

    async def test(network: Network) -> list[BaseException | None]:
        mesh = Mesh(network, top)
        return await asyncio.gather(
            *(node.run() for node in mesh.nodes.values()), return_exceptions=True
        )

    failed, well = in_virtual_time(test)
    assert isinstance(failed, NodeFailed)
    for word in ("Strange", "Feeder", "outbox", "collector/Collector.inbox", "register"):
        assert word in str(failed)
    assert well is None


def test_fan_out_to_all_and_by_demand_cross_nodes():
    """Copies reach every node; work that is shared out is done once, by whoever has room."""
    one, two, done = Collector(), Collector(), Collector()
    copied = Graphline(A=Feeder(range(50)), B=one, C=two,
                       linkages={("A", "outbox"): [("B", "inbox"), ("C", "inbox")]})
    shared = Graphline(
        A=Feeder(range(200)), W1=lambda n: ("one", n), W2=lambda n: ("two", n), Z=done,
        linkages={
            ("A", "outbox"): ByDemand(("W1", "inbox"), ("W2", "inbox"), ahead=2),
            ("W1", "outbox"): ("Z", "inbox"), ("W2", "outbox"): ("Z", "inbox"),
        },
    )

    async def test(network: Network) -> None:
        await Mesh(network, copied).run()

    async def share(network: Network) -> None:
        await Mesh(network, shared).run()

    in_virtual_time(test)
    in_virtual_time(share)
    assert one.messages == two.messages == list(range(50))
    assert sorted(n for _, n in done.messages) == list(range(200))
    assert {who for who, _ in done.messages} == {"one", "two"}


def test_an_inbox_ends_only_when_all_who_feed_it_from_other_nodes_have():
    """One feeder ends long before the other has even connected."""
    sink = Collector()
    top = Graphline(A=Feeder([1]), B=Ticking(100), C=sink, linkages={
        ("A", "outbox"): ("C", "inbox"), ("B", "outbox"): ("C", "inbox"),
    })

    async def test(network: Network) -> None:
        mesh = Mesh(network, top)
        early = [asyncio.ensure_future(mesh.nodes[n].run()) for n in ("a", "c")]
        await asyncio.sleep(3)
        await asyncio.gather(mesh.nodes["b"].run(), *early)

    in_virtual_time(test)
    assert len(sink.messages) == 101


def test_two_nodes_of_one_name_the_younger_gives_way():
    """The second run of a name ends with a sentence; the first goes on undisturbed."""
    sink = Collector()
    top = Graphline(A=Ticking(400), B=sink, linkages={("A", "outbox"): ("B", "inbox")})

    async def test(network: Network) -> BaseException | None:
        mesh = Mesh(network, top)
        running = asyncio.ensure_future(mesh.run())
        await asyncio.sleep(1)
        mesh.addresses["a"] = "tcp://10.0.0.99:4000"
        twin = mesh.make("a", {"A": Ticking(400)}, transport="twin")
        result = (await asyncio.gather(twin.run(), return_exceptions=True))[0]
        await running
        return result

    result = in_virtual_time(test)
    assert isinstance(result, NodeFailed)
    assert "'a'" in str(result)
    assert sink.messages == list(range(400))


def test_a_node_told_to_stop_drains_what_it_has():
    """`stop` ends the sources; what is under way arrives, and all nodes end."""
    sink = Collector()
    ticking = Ticking()
    top = Pipeline(ticking, lambda n: n, sink)

    async def test(network: Network) -> int:
        mesh = Mesh(network, top)
        running = asyncio.ensure_future(mesh.run())
        await asyncio.sleep(2)
        await asyncio.gather(running, *(node.stop(5.0) for node in mesh.nodes.values()))
        return ticking._strand.outboxes["outbox"].sent

    sent = in_virtual_time(test)
    assert sink.messages == list(range(sent))
    assert sent > 100


def test_chassis_of_chassis_cross_nodes_whole():
    """Nested pipelines and Par dissolve into linkages between nodes."""
    sink = Collector()
    top = Pipeline(Feeder(["a", "b"]), Par(Pipeline(str.upper), str.title), sink)

    async def test(network: Network) -> None:
        await Mesh(network, top).run()

    in_virtual_time(test)
    assert sorted(sink.messages) == ["A", "A", "B", "B"]


def test_a_message_on_control_crosses_nodes():
    """`signal` of one node's component reaches `control` of another's, and it stops."""

    class Commander(Component):
        def main(self):
            self.pause(1.0)
            yield
            self.send(Shutdown("enough"), "signal")

    ticking = Ticking()
    top = Graphline(A=Commander(), B=ticking, linkages={("A", "signal"): ("B", "control")})

    async def test(network: Network) -> None:
        await Mesh(network, top).run(limit=60)

    in_virtual_time(test)
    assert ticking.state == "ended"
    assert ticking._strand.stop_note == Shutdown("enough")


def test_a_pipe_between_two_components_of_one_node_ends_upstream_too():
    """Three parts of a pipeline on two nodes: when the last ends, both before it are told."""

    class FirstThree(Component):
        def main(self):
            count = 0
            while count < 3:
                for _ in self.inbox:
                    count += 1
                yield self.pause()

    ticking = Ticking()
    top = Pipeline(ticking, lambda n: n, FirstThree())

    async def test(network: Network) -> None:
        placement = {"Ticking": "one", "<lambda>": "one", "FirstThree": "two"}
        await Mesh(network, top, split=False, placement=placement).run(limit=60)

    in_virtual_time(test)
    assert ticking.state == "ended"


def test_one_outbox_copied_under_two_policies():
    """Each copy keeps its policy: what blocks gets all, what keeps the latest may drop."""
    whole, latest = Collector(), Collector()

    top = Graphline(A=Feeder(range(3000)), B=whole, C=latest, linkages={})
    top.link(("A", "outbox"), [("B", "inbox")])
    top.link(("A", "outbox"), [("C", "inbox")], "latest")

    async def test(network: Network) -> None:
        await Mesh(network, top).run()

    in_virtual_time(test)
    assert whole.messages == list(range(3000))
    assert latest.messages[-1] == 2999


def test_a_failure_that_the_chassis_tolerates_ends_nothing_else():
    """`on_failure="continue"` holds over nodes: the others go on, and the run ends well."""

    class Bad(Component):
        def main(self):
            yield
            raise ValueError("as expected")

    sink = Collector()
    top = Graphline(A=Feeder(range(10)), B=Bad(), C=sink, on_failure="continue",
                    linkages={("A", "outbox"): ("C", "inbox")})

    async def test(network: Network) -> None:
        await Mesh(network, top).run()

    in_virtual_time(test)
    assert sink.messages == list(range(10))


def test_publishers_and_subscribers_run_where_their_backplane_does():
    """Split over nodes, a backplane is still found, and everything that is published arrives."""
    sink = Collector()
    top = Graphline(
        NEWS=Backplane("NEWS", until_finished=True),
        P=Pipeline(Ticking(20), PublishTo("NEWS")), S=Pipeline(SubscribeTo("NEWS"), sink),
    )

    async def test(network: Network) -> None:
        mesh = Mesh(network, top)
        assert mesh.plan.node_of("P/PublishTo") == mesh.plan.node_of("NEWS")
        await mesh.run(limit=60)

    in_virtual_time(test)
    assert sink.messages == list(range(20))


def test_a_coroutine_that_does_not_use_async_for_is_fed_on():
    """`wait` and `recv` acknowledge what was taken before: a window is no end."""

    class Waiting(Component):
        def __init__(self):
            self.got = []

        async def main(self):
            while not self.stopping():
                await self.wait()
                self.got.extend(self.inbox)

    waiting = Waiting()
    top = Pipeline(Feeder(range(12_000)), waiting)

    async def test(network: Network) -> None:
        await Mesh(network, top).run(limit=60)

    in_virtual_time(test)
    assert waiting.got == list(range(12_000))


@pytest.mark.parametrize("split", [False, True])
def test_the_latest_is_the_latest_whatever_the_placement(split):
    """A slow reader of a linkage that keeps the latest sees few messages, each of them fresh."""

    class Slow(Component):
        def __init__(self):
            self.seen = []

        def main(self):
            while not self.stopping():
                for number in self.inbox:
                    self.seen.append((self.now(), number))
                until = self.now() + 0.5
                while self.now() < until:
                    yield self.pause(until - self.now())
                if not self.data_ready():
                    yield self.pause()

    slow = Slow()
    top = Graphline(A=Ticking(400), B=slow, linkages={("A", "outbox"): ("B", "inbox")},
                    policies={("A", "outbox"): "latest"})

    async def test(network: Network) -> None:
        await Mesh(network, top, split=split).run(limit=60)

    in_virtual_time(test)
    assert len(slow.seen) < 20
    begun = slow.seen[0][0]
    assert all((now - begun) * 100 - number < 30 for now, number in slow.seen)
