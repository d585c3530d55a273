"""The answer to libzmq's question whether a peer may come in (ZeroMQ RFC 27).

Laws: pure; anything but a well-formed question about our domain, by our mechanism, with a key that
is admitted, is answered with a refusal; a failure to decide is a refusal too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["ENDPOINT", "Verdict", "judge"]

ENDPOINT = "inproc://zeromq.zap.01"
VERSION = b"1.0"
KEY_FRAME = 6


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reply's frames, and what is worth counting or logging about it."""

    reply: list[bytes]
    admitted: bool
    text: str
    failure: Exception | None = None


def judge(
    request: Sequence[bytes], *, domain: bytes, admits: Callable[[bytes], bool] | None
) -> Verdict:
    """Answer one request. The User-Id that libzmq then puts on every frame is the key in hex."""
    number = request[1] if len(request) > 1 else b""
    if len(request) != KEY_FRAME + 1 or request[0] != VERSION:
        return _verdict(number, b"500", "malformed request")
    if admits is None:
        return _verdict(number, b"500", "a question about keys, and this node is insecure")
    origin, mechanism, key = request[3].decode("ascii", "replace"), request[5], request[KEY_FRAME]
    if request[2] != domain or mechanism != b"CURVE" or len(key) != 32:
        return _verdict(number, b"400", f"no key of this mesh, from {origin}")
    try:
        admitted = admits(key)
    except Exception as error:  # whatever it is: the peer stays out and the owner is told
        return _verdict(number, b"500", f"no decision about {key.hex()} from {origin}", error)
    if not admitted:
        return _verdict(number, b"400", f"key {key.hex()} from {origin} is not admitted")
    reply = [VERSION, number, b"200", b"OK", key.hex().encode(), b""]
    return Verdict(reply, True, f"key {key.hex()} from {origin} is admitted")


def _verdict(number: bytes, code: bytes, text: str, failure: Exception | None = None) -> Verdict:
    return Verdict([VERSION, number, code, b"refused", b"", b""], False, text, failure)
