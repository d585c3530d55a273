"""The addresses that media may come from. Pure.

Laws
1. Only protocols of the list are used, also by what a playlist leads to: never a file, a pipe or
   another program of this host.
2. A name and a password are never shown.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from kamesh.components.refusing import WrongFigure, text

__all__ = ["WHITELIST", "check_address", "shown_address"]

PROTOCOLS = (
    "http", "https", "rtmp", "rtmps", "rtp", "rtsp", "rtsps", "rist", "srt", "tcp", "tls", "udp",
    "unix",
)  # fmt: skip
WHITELIST = ",".join((*PROTOCOLS, "crypto", "httpproxy", "rtmpt", "rtmpts", "srtp"))


def check_address(url: str) -> str:
    """Give `url` back; WrongFigure, in a sentence, if nothing can be read from it."""
    text(url, "an address")
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise WrongFigure(f"{url!r} is not an address: write rtsp://host/path, udp://host:port, ...")
    if scheme.lower() not in PROTOCOLS:
        raise WrongFigure(
            f"{scheme}:// is no protocol that media are read by here: there is {', '.join(PROTOCOLS)}"
        )
    if not rest:
        raise WrongFigure(f"{url!r} names no host")
    return url


def shown_address(url: str) -> str:
    """Give an address without the name and the password in it.

    Example: `shown_address("rtsp://me:secret@camera/1")` is "rtsp://camera/1".
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
