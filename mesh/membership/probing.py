"""Carrying out probes: over the link if there is one, by dialing if not, and for others.

Laws: a suspect is told of its suspicion with the probe itself (Lifeguard's buddy system); whoever
asks for a probe always gets an answer; being short of dials postpones a probe.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from kamesh.membership.awareness import Awareness
from kamesh.membership.contacts import Contacts
from kamesh.membership.detector import Detector, Probe, Step
from kamesh.membership.dialer import Rank
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.member import Member, State, verdict
from kamesh.membership.messages import Ack, Ask, Message, Nack, Ping, Record
from kamesh.membership.rumours import Rumours


class Probing:
    """The detector, wired to links, beliefs and the mail."""

    def __init__(
        self,
        limits: MembershipLimits,
        random: Random,
        health: Awareness,
        rumours: Rumours,
        contacts: Contacts,
        post: Callable[[str, Message], None],
    ) -> None:
        """Keep what it works with."""
        self.detector = Detector(limits, random, health)
        self.begun = 0
        self.failed = 0
        self._limits = limits
        self._random = random
        self._rumours = rumours
        self._contacts = contacts
        self._post = post

    # --- our own probes ---

    def round(self, now: float) -> None:
        """Probe whoever's turn it is among the ring neighbours that have been silent."""
        recent = now - self._limits.probe_interval
        links = self._contacts.links
        silent = [
            name
            for name in self._contacts.neighbours
            if name not in links or links[name].heard <= recent
        ]
        target = self.detector.next_target(silent)
        if target is not None:
            member = self._rumours.directory.members.get(target)
            if member is not None and member.live:
                self.probe(member, now)

    def probe(self, member: Member, now: float, *, asker: str = "", number: int = 0) -> None:
        """Probe a run, for ourselves or for an asker."""
        linked = self._linked(member)
        probe = self.detector.begin(
            member.name,
            member.incarnation,
            now,
            slack=0.0 if linked else self._limits.dial_timeout,
            asker=asker,
            asker_number=number,
        )
        if probe is None:
            return
        self.begun += 1
        if linked:
            self._ping(probe, member)
            return
        address = self._contacts.address_of(member)
        if address is None:
            self.detector.hurry(member.name, now)
        else:
            self._contacts.dialer.wish(address, member.name, Rank.PROBE, now)

    def _ping(self, probe: Probe, member: Member) -> None:
        probe.pinged = True
        accused: list[Record] = []
        if member.state is State.SUSPECT:
            accused.append((member, self._rumours.me.name))
        self._post(member.name, Ping(probe.number, accused))

    def _linked(self, member: Member) -> bool:
        link = self._contacts.links.get(member.name)
        return link is not None and link.incarnation == member.incarnation

    # --- what is heard ---

    def spoke(self, name: str, incarnation: bytes) -> None:
        """Hear anything at all from a run: that answers all probes of it."""
        for probe in self.detector.spoke(name, incarnation):
            if probe.asker:
                self._post(probe.asker, Ack(probe.asker_number))

    def asked(self, message: Ask, asker: str, now: float) -> None:
        """Probe for another node, and let it know at once if we cannot."""
        member = self._rumours.directory.members.get(message.target)
        if message.target == self._rumours.me.name:
            self._post(asker, Ack(message.number))
        elif member is None or not member.live:
            self._post(asker, Nack(message.number))
        else:
            self.probe(member, now, asker=asker, number=message.number)

    def unreachable(self, name: str, now: float, *, refused: bool) -> None:
        """Hear that dialing a node failed; `refused`: its host answered that nobody listens."""
        for probe in self.detector.of(name):
            if probe.pinged:
                continue
            if not refused:
                self.detector.hurry(name, now)
                continue
            self.detector.end(probe)
            if probe.asker:
                self._post(probe.asker, Nack(probe.asker_number))
            else:
                self._fail(probe, now, refused=True)

    # --- what is due ---

    def steps(self, now: float) -> None:
        """Do what is due for the probes under way."""
        for probe, step in self.detector.due(now):
            if step is Step.FAIL:
                if not probe.asker:
                    self._fail(probe, now, refused=False)
            elif not probe.pinged and self._contacts.dialer.waits(probe.name):
                self.detector.postpone(probe, self._limits.probe_interval)
            elif step is Step.NACK:
                self._post(probe.asker, Nack(probe.asker_number))
            else:
                self._ask(probe)

    def _ask(self, probe: Probe) -> None:
        helpers = sorted(self._contacts.links.keys() - {probe.name})
        for helper in self._random.sample(
            helpers, min(self._limits.indirect_probes, len(helpers))
        ):  # fmt: skip
            probe.asked.add(helper)
            self._post(helper, Ask(probe.number, probe.name))

    def _fail(self, probe: Probe, now: float, *, refused: bool) -> None:
        run = self._rumours.directory.run(probe.name, probe.incarnation)
        if run is None or not run.live:
            return
        self.failed += 1
        accusation = verdict(run.name, run.incarnation, run.revision, State.SUSPECT)
        self._rumours.suspect(accusation, self._rumours.me.name, now, refused=refused)
