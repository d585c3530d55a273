"""Coupled backplanes as components: coupling, subscribing by policies, following, ending, mistakes."""

import asyncio
import gc
import weakref

import pytest
from component_kit import GeneratorSink, GeneratorSource, Sleeper, end, idle, run, scene, start

from kamesh import (
    Backplane,
    Component,
    ComponentFailed,
    Graphline,
    Pipeline,
    ProducerFinished,
    PublishTo,
    Shutdown,
    SubscribeTo,
)
from kamesh.components.coupling import Couple, CoupledBackplane, Follow, Missed, Snapshot, last
from kamesh.components.framing import BytesToMessages, MessagesToBytes
from kamesh.components.refusing import WrongFigure
from kamesh.errors import NotSuitable
from kamesh.testing import keeps_promises
from kamesh.wiring import link, unlink


def couple(left: str, right: str) -> tuple[Couple, Couple, list]:
    """Make a coupling of two backplanes; give its two ends and its two linkages."""
    here, there = Couple(left), Couple(right)
    linkages = [link(here.outbox, there.inbox), link(there.outbox, here.inbox)]
    return here, there, linkages


class Meeting:
    """Some backplanes with a subscriber each, coupled by pairs of letters."""

    def __init__(self, names: str, *pairs: str, **options) -> None:
        self.planes = {name: CoupledBackplane(name, **options) for name in names}
        self.sinks = {name: GeneratorSink() for name in names}
        self.couples = {pair: couple(*pair) for pair in pairs}
        self.tasks = [start(plane) for plane in self.planes.values()]
        self.tasks += [start(Pipeline(SubscribeTo(n), sink)) for n, sink in self.sinks.items()]
        self.tasks += [start(end) for here, there, _ in self.couples.values() for end in (here, there)]

    def say(self, name: str, *messages: object) -> None:
        """Publish at one."""
        for message in messages:
            self.planes[name].inbox.deliver(message)

    def heard(self) -> list[list]:
        """Give what each has heard."""
        return [sink.messages for sink in self.sinks.values()]

    async def close(self) -> None:
        """End all."""
        for plane in self.planes.values():
            plane.control.deliver(Shutdown())
        await asyncio.gather(*self.tasks)


@pytest.mark.parametrize("pairs", [["ab", "bc"], ["ab", "bc", "ca"], ["ab", "ab", "bc", "bc"]])
def test_each_hears_each_once(pairs: list[str]) -> None:
    """In a chain, a triangle and with parallel couplings, all hear everything once, in order."""
    sinks = {name: GeneratorSink() for name in "abc"}
    parts, linkages = {}, {}
    for number, (left, right) in enumerate(pairs):
        here, there = f"{left}{number}", f"{right}{number}"
        parts |= {here: Couple(left), there: Couple(right)}
        linkages[here, "outbox"] = (there, "inbox")
        linkages[there, "outbox"] = (here, "inbox")
    for name, sink in sinks.items():
        parts[f"PLANE-{name}"] = CoupledBackplane(name, until_finished=True, log=64)
        parts[f"READ-{name}"] = Pipeline(SubscribeTo(name), sink)
        source = GeneratorSource([(name, number) for number in range(400)])
        parts[f"WRITE-{name}"] = Pipeline(source, PublishTo(name))
    run(Graphline(linkages, **parts))
    for sink in sinks.values():
        for name in "abc":
            assert [m for m in sink.messages if m[0] == name] == [(name, n) for n in range(400)]
        assert len(sink.messages) == 1200


def test_they_are_coupled_over_bytes() -> None:
    """Over streams of bytes, cut anywhere, what arrives is what was published, tuples as tuples."""
    sink = GeneratorSink()
    messages = [("line", 1, 2), b"bytes", {"key": {3}}, *range(200)]
    parts, linkages = {}, {}
    for here, there in ("ab", "ba"):
        parts |= {
            here: CoupledBackplane(here, until_finished=True, keep=last(3)),
            f"{here}-out": Pipeline(Couple(here), MessagesToBytes(), Cut(7), BytesToMessages()),
        }
        linkages[f"{here}-out", "outbox"] = (f"{there}-out", "inbox")
    parts["WRITE"] = Pipeline(GeneratorSource(messages), PublishTo("a"))
    parts["READ"] = Pipeline(SubscribeTo("b"), sink)
    run(Graphline(linkages, **parts))
    assert sink.messages == messages


