"""One `Membership` on the bench: the test is its clock, its links and its mail."""

from __future__ import annotations

from random import Random

from kamesh.membership import (
    Dial,
    Event,
    Hangup,
    Member,
    Membership,
    MembershipLimits,
    Send,
)
from kamesh.membership.messages import Message, Nack, Ping, Told
from kamesh.membership.wire import read, write

LIMITS = MembershipLimits.lan()


def node(name: str, since: int = 0, run: bytes = b"", **facts: object) -> Member:
    """Make a member with an address of its own."""
    address = (f"tcp://{name}:1",)
    incarnation = run or (name * 16).encode()[:16]
    return Member(name, incarnation, since=since, addresses=address, **facts)  # type: ignore[arg-type]


class Bench:
    """A Membership and the test's hand on its clock, links and mail."""

    def __init__(self, me: Member | None = None, limits: MembershipLimits = LIMITS,
                 seed: int = 3) -> None:  # fmt: skip
        """Put it on the bench at 100 s."""
        self.now = 100.0
        self.me = me or node("m")
        self.it = Membership(self.me, limits, Random(seed))
        self.dials: list[Dial] = []
        self.hangups: list[str] = []
        self.mail: list[tuple[str, Message]] = []
        self.events: list[Event] = []

    def settle(self) -> None:
        """Collect what it says."""
        for instruction in self.it.take_instructions():
            match instruction:
                case Dial():
                    self.dials.append(instruction)
                case Send(name, payload):
                    self.mail.append((name, read(payload)))
                case Hangup(name):
                    self.hangups.append(name)
        self.events += self.it.take_events()

    def run(self, seconds: float) -> None:
        """Let time pass, ticking when it asks to."""
        end = self.now + seconds
        while self.it.next_deadline() <= end:
            self.now = max(self.now, self.it.next_deadline())
            self.it.tick(self.now)
            self.settle()
        self.now = end

    def link(self, member: Member, address: str | None = None) -> None:
        """Let a link come up, and its run tell of itself."""
        self.it.link_up(member.name, member.incarnation, self.now, address)
        self.hear(member.name, Told(((member, ""),)))

    def hear(self, name: str, message: Message) -> None:
        """Deliver a message from a linked node."""
        self.it.received(name, write(message), self.now)
        self.settle()

    def sent(self, name: str, kind: type[Message]) -> list[Message]:
        """Return what was sent to a node, of a kind."""
        return [message for to, message in self.mail if to == name and isinstance(message, kind)]

    def saw(self, kind: type[Event]) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def silent(bench: Bench, seconds: float, *talking: str) -> None:
    """Let time pass with only some linked nodes answering."""
    end = bench.now + seconds
    while bench.now < end:
        bench.run(0.1)
        letters, bench.mail[:] = list(bench.mail), []
        for name, message in letters:
            if name in talking and isinstance(message, Ping):
                bench.hear(name, Nack(0))
