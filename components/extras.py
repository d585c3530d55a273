"""Extras: what is not installed is said in a sentence, with the words that install it.

Laws: only the names that an extra brings are spoken of; any other missing module is an error of ours
and is raised as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kamesh.errors import KameshError

__all__ = ["EXTRAS", "NotInstalled", "needing"]

EXTRAS = {
    "aiohttp": "web",
    "aiosmtpd": "mail",
    "aiosmtplib": "mail",
    "av": "media",
    "numpy": "media",
    "sounddevice": "sound",
    "watchfiles": "watch",
    "zstandard": "zstd",
}


class NotInstalled(KameshError, ImportError):
    """A component needs something that is not there."""


@contextmanager
def needing(who: str) -> Iterator[None]:
    """Import within this what an extra brings, on behalf of the component `who`.

    Example:
        with needing("TestCard"):
            import av
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        raise NotInstalled(
            f'{who} needs {error.name}, which is not installed: pip install "kamesh[{extra}]"'
        ) from error
