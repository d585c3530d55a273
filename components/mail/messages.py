"""What is said about mail: mails, what became of them, and what a server may be asked about one.

Laws: each is a frozen record of plain values, registered, so that it travels as it is; `data` is the
message as it was on the wire (RFC 5322, lines ended by CRLF), never changed on its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import getaddresses, parseaddr

from kamesh.codec import register

__all__ = ["Delivered", "Mail", "Question", "Undelivered", "as_mail"]


@register(name="mail.Mail")
@dataclass(frozen=True, slots=True)
class Mail:
    r"""One mail: its envelope (who sends it, to whom it goes) and its data.

    A sender of "" is that of notices about delivery. `peer` is the address of who gave it to a server,
    `hello` the name that it gave itself, `user` the one it has logged in as, `tls` whether it spoke TLS.

    Example: `Mail("me@example.org", ("you@example.org",), b"Subject: hello\r\n\r\nhello\r\n")`.
    """

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    peer: str = ""
    hello: str = ""
    user: str = ""
    tls: bool = False

    def message(self) -> EmailMessage:
        """Read the data as Python's `email` does: headers, parts, attachments."""
        parsed = message_from_bytes(self.data, policy=WIRE)
        assert isinstance(parsed, EmailMessage)  # that is what this policy makes
        return parsed


@register(name="mail.Delivered")
@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail that a server has taken over, for these recipients, with these words."""

    mail: Mail
    recipients: tuple[str, ...]
    reply: str


@register(name="mail.Undelivered")
@dataclass(frozen=True, slots=True)
class Undelivered:
    """A mail that these recipients will not get, and why; `code` is the server's, 0 if there is none."""

    mail: Mail
    recipients: tuple[str, ...]
    reason: str
    code: int = 0

    def __str__(self) -> str:
        """Say who does not get it, and why."""
        return f"mail for {', '.join(self.recipients) or 'nobody'} is not delivered: {self.reason}"


@register(name="mail.Question")
@dataclass(frozen=True, slots=True)
class Question:
    """What a policy is asked at MAIL (who sends) and at each RCPT (who is to get it).

    `step` is "MAIL" or "RCPT"; at MAIL `recipient` is "".
    """

    step: str
    peer: str
    hello: str
    sender: str
    recipient: str = ""
    user: str = ""
    tls: bool = False


def as_mail(message: object) -> Mail:
    """Make a mail of what a user sends: a Mail, or an EmailMessage of Python's `email`.

    Of the latter the sender is that of Sender or From, the recipients are those of To, Cc and Bcc; Bcc
    itself is left out of the data. TypeError for anything else, ValueError for nobody to send it to.
    """
    if isinstance(message, EmailMessage):
        headers = [str(each) for name in ("to", "cc", "bcc") for each in message.get_all(name, [])]
        recipients = tuple(address for _, address in getaddresses(headers) if address)
        _, sender = parseaddr(str(message.get("sender", message.get("from", ""))))
        shown = message_from_bytes(message.as_bytes(), policy=WIRE)
        del shown["bcc"]
        message = Mail(sender, recipients, shown.as_bytes(policy=WIRE))
    if not isinstance(message, Mail):
        raise TypeError(f"Mails and EmailMessages are sent, not {type(message).__name__}")
    for address in (message.sender, *message.recipients):
        if any(sign in "<>" or ord(sign) <= 32 for sign in address):
            raise ValueError(f"{address!r} is not an address of mail")
    if not message.recipients or not all(message.recipients):
        raise ValueError("this mail has nobody to go to")
    return message
