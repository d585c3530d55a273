"""Talking: the server side of SMTP connections, within limits. Imports aiosmtpd.

aiosmtpd speaks the protocol; what it leaves to others is here: how many connections there may be, how
much one may send before it gets an answer, and what becomes of one that says nothing, or reads nothing.

Laws
1. A connection has a bounded number of bytes in memory, whatever it sends; one that is silent, or does
   not read its replies, for `idle` seconds is closed.
2. What goes wrong with one is a 451 for it alone, and is logged.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, LoginPassword, Session, TLSSetupException

from kamesh.components.mail.messages import Mail, Question
from kamesh.components.network.trouble import shown

__all__ = ["Host", "Post", "Terms"]

log = logging.getLogger("kamesh")
logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd tells of every command

LINE = 64 << 10  # bytes of a line; RFC 5321 has 1000, and clients do not keep to it
A_LINE = 64  # bytes that a line takes in memory beside what is on it: each is kept by itself
SLACK = 1 << 20  # bytes that a client may send beyond what it may, before it is cut off


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a server takes mail."""

    hostname: str
    longest: int
    recipients: int
    connections: int
    idle: float
    tls: ssl.SSLContext | None
    require_tls: bool


@dataclass(frozen=True, slots=True)
class Host:
    """What decides: about a question, about a mail (each a reply, None to accept), about a login."""

    ask: Callable[[Question], Awaitable[str | None]]
    take: Callable[[Mail], Awaitable[str | None]]
    login: Callable[[str, str], bool] | None


class Post:
    """Listens, and talks with clients.

    Example:
        post = Post(host, terms)
        port = await post.start("127.0.0.1", 0)
        ...
        await post.close(grace=5.0)
    """

    def __init__(self, host: Host, terms: Terms) -> None:
        """Begin with no connection."""
        self.host = host
        self.terms = terms
        self.talks: set[_Talk] = set()
        self.refused = 0
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and give the port; OSError as the system gives it."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._connection, host, port, backlog=256)
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self, grace: float) -> None:
        """Listen no longer; who is in the middle of a mail has `grace` seconds."""
        if self._listener is not None:
            self._listener.close()
        end = asyncio.get_running_loop().time() + grace
        while self.talks and asyncio.get_running_loop().time() < end:
            for talk in list(self.talks):
                if not talk.in_mail:
                    talk.dismiss("421 4.3.2 this server is ending")
            await asyncio.sleep(0.02)  # clients do not tell when they are done
        for talk in list(self.talks):
            talk.abort()
        await asyncio.gather(*(talk.over.wait() for talk in list(self.talks)))

    def _connection(self) -> asyncio.Protocol:
        if len(self.talks) >= self.terms.connections:
            self.refused += 1
            return _Refusal()
        talk = _Talk(self)
        self.talks.add(talk)
        return talk


class _Refusal(asyncio.Protocol):
    """Says 421 to a connection, and closes it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so."""
        assert isinstance(transport, asyncio.WriteTransport)  # it is a stream
        transport.write(b"421 4.3.2 this server has no room for another connection\r\n")
        transport.close()


