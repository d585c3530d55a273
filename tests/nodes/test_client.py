"""Clients: taps that count what they miss, feeds that hold back, and errors that arrive as what they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from meshes import Mesh, in_virtual_time

from kamesh import Component, Graphline, codec
from kamesh.errors import (
    Ended,
    Full,
    KameshError,
    LinkageRefused,
    NotSuitable,
    UnknownBox,
    UnknownName,
)
from kamesh.nodes.client import Client, NoAnswer
from kamesh.nodes.refusals import Why, error_of, refusal_of
from kamesh.nodes.tapping import Missed
from kamesh.testing import Collector
from kamesh.transport.memory import Network


class Source(Component):
    """Sends 0, 1, 2 ... `count`, `burst` of them every 10 ms."""

    inboxes = {"control": "told here to stop"}

    def __init__(self, count: int = 10**9, burst: int = 1) -> None:
        self.count, self.burst, self.sent = count, burst, 0

    def main(self):
        while self.sent < self.count and not self.stopping():
            for _ in range(min(self.burst, self.count - self.sent, self.room())):
                self.send(self.sent)
                self.sent += 1
            yield self.pause(0.01)


class Gated(Component):
    """Keeps what comes, once it is open; ends when it has `most`."""

    bounds = {"inbox": 8}

    def __init__(self, most: int = 10**9, open: bool = False) -> None:  # noqa: A002
        self.got: list[Any] = []
        self.most, self.open = most, open

    def main(self):
        while not self.stopping() and len(self.got) < self.most:
            while self.open and self.data_ready() and len(self.got) < self.most:
                self.got.append(self.recv())
            yield self.pause(0.05)


Test = Callable[[Client, Mesh, Network], Awaitable[Any]]


def observed(top: Component, test: Test, **options: Any) -> Any:
    """Run `test` with a client of a mesh that runs `top`; then end the mesh."""

    async def main(network: Network) -> Any:
        mesh = Mesh(network, top, **options)
        running = [asyncio.ensure_future(node.run()) for node in mesh.nodes.values()]
        client = Client(network.transport("observer", mesh="test"), "test", mesh.addresses)
        await asyncio.sleep(1)
        async with client:
            result = await test(client, mesh, network)
        stops = [node.stop(2.0) for node in mesh.nodes.values()]
        await asyncio.wait_for(asyncio.gather(*running, *stops), 60)
        return result

    return in_virtual_time(main)


async def slowly(tap: Any, seconds: float) -> list[Any]:
    """Read a tap to its end, with a pause after each message at first."""
    found = []
    async for message in tap:
        found.append((message, tap.dropped))
        if len(found) < 50:
            await asyncio.sleep(seconds)
    return found


def linked(source: Component, sink: Component) -> Graphline:
    """Link A to B."""
    return Graphline(A=source, B=sink, linkages={("A", "outbox"): ("B", "inbox")})


# -- taps


def test_a_tap_gives_all_that_is_sent_until_the_end():
    """Nothing is missed by a reader that keeps up, and the end of the stream is its end."""

    async def test(client: Client, mesh: Mesh, network: Network) -> tuple[list[Any], int]:
        async with client.tap("a/A.outbox") as tap:
            return [message async for message in tap], tap.dropped

    found, dropped = observed(linked(Source(3000, burst=7), Collector()), test)
    assert dropped == 0
    assert found == list(range(found[0], 3000))


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_what_a_slow_reader_misses_is_counted_to_the_message(policy):
    """What was read and what was missed are together all that was sent, at every moment of it."""
    sink = Collector()

    async def test(client: Client, mesh: Mesh, network: Network) -> tuple[list[Any], int]:
        async with client.tap("a/A.outbox", policy) as tap:
            return await slowly(tap, 0.05), tap.dropped

    found, dropped = observed(linked(Source(60_000, burst=100), sink), test)
    numbers = [number for number, _ in found]
    assert dropped > 10_000
    assert len(found) + dropped == 60_000 - numbers[0]
    assert numbers == sorted(set(numbers))
    if policy == "drop_oldest":  # the gaps are told where they are
        assert all(number - numbers[0] == place + missed
                   for place, (number, missed) in enumerate(found))
        assert numbers[-1] == 59_999
    assert sink.messages == list(range(60_000)), "whoever else reads is not held up"


def test_a_tap_that_blocks_misses_nothing():
    """Under "block" the component waits for a slow reader."""

    async def test(client: Client, mesh: Mesh, network: Network) -> tuple[list[Any], int]:
        async with client.tap("a/A.outbox", "block") as tap:
            return await slowly(tap, 0.5), tap.dropped

    found, dropped = observed(linked(Source(30_000, burst=100), Collector()), test)
    assert dropped == 0
    assert [n for n, _ in found] == list(range(found[0][0], 30_000))


@pytest.mark.parametrize("how", ["close", "vanish"])
def test_a_tap_that_is_gone_holds_nobody_up(how):
    """When a tap that blocks is closed, or its reader dies, the component goes on."""
    source = Source(burst=100)

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        tap = client.tap("a/A.outbox", "block")
        await anext(tap)
        await asyncio.sleep(60)
        held = source.sent
        await asyncio.sleep(10)
        assert source.sent == held, "it does not wait for the reader"
        if how == "close":
            await tap.aclose()
        else:
            network.cut("observer", "a")
        await asyncio.sleep(30)
        assert source.sent > held + 10_000
        network.heal("observer", "a")

    observed(linked(source, Collector()), test)


def test_to_be_watched_is_no_reason_to_fail():
    """What cannot travel is missed by the tap, with the reason, and is nobody's failure."""
    sink = Collector()
    thing = object()

    class Things(Component):
        def main(self):
            yield self.pause(2)
            for number in range(10):
                self.send(thing if number == 4 else number)

    async def test(client: Client, mesh: Mesh, network: Network) -> tuple[list[Any], int, str]:
        tap = client.tap("main/A.outbox")
        return [message async for message in tap], tap.dropped, tap.why

    found, dropped, why = observed(linked(Things(), sink), test, split=False)
    assert found == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert dropped == 1
    assert "object" in why
    assert len(sink.messages) == 10