class Cut(Component):
    """Sends on bytes in pieces of a size."""

    def __init__(self, size: int) -> None:
        self.size = size

    def main(self):
        while not self.stopping():
            for piece in self.inbox:
                for place in range(0, len(piece), self.size):
                    self.send(bytes(piece[place : place + self.size]))
            yield self.pause()


def test_it_is_a_backplane_like_any_other() -> None:
    """Alone it passes on, ends with its publishers, at stop messages, and makes them wait."""
    assert keeps_promises(lambda: CoupledBackplane("P", until_finished=True), [1, 2, 3]) == [1, 2, 3]


def test_couplings_are_made_and_undone_while_it_runs() -> None:
    """Linkages are undone and made again, and Couples come and go: nothing is lost or repeated."""

    async def main() -> None:
        meeting = Meeting("ab", "ab")
        await idle()
        meeting.say("a", 1)
        await idle()
        for linkage in meeting.couples["ab"][2]:
            unlink(linkage)
        meeting.say("a", 2)
        meeting.say("b", 3)
        await idle(5)
        assert meeting.heard() == [[1, 2], [1, 3]]
        here, there, _ = meeting.couples["ab"]
        link(here.outbox, there.inbox)
        link(there.outbox, here.inbox)
        await idle(60)
        assert meeting.heard() == [[1, 2, 3], [1, 3, 2]]
        here.control.deliver(Shutdown())
        await idle()
        assert there.state == "ended", "the end travels in the stream"
        meeting.say("a", 4)
        await idle()
        assert meeting.heard() == [[1, 2, 3, 4], [1, 3, 2]]
        meeting.tasks += [start(one) for one in couple("a", "b")[:2]]
        await idle()
        assert meeting.heard() == [[1, 2, 3, 4], [1, 3, 2, 4]]
        await meeting.close()

    scene(main())


def test_waiting_costs_nothing() -> None:
    """Coupled backplanes at which nothing happens set no timer and are not run."""

    async def main() -> None:
        meeting = Meeting("abc", "ab", "bc", "ca")
        await idle()
        meeting.say("a", 1)
        await idle(60)
        turns = [one._strand.turns for one in meeting.planes.values()]
        await idle(3600)
        assert turns == [one._strand.turns for one in meeting.planes.values()]
        assert asyncio.get_running_loop()._scheduled == []
        await meeting.close()

    scene(main())


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("drop_oldest", [37, 38, 39]), ("drop_newest", [0, 1, 2]), ("latest", [39])],
)
def test_a_slow_subscriber_may_lose_and_then_holds_nobody(policy: str, kept: list[int]) -> None:
    """With a policy a slow subscriber loses, counted; nobody else waits, here or at the other one."""

    class Small(Sleeper):
        bounds = {"inbox": 3}

    async def main() -> None:
        meeting = Meeting("ab", "ab", log=8)
        slow = Small()
        meeting.tasks.append(start(Pipeline(SubscribeTo("a", policy=policy), slow)))
        await idle()
        meeting.say("b", *range(40))
        await idle()
        assert meeting.heard() == [list(range(40))] * 2
        slow.open()
        await idle()
        assert slow.messages == kept
        assert slow.inbox.dropped == 40 - len(kept)
        await meeting.close()

    scene(main())


def test_a_slow_subscriber_makes_publishers_wait_at_every_backplane() -> None:
    """By default publishers wait for it, three couplings away; when it reads, all comes, once."""

    class Small(Sleeper):
        bounds = {"inbox": 3}

    async def main() -> None:
        meeting = Meeting("abc", "ab", "bc", log=8, patience=1000.0)
        slow, source = Small(), GeneratorSource(range(3000))
        meeting.tasks.append(start(Pipeline(SubscribeTo("c"), slow)))
        await idle()
        meeting.tasks.append(start(Pipeline(source, PublishTo("a"))))
        await idle(100)
        heard = len(meeting.sinks["a"].messages)
        assert source.state == "blocked"
        assert heard < 30
        slow.open()
        await idle(100)
        assert meeting.heard() == [list(range(3000))] * 3
        assert slow.messages == list(range(3000))
        await meeting.close()

    scene(main())


