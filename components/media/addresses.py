"""The addresses that media may come from, and when to try them again. Pure.

Laws
1. Only protocols of the list are used, also by what a playlist leads to: never a file, a pipe or
   another program of this host.
2. After the n-th failure in a row it is tried again in FIRST x 2**(n-1) seconds, LONGEST at the most,
   and after the last attempt no more. What has brought media begins to count anew.
3. A name and a password are never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

__all__ = ["PROTOCOLS", "WHITELIST", "Attempts", "check_address", "shown_address"]

PROTOCOLS = (
    "http", "https", "rtmp", "rtmps", "rtp", "rtsp", "rtsps", "rist", "srt", "tcp", "tls", "udp",
    "unix",
)  # fmt: skip
WHITELIST = ",".join((*PROTOCOLS, "crypto", "httpproxy", "rtmpt", "rtmpts", "srtp"))
FIRST, LONGEST = 0.25, 8.0  # seconds


def check_address(url: str) -> str:
    """Give `url` back; ValueError, in a sentence, if nothing can be read from it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError(f"{url!r} is not an address: write rtsp://host/path, udp://host:port, ...")
    if scheme.lower() not in PROTOCOLS:
        raise ValueError(
            f"{scheme}:// is no protocol that media are read by here: there is {', '.join(PROTOCOLS)}"
        )
    if not rest:
        raise ValueError(f"{url!r} names no host")
    return url


def shown_address(url: str) -> str:
    """Give an address without the name and the password in it.

    Example: `shown_address("rtsp://me:secret@camera/1")` is "rtsp://camera/1".
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@dataclass(slots=True)
class Attempts:
    """Counts failures in a row.

    Example: `Attempts(3)` gives, by `failed()`, 0.25, 0.5, then None: no more.
    """

    most: int
    failures: int = 0

    def failed(self) -> float | None:
        """Count one more; give the seconds until the next attempt, or None if there is none."""
        self.failures += 1
        if self.failures >= self.most:
            return None
        return float(min(LONGEST, FIRST * 2 ** min(self.failures - 1, 20)))

    def succeeded(self) -> None:
        """Begin to count anew."""
        self.failures = 0
