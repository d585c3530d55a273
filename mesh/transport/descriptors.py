"""The sockets a listener has accepted: whose they are, how long they are mute, how to cut one.

libzmq neither says which peer of a ROUTER has gone nor lets one be disconnected. But its monitor
names the descriptor of every socket accepted and gone, and each received frame names the one it
came over.

Laws:

1. A descriptor is touched only while it is certainly still the socket that was accepted: the inode
   is noted on acceptance, the monitor is read to its end first (libzmq reports a socket as gone
   before it closes it), and a duplicate of the descriptor is compared with the inode before use.
2. Where two peers claim one descriptor (it was used again before anything was read from the first),
   neither gets it; they are found dead when they are next written to.
3. Nothing here imports zmq or waits.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

__all__ = ["AcceptedSocket", "AcceptedSockets", "Grip", "inode_of"]

TCP_INFO_LAST_DATA_RECEIVED = 52
"""Offset in Linux's struct tcp_info of tcpi_last_data_recv, in milliseconds."""


@dataclass(slots=True, eq=False)
class AcceptedSocket:
    """One accepted socket. `owner` is the connection it carries, once it has said something."""

    descriptor: int
    inode: int
    since: float
    owner: object | None = None


class AcceptedSockets:
    """The accepted sockets that are alive as far as the monitor has been read."""

    def __init__(self) -> None:
        """Begin with none."""
        self._alive: dict[int, AcceptedSocket] = {}
        self._mute: dict[int, AcceptedSocket] = {}

    def accepted(self, descriptor: int, now: float) -> None:
        """Note a socket the monitor reports as accepted."""
        self.gone(descriptor)
        entry = AcceptedSocket(descriptor, inode_of(descriptor), now)
        self._alive[descriptor] = self._mute[descriptor] = entry

    def gone(self, descriptor: int) -> AcceptedSocket | None:
        """Forget a socket the monitor reports as disconnected; return it if it was known."""
        self._mute.pop(descriptor, None)
        return self._alive.pop(descriptor, None)

    def knows(self, descriptor: int) -> bool:
        """Say whether an accepted socket of this descriptor is alive."""
        return descriptor in self._alive

    def claim(self, descriptor: int, owner: object) -> AcceptedSocket | None:
        """Give a socket to the connection first heard over it; None if it is gone or claimed twice.

        On a double claim the first owner loses it too.
        """
        entry = self._alive.get(descriptor)
        if entry is None:
            return None
        if self._mute.pop(descriptor, None) is None:
            entry.owner = None
            return None
        entry.owner = owner
        return entry

    def current(self, entry: AcceptedSocket) -> bool:
        """Say whether this very socket is still alive."""
        return self._alive.get(entry.descriptor) is entry

    def overdue(self, before: float, at_most: int) -> list[AcceptedSocket]:
        """Take out the sockets to be cut: mute since `before`, and the oldest beyond `at_most`."""
        surplus = len(self._mute) - at_most
        late = []
        for place, entry in enumerate(self._mute.values()):  # in the order of acceptance
            if place >= surplus and entry.since > before:
                break
            late.append(entry)
        for entry in late:
            del self._mute[entry.descriptor]
        return late

    @property
    def mute(self) -> int:
        """How many have not said anything yet."""
        return len(self._mute)


def inode_of(descriptor: int) -> int:
    """Return the inode of a descriptor, 0 if it is closed."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0


class Grip:
    """Takes hold of one socket of libzmq's at a time, for as long as a question or a cut takes.

    It owns two descriptors for good, so that it works when no descriptor is left, which is when
    cutting sockets matters most.
    """

    def __init__(self) -> None:
        """Take the two descriptors."""
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._slot = os.dup(self._nothing)

    def close(self) -> None:
        """Give them back."""
        os.close(self._nothing)
        os.close(self._slot)

    @contextmanager
    def _held(self, descriptor: int, inode: int) -> Iterator[socket.socket | None]:
        """Lend a duplicate of a socket; None if the descriptor is not that socket any more."""
        try:
            os.dup2(descriptor, self._slot, inheritable=False)
        except OSError:
            yield None
            return
        try:
            if not inode or inode_of(self._slot) != inode:
                yield None
                return
            held = socket.socket(fileno=self._slot)
            try:
                yield held
            finally:
                held.detach()
        finally:
            os.dup2(self._nothing, self._slot, inheritable=False)

    def cut(self, descriptor: int, inode: int) -> bool:
        """End a socket so that libzmq sees its peer gone; False if it was gone already."""
        with self._held(descriptor, inode) as held, suppress(OSError):
            if held is not None:
                held.shutdown(socket.SHUT_RDWR)
                return True
        return False

    def peer(self, descriptor: int, inode: int) -> str | None:
        """Return the address at the other end, None if unknown."""
        with self._held(descriptor, inode) as held, suppress(OSError):
            if held is None:
                return None
            if held.family == socket.AF_UNIX:
                size = struct.calcsize("3i")
                credentials = held.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
                return f"ipc://process-{struct.unpack('3i', credentials)[0]}"
            host, port = held.getpeername()[:2]
            return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
        return None

    def silence(self, descriptor: int, inode: int) -> float | None:
        """Return the seconds since the kernel last received data over TCP, None if unknown."""
        with self._held(descriptor, inode) as held, suppress(OSError):
            if held is None or held.family == socket.AF_UNIX:
                return None
            information = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            (milliseconds,) = struct.unpack_from("=I", information, TCP_INFO_LAST_DATA_RECEIVED)
            return float(milliseconds) / 1000
        return None
