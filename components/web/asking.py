"""Asking: what a client decides: what to ask, whether to ask again, where a download goes on.

Pure: no connection, no clock.

Laws
1. Only what may be done twice is asked twice: the idempotent methods of RFC 9110, 9.2.2.
2. A download goes on where it broke off only if it is still the same: by its ETag or its time (13.1.5);
   what has changed meanwhile is a failure, never a mixture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from kamesh.components.network.trouble import NetworkError
from kamesh.components.refusing import WrongFigure, text
from kamesh.components.web.messages import Request

__all__ = ["Asked", "Progress", "as_request", "may_repeat", "retry_after", "schemes"]

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
PASSING = frozenset({429, 502, 503, 504})  # answers that say: come again
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
WEB = ("http", "https")


class Asked(NetworkError):
    """A server has answered, but not with what was asked for."""


def schemes(url: str, among: tuple[str, ...] = WEB) -> str:
    """Give `url` back if it is an address of the web; WrongFigure, with a sentence, if it is none."""
    text(url, "an address")
    try:
        parts = urlsplit(url)
        if parts.scheme in among and parts.hostname and parts.port != 0:
            return url
    except ValueError:
        pass
    kinds = " or ".join(f"{each}://" for each in among)
    raise WrongFigure(f"{url!r} is not an address that can be asked: it begins with {kinds}")


def as_request(message: object) -> Request:
    """Make a request of an address, or take one as it is; TypeError, ValueError if it is neither."""
    if isinstance(message, str):
        message = Request(message.strip())
    if not isinstance(message, Request):
        raise TypeError(f"addresses and Requests can be asked for, not {type(message).__name__}")
    schemes(message.url)
    return message


def may_repeat(request: Request, status: int | None = None) -> bool:
    """Say whether to ask again after a failure, or after an answer with `status`."""
    return request.method in IDEMPOTENT and (status is None or status in PASSING)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Read the seconds that a server asks to wait; `now` is seconds since 1970."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return 0.0


@dataclass(slots=True)
class Progress:
    """How far a download has come, and of what.

    Example:
        progress = Progress()
        request headers: progress.ask()
        skip = progress.answered(206, headers)      # bytes to leave out of what comes
        progress.took(data)
        progress.over()                             # whether all has come
    """

    start: int = 0  # where the first request began
    position: int = 0
    total: int | None = None
    validator: str = ""

    def ask(self) -> dict[str, str]:
        """Give the headers to ask with."""
        headers = {"accept-encoding": "identity"}  # the bytes as they are: ranges are of these
        if self.position:
            headers["range"] = f"bytes={self.position}-"
            if self.validator:
                headers["if-range"] = self.validator
        return headers

    def answered(self, status: int, headers: Mapping[str, str]) -> int:
        """Take note of an answer; give how many of its first bytes have come before.

        Asked if it is not what was asked for, or no longer the same.
        """
        if status == 416 and self.position and self._length(headers) == self.position:
            self.total = self.position
            return 0
        if status not in (200, 206):
            raise Asked(f"it was answered with status {status}")
        validator = _validator(headers)
        if self.position and self.validator and validator != self.validator:
            raise Asked(f"it has changed after {self.position} bytes of it had come")
        begins = 0
        if status == 206:
            match = _CONTENT_RANGE.match(headers.get("content-range", ""))
            if match is None or int(match.group(1)) > self.position:
                raise Asked("another range of it came than was asked for")
            begins = int(match.group(1))
            total = None if match.group(3) == "*" else int(match.group(3))
        else:
            length = headers.get("content-length", "")
            total = int(length) if length.isdecimal() else None
            if self.position and not self.validator and total != self.total:
                raise Asked(f"it has changed after {self.position} bytes of it had come")
        self.total = total
        self.validator = validator
        return self.position - begins

    def took(self, count: int) -> None:
        """Count what has come and was new."""
        self.position += count

    @property
    def whole(self) -> bool:
        """Whether all has come, as far as is known."""
        return self.total is None or self.position >= self.total

    @staticmethod
    def _length(headers: Mapping[str, str]) -> int | None:
        text = headers.get("content-range", "").removeprefix("bytes */")
        return int(text) if text.isdecimal() else None


def _validator(headers: Mapping[str, str]) -> str:
    etag = headers.get("etag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("last-modified", "")
