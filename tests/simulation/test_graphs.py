"""Random graphs of components, with random habits, policies, bounds and accidents.

Each seed makes one graph: sources, and parts with two inboxes and two outboxes that read and pause in
every way there is, as generators and as coroutines, linked without a circle, to all or by demand. It is
run once in peace and once with parts stopped, failed, removed, told to end, unlinked and linked anew.
"""

import asyncio
import logging
import os
import random
from typing import Any

import pytest
from component_kit import scene

from kamesh import ByDemand, Chassis, Component, ProducerFinished, Shutdown, WaitComplete
from kamesh.errors import LinkageRefused
from kamesh.wiring import Dealer

SEEDS = range(int(os.environ.get("KAMESH_SEEDS", "40")))
BOXES = {"inbox": "one", "other": "two"}
OUTBOXES = {"outbox": "what came", "second": "the same, by another way"}
POLICIES = ["block", "block", "drop_oldest", "drop_newest", "latest"]


class Source(Component):
    """Sends numbers by both outboxes, in fits and starts."""

    outboxes = OUTBOXES

    def __init__(self, name: str, count: int, habits: random.Random) -> None:
        """Take how many."""
        super().__init__(name=name)
        self.count, self.habits = count, habits

    def main(self):
        """Send them."""
        for number in range(self.count):
            self.send((self.name, number, ""))
            self.send((self.name, number, "2"), "second")
            fit = self.habits.random()
            if fit < 0.3:
                yield
            elif fit < 0.5:
                yield self.pause(self.habits.choice([0.1, 1, 0]))
            if self._strand.told():
                return


class AsyncSource(Source):
    """The same as a coroutine."""

    async def main(self):
        """Send them."""
        for number in range(self.count):
            await self.send((self.name, number, ""))
            await self.send((self.name, number, "2"), "second")
            if self.habits.random() < 0.2:
                await asyncio.sleep(self.habits.choice([0, 0.1, 1]))
            if self._strand.told():
                return


class Part(Component):
    """Sends on what comes, with the way it came by, and reads in every way there is."""

    inboxes = BOXES
    outboxes = OUTBOXES

    def __init__(self, name: str, habits: random.Random) -> None:
        """Take its habits."""
        super().__init__(name=name)
        self.habits = habits
        self.seen: dict[str, list[tuple[str, int, str]]] = {box: [] for box in BOXES}

    def answers(self, message: tuple[str, int, str], box: str) -> tuple[Any, Any]:
        """Note a message; give what to send for it by either outbox."""
        self.seen[box].append(message)
        source, number, way = message
        way = f"{way}/{self.name}{box[0]}"
        return (source, number, way), (source, number, f"{way}2")

    def answer(self, message: tuple[str, int, str], box: str) -> None:
        """Note a message and send it on."""
        first, second = self.answers(message, box)
        self.send(first)
        self.send(second, "second")

    def main(self):
        """Read in one way or another, pause in one way or another."""
        while not self.stopping():
            habit = self.habits.random()
            for box in BOXES:
                if habit < 0.3:
                    for message in self._inbox(box):
                        self.answer(message, box)
                elif habit < 0.5:
                    for message in self._inbox(box):
                        self.answer(message, box)
                        if self.habits.random() < 0.5:
                            break
                elif habit < 0.7:
                    if self.data_ready(box):
                        self.answer(self.recv(box), box)
                elif habit < 0.8:
                    for message in self._inbox(box):
                        self.answer(message, box)
                        yield
                elif habit < 0.9:
                    yield WaitComplete(self.inner(box))
                else:
                    for message in list(self._inbox(box)):
                        self.answer(message, box)
            habit = self.habits.random()
            if habit < 0.7:
                yield self.pause()
            elif habit < 0.85:
                yield self.pause(self.habits.choice([0.05, 0.5, 2]))
            else:
                yield

    def inner(self, box: str):
        """Read with pauses in between."""
        for message in self._inbox(box):
            self.answer(message, box)
            if self.habits.random() < 0.5:
                yield self.pause(0.01)


class AsyncPart(Part):
    """The same as a coroutine, with a loop for each inbox."""

    async def main(self):
        """Read both."""
        await asyncio.gather(*(self.read(box) for box in BOXES))

    async def read(self, box: str) -> None:
        """Read one."""
        async for message in self._inbox(box):
            first, second = self.answers(message, box)
            await self.send(first)
            await self.send(second, "second")
            if self.habits.random() < 0.1:
                await asyncio.sleep(self.habits.choice([0, 0.1]))


