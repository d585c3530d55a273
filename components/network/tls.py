"""TLS: certificates, keys and authorities as settings, read and checked before anything listens.

Laws
1. What the settings themselves tell is refused when a component is made; their files are read when it
   starts, for every node makes the whole graph, and only one of them has the key.
2. A file that is missing, is no certificate, or does not fit the other is named in one sentence, then
   and not when the first client comes.
3. A client checks who it speaks with, always; there is no word to turn that off. Whoever signs their
   own certificate gives it as `authorities`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

from kamesh.components.network.trouble import NetworkError
from kamesh.linking import did_you_mean

__all__ = ["TLS", "GivenTLS", "context_of", "tls_of"]


@dataclass(frozen=True, slots=True)
class TLS:
    """How to speak TLS: files in PEM form.

    `certificate` (with those between it and its authority, if any, in the same file) and `key` say who
    this end is: a server needs them, a client only where the server asks. `authorities` says whose
    certificates are believed: for a client, None for those this machine trusts; for a server, those
    of its clients. `require_client_certificate` lets in only clients that have one. The files are read
    when a component starts. In a file of a topology it is a table of these fields.

    Example: `TLSServer(Echo, 8443, tls=TLS("server.crt", "server.key"))` and
    `TCPClient("example.org", 443, tls=TLS())`; in a topology
    `tls = { certificate = "server.crt", key = "server.key" }`.
    """

    certificate: str = ""
    key: str = ""
    authorities: str | None = None
    require_client_certificate: bool = False

    def check(self, *, server: bool) -> None:
        """Look, without reading any file, whether it will do; NetworkError if not."""
        for each in fields(self):
            value = getattr(self, each.name)
            kind, called = (bool, "True or False") if each.type == "bool" else (str, "the path of a file")
            if not isinstance(value, kind) and value is not each.default:
                raise NetworkError(f"{each.name}={value!r}: for TLS it is {called}")
        if server and not self.certificate:
            raise NetworkError("a TLS server needs a certificate: TLS(certificate=..., key=...)")
        if server and self.require_client_certificate and self.authorities is None:
            raise NetworkError("to ask clients for certificates, say whose: TLS(authorities=...)")

    def for_server(self) -> ssl.SSLContext:
        """Read the files, for the side that listens; NetworkError if they will not do."""
        self.check(server=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context)
        if self.authorities is not None:
            wanted = self.require_client_certificate
            context.verify_mode = ssl.CERT_REQUIRED if wanted else ssl.CERT_OPTIONAL
        return context

    def for_client(self) -> ssl.SSLContext:
        """Read the files, for the side that connects; NetworkError if they will not do."""
        context = ssl.create_default_context()
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.authorities is not None:
            try:
                context.load_verify_locations(self.authorities)
            except ssl.SSLError:
                raise NetworkError(f"{self.authorities} holds no certificate in PEM form") from None
            except OSError as error:
                raise _unreadable(self.authorities, error) from error
        if self.certificate:
            self._load_own(context)

    def _load_own(self, context: ssl.SSLContext) -> None:
        key = self.key or self.certificate  # both may be in one file
        for file in (self.certificate, key):
            try:
                with open(file, "rb"):
                    pass
            except OSError as error:
                raise _unreadable(file, error) from error
        try:
            context.load_cert_chain(self.certificate, key, password=_no_password)
        except ssl.SSLError as error:
            if "MISMATCH" in (error.reason or ""):
                sentence = f"the key in {key} is not that of the certificate in {self.certificate}"
            else:
                sentence = f"{self.certificate} and {key} hold no certificate and key in PEM form"
            raise NetworkError(sentence) from error
        except _Locked:
            raise NetworkError(f"the key in {key} has a password: give one without") from None


GivenTLS: TypeAlias = TLS | ssl.SSLContext | Mapping[str, object]  # what components take as `tls`


def tls_of(given: GivenTLS | None, *, server: bool) -> TLS | ssl.SSLContext | None:
    """Make of what a user gives what `context_of` takes; NetworkError for what can be no TLS.

    Example: `tls_of({"certificate": "server.crt", "key": "server.key"}, server=True)`.
    """
    match given:
        case None | ssl.SSLContext():
            return given
        case TLS():
            given.check(server=server)
            return given
        case Mapping():
            there = [each.name for each in fields(TLS)]
            for name in given:
                if name not in there:
                    near = did_you_mean(str(name), there)
                    raise NetworkError(
                        f"TLS has no {name!r}{near}; it has {', '.join(there)}"
                    )
            return tls_of(TLS(**given), server=server)  # type: ignore[arg-type]  # check looks at them
    raise NetworkError(
        f"tls={given!r}: it is a TLS(...), an ssl.SSLContext, or a table such as "
        f"{{certificate = ..., key = ...}}"
    )


def context_of(given: GivenTLS | None, *, server: bool) -> ssl.SSLContext | None:
    """Make of it what connects by it, when a component starts; NetworkError if its files will not do."""
    tls = tls_of(given, server=server)
    if not isinstance(tls, TLS):
        return tls
    return tls.for_server() if server else tls.for_client()


class _Locked(Exception):
    """A key asks for a password."""


def _no_password() -> str:
    raise _Locked


def _unreadable(file: str, error: OSError) -> NetworkError:
    return NetworkError(f"{file} cannot be read: {error.strerror or error}")