def test_a_tap_of_what_is_not_there():
    """A box that is not there, and a policy that is none, are refused."""

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        with pytest.raises(UnknownBox, match="there is no outbox 'outbax'"):
            await anext(client.tap("a/A.outbax"))
        with pytest.raises(KameshError, match="sometimes"):
            client.tap("a/A.outbox", "sometimes")
        assert client.taps == {}

    observed(linked(Source(500), Collector()), test)


def test_a_node_that_goes_ends_its_taps():
    """Who reads hears which node has gone."""

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        tap = client.tap("a/A.outbox")
        await anext(tap)
        network.cut("observer", "a")
        with pytest.raises(NoAnswer, match=r"a/A\.outbox is seen no more: node a: "):
            await asyncio.wait_for(slowly(tap, 0), 60)
        network.heal("observer", "a")

    observed(Graphline(A=Source()), test)


# -- feeds


def test_a_feed_brings_all_in_order_and_ends_no_stream():
    """Many messages arrive in order while another feeder goes on, and the stream ends with that."""
    sink = Collector()
    source = Source(400)

    async def test(client: Client, mesh: Mesh, network: Network) -> int:
        async with client.feed("b/B.inbox") as feed:
            for number in range(5000):
                await feed.send(("fed", number))
        assert sink.state != "ended"
        return feed.delivered

    assert observed(linked(source, sink), test) == 5000
    assert [m for m in sink.messages if isinstance(m, tuple)] == [("fed", n) for n in range(5000)]
    assert [m for m in sink.messages if isinstance(m, int)] == list(range(source.sent))


def test_a_feed_into_what_nobody_else_feeds():
    """An inbox that nobody feeds is fed again and again; when a feed leaves it has not ended."""
    gated = Gated(open=True)

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        for turn in range(3):
            async with client.feed("b/B.inbox") as feed:
                await feed.send(turn)
            await asyncio.sleep(1)
            assert not gated.inbox.ended
            assert gated.got == list(range(turn + 1))
        joints = mesh.nodes["b"].joints
        assert joints.ingresses == []
        assert joints._by_number == {}

    observed(Graphline(A=Source(), B=gated), test)