class _Hooks:
    """What aiosmtpd asks at each step of one connection."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def _question(self, step: str, session: Session, sender: str, recipient: str = "") -> Question:
        return Question(
            step,
            _peer(session),
            session.host_name or "",
            sender,
            recipient,
            _user(session),
            session.ssl is not None,
        )

    async def handle_MAIL(  # noqa: N802  # the name that aiosmtpd looks for
        self, talk: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Ask about the sender."""
        refusal = await self._post.host.ask(self._question("MAIL", session, address))
        if refusal is not None:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 fine"

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd looks for
        self, talk: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Ask about a recipient."""
        if len(envelope.rcpt_tos) >= self._post.terms.recipients:
            return "452 4.5.3 too many recipients for one mail"
        sender = envelope.mail_from or ""
        refusal = await self._post.host.ask(self._question("RCPT", session, sender, address))
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 fine"

    async def handle_DATA(  # noqa: N802  # the name that aiosmtpd looks for
        self, talk: Any, session: Session, envelope: Envelope
    ) -> str:
        """Hand the mail over."""
        content = envelope.content
        assert isinstance(content, bytes)  # it is not to be decoded
        mail = Mail(
            envelope.mail_from or "",
            tuple(envelope.rcpt_tos),
            content,
            _peer(session),
            session.host_name or "",
            _user(session),
            session.ssl is not None,
        )
        return await self._post.host.take(mail) or "250 2.0.0 taken over"

    async def handle_exception(self, error: Exception) -> str:
        """Say that it was not the client's fault, unless it was."""
        if isinstance(error, TLSSetupException):
            log.info("a client of mail and this server do not agree about TLS: %s", error.__cause__)
            return "454 4.7.0 no TLS"
        log.error("a connection of mail: %s", error, exc_info=error)
        return "451 4.3.0 this server has made a mistake; its log says which"


class _Talk(SMTP):
    """One connection."""

    line_length_limit = LINE

    def __init__(self, post: Post) -> None:
        terms = post.terms
        super().__init__(
            _Hooks(post),
            data_size_limit=terms.longest,
            enable_SMTPUTF8=True,
            hostname=terms.hostname,
            ident="kamesh",
            tls_context=terms.tls,
            require_starttls=terms.require_tls,
            timeout=terms.idle,
            auth_required=post.host.login is not None,
            auth_require_tls=True,
            auth_exclude_mechanism=("LOGIN", "PLAIN") if post.host.login is None else None,
            auth_callback=self._login,
            loop=asyncio.get_running_loop(),
        )
        self._post = post
        self._taken = self._lines = 0  # bytes and lines since the last reply
        self.over = asyncio.Event()

    def _login(self, mechanism: str, user: bytes, password: bytes) -> bool:
        login = self._post.host.login
        said = user.decode("utf-8", "replace"), password.decode("utf-8", "replace")
        return login is not None and bool(login(*said))

    @property
    def in_mail(self) -> bool:
        """Whether a mail has begun that has no reply yet."""
        return self.envelope is not None and bool(self.envelope.rcpt_tos)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to talk; what the talk ends with is nobody's to wait for."""
        super().connection_made(transport)
        if self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(_heard)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless there are too many without an end."""
        longest = self._post.terms.longest
        self._taken += len(data)
        self._lines += data.count(b"\n")
        if self._taken > longest + SLACK or self._lines * A_LINE > 2 * longest + SLACK:
            log.info(
                "a client has sent %d bytes and %d lines of one mail, and is cut off",
                self._taken,
                self._lines,
            )
            self.abort()
            return
        self._reset_timeout()
        super().data_received(data)

    async def push(self, status: Any) -> None:
        """Reply."""
        self._taken = self._lines = 0
        await super().push(status)

    def _timeout_cb(self) -> None:
        self.dismiss(f"421 4.4.2 nothing came for {self._post.terms.idle:g} seconds")

    def dismiss(self, reply: str) -> None:
        """Say why, and close; abort where the last reply has not been taken."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size():  # type: ignore[attr-defined]  # it is a stream
            self.abort()
            return
        transport.write(f"{reply}\r\n".encode())  # type: ignore[attr-defined]  # it is a stream
        transport.close()

    def abort(self) -> None:
        """Break it off."""
        for transport in (self.transport, self._original_transport):
            if transport is not None:
                transport.abort()  # type: ignore[attr-defined]  # it is a stream

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(error)
        self._post.talks.discard(self)
        self.over.set()


def _heard(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ConnectionError):
        log.error("a connection of mail: %s", error, exc_info=error)


def _peer(session: Session) -> str:
    peer: Any = session.peer
    return shown(str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else str(peer or "")


def _user(session: Session) -> str:
    data = session.auth_data
    return data.login.decode("utf-8", "replace") if isinstance(data, LoginPassword) else ""
