"""What is said over the web: requests, responses, events, and failures, as frozen records.

Laws
1. They are of plain values and registered, so that they travel to another process as they are.
2. Names of headers are lower case; several headers of one name are one value, joined with ", " (RFC
   9110, 5.3), and `set-cookie`, of which that may not be done, with line feeds.
3. A body of None follows in pieces, or is not there; b"" is a body of no bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kamesh.codec import register

__all__ = ["Event", "Failed", "Request", "Response", "header_lines", "headers_of"]


@register(name="web.Request")
@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for: an address, a method, headers, and perhaps a body.

    `url` is the whole address. At a server, `parts` are what the route's `{names}` stand for, `peer`
    is the client's address, and `number` tells one request from another; a Response given to a
    server by message names it, and one that comes from a client has that of its Request.

    Example: `Request("http://127.0.0.1:8080/search?q=boxes").query` is `{"q": "boxes"}`.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    number: int = 0
    peer: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path, with what was percent-encoded decoded."""
        return unquote(urlsplit(self.url).path) or "/"

    @property
    def query(self) -> dict[str, str]:
        """What follows the `?`, by name; of several of one name, the last."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def text(self) -> str:
        """The body as text, in UTF-8; what is not, is replaced."""
        return (self.body or b"").decode("utf-8", "replace")

    def json(self) -> Any:
        """Read the body as JSON; ValueError if it is not."""
        return json.loads(self.body or b"")


@register(name="web.Response")
@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request: a status, a body, headers.

    A body of text goes out as text/plain in UTF-8 unless the headers say otherwise. `number` is that of
    the request; `url`, at a client, the address it came from in the end.

    Example: `Response(404, b"nothing here")`, `Response(body="text")`.
    """

    status: int = 200
    body: bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    url: str = ""

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return self.body.encode() if isinstance(self.body, str) else self.body or b""

    @property
    def text(self) -> str:
        """The body as text, in UTF-8; what is not, is replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Read the body as JSON; ValueError if it is not."""
        return json.loads(self.content)


@register(name="web.Event")
@dataclass(frozen=True, slots=True)
class Event:
    """One Server-Sent Event: text, its kind (no kind is "message"), its id.

    `retry` tells clients, in seconds, how long to wait before they come back.
    """

    data: str = ""
    event: str = ""
    id: str = ""
    retry: float | None = None


@register(name="web.Failed")
@dataclass(frozen=True, slots=True)
class Failed:
    """Something that was asked for and did not come about: what, and why, in a sentence; as text, that."""

    request: Any
    reason: str

    def __str__(self) -> str:
        """Say why."""
        return self.reason


def headers_of(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Make one mapping of the lines of a head.

    Example: `headers_of([("Accept", "a"), ("ACCEPT", "b")])` is `{"accept": "a, b"}`.
    """
    headers: dict[str, str] = {}
    for name, value in lines:
        name = name.lower()
        if name not in headers:
            headers[name] = value
        else:
            headers[name] += ("\n" if name == "set-cookie" else ", ") + value
    return headers


def header_lines(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Make the lines of a head of a mapping; ValueError for what would be more than one line."""
    lines = []
    for name, value in headers.items():
        values = value.split("\n") if name.lower() == "set-cookie" else [value]
        for each in values:
            if any(sign in name + each for sign in "\r\n\0"):
                raise ValueError(f"the header {name!r} has a line end or a zero in it")
            lines.append((name, each))
    return lines
