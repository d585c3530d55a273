"""Delivery: the client side of SMTP: one connection, kept from mail to mail. Imports aiosmtplib.

Laws
1. Every attempt ends in an Attempt: for each recipient delivered, refused, or to be tried again.
2. A connection that the server has closed meanwhile is made anew, once, without counting as a failure.
3. No password is ever sent to who has not shown a certificate that is trusted.
"""

from __future__ import annotations

import asyncio
import ssl

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPTimeoutError,
)

from kamesh.components.mail.messages import Mail
from kamesh.components.mail.replies import Attempt
from kamesh.components.network.trouble import shown, trouble

__all__ = ["Delivery"]

FAREWELL = 5.0  # seconds for QUIT


class Delivery:
    """Delivers to one server.

    Example: `attempt = await delivery.deliver(mail, mail.recipients)`; then `await delivery.close()`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        implicit: bool,
        user: str,
        password: str,
        timeout: float,
        hello: str | None,
    ) -> None:
        """Connect to nothing yet."""
        self._where = shown(host, port)
        self._smtp = SMTP(
            hostname=host,
            port=port,
            use_tls=implicit and tls is not None,
            start_tls=tls is not None and not implicit,
            tls_context=tls,
            timeout=timeout,
            local_hostname=hello or "localhost",
        )
        self._user = user
        self._password = password
        self.connected = 0

    async def deliver(self, mail: Mail, recipients: tuple[str, ...]) -> Attempt:
        """Try to deliver to these."""
        kept = self._smtp.is_connected
        try:
            attempt, lost = await self._deliver(mail, recipients)
            if lost and kept:  # the server had closed it while nothing was said
                self._drop()
                attempt, _ = await self._deliver(mail, recipients)
        except (SMTPException, OSError, ValueError) as error:
            self._drop()
            return Attempt(refused=dict.fromkeys(recipients, self._said(error)))
        return attempt

    async def _deliver(self, mail: Mail, recipients: tuple[str, ...]) -> tuple[Attempt, bool]:
        """Deliver; also say whether the connection was lost before the server had heard of it."""
        if not self._smtp.is_connected:
            await self._smtp.connect()
            self.connected += 1
            if self._user:
                await self._smtp.login(self._user, self._password)
        options = [f"SIZE={len(mail.data)}"] if self._smtp.supports_extension("size") else []
        wide = not all(each.isascii() for each in (mail.sender, *recipients))
        if wide:
            options.append("SMTPUTF8")
        encoding = "utf-8" if wide else "ascii"
        try:
            await self._smtp.mail(mail.sender, options=options, encoding=encoding)
        except SMTPResponseException as error:
            await self._reset()
            return Attempt(refused=dict.fromkeys(recipients, self._said(error))), error.code == 421
        except aiosmtplib.SMTPServerDisconnected as error:
            return Attempt(refused=dict.fromkeys(recipients, self._said(error))), True
        accepted, refused = [], {}
        for each in recipients:
            try:
                await self._smtp.rcpt(each, encoding=encoding)
                accepted.append(each)
            except SMTPResponseException as error:
                refused[each] = self._said(error)
        if not accepted:
            await self._reset()
            return Attempt(refused=refused), False
        try:
            response = await self._smtp.data(mail.data)
        except SMTPResponseException as error:
            await self._reset()
            refused.update(dict.fromkeys(accepted, self._said(error)))
            return Attempt(refused=refused), False
        reply = f"{response.code} {response.message}"
        return Attempt(tuple(accepted), reply, refused), False

    async def _reset(self) -> None:
        """Begin anew after a refusal; if that fails, with a new connection."""
        try:
            if self._smtp.is_connected:
                await self._smtp.rset()
        except (SMTPException, OSError):
            self._drop()

    def _drop(self, transport: asyncio.BaseTransport | None = None) -> None:
        """Break the connection off: TLS would wait for the farewell of the other end."""
        transport = transport or self._smtp.transport
        self._smtp.close()
        if transport is not None:
            transport.abort()  # type: ignore[attr-defined]  # it is a stream

    def _said(self, error: Exception) -> tuple[int, str]:
        """Give the number and a sentence; 0 where there was no reply."""
        match error:
            case SMTPAuthenticationError():
                return error.code, f"{self._where} does not know this user and password"
            case SMTPResponseException():
                return error.code, f"{self._where} says: {error.code} {error.message}"
            case SMTPTimeoutError():
                return 0, trouble(TimeoutError(), self._where)
            case aiosmtplib.SMTPNotSupported():
                return 554, f"{self._where} cannot do what this mail needs: {error}"
            case aiosmtplib.SMTPConnectError():
                return 0, trouble(error.__cause__ or error, self._where)
            case SMTPException():
                return 0, f"{self._where} has broken the connection off: {error}"
            case OSError():  # some of which, of TLS, are ValueErrors too
                return 0, trouble(error, self._where)
            case UnicodeError():
                return 553, f"{self._where} takes no addresses with such letters"
        return 554, f"this mail cannot be sent: {error}"

    async def close(self) -> None:
        """Take leave."""
        transport = self._smtp.transport
        try:
            if self._smtp.is_connected:
                await self._smtp.quit(timeout=FAREWELL)
        except (SMTPException, OSError):
            pass  # it has gone before
        finally:
            self._drop(transport)
            await asyncio.sleep(0)  # for the socket to be closed in this loop
