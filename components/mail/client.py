"""SMTPClient: mails in, delivered to one server in their order.

Laws
1. Mails are delivered one after the other, in order, over one connection that is kept.
2. Each recipient of each mail is accounted for: in a Delivered, or in an Undelivered, or, with nothing
   linked to hear of the latter, by what the client fails with. A connection that
   breaks after a mail was sent and before the server's word may have it delivered twice, never not.
3. What may pass is tried again, with growing waits, a limited number of times; mails behind it wait.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.failing import tell_failure
from kamesh.components.mail.messages import Delivered, Mail, Undelivered, as_mail
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import checked_port
from kamesh.components.refusing import WrongFigure, more_than
from kamesh.components.retries import Retries
from kamesh.components.sending import stopped_within, tell_retry, told_to_end, unless_told
from kamesh.outbox import Outbox

if TYPE_CHECKING:
    from kamesh.components.mail.delivery import Delivery

__all__ = ["SMTPClient"]


LONGEST_WAIT = 300.0  # seconds between two tries


class SMTPClient(Component):
    r"""Delivers mail to an SMTP server, in order.

    A message is a Mail, or an EmailMessage of Python's `email`. With `tls`, a TLS, a dict of its fields,
    or an `ssl.SSLContext`, nothing is sent before STARTTLS (or, with `implicit=True`, as at port 465, at
    all without TLS) with a certificate that is trusted. `user` and `password` are for a server that wants
    them; beyond this machine they need `tls`. `timeout` (30 s) is for each reply. A server that cannot be
    reached, or says to come again (4xx), is tried up to `tries` (5) times, `first_wait` seconds (2) after
    the first time, then twice as long, 5 minutes at most. `hello` is what the client calls itself.

    Example:
        >>> with SMTPServer().background() as server:
        ...     port = server.get("listening", timeout=5).port
        ...     with SMTPClient("127.0.0.1", port).background() as client:
        ...         client.put(Mail("me@x", ("you@x",), b"Subject: hello\r\n\r\nhello\r\n"))
        ...         print(client.get(timeout=5).reply)
        ...     print(server.get(timeout=5).message()["subject"])
        250 2.0.0 taken over
        hello

    Boxes: "inbox" Mails and EmailMessages; "outbox" a Delivered for each that a server has taken over;
    "errors" an Undelivered for those it has not, with the reason; "control".

    How it ends: when its inbox has ended and each mail is accounted for. Told Shutdown, at once: what was
    under way is told on "errors"; told to finish, it tries no mail a second time. It fails, with a
    sentence, at the first mail that is not delivered if "errors" is linked to nothing.
    """

    inboxes: ClassVar = {
        "inbox": "Mails and EmailMessages",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "a Delivered for each that was taken over",
        "errors": "an Undelivered for each that was not",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 64}

    errors: Outbox

    def __init__(
        self,
        host: str,
        port: int = 25,
        *,
        tls: GivenTLS | None = None,
        implicit: bool = False,
        user: str = "",
        password: str = "",
        timeout: float = 30.0,
        tries: int = 5,
        first_wait: float = 2.0,
        hello: str | None = None,
        name: str | None = None,
    ) -> None:
        """Remember where to deliver; WrongFigure for a password that would go in clear."""
        super().__init__(name=name)
        if user and tls is None and not _is_here(host):
            raise WrongFigure(f"the password for {host} would be sent in clear: give tls=TLS()")
        if implicit and tls is None:
            raise WrongFigure("implicit=True is about TLS: give tls=TLS() too")
        more_than(0, timeout, "the seconds of the timeout")
        more_than(0, first_wait, "the seconds of the first wait")
        Retries(tries, first_wait, max(first_wait, LONGEST_WAIT))  # for its sentence
        self.host = host
        self.port = checked_port(port)
        self.tls = tls_of(tls, server=False)
        self.implicit = implicit
        self.user = user
        self.password = password
        self.timeout = timeout
        self.tries = tries
        self.first_wait = first_wait
        self.hello = hello
        self.delivered = self.undelivered = self.retried = 0

    async def main(self) -> None:
        """Deliver mail after mail."""
        with needing("SMTPClient"):  # aiosmtplib: only the node that sends pays for it
            from kamesh.components.mail.delivery import Delivery

        delivery = Delivery(
            self.host,
            self.port,
            tls=context_of(self.tls, server=False),
            implicit=self.implicit,
            user=self.user,
            password=self.password,
            timeout=self.timeout,
            hello=self.hello,
        )
        try:
            async for message in self.inbox:
                try:
                    mail = as_mail(message)
                except (TypeError, ValueError) as error:
                    shown = message if isinstance(message, Mail) else Mail("", (), b"")
                    await self._fail(shown, shown.recipients, str(error))
                    continue
                await self._deliver(delivery, mail)
        finally:
            await delivery.close()

    async def _deliver(self, delivery: Delivery, mail: Mail) -> None:
        """Deliver one mail, in as many attempts as that takes."""
        retries = Retries(self.tries, self.first_wait, max(self.first_wait, LONGEST_WAIT))
        left = mail.recipients
        while left:
            attempt = await unless_told(self, delivery.deliver(mail, left))
            if attempt is None:
                await self._fail(mail, left, "it was under way when the client was stopped")
                return
            if attempt.delivered:
                self.delivered += 1
                await self.send(Delivered(mail, attempt.delivered, attempt.reply))
            for who, (code, reason) in attempt.for_good.items():
                await self._fail(mail, (who,), reason, code)
            left = attempt.again
            if not left:
                return
            wait = retries.wait()
            if wait is not None:
                tell_retry(self, retries, attempt.refused[left[0]][1])
            if wait is None or await stopped_within(self, wait, told_to_end):
                for who in left:
                    code, reason = attempt.refused[who]
                    await self._fail(mail, (who,), reason, code)
                return
            self.retried += 1

    async def _fail(
        self, mail: Mail, recipients: tuple[str, ...], reason: str, code: int = 0
    ) -> None:
        self.undelivered += 1
        await tell_failure(self, Undelivered(mail, recipients, reason, code))

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {
            "delivered": self.delivered,
            "undelivered": self.undelivered,
            "retried": self.retried,
        }


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
