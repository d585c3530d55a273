"""What FFmpeg says of what went wrong, in plain words. No PyAV: errors are known by name and number.

Law: each error becomes the second half of one sentence, "FILE cannot be played: ...", and what is not
known here is told in FFmpeg's own words.
"""

from __future__ import annotations

import errno

from kamesh.errors import KameshError

__all__ = ["MediaError", "because"]


class MediaError(KameshError, ValueError):
    """Something that cannot be opened, read, decoded or filtered as media."""


BY_NAME = {
    "ExitError": "nothing came in time",
    "EOFError": "there is nothing in it",
    "InvalidDataError": "FFmpeg knows no format like it",
    "ProtocolNotFoundError": "this build of FFmpeg has no such protocol",
    "DemuxerNotFoundError": "this build of FFmpeg has no such format",
    "DecoderNotFoundError": "this build of FFmpeg has no decoder for it",
    "HTTPBadRequestError": "the server says that the request is wrong (400)",
    "HTTPUnauthorizedError": "the server asks for a name and a password (401)",
    "HTTPForbiddenError": "the server does not allow it (403)",
    "HTTPNotFoundError": "the server has no such thing (404)",
    "HTTPServerError": "the server has trouble of its own (5xx)",
}
BY_NUMBER = {
    errno.ENOENT: "there is no such thing",
    errno.ENODEV: "there is no such device",
    errno.ENXIO: "there is no such device",
    errno.EACCES: "this user may not read it",
    errno.EPERM: "this user may not read it",
    errno.EBUSY: "it is in use by another program",
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "the other side broke off",
    errno.EPIPE: "the other side broke off",
    errno.ETIMEDOUT: "nothing came in time",
    errno.EHOSTUNREACH: "there is no way to that host",
    errno.ENETUNREACH: "there is no way to that network",
    errno.EADDRINUSE: "its port is taken by another program",
    errno.ENOSPC: "the disk is full",
}
UNTOLD = {errno.EIO, errno.EINVAL}  # these say nothing: the log may


def because(error: BaseException) -> str:
    """Say what an error of PyAV means, as the end of a sentence.

    Example: `because(ConnectionRefusedError(111, "Connection refused"))` is "nothing listens there".
    """
    if (named := BY_NAME.get(type(error).__name__)) is not None:
        return named
    number = getattr(error, "errno", None)
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    log = getattr(error, "log", None)
    if log and log[2].strip():
        return str(log[2]).strip().rstrip(".")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"FFmpeg says only {said!r}" if number in UNTOLD else str(said)