def test_a_full_inbox_holds_back_whoever_feeds_and_blocks_nobody_who_leaves():
    """The window is the inbox's; who is cancelled leaves at once, with what is in the inbox counted."""
    gated = Gated()

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        sent = 0
        feed = client.feed("b/B.inbox")

        async def play() -> None:
            nonlocal sent
            async with feed:
                for number in range(10**6):
                    await feed.send(number)
                    sent += 1

        playing = asyncio.ensure_future(play())
        await asyncio.sleep(30)
        assert sent < 1000
        assert feed.waits
        assert feed.delivered == 8
        began = asyncio.get_running_loop().time()
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert asyncio.get_running_loop().time() - began < 0.5
        gated.open = True
        await asyncio.sleep(5)
        assert gated.got == list(range(feed.delivered)) == list(range(8))

    observed(Graphline(A=Source(), B=gated), test)


def test_a_feed_waits_for_room_at_its_end():
    """Leaving in order waits until all is in the inbox, and not for the component to take the last."""
    gated = Gated()

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(10, setattr, gated, "open", True)
        loop.call_later(10.2, setattr, gated, "open", False)
        began = loop.time()
        async with client.feed("b/B.inbox") as feed:
            for number in range(20):
                await feed.send(number)
            await feed.drained()
            with pytest.raises(Ended, match=r"after drained\(\)"):
                await feed.send(20)
        assert loop.time() - began >= 10
        assert feed.delivered == 20

    observed(Graphline(A=Source(), B=gated), test)


def test_a_component_that_ends_ends_its_feeds():
    """Who feeds is told, and how many were taken in."""
    gated = Gated(most=100, open=True)

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        feed = client.feed("b/B.inbox")

        async def play() -> None:
            async with feed:
                for number in range(10**6):
                    await feed.send(number)

        with pytest.raises(Ended, match=r"b/B\.inbox takes nothing more: B\.inbox has ended"):
            await play()
        assert gated.got == list(range(100))
        assert 50 < feed.delivered <= 108
        with pytest.raises(Ended, match="takes nothing more"):
            async with client.feed("b/B.inbox"):
                pass

    observed(Graphline(A=Source(), B=gated), test)


@pytest.mark.parametrize("split", [False, True])
def test_an_observer_that_vanishes_ends_no_stream(split):
    """A feed whose client is killed leaves the stream to those that still feed it."""
    sink = Collector()

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        node = mesh.plan.node_of("B")
        feed = client.feed(f"{node}/B.inbox")
        await feed.__aenter__()
        await feed.send("fed")
        await asyncio.sleep(1)
        network.cut("observer", node)
        await asyncio.sleep(30)
        assert sink.inbox.failure is None
        assert not sink.inbox.ended
        assert mesh.nodes[node].joints._by_number.keys() <= {("a", 1)}
        with pytest.raises(NoAnswer, match="is fed no more"):
            await feed.send("more")
        network.heal("observer", node)

    source = Source()
    observed(linked(source, sink), test, split=split)
    assert sink.messages.count("fed") == 1
    assert len(sink.messages) == source.sent + 1


def test_a_connection_that_breaks_ends_a_feed_and_repeats_nothing():
    """Nothing is sent again over another connection: what was delivered is known, the rest is not sent."""
    sink = Collector()

    async def test(client: Client, mesh: Mesh, network: Network) -> int:
        feed = client.feed("b/B.inbox")

        async def play() -> None:
            async with feed:
                for number in range(10**6):
                    await feed.send(("fed", number))
                    if number == 2000:
                        network.reset("observer", "b")

        with pytest.raises(NoAnswer, match=r"b/B\.inbox is fed no more: node b: "):
            await play()
        await asyncio.sleep(3)
        return feed.delivered

    delivered = observed(linked(Source(), sink), test)
    fed = [m for m in sink.messages if isinstance(m, tuple)]
    assert fed == [("fed", n) for n in range(len(fed))]
    assert 0 < delivered <= len(fed) < 10_000


