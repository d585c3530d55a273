"""TLS: certificates, keys and authorities as settings, read and checked before anything listens.

Laws
1. A file that is missing, is no certificate, or does not fit the other is named in one sentence, when
   the settings are made into what they are for, not when the first client comes.
2. A client checks who it speaks with, always; there is no word to turn that off. Whoever signs their
   own certificate gives it as `authorities`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from kamesh.components.network.trouble import NetworkError

__all__ = ["TLS"]


@dataclass(frozen=True, slots=True)
class TLS:
    """How to speak TLS: files in PEM form.

    `certificate` (with those between it and its authority, if any, in the same file) and `key` say who
    this end is: a server needs them, a client only where the server asks. `authorities` says whose
    certificates are believed: for a client, None for those this machine trusts; for a server, those
    of its clients. `require_client_certificate` lets in only clients that have one.

    Example: `TLSServer(Echo, 8443, tls=TLS("server.crt", "server.key"))` and
    `TCPClient("example.org", 443, tls=TLS())`.
    """

    certificate: str = ""
    key: str = ""
    authorities: str | None = None
    require_client_certificate: bool = False

    def for_server(self) -> ssl.SSLContext:
        """Read the files, for the side that listens; NetworkError if they will not do."""
        if not self.certificate:
            raise NetworkError("a TLS server needs a certificate: TLS(certificate=..., key=...)")
        if self.require_client_certificate and self.authorities is None:
            raise NetworkError("to ask clients for certificates, say whose: TLS(authorities=...)")
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


class _Locked(Exception):
    """A key asks for a password."""


def _no_password() -> str:
    raise _Locked


def _unreadable(file: str, error: OSError) -> NetworkError:
    return NetworkError(f"{file} cannot be read: {error.strerror or error}")
