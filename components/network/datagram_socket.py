"""A UDP socket that never blocks, and counts what happens to it.

Laws
1. Datagrams are read and sent many at a time, until the kernel has no more or takes no more.
2. No trouble with one datagram ends it: each is counted, and said the first time, the second, the
   fourth, the eighth: a peer that is away for a night does not fill a disk.
3. What the kernel dropped for want of room is asked of the kernel, not guessed.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from kamesh.components.network.datagram import (
    LARGEST,
    Address,
    Datagram,
    Unsuitable,
    destination,
    sealed,
    source_of,
)
from kamesh.components.network.trouble import shown, trouble

__all__ = ["BROADCAST", "DatagramSocket", "said"]

# of Linux, not in the `socket` module
SO_MEMINFO = 55
SK_MEMINFO = struct.Struct("9I")  # the last is what was dropped
SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
TIMESPEC = struct.Struct("@ll")
MOST = 1 << 30  # bytes: what setsockopt takes, before the kernel doubles it
ANCILLARY = socket.CMSG_SPACE(TIMESPEC.size)

BROADCAST = "is a broadcast address: that is to be asked for, with broadcast=True"

log = logging.getLogger("kamesh")


def said(times: int) -> bool:
    """Say whether trouble that has come `times` times is said again: 1, 2, 4, 8, ..."""
    return times & (times - 1) == 0


class DatagramSocket:
    """Receives and sends many datagrams at a time; `counts` has the figures.

    It takes the open `sock` over: bound, connected and with its options set. `who` is the component
    named in warnings; `group` the multicast group that all it receives is sent to.
    """

    def __init__(
        self, sock: socket.socket, who: str, *, group: str = "", stamped: bool = False
    ) -> None:
        """Take the socket over."""
        sock.setblocking(False)
        self.sock = sock
        self.who = who
        self.group = group
        self.stamped = stamped
        self.own: tuple[str, int] | None = None  # what comes from there is an echo
        self.echoes = True  # whether echoes are given at all
        self.connected = False
        self.peer: Address | None = None  # where plain bytes go, if it is not connected
        self.counts: Counter[str] = Counter()
        self.sentences: dict[str, str] = {}  # the last trouble of each kind
        self._lost = 0  # what the kernel had dropped when it was last asked
        if stamped:
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    # -- receiving

    def receive(self, most: int) -> list[Datagram]:
        """Give what has come, at most `most`; fewer means that nothing more is there now."""
        got: list[Datagram] = []
        keep = got.append
        group, own, seal = self.group, self.own, sealed
        try:
            if self.stamped or own is not None or self.sock.family == socket.AF_INET6:
                for data, host, port, arrived in self._each(most):
                    echo = own is not None and port == own[1] and host == own[0]
                    if echo and not self.echoes:
                        self.counts["echoes"] += 1
                    else:
                        keep(seal(data, host, port, group, arrived, echo))
            else:
                recvfrom = self.sock.recvfrom
                for _ in range(most):
                    data, address = recvfrom(LARGEST)
                    keep(seal(data, address[0], address[1], group, None, False))
        except BlockingIOError:
            pass
        except OSError as error:  # what ICMP says of an earlier datagram
            self._said(error, self._where(None))
        self.counts["received"] += len(got)
        return got

    def _each(self, most: int) -> Iterator[tuple[bytes, str, int, float | None]]:
        for _ in range(most):
            if self.stamped:
                data, ancillary, _, address = self.sock.recvmsg(LARGEST, ANCILLARY)
                yield data, *source_of(address), _stamp(ancillary)
            else:
                data, address = self.sock.recvfrom(LARGEST)
                yield data, *source_of(address), None

    def lost(self) -> int:
        """Ask how many datagrams the kernel has dropped, in all; newly dropped ones are said."""
        try:
            figures = self.sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, SK_MEMINFO.size)
        except OSError:  # a kernel before Linux 4.12
            return self._lost
        lost = int(SK_MEMINFO.unpack(figures)[-1])
        if lost > self._lost:
            self.counts["said lost"] += 1
            if said(self.counts["said lost"]):
                log.warning(
                    "%s: %d datagrams were dropped by the kernel since %d, as they came faster than "
                    "they were read (a larger receive_buffer holds more)",
                    self.who, lost - self._lost, self._lost,
                )  # fmt: skip
            self._lost = lost
        return lost

    # -- sending

    def send(self, message: object) -> bool:
        """Send one message; False if the kernel takes none now, and it is to be sent later."""
        try:
            data, address = destination(message, self.sock.family)
            address = address or self.peer
            if address is None and not self.connected:
                raise Unsuitable("no peer was named, so send Datagram(data, host, port)")
        except Unsuitable as error:
            self._trouble("unsuitable", str(error))
            return True
        return self._send_to(data, address)

    def send_many(self, messages: Iterable[object]) -> object:
        """Send all of `messages`; give the one that the kernel does not take now, or None.

        Those behind it have not been taken from the iterator.
        """
        send, connected, count = self.sock.send, self.connected, 0
        try:
            for message in messages:
                if not (connected and message.__class__ is bytes):
                    if not self.send(message):
                        return message
                    continue
                assert isinstance(message, bytes)
                try:
                    send(message)
                    count += 1
                except OSError as error:
                    if not self._not_sent(error, message, None):
                        return message
        finally:
            self.counts["sent"] += count
        return None

    def _send_to(self, data: bytes | bytearray | memoryview, address: Address | None) -> bool:
        try:
            if address is None:
                self.sock.send(data)
            else:
                self.sock.sendto(data, address)
        except OSError as error:
            return self._not_sent(error, data, address)
        self.counts["sent"] += 1
        return True

    def _not_sent(
        self, error: OSError, data: bytes | bytearray | memoryview, address: Address | None
    ) -> bool:
        """Count what went wrong; False if it is only that there is no room now."""
        if isinstance(error, BlockingIOError):
            return False
        where = self._where(address)
        if error.errno == errno.ECONNREFUSED:  # said of an earlier one; this has not been sent yet
            self._said(error, where)
            try:
                self.sock.send(data) if address is None else self.sock.sendto(data, address)
            except BlockingIOError:
                return False
            except OSError as again:
                self._said(again, where)
            else:
                self.counts["sent"] += 1
            return True
        if error.errno == errno.EMSGSIZE:
            self._trouble(
                "too large",
                f"{len(data):,} bytes are too large for one datagram to {where}: UDP takes at most "
                f"{65527 if self.sock.family == socket.AF_INET6 else 65507:,}, and what is larger "
                f"than the way there is cut in pieces or refused",
            )
        elif error.errno == errno.EACCES:
            self._trouble("forbidden", f"{where} {BROADCAST}")
        else:
            self._said(error, where)
        return True

    def _where(self, address: Address | None) -> str:
        if address is None:
            try:
                address = self.sock.getpeername()
            except OSError:
                return "its peer"
        return shown(address[0], address[1])

    def _said(self, error: OSError, where: str) -> None:
        self._trouble(_KINDS.get(error.errno or 0, "failed"), trouble(error, where))

    def _trouble(self, kind: str, sentence: str) -> None:
        self.counts[kind] += 1
        self.sentences[kind] = sentence
        if said(self.counts[kind]):
            log.warning("%s: %s (%d so far)", self.who, sentence, self.counts[kind])

    # -- the rest

    def fileno(self) -> int:
        """Give the descriptor to watch."""
        return self.sock.fileno()

    def grow(self, asked: int | None, default: int) -> int:
        """Ask for a receive buffer of so many bytes; give what the kernel gives.

        That it is less than was `asked` for is said; less than the `default` is taken as it is.
        """
        size = default if asked is None else asked
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(size, MOST))
        got = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux doubles it
        if asked is not None and got < asked:
            log.warning(
                "%s: a receive buffer of %d bytes was asked for and the kernel gives %d (sysctl "
                "net.core.rmem_max allows more)", self.who, asked, got,
            )  # fmt: skip
        return got

    def close(self) -> None:
        """Close it."""
        if self.sock.fileno() >= 0:
            self.lost()
        self.sock.close()

    def details(self) -> dict[str, Any]:
        """Give the figures."""
        lost = self.lost() if self.sock.fileno() >= 0 else self._lost
        figures = {kind: count for kind, count in self.counts.items() if kind != "said lost"}
        return {"received": 0, "sent": 0, **figures, "lost": lost}


_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.ENODEV: "unreachable",
    errno.EPERM: "forbidden",
}


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> float | None:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIMESPEC.unpack(data[: TIMESPEC.size])
            return float(seconds) + float(nanoseconds) / 1e9
    return None
