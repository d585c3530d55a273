"""Trouble with a network, in plain sentences: what the system says, in the words of the user.

Laws
1. One sentence for each trouble, with the address it is about and, where there is one, the way out.
2. What is not known here is said in the system's own words, never hidden.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass

from kamesh.codec import register
from kamesh.components.refusing import WrongFigure
from kamesh.errors import KameshError

__all__ = [
    "ListenError",
    "Listening",
    "NetworkError",
    "checked_host",
    "checked_port",
    "checked_socket_path",
    "shown",
    "trouble",
]


class NetworkError(KameshError, OSError):
    """Something could not be reached, or not be spoken with."""


class ListenError(NetworkError):
    """The address to serve at cannot be had."""


@register(name="network.Listening")
@dataclass(frozen=True, slots=True)
class Listening:
    """Sent when a server can be reached: its base address, and the host and port it got."""

    url: str
    host: str
    port: int


def shown(host: str, port: int | None = None) -> str:
    """Write an address as people do: `10.0.0.7:80`, `[::1]:80`, `/run/chat.sock`."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def checked_port(port: int, least: int = 1) -> int:
    """Give `port` back if it is one; with `least` 0 also 0, for any that is free."""
    if isinstance(port, bool) or not isinstance(port, int) or not least <= port <= 65535:
        free = ", or 0 for any that is free" if least == 0 else ""
        raise WrongFigure(f"{port!r} is not a port: a whole number from 1 to 65535{free}")
    return port


def checked_socket_path(path: str | os.PathLike[str]) -> str:
    """Give the path of a Unix socket as text; WrongFigure for what no socket can have."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str) or not text or "\0" in text:
        raise WrongFigure(f"{text!r} is not the path of a socket: text, and no zero byte in it")
    return text


def checked_host(host: str) -> str:
    """Give `host` back if it is text; WrongFigure otherwise."""
    if not isinstance(host, str) or "\0" in host:
        raise WrongFigure(f"{host!r} is not a host: a name or an address, as text")
    return host


def trouble(error: BaseException, where: str, *, listening: bool = False) -> str:
    """Say in one sentence what is the matter with `where`, an address as `shown` writes it.

    `listening` says that `where` was to be served at, not to be reached.

    Example: `trouble(ConnectionRefusedError(...), "10.0.0.7:80")` gives "10.0.0.7:80 refuses: nothing
    listens there".
    """
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, where)
    if isinstance(error, socket.gaierror):
        return _of_names(error, where, listening)
    if isinstance(error, TimeoutError):
        return f"{where} does not answer: it is down, or a firewall drops what is sent to it"
    if isinstance(error, UnicodeError):
        return f"{where} is not an address: names have 1 to 63 letters between dots"
    number = error.errno if isinstance(error, OSError) else None
    sentence = (_LISTENING if listening else {}).get(number) or _BOTH.get(number)
    if sentence is not None:
        return f"{where} {sentence}"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{where} cannot be {'listened at' if listening else 'reached'}: {said}"


_LISTENING: dict[int | None, str] = {
    errno.EADDRINUSE: "is taken by another program: choose another, or port 0 for any",
    errno.EACCES: "may not be used by this user: choose a port above 1023",
    errno.EPERM: "may not be used by this user: choose a port above 1023",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.ENOENT: "cannot be made: its folder does not exist",
    errno.EAFNOSUPPORT: "is an address of a kind that this machine does not have",
}
_BOTH: dict[int | None, str] = {
    errno.ECONNREFUSED: "refuses: nothing listens there",
    errno.ECONNRESET: "has broken the connection off",
    errno.ECONNABORTED: "has broken the connection off",
    errno.EPIPE: "has closed the connection",
    errno.ENOTCONN: "has closed the connection",
    errno.ENETUNREACH: "cannot be reached: there is no way from this machine to its network",
    errno.EHOSTUNREACH: "cannot be reached: no machine answers at this address",
    errno.ENETDOWN: "cannot be reached: the network interface is down",
    errno.EADDRNOTAVAIL: "cannot be reached from here: no port or address of this machine is free for it",
    errno.EADDRINUSE: "cannot be reached from that local port: another program has it",
    errno.EMFILE: "cannot be had: this process has as many open files and sockets as it may (ulimit -n)",
    errno.ENFILE: "cannot be had: this machine has as many open files and sockets as it may",
    errno.EACCES: "may not be used by this user",
    errno.EPERM: "may not be used: a firewall of this machine forbids it",
    errno.ENOENT: "does not exist: no such socket",
    errno.EAFNOSUPPORT: "is an address of a kind that this machine does not have",
    errno.EMSGSIZE: "is sent too large a datagram",
}


def _of_names(error: socket.gaierror, where: str, listening: bool) -> str:
    if listening:
        return f"{where} is not an address of this machine: {error.strerror}"
    if error.errno == socket.EAI_AGAIN:
        return f"the name in {where} cannot be looked up now: no name server answers"
    return f"the name in {where} does not resolve: look at its spelling"


def _of_tls(error: ssl.SSLError, where: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where} is not trusted: {_CERTIFICATES.get(error.verify_code) or _said(error)}"
    reason = (error.reason or "").upper()
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        return f"{where} has broken the connection off in the middle of TLS"
    if "WRONG_VERSION" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER" in reason:
        return f"{where} does not speak TLS"
    if "UNSUPPORTED_PROTOCOL" in reason or "PROTOCOL_VERSION" in reason:
        return f"{where} speaks no version of TLS that is allowed here"
    if "CERTIFICATE_REQUIRED" in reason:
        return f"{where} wants a certificate, and was shown none"
    if "UNKNOWN_CA" in reason or "BAD_CERTIFICATE" in reason:
        return f"{where} does not trust the certificate it was shown"
    return f"{where} and this end do not agree about TLS: {_said(error)}"


_CERTIFICATES = {
    9: "its certificate is not valid yet (is the clock right?)",
    10: "its certificate has expired",
    18: "its certificate is signed by nobody but itself",
    19: "its certificate is signed by an authority that is not trusted here",
    20: "its certificate is signed by an authority that is not trusted here",
    21: "its certificate is signed by an authority that is not trusted here",
    23: "its certificate has been revoked",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}


def _said(error: ssl.SSLError) -> str:
    verdict = getattr(error, "verify_message", "")
    return verdict or (error.reason or str(error)).replace("_", " ").lower()
