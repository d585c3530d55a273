"""The mesh as one node sees it: facts and gossip in, instructions and events out.

Laws:
1. Pure: time is an argument, chance an injected `random.Random`; no clock, socket or task.
2. Nothing that comes from a peer raises: it is read, or counted as rejected.
3. Time in which this node did not run (its tick came late) is not counted against anybody.

SWIM (Das, Gupta, Motivala 2002) with the Lifeguard corrections (Dadgar, Phillips, Currey 2018),
over links instead of datagrams: probes go to ring neighbours (see `overlay`), a link that comes up
begins with a comparison of directories, and one that breaks is probed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from random import Random

from kamesh.membership.awareness import Awareness
from kamesh.membership.clock import GRAIN, NEVER, OwnTime
from kamesh.membership.contacts import Contacts
from kamesh.membership.events import Event, Hangup, Instruction, Send
from kamesh.membership.exchange import Exchange
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.member import Member, Part, State
from kamesh.membership.messages import (
    Ack,
    Ask,
    Closing,
    Mark,
    Message,
    Nack,
    News,
    Ping,
    Sync,
    Told,
    Want,
)
from kamesh.membership.probing import Probing
from kamesh.membership.rumours import Rumours
from kamesh.membership.statistics import MembershipStatistics, collect
from kamesh.membership.wire import Unreadable, read, write

_PLAN_EVERY = 1.0  # s between looks at the links when nothing changed
_FORGET_EVERY = 5.0  # s
_CLOSES_WITHIN = 5.0  # s from the word that a link is needed no longer to its end


class Membership:
    """One node's membership.

    ```python
    membership = Membership(me, MembershipLimits.lan(), Random(seed))
    membership.add_seed("tcp://10.0.0.1:40123", now)
    ...
    membership.link_up("encoder", incarnation, now, address="tcp://10.0.0.1:40123")
    membership.received("encoder", payload, now)
    for instruction in membership.take_instructions(): ...   # Dial, Send, Hangup: carry them out
    for event in membership.take_events(): ...               # Joined, Failed, NameTaken, ...
    timer.call_at(membership.next_deadline(), membership.tick)
    ```

    Every method that takes `now` may leave instructions and events: take both after each call.
    `now` is seconds of one monotonic clock. It ends with `leave`; after that nothing is due.
    """

    def __init__(self, me: Member, limits: MembershipLimits, random: Random) -> None:
        """Begin alone. Raises BadMember, in a sentence, for facts that cannot be told to others."""
        self._limits = limits
        self._random = random
        self._health = Awareness(limits.health_worst)
        self._rumours = Rumours(me, limits, self._health, self._hears)
        self._contacts = Contacts(limits, random, self._rumours)
        wired = (self._rumours, self._contacts, self._post)
        self._probing = Probing(limits, random, self._health, *wired)
        self._exchange = Exchange(limits, random, *wired)
        self._instructions: list[Instruction] = []
        self._timers: dict[str, float] = {}  # set by the first call, which says what time it is
        self._planned_for = -1
        self._time = OwnTime(limits.late_after)
        self._sent = self._received = self._rejected = 0
        self.members: Mapping[str, Member] = self._rumours.directory.members

    # --- what is known ---

    @property
    def me(self) -> Member:
        """This run, as it last told of itself."""
        return self._rumours.me

    @property
    def present(self) -> Set[str]:
        """The names of the nodes that are there, this one included, merely suspected ones too."""
        return self._rumours.directory.present

    @property
    def fingerprint(self) -> int:
        """A number that is equal where the living are believed to be the same."""
        return self._rumours.directory.fingerprint

    def locate(self, component: str) -> str | None:
        """Return the name of the live node that hosts a component, the first if several do."""
        return self._rumours.directory.locate(component)

    def refusal(self, name: str, incarnation: bytes) -> str | None:
        """Return why a link to this run should be refused: another, linked here, has its name."""
        link = self._contacts.links.get(name)
        if link is None or link.incarnation == incarnation:
            return None
        held = self._rumours.directory.run(name, link.incarnation)
        if held is None or held.state is not State.ALIVE:
            return None
        return f"Node name {name!r} is taken by a run that is linked here and alive."

    # --- hints ---

    def heard_of(
        self, name: str, address: str, now: float, incarnation: bytes | None = None
    ) -> None:
        """Take a hint that a node listens somewhere: at most it is dialed, in its turn."""
        self._contacts.heard_of(name, address, self._at(now), incarnation)

    def gone(self, name: str) -> None:
        """Take a hint that a node said goodbye: do not go on dialing it for former hints."""
        self._contacts.dialer.forget(name)

    def add_seed(self, address: str, now: float) -> None:
        """Take an address to try until somebody of the mesh is found there. ValueError if none."""
        self._contacts.add_seed(address, self._at(now))

    # --- facts of the node's links ---

    def link_up(
        self, name: str, incarnation: bytes, now: float, address: str | None = None
    ) -> None:
        """Learn that a link is established, to which run, and by dialing which address.

        Say so again when its connection was replaced, or another address led to the same node:
        what was under way is compared anew.
        """
        at = self._at(now)
        if name == self.me.name:
            if incarnation == self.me.incarnation and address is not None:
                self._contacts.dialer.is_own(address)
            return
        self._contacts.up(name, incarnation, address, at)
        self._exchange.link_lost(name)
        self._probing.spoke(name, incarnation)
        self._supplant(name, incarnation, address, at)
        self._exchange.compare(name, back=False)

    def _supplant(self, name: str, incarnation: bytes, address: str | None, at: float) -> None:
        """Look after other runs of a name: over, if this one answers at their address."""
        for run in self._rumours.directory.runs(name):
            if run.incarnation == incarnation or not run.live:
                continue
            if address is not None and address in run.addresses:
                accusation = run.judged(State.SUSPECT)
                self._rumours.suspect(accusation, self.me.name, at, refused=True)
            else:
                self._probing.probe(run, at)

    def link_down(self, name: str, reason: str, now: float) -> None:
        """Learn that a link broke or fell silent: evidence, so its node is probed at once."""
        at = self._at(now)
        link = self._contacts.down(name)
        if link is None:
            return
        self._exchange.link_lost(name)
        run = self._rumours.directory.run(name, link.incarnation)
        if run is not None and run.live and link.closing <= at:
            self._probing.probe(run, at)
        self._timers["plan"] = at

    def link_closed(self, name: str, now: float) -> None:
        """Learn that a link ended in order, by either side: no evidence of anything."""
        if self._contacts.down(name) is not None:
            self._exchange.link_lost(name)
            self._timers["plan"] = self._at(now)

    def dial_failed(self, address: str, now: float) -> None:
        """Learn that dialing an address led to nothing, or to somebody else."""
        self._dial_failed(address, self._at(now), refused=False)

    def dial_refused(self, address: str, now: float) -> None:
        """Learn that the host of an address answered that nobody listens there."""
        self._dial_failed(address, self._at(now), refused=True)

    def _dial_failed(self, address: str, at: float, *, refused: bool) -> None:
        name = self._contacts.dialer.failed(address, at)
        if name is not None:
            self._probing.unreachable(name, at, refused=refused)
        self._timers["plan"] = at

    def meets_namesake(self, incarnation: bytes, since: int, now: float) -> bool:
        """Decide at a handshake with another run of our name: True if the name stays ours.

        If not, a `NameTaken` event with `mine` says so to this node.
        """
        self._at(now)
        if incarnation == self.me.incarnation or (since, incarnation) > self.me.age:
            return True  # we have dialed ourselves, or it is the younger
        self._rumours.name_lost(incarnation)
        return False

    # --- gossip ---

    def received(self, from_name: str, payload: object, now: float) -> None:
        """Take a gossip payload from a linked node. Whatever it is, nothing is raised."""
        at = self._at(now)
        link = self._contacts.links.get(from_name)
        if link is None or self._rumours.left:
            return
        try:
            message = read(payload, self._rumours.directory.has)
        except Unreadable:
            self._rejected += 1
            return
        self._received += 1
        link.heard = at
        self._probing.spoke(from_name, link.incarnation)
        self._rumours.learn(message.news, from_name, at, told=isinstance(message, Told))
        match message:
            case Ping():
                self._post(from_name, Ack(message.number))
            case Ack():
                self._probing.detector.acked(message.number, from_name)
            case Ask():
                self._probing.asked(message, from_name, at)
            case Nack():
                self._probing.detector.nacked(message.number, from_name)
            case Sync():
                self._exchange.compared(message, from_name, at)
            case Mark():
                self._exchange.marked(message, from_name)
            case Want():
                self._exchange.wanted(message, from_name)
            case Told():
                self._rumours.settle()
            case Closing():
                link.closing = at + _CLOSES_WITHIN
            case News():
                pass  # taken in above

    # --- ourselves ---

    def update(
        self,
        now: float,
        *,
        parts: Iterable[Part] | None = None,
        addresses: Iterable[str] | None = None,
    ) -> None:
        """Tell the mesh what this node hosts or where it listens now. BadMember if it cannot be."""
        told_parts = None if parts is None else tuple(parts)
        told_addresses = None if addresses is None else tuple(addresses)
        self._rumours.speak(self._at(now), addresses=told_addresses, parts=told_parts)
        self._contacts.learn_own()

    def leave(self, now: float) -> None:
        """Say goodbye to the mesh; carry out the instructions that follow, then stop."""
        if not self._rumours.left:
            self._rumours.speak(self._at(now), state=State.LEFT)
            self._rumours.left = True
            self._exchange.farewell()

    # --- time ---

    def tick(self, now: float) -> None:
        """Do what is due. Call it at `next_deadline`, or whenever."""
        at = self._at(now) + GRAIN
        self._time.kept()
        if self._rumours.left:
            return
        for address in self._contacts.dialer.overdue(at):
            self._dial_failed(address, at, refused=False)
        self._probing.steps(at)
        for run in self._rumours.judge(at):
            self._probing.probe(run, at)
        self._due(at)
        if self._exchange.next_round() <= at:
            self._exchange.round(at)
        self._instructions += self._contacts.dials(at)

    def _due(self, at: float) -> None:
        live = self._rumours.directory.live
        turnover = self._rumours.directory.turnover
        crowding = self._limits.crowding(live)
        if self._timers["plan"] <= at or self._planned_for != turnover:
            self._planned_for = turnover
            self._timers["plan"] = at + _PLAN_EVERY
            for name in self._contacts.plan(at):
                self._hang_up(name, at)
        if self._timers["probe"] <= at:
            interval = self._health.stretched(self._limits.probe_interval) * crowding
            self._timers["probe"] = at + interval * self._random.uniform(0.9, 1.1)
            self._probing.round(at)
        if self._timers["sync"] <= at:
            interval = self._limits.sync_interval * crowding
            self._timers["sync"] = at + interval * self._random.uniform(0.75, 1.25)
            self._exchange.compare_with_anyone()
        if self._timers["reach"] <= at:
            self._timers["reach"] = at + self._contacts.reach(at)
        if self._timers["forget"] <= at:
            self._timers["forget"] = at + _FORGET_EVERY
            self._rumours.forget(at)

    def _hang_up(self, name: str, at: float) -> None:
        self._contacts.links[name].closing = at + _CLOSES_WITHIN
        self._post(name, Closing())
        self._instructions.append(Hangup(name))

    def next_deadline(self) -> float:
        """Say when to call `tick` next: at once (0) to begin, never (infinity) after leaving."""
        if self._rumours.left:
            return NEVER
        if not self._timers:
            return 0.0
        soonest = min(
            *self._timers.values(),
            self._probing.detector.next_deadline(),
            self._rumours.next_judgement(),
            self._exchange.next_round(),
            self._contacts.dialer.next_deadline(self._time.now),
            NEVER if self._planned_for == self._rumours.directory.turnover else 0.0,
        )
        return self._time.promise(soonest)

    def _at(self, now: float) -> float:
        if not self._timers:
            self._timers = dict.fromkeys(("plan", "probe", "reach", "forget"), now)
            self._timers["sync"] = now + self._limits.sync_interval * self._random.random()
        if self._time.advance(now):
            self._health.worse()
        return self._time.now

    # --- out ---

    def take_instructions(self) -> list[Instruction]:
        """Return what to do, in order, and forget it."""
        taken, self._instructions = self._instructions, []
        return taken

    def take_events(self) -> list[Event]:
        """Return what happened, in order, and forget it."""
        taken = list(self._rumours.events)
        self._rumours.events.clear()
        return taken

    def _post(self, name: str, message: Message) -> None:
        if name in self._contacts.links:
            self._sent += 1
            if isinstance(message, Ping | Ack | Ask | Nack):
                riding = self._exchange.piggyback(name, self._limits.piggyback_records)
                message = replace(message, news=[*message.news, *riding])
            self._instructions.append(Send(name, write(message)))

    def _hears(self, name: str, incarnation: bytes, since: float) -> bool:
        return self._contacts.hears(name, incarnation, since)

    def statistics(self) -> MembershipStatistics:
        """Return gauges and counts."""
        mail = (self._sent, self._received, self._rejected)
        return collect(
            self._rumours, self._contacts, self._probing, self._health.score, self._time.skipped, mail
        )
