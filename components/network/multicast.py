"""IPv4 and IPv6 multicast: a sender, a receiver, and a transceiver that is both.

Laws
1. The interface is named by whoever uses it: none is ever chosen by what the machine happens to route.
2. A receiver hears the groups that it joined, on the interface that it joined them on, and nothing
   else, whatever other programs join.
3. What is sent goes one hop (`ttl` 1) unless told otherwise, and as UDP does: trouble is counted and
   said, never the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from kamesh.components.network.multicast_turns import MulticastComponent
from kamesh.components.network.udp import UDPReceiver, UDPSender, checked_buffer, checked_seconds
from kamesh.components.refusing import WrongFigure

__all__ = ["MulticastReceiver", "MulticastSender", "MulticastTransceiver"]

INBOXES = {
    "inbox": "bytes for the group, or Datagrams with where to",
    "control": "JoinGroup and LeaveGroup; told here to finish or to stop",
}


class MulticastSender(MulticastComponent):
    """Sends each message as one datagram to a multicast group.

    `group` is an address (IPv4 or IPv6), `interface` the name of a network interface or one of its
    addresses. `ttl` is how many hops it goes at most (0 to 255; 1 is this network, 0 this host);
    without `loop` no program on this host hears it. A `Datagram` with a host goes there instead.

    Example:
        >>> with MulticastReceiver("239.255.77.2", 15004, "lo").background() as there:
        ...     joined = there.get("listening", timeout=5)
        ...     Pipeline(OneShot(b"hello"), MulticastSender("239.255.77.2", 15004, "lo", ttl=0)).run()
        ...     print(there.get(timeout=5).data)
        ...     there.stop()
        b'hello'

    Boxes: "inbox" bytes, or `Datagram`s with where to; "control".

    How it ends: when its inbox has ended and all is handed to the system, or it is told to on
    "control". It fails, with a sentence, when there is no such interface or no way by it. One that
    vanishes later is waited for; what was to be sent meanwhile is counted as unreachable.
    """

    inboxes: ClassVar = UDPSender.inboxes
    outboxes: ClassVar = UDPSender.outboxes

    def __init__(
        self,
        group: str,
        port: int,
        interface: str,
        *,
        ttl: int = 1,
        loop: bool = True,
        name: str | None = None,
    ) -> None:
        """Remember where to send; WrongFigure for what is no group, port or TTL."""
        super().__init__(group, port, interface, name=name)
        self.sends = True
        self.ttl = _checked_ttl(ttl)
        self.loop = loop


class MulticastReceiver(MulticastComponent):
    """Joins multicast groups, and sends on each datagram that comes to them.

    `group` is an address (IPv4 or IPv6) or several; `interface` the name of a network interface or
    one of its addresses. With `sources` (addresses) only what these send is heard, which the network
    can see to (source-specific multicast). Any number of receivers on one host may share a port, each
    gets a copy. `receive_buffer` and `stamped` as of UDPReceiver. Told `JoinGroup(group, source)` or
    `LeaveGroup(group, source)` on "control" it hears more or less.

    Example:
        >>> with MulticastReceiver("239.255.77.3", 15005, "lo").background() as there:
        ...     joined = there.get("listening", timeout=5)
        ...     Pipeline(OneShot(b"hello"), MulticastSender("239.255.77.3", 15005, "lo", ttl=0)).run()
        ...     got = there.get(timeout=5)
        ...     there.stop()
        >>> got.data, got.group, got.host
        (b'hello', '239.255.77.3', '127.0.0.1')

    Boxes: "outbox" a `Datagram` each, with its group; "listening" a `Listening` for each group once it
    is joined, and again when it had to be joined again; "control". When the outbox is full nothing is
    read, and what finds no room in the kernel either is lost and counted.

    How it ends: when it is told to on "control", or nobody in its Pipeline wants more. It fails, with
    a sentence, when there is no such interface. One that vanishes later is waited for, and the groups
    are joined again.
    """

    inboxes: ClassVar = {"control": INBOXES["control"]}
    outboxes: ClassVar = {
        **UDPReceiver.outboxes,
        "listening": "a Listening for each group that is joined",
    }

    def __init__(
        self,
        group: str | Sequence[str],
        port: int,
        interface: str,
        *,
        sources: Sequence[str] = (),
        receive_buffer: int | None = None,
        stamped: bool = False,
        name: str | None = None,
    ) -> None:
        """Remember what to join; WrongFigure for what is no group, source or port."""
        groups = _several(group)
        super().__init__(groups[0], port, interface, name=name)
        self.hear(groups, _several(sources) if sources else ())
        self.receive_buffer = checked_buffer(receive_buffer)
        self.stamped = stamped


class MulticastTransceiver(MulticastComponent):
    """Sends its messages to a multicast group, and sends on what others send there.

    The options are those of MulticastSender and MulticastReceiver; of several groups plain bytes go to
    the first. What it sent itself comes back as an echo: it is left out and counted, or with `echoes`
    sent on with `own` True. After its last message it goes on receiving for `linger` seconds.

    Example:
        >>> chat = [MulticastTransceiver("239.255.77.4", 15006, "lo", ttl=0) for _ in "ab"]
        >>> with chat[0].background() as ann, chat[1].background() as bob:
        ...     joined = ann.get("listening", timeout=5), bob.get("listening", timeout=5)
        ...     ann.put(b"hello")
        ...     print(bob.get(timeout=5).data)
        ...     bob.put(b"hello yourself")
        ...     print(ann.get(timeout=5).data)
        b'hello'
        b'hello yourself'

    Boxes: "inbox" bytes, or `Datagram`s with where to; "outbox" a `Datagram` each; "listening" a
    `Listening` for each group once it is joined; "control" also `JoinGroup` and `LeaveGroup`.

    How it ends: when its inbox has ended, all is handed to the system and `linger` is over, or it is
    told to on "control"; one that nothing feeds goes on until it is told. It fails as the other two do.
    """

    inboxes: ClassVar = INBOXES
    outboxes: ClassVar = MulticastReceiver.outboxes

    def __init__(
        self,
        group: str | Sequence[str],
        port: int,
        interface: str,
        *,
        sources: Sequence[str] = (),
        ttl: int = 1,
        loop: bool = True,
        echoes: bool = False,
        receive_buffer: int | None = None,
        stamped: bool = False,
        linger: float = 0.0,
        name: str | None = None,
    ) -> None:
        """Remember all that; WrongFigure for what cannot be."""
        groups = _several(group)
        super().__init__(groups[0], port, interface, name=name)
        self.hear(groups, _several(sources) if sources else ())
        self.sends = True
        self.ttl = _checked_ttl(ttl)
        self.loop = loop
        self.echoes = echoes
        self.receive_buffer = checked_buffer(receive_buffer)
        self.stamped = stamped
        self.linger = checked_seconds(linger, "linger")


def _checked_ttl(ttl: int) -> int:
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not 0 <= ttl <= 255:
        raise WrongFigure(f"ttl={ttl!r}: a number of hops from 0 (this host) and 1 (this network) to 255")
    return ttl


def _several(named: str | Sequence[str]) -> list[str]:
    if not isinstance(named, str | Iterable):
        raise WrongFigure(f"{named!r} is no address, and no list of addresses")
    several = [named] if isinstance(named, str) else list(named)
    if not several:
        raise WrongFigure("no group is named: at least one is needed to begin with")
    return several