def test_one_that_stands_still_is_waited_for_no_longer_than_patience() -> None:
    """Then the others go on; when it is back its followers get a snapshot, and it says what it missed."""

    class Small(Sleeper):
        bounds = {"inbox": 3}

    async def main() -> None:
        meeting = Meeting("ab", "ab", log=8, patience=5.0, keep=last(5))
        slow, reports, seen = Small(), GeneratorSink(), GeneratorSink()
        link(meeting.planes["b"]._strand.outboxes["reports"], reports.inbox)
        meeting.tasks += [start(reports), start(Pipeline(Follow("b"), seen))]
        await idle()
        meeting.tasks.append(start(Pipeline(SubscribeTo("b"), slow)))
        await idle()
        meeting.say("a", *range(100))
        await idle(4)
        assert len(meeting.sinks["a"].messages) < 30
        await idle(200)
        assert meeting.sinks["a"].messages == list(range(100))
        slow.open()
        await idle(100)
        [missed] = reports.messages
        assert isinstance(missed, Missed)
        told = meeting.sinks["b"].messages
        assert told == [*range(len(told))]
        assert missed.count == 100 - len(told) == meeting.planes["b"].details()["missed"]
        assert seen.messages == [
            Snapshot(()), *told, Snapshot((95, 96, 97, 98, 99), missed.count)
        ]  # fmt: skip
        meeting.say("a", "on")
        await idle()
        assert [m[-1] for m in (told, seen.messages)] == ["on", "on"]
        await meeting.close()

    scene(main())


