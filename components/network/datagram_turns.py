"""Datagrams in turns: what UDP and multicast components share between their boxes and their sockets.

Laws
1. No more is read than the outbox has room for; while it has none, nothing is read and what comes
   waits in the kernel, which drops the newest when its buffer is full, and counts.
2. A turn reads or sends all there is, up to BATCH datagrams a socket; nothing is polled.
3. What the kernel does not take now is kept and sent first when it does.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Generator, Iterable
from functools import partial
from typing import Any, cast

from kamesh import Component
from kamesh.components.network.datagram import Address
from kamesh.components.network.datagram_socket import DatagramSocket
from kamesh.components.network.trouble import NetworkError, shown, trouble
from kamesh.components.sending import shut_down
from kamesh.errors import NotSuitable

__all__ = ["DatagramComponent", "resolved"]

BATCH = 256  # datagrams of one socket in one turn: 0.3 to 1 ms of work
LOOK = 1.0  # seconds between two looks at what the kernel has dropped
LOOK_UP = 30.0  # seconds that a name may take to resolve

Steps = Generator[None, None, None]


class DatagramComponent(Component):
    """Receives from `sources` and sends by `way_out`, whichever of them there are.

    A subclass opens its sockets in `open()`, which is a generator, and may do more in each turn
    (`attend`) and with what it is told on control (`told`). All sockets are closed at the end.

    Example: `UDP` and `MulticastReceiver` are made of it.

    How it ends: when its inbox has ended and all is handed to the system, and `linger` seconds after
    that; told Shutdown, at once.
    """

    def __init__(self, *, name: str | None = None) -> None:
        """Begin without sockets."""
        super().__init__(name=name)
        self.sources: dict[str, DatagramSocket] = {}
        self.way_out: DatagramSocket | None = None
        self.linger = 0.0  # seconds that it goes on receiving after it has sent its last
        self._pending: object = None  # what the kernel did not take
        self._watched: dict[int, asyncio.AbstractEventLoop] = {}
        self._next_look = 0.0
        self._gone: Counter[str] = Counter()  # the figures of sockets that are closed

    def open(self) -> Steps:
        """Open the sockets."""
        raise NotImplementedError

    def attend(self) -> float | None:
        """Do what else is to be done in a turn; give the seconds until the next time (None: never)."""
        return None

    def told(self, message: object) -> None:
        """Do what `message` on control says."""
        raise NotSuitable(
            f"{self.path} was sent {message!r} on its control: it takes only what any component is told"
        )

    def main(self) -> Steps:
        """Open, receive and send until it is over, close."""
        try:
            yield from self.open()
            yield from self._work()
            if self.linger and not shut_down(self):
                yield from self._work(self.now() + self.linger)
        finally:
            self._close_all()

    def _work(self, until: float | None = None) -> Steps:
        while not self._over(until):
            while self.control.queue and not self.stopping():
                self.told(self.recv("control"))
            seconds = self.attend()
            if until is not None:
                left = until - self.now()
                seconds = left if seconds is None else min(left, seconds)
            if self.way_out is not None:
                self._send_what_came(self.way_out)
            if not (self.sources and self._receive()):
                self.pause(seconds)
            yield

    def _over(self, until: float | None) -> bool:
        if shut_down(self):
            return True
        if until is not None:
            return self.now() >= until
        return self._pending is None and self.stopping()

    # -- receiving

    def _receive(self) -> bool:
        """Send on what has come; True if the next turn is to come at once."""
        room = self.room("outbox")
        more = False
        for source in self.sources.values():
            most = min(room, BATCH)
            if most <= 0:
                break
            if got := source.receive(most):
                self.send_all(got)
                room -= len(got)
                more = more or len(got) == most
        if room <= 0:  # full: it is run again, and reads on, when there is room
            self._watch_no_more(self.sources.values())
            return True
        self._watch()
        if (now := self.now()) >= self._next_look:
            self._next_look = now + LOOK
            for source in self.sources.values():
                source.lost()
        return more

    def _watch(self) -> None:
        if len(self._watched) < len(self.sources):
            loop = asyncio.get_running_loop()
            for source in self.sources.values():
                number = source.fileno()
                if number not in self._watched:
                    loop.add_reader(number, self._come)
                    self._watched[number] = loop

    def _watch_no_more(self, sources: Iterable[DatagramSocket]) -> None:
        for source in sources:
            loop = self._watched.pop(source.fileno(), None)
            if loop is not None and not loop.is_closed():
                loop.remove_reader(source.fileno())

    def _come(self) -> None:
        """Have the turn in this very callback of the loop, with all whom it wakes."""
        runtime = self._strand.runtime
        assert runtime is not None
        runtime.scheduler.gather()
        self._strand.wake()
        runtime.scheduler.run_now()

    # -- sending

    def _send_what_came(self, out: DatagramSocket) -> None:
        if self._pending is None or out.send(self._pending):
            self._pending = out.send_many(iter(self.inbox))
        if self._pending is not None:
            asyncio.get_running_loop().add_writer(out.fileno(), self._may_send)

    def _may_send(self) -> None:
        self._watch_no_writing()
        self._come()

    def _watch_no_writing(self) -> None:
        runtime = self._strand.runtime
        if self.way_out is not None and runtime is not None and not runtime.loop.is_closed():
            runtime.loop.remove_writer(self.way_out.fileno())

    # -- closing

    def close_source(self, name: str) -> None:
        """Receive no longer from one of the sources; what it counted stays counted."""
        source = self.sources.pop(name)
        self._watch_no_more([source])
        self._close(source)

    def close_way_out(self) -> None:
        """Send no longer; what it counted stays counted."""
        if self.way_out is not None:
            self._watch_no_writing()
            self._close(self.way_out)
            self.way_out = None

    def _close_all(self) -> None:
        self._watch_no_more(self.sources.values())
        self._watch_no_writing()
        for each in self._sockets():
            self._close(each)
        self.sources, self.way_out = {}, None

    def _close(self, one: DatagramSocket) -> None:
        one.close()
        self._gone.update(one.details())

    def _sockets(self) -> list[DatagramSocket]:
        """Give the sockets, one that both receives and sends once."""
        out = [] if self.way_out is None else [self.way_out]
        return [*out, *(one for one in self.sources.values() if one not in out)]

    def details(self) -> dict[str, int]:
        """Give the figures: datagrams received, sent, lost in the kernel, and each kind of trouble."""
        figures = Counter({"received": 0, "sent": 0, "lost": 0})
        figures.update(self._gone)
        for each in self._sockets():
            figures.update(each.details())
        return dict(figures)


def resolved(
    component: Component, host: str, port: int, *, family: int = 0, listening: bool = False
) -> Generator[None, None, tuple[int, Address]]:
    """Give family and address of `host`, a name or a number; NetworkError if there is none.

    A name is looked up in a thread, for 30 seconds at the most. To listen at "" is to listen at every
    address of this machine.
    """
    ask = partial(socket.getaddrinfo, host or None, port, family=family, type=socket.SOCK_DGRAM)
    try:
        try:
            found = ask(flags=socket.AI_NUMERICHOST | (socket.AI_PASSIVE if listening else 0))
        except socket.gaierror:
            asking = asyncio.get_running_loop().run_in_executor(None, ask)
            asking.add_done_callback(lambda _: component._strand.wake())
            deadline = component.now() + LOOK_UP
            while not asking.done():
                if component.now() >= deadline:
                    raise TimeoutError from None
                yield component.pause(deadline - component.now())
            found = asking.result()
    except (OSError, UnicodeError) as error:
        raise NetworkError(trouble(error, shown(host, port), listening=listening)) from error
    kind, *_, address = _first(found)
    return kind, cast(Address, address)


def _first(found: list[Any]) -> Any:
    """Choose IPv4 where a name has both: who listens at "localhost" listens there more often."""
    return min(found, key=lambda one: one[0] != socket.AF_INET)