def test_a_node_that_ends_waits_for_no_feed():
    """A node that is told to stop lets its guests go first, and ends in order."""
    sink = Collector()

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        feed = client.feed("b/B.inbox")

        async def play() -> None:
            async with feed:
                while True:
                    await feed.send("fed")
                    await asyncio.sleep(0.1)

        playing = asyncio.ensure_future(play())
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(node.stop(20.0) for node in mesh.nodes.values()))
        assert asyncio.get_running_loop().time() - began < 5
        with pytest.raises((Ended, NoAnswer)):
            await playing

    observed(linked(Source(), sink), test)
    assert sink.inbox.failure is None


def test_mistakes_of_feeding():
    """What is no inbox, and what cannot travel, are told at once; the component goes on."""
    sink = Collector()

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        with pytest.raises(UnknownBox, match="b/B has no inbox 'inbax'"):
            async with client.feed("b/B.inbax"):
                pass
        with pytest.raises(NotSuitable, match=r"what is sent to b/B\.inbox .*object"):
            async with client.feed("b/B.inbox") as feed:
                await feed.send(object())
        with pytest.raises(KeyError, match="mine"):
            async with client.feed("b/B.inbox"):
                raise KeyError("mine")
        assert client.feeds == {}

    observed(linked(Source(), sink), test)


# -- requests and their refusals


def test_errors_arrive_as_what_they_are():
    """A full inbox is Full, an ended component Ended, a box that is not there UnknownBox."""
    gated = Gated(most=8)

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        for number in range(8):
            await client.send("main/B.inbox", number)
        with pytest.raises(Full, match=r"main/B\.inbox is full: 8 messages wait there"):
            await client.send("main/B.inbox", 8)
        with pytest.raises(UnknownBox, match="no inbox 'inbax'"):
            await client.send("main/B.inbax", 8)
        gated.open = True
        await asyncio.sleep(1)
        with pytest.raises(Ended, match=r"main/B\.inbox: the component has ended"):
            await client.send("main/B.inbox", 8)
        await client.link("main/A.outbox", "main/C.inbox")
        with pytest.raises(LinkageRefused, match="already"):
            await client.link("main/A.outbox", "main/C.inbox")
        with pytest.raises(UnknownBox, match="does not know how to 'dance'"):
            await client.ask("main", "dance", None)

    observed(Graphline(A=Source(), B=gated, C=Collector()), test, split=False)


def test_a_node_that_is_lost_while_it_is_asked_is_reported_as_such():
    """What is asked of a node that goes away is no answer of it, and costs no other node's report."""

    async def test(client: Client, mesh: Mesh, network: Network) -> None:
        assert {report.state for report in await client.nodes()} == {"running"}
        asking = asyncio.ensure_future(client.nodes())
        await asyncio.sleep(0)
        network.reset("observer", "a")
        reports = {report.name: report.state for report in await asking}
        assert reports == {"a": "unreachable", "b": "running"}
        asked = asyncio.ensure_future(client.ask("b", "report", None))
        await asyncio.sleep(0)
        network.reset("observer", "b")
        with pytest.raises(NoAnswer, match="node b: the connection with it was lost before"):
            await asked

    observed(linked(Source(), Gated(open=True)), test)


def test_refusals_on_the_wire():
    """Golden bytes: the numbers of refusals and the shape of a gap are what they always were."""
    for error, number in (
        (ValueError("no"), 0), (UnknownBox("no"), 1), (UnknownName("no"), 2), (Full("no"), 3),
        (Ended("no"), 4), (LinkageRefused("no"), 5),
    ):  # fmt: skip
        encoded = codec.encode([refusal_of(error)])
        assert encoded.payload.hex() == GOLDEN[number], number
        back = error_of(codec.decode(encoded.payload, encoded.buffers)[0])
        assert str(back) == "no"
        assert type(back) is (type(error) if number else UnknownName)
    assert len(Why) == len(GOLDEN)
    assert type(error_of([99, "new"])) is UnknownName
    assert type(error_of(None)) is UnknownName
    assert codec.encode([Missed(3, "why")]).payload.hex() == GAP


GOLDEN = [f"0091920{number}a26e6f" for number in range(6)]
GAP = "0091c71d1994ac6e6f6465732e4d6973736564a9636f756e742c77687903a3776879"
