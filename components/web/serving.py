"""WebServer: what every component that serves HTTP shares: address, limits, start and end.

Laws
1. It listens when it starts, not before, and says where by a `Listening`.
2. When it ends, in whatever way, requests under way have `grace` seconds, and the port is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.network.tls import GivenTLS, context_of, tls_of
from kamesh.components.network.trouble import (
    ListenError,
    Listening,
    checked_port,
    shown,
    trouble,
)
from kamesh.components.web.limits import Limits

if TYPE_CHECKING:
    from kamesh.components.web.exchange import Exchange
    from kamesh.components.web.site import Site

__all__ = ["WebServer"]


class WebServer(Component):
    """Answers HTTP requests; a subclass says how: `answer` each, and `serve` until it is over.

    Example: see `HTTPServer`, which is one.

    Boxes and how it ends: those of the subclass.
    """

    outboxes: ClassVar = {
        "outbox": "one Listening",
        "signal": "passes on what was told on control",
    }

    scheme: ClassVar = "http"

    def __init__(
        self,
        port: int,
        host: str,
        tls: GivenTLS | None,
        limits: Limits,
        name: str | None,
    ) -> None:
        """Remember where to listen; WrongFigure for a port that is none."""
        super().__init__(name=name)
        self.port = checked_port(port, 0)
        self.host = host
        self.tls = tls_of(tls, server=True)
        self.limits = limits
        self.base = "/"  # what its addresses begin with
        self.url = ""  # known once it listens
        self.ending = False
        self._site: Site | None = None

    async def main(self) -> None:
        """Listen, serve, and close."""
        # aiohttp takes 0.15 s to import: only the node that serves pays for it
        with needing(type(self).__name__):
            from kamesh.components.web.site import Site

        tls = context_of(self.tls, server=True)
        site = self._site = Site(self.answer, self.limits, tls)
        try:
            self.port = await site.start(self.host, self.port)
        except OSError as error:
            where = shown(self.host, self.port)
            raise ListenError(trouble(error, where, listening=True)) from error
        try:
            scheme = self.scheme + ("s" if self.tls is not None else "")
            self.url = f"{scheme}://{shown(self.host, self.port)}{self.base}"
            await self.send(Listening(self.url, self.host, self.port))
            await self.serve()
        finally:
            self.ending = True
            await self.close()
            await site.close()

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        raise NotImplementedError

    async def serve(self) -> None:
        """Go on until it is over."""
        raise NotImplementedError

    async def close(self) -> None:
        """Have what is under way come to its end: requests that would never end by themselves."""

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        site = self._site
        return {
            "url": self.url,
            "connections": site.connections if site else 0,
            "requests": site.requests if site else 0,
            "errors": site.errors if site else 0,
            "refused": site.refused if site else 0,
            "idled": site.idled if site else 0,
        }
