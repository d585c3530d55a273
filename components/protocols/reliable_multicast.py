"""A simple reliable multicast: annotate, recover order, ask again. Kamaelia's SRM, with the asking.

It runs over anything that carries datagrams to many: `MulticastTransceiver`, or a Backplane. There is no
authentication in it: it is for networks whose members are trusted.

Laws
1. Every receiver gives out each sender's messages in their order, each once; where one cannot be had
   any more there is a `Gap` for it, and a line in the log. Nothing is lost in silence.
2. Only the sender repairs, from the last `keep` messages; requests wait a random time and are held
   back when another member asks first, so that a loss that all have is asked for about once.
3. At its end a sender says how far it came and stays until nobody has asked for a while.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Generator, Iterable
from typing import ClassVar

from kamesh import Component
from kamesh.components.network.datagram import Datagram
from kamesh.components.plumbing.order import Gap
from kamesh.components.protocols.reliable_receiving import Recoverer
from kamesh.components.protocols.reliable_sending import Annotator
from kamesh.components.refusing import WrongFigure, at_least, integer, more_than, whole
from kamesh.components.sending import shut_down
from kamesh.errors import NotSuitable

__all__ = ["ReliableReceiver", "ReliableSender"]

Steps = Generator[None, None, None]

log = logging.getLogger("kamesh")


class ReliableSender(Component):
    """Sends messages so that every ReliableReceiver can have those that are lost on the way again.

    `delay` is about how many seconds a frame takes one way (default 0.01); all waiting is in
    proportion to it. `keep` is how many messages can be had again (default 1024), `linger` how many
    seconds after the last message, and after the last request, it stays to repair (default 1).

    Example:
        >>> out = run(ReliableSender(linger=0.5), [b"one", b"two"])["outbox"]
        >>> run(ReliableReceiver(), out[1:])["lost"]        # "one" is lost on the way, for good
        [Gap(first=1, last=1)]

    Boxes: "inbox" bytes (at most 65,000 or so: each goes in a datagram, with 22 bytes before it);
    "network" what comes from the network, as bytes or `Datagram`s; "outbox" bytes for the network;
    "control".

    How it ends: after its inbox has ended, once nobody has asked for `linger` seconds (with many
    receivers that are never content, after a hundred times that); told Shutdown, at once.
    """

    inboxes: ClassVar = {
        "inbox": "messages, as bytes",
        "network": "frames from the network, as bytes or Datagrams",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "frames for the network",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, *, delay: float = 0.01, keep: int = 1024, linger: float = 1.0,
        session: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        """Remember all that; `session` is 64 random bits unless told otherwise; WrongFigure for nonsense."""
        super().__init__(name=name)
        more_than(0, delay, "the seconds that a frame takes")
        whole(1, keep, "the messages that can be had again")
        at_least(0, linger, "the seconds to stay and repair")
        if session is not None:
            whole(0, session, "the number of a session")
            if session >= 1 << 64:
                raise WrongFigure(f"the number of a session has 64 bits at most, {session} has more")
        self.delay, self.keep, self.linger = delay, keep, linger
        self.session = secrets.randbits(64) if session is None else session
        self._core: Annotator | None = None

    def main(self) -> Steps:
        """Annotate and repair; at the end, stay a while."""
        core = self._core = Annotator(self.session, self.now(), delay=self.delay, keep=self.keep)
        while not (self.stopping() or self.inbox.ended):
            yield from self._turn(core)
        ended = self.now()
        while not shut_down(self):
            stay = min(max(ended, core.last_asked) + self.linger, ended + 100 * self.linger)
            if self.now() >= stay:
                self.send(core.beat(self.now(), last=True))
                return
            yield from self._turn(core, last=True, until=stay)

    def _turn(self, core: Annotator, *, last: bool = False, until: float | None = None) -> Steps:
        for frame in self._strand.inboxes["network"]:
            core.heard(_bytes_of(frame), self.now())
        for message in self.inbox:
            self.send(core.annotate(self._checked(message), self.now()))
        for repair in core.repairs(self.now()):
            self.send(repair)
            if self.room("outbox") <= 0:
                break
        if self.now() >= core.next_beat:
            self.send(core.beat(self.now(), last=last))
        due = core.next_beat if until is None else min(until, core.next_beat)
        yield self.pause(max(due - self.now(), 0.0))

    def _checked(self, message: object) -> bytes:
        if not isinstance(message, bytes | bytearray | memoryview):
            raise NotSuitable(f"{self.path} was sent a {type(message).__name__}: it sends bytes")
        return bytes(message)

    def details(self) -> dict[str, int]:
        """Give the figures: messages, requests heard, messages sent again."""
        core = self._core
        if core is None:
            return {}
        return {"messages": core.highest, "asked": core.asked, "repaired": core.repaired}


class ReliableReceiver(Component):
    """Gives out what ReliableSenders send: in order, each once, and asks again for what is missing.

    Each sender is a stream of its own, beginning with its first message for who was there before it,
    and with the next one for who comes later. `delay` as of ReliableSender; `patience` is how many
    seconds something is asked for before it is given up (default 10), `window` how many messages wait
    for a missing one (default 1024). `seed` makes the random waiting the same each time.

    Example:
        >>> one, two, *beats = run(ReliableSender(), [b"one", b"two"])["outbox"]
        >>> run(ReliableReceiver(), [two, two, one, *beats])["outbox"]
        [b'one', b'two']

    Boxes: "inbox" what comes from the network, as bytes or `Datagram`s; "outbox" the messages, as
    bytes; "network" requests for the network; "lost" a `Gap` for each run of messages that could not
    be had; "control".

    How it ends: when its inbox has ended (what waits is given out, what is missing is lost), or it is
    told to on "control".
    """

    inboxes: ClassVar = {
        "inbox": "frames from the network, as bytes or Datagrams",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "messages, as bytes",
        "network": "requests for the network",
        "lost": "a Gap for each run of messages that could not be had",
        "signal": "passes on what was told on control",
    }

    def __init__(
        self, *, delay: float = 0.01, patience: float = 10.0, window: int = 1024,
        seed: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        """Remember all that; WrongFigure for nonsense."""
        super().__init__(name=name)
        more_than(0, delay, "the seconds that a frame takes")
        at_least(0, patience, "the seconds to ask for something")
        whole(1, window, "the messages that wait for a missing one")
        self.delay, self.patience, self.window = delay, patience, window
        if seed is not None:
            integer(seed, "the seed")
        self._rng = random.Random(seed)
        self._core: Recoverer | None = None
        self.received = self.lost = 0

    def main(self) -> Steps:
        """Take in what comes, ask for what does not."""
        core = self._core = Recoverer(
            self.now(), delay=self.delay, patience=self.patience, window=self.window, rng=self._rng
        )
        while not self.stopping():
            for frame in self.inbox:
                self._give(core.heard(_bytes_of(frame), self.now()))
            if not self.data_ready():  # else what is missing may be among what waits
                asks, given = core.due(self.now())
                self.send_all(asks, "network")
                self._give(given)
            due = core.next_due()
            yield self.pause(None if due is None else max(due - self.now(), 0.0))
        if not self._strand.stopped:
            self._give(core.flush())

    def _give(self, given: Iterable[bytes | Gap]) -> None:
        for one in given:
            if isinstance(one, Gap):
                self.lost += len(one)
                log.warning("%s: messages %d to %d are lost for good", self.path, one.first, one.last)
                self.send(one, "lost")
            else:
                self.received += 1
                self.send(one)

    def details(self) -> dict[str, int]:
        """Give the figures: messages, those lost, requests sent, and requests held back."""
        core = self._core
        figures = {"received": self.received, "lost": self.lost}
        if core is not None:
            figures |= {
                "asks": core.asks, "suppressed": core.suppressed, "unknown": core.unknown,
                "refused": core.refused, "senders": len(core.streams),
            }  # fmt: skip
        return figures


def _bytes_of(message: object) -> bytes | bytearray | memoryview:
    match message:
        case Datagram(bytes() | bytearray() | memoryview() as data):
            return data
        case bytes() | bytearray() | memoryview():
            return message
    raise NotSuitable(f"a {type(message).__name__} came from the network: bytes and Datagrams do")
