"""Replies of SMTP (RFC 5321, 4.2): which end a matter, and which say: come again. Pure.

Law: 4xx and a lost connection are passing, 5xx is for good; a recipient is delivered to, refused, or
left to be tried again, never two of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Attempt", "checked_reply", "passing"]

_REPLY = re.compile(r"[245]\d\d( [^\r\n]*)?")


def checked_reply(reply: object) -> str | None:
    """Give what a policy has answered: None to accept, or a reply; ValueError if it is neither.

    Example: `checked_reply("450 4.7.1 come again in five minutes")`.
    """
    if reply is None or (isinstance(reply, str) and _REPLY.fullmatch(reply) and reply[0] != "2"):
        return reply
    raise ValueError(
        f"a policy answers None to accept, or a reply that begins with a number from 400 to 599, such as "
        f"'450 4.7.1 come again', not {reply!r}"
    )


def passing(code: int) -> bool:
    """Say whether to try again after a reply with this number (0: there was none)."""
    return not 500 <= code <= 599


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt: who it was delivered for, and the replies to the others."""

    delivered: tuple[str, ...] = ()
    reply: str = ""
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def for_good(self) -> dict[str, tuple[int, str]]:
        """Those who will not get it."""
        return {who: said for who, said in self.refused.items() if not passing(said[0])}

    @property
    def again(self) -> tuple[str, ...]:
        """Those for whom to try again."""
        return tuple(who for who, said in self.refused.items() if passing(said[0]))
