"""What multicast components share: their groups, their interface, and what happens when that vanishes.

Laws
1. An interface that is not there at the start is a mistake, and said with the names there are; one
   that vanishes later is waited for, and its groups are joined again when it is back.
2. What could not be sent or joined meanwhile is counted and said; nothing of it ends the component.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable

from kamesh.components.network.datagram import source_of
from kamesh.components.network.datagram_socket import DatagramSocket, said
from kamesh.components.network.datagram_turns import DatagramComponent, Steps
from kamesh.components.network.multicast_groups import (
    Groups,
    JoinGroup,
    LeaveGroup,
    Step,
    change_source,
    checked_group,
    receiving,
    sending,
)
from kamesh.components.network.multicast_interfaces import (
    Interface,
    InterfaceNews,
    find_interface,
)
from kamesh.components.network.trouble import Listening, NetworkError, checked_port, shown, trouble
from kamesh.components.refusing import WrongFigure

__all__ = ["MulticastComponent"]

AGAIN = 1.0  # seconds between two looks for an interface that is gone
RECEIVE_BUFFER = 4 << 20  # bytes, as far as the kernel allows

log = logging.getLogger("kamesh")


class MulticastComponent(DatagramComponent):
    """Receives from the groups in `groups`, sends to `group`, by the interface called `interface`.

    Example: `MulticastSender`, `MulticastReceiver` and `MulticastTransceiver` are made of it.

    How it ends: as DatagramComponent does; never because an interface has vanished.
    """

    def __init__(self, group: str, port: int, interface: str, *, name: str | None = None) -> None:
        """Remember them; WrongFigure for what is no group or no port."""
        super().__init__(name=name)
        self.group = checked_group(group)
        self.port = checked_port(port)
        if not interface or not isinstance(interface, str):
            raise WrongFigure('name the interface, such as "eth0", or give an address of it')
        self.interface = interface
        self.groups = Groups()
        self.sends = False
        self.ttl = 1
        self.loop = True
        self.echoes = True
        self.receive_buffer: int | None = None
        self.stamped = False
        self.counts: Counter[str] = Counter()
        self._found: Interface | None = None  # None while it is gone
        self._news: InterfaceNews | None = None
        self._looked = 0.0

    def hear(self, groups: Iterable[str], sources: Iterable[str]) -> None:
        """Have `groups` joined at the start, for what `sources` send, or everyone."""
        for group in groups:
            for source in list(sources) or [""]:
                self.groups.join(group, source)

    def open(self) -> Steps:
        """Find the interface, make the socket to send by, join the groups."""
        self._found = find_interface(self.interface)
        news = self._news = InterfaceNews()
        if news.fileno() >= 0:
            asyncio.get_running_loop().add_reader(news.fileno(), self._come)
        try:
            self._open_all(self._found)
        except OSError as error:
            raise NetworkError(self._sentence(error)) from error
        yield from ()

    def _sentence(self, error: OSError) -> str:
        return trouble(error, f"{shown(self.group, self.port)} by {self.interface}")

    def _open_all(self, interface: Interface) -> None:
        if self.sends:
            self._open_way_out(interface)
        for group in list(self.groups.wanted):
            self._join(group, interface)

    def _open_way_out(self, interface: Interface) -> None:
        sock = sending(self.group, interface, self.ttl, self.loop)
        out = DatagramSocket(sock, self.path)
        try:
            sock.connect((self.group, self.port))
        except OSError:
            sock.close()
            raise
        out.connected = True
        self.way_out = out
        for source in self.sources.values():
            source.own = source_of(sock.getsockname())

    def _join(self, group: str, interface: Interface) -> None:
        sock = receiving(group, self.port, self.groups.wanted[group], interface)
        source = DatagramSocket(sock, self.path, group=group, stamped=self.stamped)
        source.grow(self.receive_buffer, RECEIVE_BUFFER)
        source.echoes = self.echoes
        source.own = None if self.way_out is None else source_of(self.way_out.sock.getsockname())
        self.sources[group] = source
        self.send(Listening(f"udp://{shown(group, self.port)}", group, self.port), "listening")

    # -- joining and leaving while it runs

    def told(self, message: object) -> None:
        """Join a group, or leave one."""
        match message:
            case JoinGroup(group, source) if self.groups_may_change():
                change = self.groups.join
            case LeaveGroup(group, source) if self.groups_may_change():
                change = self.groups.leave
            case _:
                super().told(message)
                return
        try:
            steps = change(group, source)
        except ValueError as error:
            self._note("refused", str(error))
            return
        for step in steps:
            self._carry_out(step)

    def groups_may_change(self) -> bool:
        """Say whether groups can be joined and left: not where nothing is received."""
        return "listening" in self.outboxes

    def _carry_out(self, step: Step) -> None:
        interface = self._found
        try:
            match step:
                case Step("close", group):
                    if group in self.sources:
                        self.close_source(group)
                case Step("open", group) if interface is not None:
                    self._join(group, interface)
                case Step(what, group, source) if interface is not None and group in self.sources:
                    change_source(self.sources[group].sock, what, group, source, interface)
        except OSError as error:
            self._note("refused", f"{step.group}: {self._sentence(error)}")
            self.groups.leave(step.group, step.source)

    def _note(self, kind: str, sentence: str) -> None:
        self.counts[kind] += 1
        if said(self.counts[kind]):
            log.warning("%s: %s (%d so far)", self.path, sentence, self.counts[kind])

    # -- an interface that vanishes and comes back

    def attend(self) -> float | None:
        """Look at the interface, if the kernel says that something has changed, or it is gone."""
        news = self._news
        blind = news is None or news.fileno() < 0
        due = (blind or self._found is None) and self.now() >= self._looked + AGAIN
        if (news is not None and news.heard()) or due:
            self._looked = self.now()
            self._look_again()
        return AGAIN if blind or self._found is None else None

    def _look_again(self) -> None:
        before = self._found
        try:
            interface = find_interface(self.interface)
        except NetworkError:
            if before is not None:
                self._found = None
                for group in list(self.sources):
                    self.close_source(group)
                self._note(
                    "vanished", f"the interface {self.interface} is gone; what was joined there is "
                    f"joined again when it is back",
                )  # fmt: skip
            return
        if before is not None and interface == before:
            return
        try:
            if before is None or before.index != interface.index:
                self._open_again(interface)
            elif self.sends:
                self.close_way_out()
                self._open_way_out(interface)
            self._found = interface
        except OSError as error:  # it is there, and not ready yet
            self._found = None
            self._note("not ready", self._sentence(error))

    def _open_again(self, interface: Interface) -> None:
        for group in list(self.sources):
            self.close_source(group)
        self.close_way_out()
        self._open_all(interface)
        self._note("rejoined", f"the interface {self.interface} is back")

    def _close_all(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            runtime = self._strand.runtime
            if news.fileno() >= 0 and runtime is not None and not runtime.loop.is_closed():
                runtime.loop.remove_reader(news.fileno())
            news.close()
        super()._close_all()

    def details(self) -> dict[str, int]:
        """Give the figures: those of datagrams, and how often the interface vanished and came back."""
        return {"groups": len(self.groups.wanted), **super().details(), **self.counts}
