"""The messages of the membership protocol, as values; `wire` turns them into lists and back.

Laws: frozen; every message may carry news; a message says what it is, nothing says how it travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kamesh.membership.member import Member, State

Record = tuple[Member, str]  # what is said, and for a suspicion who accuses


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Answer with an Ack of the same number."""

    number: int
    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """The probe of this number succeeded."""

    number: int
    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Probe `target` for me; answer with an Ack or a Nack of this number."""

    number: int
    target: str
    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Nack:
    """I am well and tried, but `target` has not answered me (Lifeguard)."""

    number: int
    news: Sequence[Record] = ()


class Entry(NamedTuple):
    """What one believes of a run, in short."""

    name: str
    incarnation: bytes
    revision: int
    state: State
    declared: int


@dataclass(frozen=True, slots=True)
class Sync:
    """All I believe, in short; ask with a Want for what you lack. `back`: and send me yours."""

    digest: Sequence[Entry]
    back: bool
    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """Tell me all about these runs."""

    runs: Sequence[tuple[str, bytes]]
    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a Want."""

    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """The fingerprint of all I believe of the living; if yours differs, send a Sync with `back`."""

    fingerprint: int
    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """I need this link no longer: if it goes down now, that is no evidence of anything."""

    news: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What has changed."""

    news: Sequence[Record] = ()


Message = Ping | Ack | Ask | Nack | Sync | Want | Told | News | Mark | Closing
