"""SMTPServer: takes mail, and hands each on as a message.

Laws
1. A mail is accepted (250) only when there was room for it and it has been handed on; while there is
   none the client waits, and after `patience` seconds is told to come again (451).
2. A policy decides at MAIL and at each RCPT; one that fails is a 451 for that mail.
3. No client can end the server, or hold up another one.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.mail.messages import Mail, Question
from kamesh.components.mail.replies import checked_reply
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import (
    ListenError,
    Listening,
    checked_port,
    shown,
    trouble,
)
from kamesh.components.refusing import WrongFigure, at_least, more_than, whole
from kamesh.outbox import Outbox

if TYPE_CHECKING:
    from kamesh.components.mail.talking import Post

__all__ = ["Policy", "SMTPServer"]

log = logging.getLogger("kamesh")

Policy = Callable[[Question], "str | Awaitable[str | None] | None"]

LONGEST = 32 << 20
FULL = "451 4.3.1 there is no room for this mail now: come again"
NOBODY = "451 4.3.0 nobody takes mail here at the moment"
MISTAKE = "451 4.3.0 this server has made a mistake; its log says which"


class SMTPServer(Component):
    """Takes mail by SMTP, and sends each that it accepts on as a Mail.

    `port` 0 takes any that is free (see "listening"); `host` is loopback unless told otherwise. `policy`
    is called with a Question at MAIL and at each RCPT, plain or `async`: it gives None to accept, or a
    reply such as "450 4.7.1 come again". A mail has at most `longest` bytes (32 MiB) and `recipients`
    (100). At most `connections` (100) are served at a time; one that is silent for `idle` seconds (120)
    is closed. While what reads the mails has no room, a client waits up to `patience` seconds (30), and
    is then told to come again. With `tls`, a TLS, a dict of its fields, or an `ssl.SSLContext`, STARTTLS
    is offered; `require_tls` takes no mail without. `login` is called with user and password, and says
    whether they are right; it needs `tls`, and then no mail is taken from who has not logged in.
    `hostname` is what the server calls itself. Clients that are in the middle of a mail have `grace`
    seconds (5) when it ends.

    Example:
        >>> import smtplib
        >>> with SMTPServer().background() as server:
        ...     port = server.get("listening", timeout=5).port
        ...     with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        ...         refused = client.sendmail("me@x", ["you@x"], "Subject: hello")
        ...     server.get(timeout=5).recipients
        ('you@x',)

    Boxes: "inbox" is not read, its end has the server finish; "outbox" Mails; "listening" one
    `Listening`; "control".

    How it ends: with its inbox, or when it is told to on "control". It fails, with a sentence that names
    the address, when it cannot listen.
    """

    inboxes: ClassVar = {
        "inbox": "not read: the server finishes when what feeds it has ended",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "Mails",
        "listening": "one Listening",
        "signal": "passes on what was told on control",
    }

    listening: Outbox

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        policy: Policy | None = None,
        longest: int = LONGEST,
        recipients: int = 100,
        connections: int = 100,
        idle: float = 120.0,
        patience: float = 30.0,
        grace: float = 5.0,
        tls: GivenTLS | None = None,
        require_tls: bool = False,
        login: Callable[[str, str], bool] | None = None,
        hostname: str = "",
        name: str | None = None,
    ) -> None:
        """Remember how to serve; WrongFigure for limits that are none, or passwords without TLS."""
        super().__init__(name=name)
        whole(1, longest, "the bytes of a mail")
        whole(1, recipients, "the number of recipients of a mail")
        whole(1, connections, "the number of connections at a time")
        more_than(0, idle, "the seconds of idle")
        more_than(0, patience, "the seconds of patience")
        at_least(0, grace, "the seconds of grace")
        if tls is None and (require_tls or login is not None):
            raise WrongFigure("a login, or require_tls=True, needs tls=TLS(certificate, key)")
        self.port = checked_port(port, 0)
        self.host = host
        self.policy = policy
        self.longest = longest
        self.recipients = recipients
        self.connections = connections
        self.idle = idle
        self.patience = patience
        self.grace = grace
        self.tls = tls_of(tls, server=True)
        self.require_tls = require_tls
        self.login = login
        self.hostname = hostname
        self.accepted = self.declined = self.deferred = 0
        self._post: Post | None = None

    async def main(self) -> None:
        """Serve until told."""
        with needing("SMTPServer"):  # aiosmtpd: only the node that serves pays for it
            from kamesh.components.mail.talking import Host, Post, Terms

        terms = Terms(
            hostname=self.hostname or socket.gethostname(),
            longest=self.longest,
            recipients=self.recipients,
            connections=self.connections,
            idle=self.idle,
            tls=context_of(self.tls, server=True),
            require_tls=self.require_tls,
        )
        post = self._post = Post(Host(self._ask, self._take, self.login), terms)
        try:
            self.port = await post.start(self.host, self.port)
        except OSError as error:
            where = shown(self.host, self.port)
            raise ListenError(trouble(error, where, listening=True)) from error
        try:
            url = f"smtp://{shown(self.host, self.port)}"
            await self.send(Listening(url, self.host, self.port), "listening")
            async for _ in self.inbox:
                pass
        finally:
            await post.close(self.grace)

    async def _ask(self, question: Question) -> str | None:
        """Have the policy decide."""
        if self.policy is None:
            return None
        try:
            answer = self.policy(question)
            if inspect.isawaitable(answer):
                answer = await answer
            reply = checked_reply(answer)
        except Exception as error:
            log.error("%s: its policy: %s", self.path, error, exc_info=error)
            return MISTAKE
        self.declined += reply is not None
        return reply

    async def _take(self, mail: Mail) -> str | None:
        """Hand a mail on, when there is room for it."""
        try:
            async with asyncio.timeout(self.patience):
                while self.room("outbox") <= 0:
                    await self.outbox
        except TimeoutError:
            self.deferred += 1
            return FULL
        if all(feed.sink.closed for feed in self.outbox.feeds):  # or there is none
            self.deferred += 1
            return NOBODY
        self.outbox.put(mail)
        self.accepted += 1
        return None

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {
            "connections": len(self._post.talks) if self._post else 0,
            "accepted": self.accepted,
            "declined": self.declined,
            "deferred": self.deferred,
            "refused": self._post.refused if self._post else 0,
        }