def test_late_ones_get_the_state_and_then_exactly_what_comes_after() -> None:
    """A follower that comes late, and a backplane that is coupled late, while messages are on their way."""

    async def main() -> None:
        meeting = Meeting("ab", "ab", keep=lambda state, message: (*(state or ()), message))
        followers = []

        def follow(name: str) -> None:
            followers.append(GeneratorSink())
            meeting.tasks.append(start(Pipeline(Follow(name), followers[-1])))

        await idle()
        for number in range(60):
            meeting.say("ab"[number % 2], number)
            if number % 10 == 5:
                follow("ab"[number // 10 % 2])
            if number == 30:
                late = CoupledBackplane("c", keep=meeting.planes["a"].keep)
                meeting.planes["c"] = late
                meeting.tasks += [start(one) for one in (*couple("b", "c")[:2], late)]
                follow("c")
            await idle(0)
        await idle()
        for sink in followers:
            assert isinstance(sink.messages[0], Snapshot)
            whole: list[int] = []
            for message in sink.messages:
                if isinstance(message, Snapshot):
                    whole = list(message.state or ())
                else:
                    whole.append(message)
            assert sorted(whole) == list(range(60))
            assert [one for one in whole if one % 2] == list(range(1, 60, 2))
        await meeting.close()

    scene(main())


def test_a_slow_follower_may_catch_up_by_a_snapshot() -> None:
    """With catch_up nobody waits for it: what it was too slow for it gets as a state, no gap, no repeat."""

    class Small(Sleeper):
        bounds = {"inbox": 2}

    async def main() -> None:
        meeting = Meeting("a", keep=lambda state, message: (state or 0) + message)
        slow = Small()
        follow = Follow("a", catch_up=True)
        follow._inbox("stream").bound = 4
        meeting.tasks.append(start(Pipeline(follow, slow)))
        await idle()
        for _ in range(50):
            meeting.say("a", 1)
            await idle(0.1)
        assert len(meeting.sinks["a"].messages) == 50
        slow.open()
        await idle()
        total = missed = 0
        for message in slow.messages:
            if isinstance(message, Snapshot):
                total, missed = message.state or 0, missed + message.missed
            else:
                total += message
        assert total == 50
        assert missed + len(slow.messages) - 2 == 50
        await meeting.close()

    scene(main())


def test_it_ends_when_nobody_publishes_anywhere() -> None:
    """With until_finished all end together, when the last publisher of any has; none ends before."""

    async def main() -> None:
        meeting = Meeting("abc", "ab", "bc", until_finished=True)
        task = start(Pipeline(source := GeneratorSource(range(3)), PublishTo("a")))
        stays, writes = Waiting(), PublishTo("c")
        link(stays.outbox, writes.inbox)
        meeting.tasks += [task, start(stays), start(writes)]
        await idle(60)
        assert source.state == "ended"
        assert [plane.state for plane in meeting.planes.values()] == ["asleep"] * 3
        stays.control.deliver(Shutdown())
        await asyncio.gather(*meeting.tasks)
        assert meeting.heard() == [[0, 1, 2, "last words"]] * 3

    scene(main())


class Waiting(Component):
    """Says something when it is told to end."""

    def main(self):
        while not self.stopping():
            yield self.pause()
        self.send("last words")


def test_told_to_finish_it_passes_on_what_it_has_first() -> None:
    """After ProducerFinished a backplane ends with what had come, and its couplings pass that on."""

    async def main() -> None:
        meeting = Meeting("ab", "ab")
        await idle()
        meeting.say("a", 1, 2, 3)
        meeting.planes["a"].control.deliver(ProducerFinished())
        await idle()
        assert meeting.heard() == [[1, 2, 3]] * 2
        assert meeting.planes["a"].state == "ended"
        assert [one.state for one in meeting.couples["ab"][:2]] == ["ended", "ended"]
        assert meeting.planes["b"].details()["couplings"] == 0
        await meeting.close()

    scene(main())


def test_who_is_not_there_is_waited_for_and_then_no_more() -> None:
    """A coupling from the beginning holds the first message for `patience`, not for ever."""

    async def main() -> None:
        plane, sink, alone = CoupledBackplane("a", patience=5.0), GeneratorSink(), Couple("a")
        tasks = [start(plane), start(alone), start(Pipeline(SubscribeTo("a"), sink))]
        plane.inbox.deliver(1)
        await idle(4)
        assert sink.messages == []
        await idle(2)
        assert sink.messages == [1]
        await end(*tasks)

    scene(main())


def test_what_has_ended_is_forgotten() -> None:
    """Couples that come and go leave nothing behind at the backplane."""

    async def main() -> None:
        meeting = Meeting("ab")
        await idle()
        here, there, linkages = couple("a", "b")
        visit = [start(here), start(there)]
        await idle()
        gone = weakref.ref(here)
        here.control.deliver(Shutdown())
        await asyncio.gather(*visit)
        del here, there, linkages, visit
        gc.collect()
        assert gone() is None
        await meeting.close()

    scene(main())


def test_mistakes() -> None:
    """Each is one sentence."""
    with pytest.raises(WrongFigure, match="log of the backplane 'a' cannot be 1: it is 2 or more"):
        CoupledBackplane("a", log=1)
    for figures in ({"log": "9"}, {"log": 2.5}, {"patience": None}, {"patience": float("inf")}):
        with pytest.raises(WrongFigure, match="of the backplane 'a' cannot be"):
            CoupledBackplane("a", **figures)
    with pytest.raises(NotSuitable, match="called by a text, not by 5"):
        CoupledBackplane(5)
    with pytest.raises(NotSuitable, match=r"keep=5: it is last\(n\), latest_by\(key\)"):
        CoupledBackplane("a", keep=5)

    async def refused(plane: Component, one: Component) -> str:
        tasks = [start(plane)]
        with pytest.raises(ComponentFailed) as error:
            await start(one)
        await end(*tasks)
        return str(error.value)

    async def main() -> None:
        text = await refused(Backplane("a"), Couple("a"))
        assert "is for coupled backplanes, and Backplane is a Backplane: make it a Coupled" in text
        text = await refused(CoupledBackplane("a"), Follow("a"))
        assert "which keeps nothing: give it a keep=, or use SubscribeTo('a')" in text
        fed = Couple("a")
        fed.inbox.deliver("hello")
        assert "'hello' came to a coupling of a, and means nothing there: link it to" in await refused(
            CoupledBackplane("a"), fed
        )
        meeting = Meeting("a", keep=last(3))
        other = CoupledBackplane("b")
        here, there, _ = couple("a", "b")
        tasks = [start(other), start(here), start(there)]
        results = await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert any("keeps last(3), and b#" in str(one) for one in results) or any(
            "keeps nothing, and a#" in str(one) for one in results
        )
        assert (meeting.planes["a"].state, other.state) == ("asleep", "asleep")
        await end(tasks[0])
        await meeting.close()

    scene(main())