class Graph:
    """One random graph."""

    def __init__(self, chance: random.Random) -> None:
        """Draw it."""
        self.chance = chance
        self.chassis = Chassis()
        self.chassis.on_failure = "continue"
        self.dealers: list[Dealer] = []
        self.lossless = chance.random() < 0.5
        names = [f"S{n}" for n in range(chance.randint(1, 3))]
        names += [f"P{n}" for n in range(chance.randint(1, 7))]
        edges = self._edges(names)
        fed = {end[0] for _, _, ends, _, _ in edges for end in ends}
        self.parts: dict[str, Component] = {}
        for name in names:
            if name[0] == "S" or name in fed:
                self.parts[name] = self.chassis.add(self._part(name), name)
        for name, outbox, ends, policy, ahead in edges:
            to = ByDemand(*ends, ahead=ahead) if ahead else ends
            linkages = self.chassis.link((name, outbox), to, policy)
            if ahead:
                self.dealers.append(linkages[0].sink.owner)  # type: ignore[arg-type]

    def _edges(self, names: list[str]) -> list[tuple[str, str, list[tuple[str, str]], str, int]]:
        chance, edges = self.chance, []
        fed = {name for name in names if name[0] == "S"}
        for place, name in enumerate(names):
            later = [each for each in names[place + 1 :] if each[0] == "P"]
            for outbox in OUTBOXES:
                ends = {
                    (chance.choice(later), chance.choice(list(BOXES))): None
                    for _ in range(chance.choice([0, 1, 1, 1, 2, 3]))
                    if later and name in fed
                }
                if ends:
                    fed |= {end[0] for end in ends}
                    policy = "block" if self.lossless else chance.choice(POLICIES)
                    dealt = len(ends) > 1 and chance.random() < 0.3
                    ahead = chance.choice([1, 3, 8]) if dealt else 0
                    edges.append((name, outbox, list(ends), policy, ahead))
        chance.shuffle(edges)
        return edges

    def _part(self, name: str) -> Component:
        habits = random.Random(self.chance.random())
        if name[0] == "S":
            kind = self.chance.choice([Source, AsyncSource])
            return kind(name, self.chance.choice([5, 50, 300]), habits)
        part = self.chance.choice([Part, Part, AsyncPart])(name, habits)
        for box in BOXES:
            part._inbox(box).bound = self.chance.choice([1, 2, 3, 10, 1024, None])
        return part

    # -- what must hold

    def check_accounts(self) -> None:
        """All that was sent was taken or dropped; nothing waits anywhere."""
        boxes = [
            box for part in self.parts.values() for box in part._strand.inboxes.values()
            if box.name != "control"
        ]
        boxes += [dealer.inbox for dealer in self.dealers]
        assert [box.label for box in boxes if box.queue or box.level] == []
        sent = sum(
            box.sent for part in self.parts.values() for box in part._strand.outboxes.values()
            if box.name != "signal"
        )
        sent += sum(box.sent for dealer in self.dealers for box in dealer.outboxes)
        assert sent == sum(box.taken + box.dropped for box in boxes)

    def check_order(self) -> None:
        """What came by one way came in its order, once, and was counted."""
        for part in self.parts.values():
            if not isinstance(part, Part):
                continue
            for box, messages in part.seen.items():
                last: dict[tuple[str, str], int] = {}
                for source, number, way in messages:
                    assert last.get((source, way), -1) < number, (part, box, source, way)
                    last[source, way] = number
                figures = part._inbox(box)
                assert figures.taken == len(messages)
                assert figures.dropped == 0 or not self.lossless

    # -- accidents

    async def accident(self) -> None:
        """Do something to a part, or to a linkage, while all runs."""
        chance, chassis = self.chance, self.chassis
        living = [name for name, part in chassis.parts.items() if part.state != "ended"]
        if not living:
            return
        name = chance.choice(living)
        part = chassis.parts[name]
        match chance.randrange(8):
            case 0:
                part.stop()
            case 1:
                part._strand.fail(ValueError("an accident"))
            case 2:
                chassis.remove(name)
            case 3:
                part.control.deliver(chance.choice([Shutdown(), ProducerFinished()]))
            case 4:
                if chassis._strand.made:
                    chassis.unlink(chance.choice(chassis._strand.made))
            case 5:
                part.inbox.bound = chance.choice([1, 5, None])
            case 6:
                chassis.add(Killer([self.parts[n] for n in living if n in self.parts], chance))
            case 7:
                later = [n for n in living if n[0] == "P" and (name[0] == "S" or n > name)]
                if later:
                    end = (chance.choice(later), chance.choice(list(BOXES)))
                    try:
                        chassis.link((name, chance.choice(list(OUTBOXES))), [end])
                    except LinkageRefused:
                        return


class Killer(Component):
    """Stops some parts in the middle of its own turn."""

    def __init__(self, victims: list[Component], chance: random.Random) -> None:
        """Take whom."""
        self.victims = [victim for victim in victims if chance.random() < 0.4]

    def main(self):
        """Stop them."""
        yield
        for victim in self.victims:
            victim.stop()
        yield


@pytest.mark.parametrize("seed", SEEDS)
def test_in_peace(seed: int) -> None:
    """Every graph ends by itself; nothing is lost but by a policy, and each way keeps its order."""

    async def main() -> None:
        graph = Graph(random.Random(seed))
        await graph.chassis.run_async()
        graph.check_accounts()
        graph.check_order()

    scene(main())


@pytest.mark.parametrize("seed", SEEDS)
def test_with_accidents(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens to its parts, a graph ends when it is told to, and the accounts are right."""
    caplog.set_level(logging.CRITICAL)

    async def main() -> None:
        chance = random.Random(seed)
        graph = Graph(chance)
        task = asyncio.create_task(graph.chassis.run_async())
        for _ in range(chance.randint(1, 12)):
            await asyncio.sleep(chance.choice([0, 0, 0.01, 0.3, 2]))
            if not task.done():
                await graph.accident()
        for _ in range(20):  # whoever lost all that fed it is told, in the end
            await asyncio.sleep(50)
            for part in graph.chassis.parts.values():
                if part.state != "ended":
                    part.control.deliver(ProducerFinished())
        assert task.done()
        await task
        graph.check_accounts()

    scene(main())
