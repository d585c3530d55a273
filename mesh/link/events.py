"""What a link tells its caller: frozen records, in the order in which things happened.

Laws: an event is told once; after `Reset`, `SessionLost`, `FinishAcknowledged`, and after `Finished`
once all has been consumed, nothing more is said of that linkage, and what the caller still says of it
is ignored until the number is offered anew by a peer that restarted; the numbers of linkages we send
on and of linkages we receive on are two different series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "Bye",
    "CloseConnection",
    "Dead",
    "Delivered",
    "Established",
    "Event",
    "FinishAcknowledged",
    "Finished",
    "Gossiped",
    "LinkageRefused",
    "Offered",
    "Opened",
    "Recovered",
    "Refused",
    "Replied",
    "Requested",
    "Reset",
    "Room",
    "SessionLost",
    "Suspect",
    "Undelivered",
]


# --- the link itself ---


@dataclass(frozen=True, slots=True)
class Established:
    """Both have greeted. `restarted`: the peer is a new incarnation of one we knew."""

    peer: str
    peer_incarnation: bytes
    restarted: bool
    version: int
    capabilities: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The two cannot go together: do not retry soon. `CloseConnection` follows."""

    reason: str


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Send what `take_frames` still has, close the connection, then call `disconnected`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The peer leaves by its own will. `CloseConnection` follows."""

    reason: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """The peer has been silent for too long, connected or not."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A suspect or dead peer has been heard again."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The peer has been silent for so long that it counts as gone. It may still come back."""

    reason: str


# --- linkages we send on ---


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer takes this linkage: `room` says how much. Told once, not after each reconnect."""

    number: int


@dataclass(frozen=True, slots=True)
class LinkageRefused:
    """The peer does not take this linkage (now): `reopen` it, or `reset` it."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Room:
    """`room` had said 0 and would not say so now."""

    number: int


@dataclass(frozen=True, slots=True)
class FinishAcknowledged:
    """All that was ever sent on this linkage, and its end, has been consumed."""

    number: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """So many messages have not been acknowledged.

    `kept`: the peer counts as dead; they will be sent if it comes back. Not `kept`: the linkage is
    over, and whatever of them had not been consumed by then is lost.
    """

    number: int
    count: int
    reason: str
    kept: bool = False


# --- linkages we receive on ---


@dataclass(frozen=True, slots=True)
class Offered:
    """The peer wants to send from `source` to our `sink`: answer with `accept` or `refuse`.

    `resumed`: it had been sending to an earlier incarnation of ours.
    """

    number: int
    source: str
    sink: str
    resumed: bool
    policy: str = "block"


@dataclass(frozen=True, slots=True)
class Delivered:
    """Messages, in order, the first numbered `first_seq`; say `consumed` when they are.

    The first `maybe_duplicate` of them may have been delivered to an earlier incarnation of ours.
    """

    number: int
    first_seq: int
    messages: list[object]
    maybe_duplicate: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The stream has ended, and all of it was delivered before this. `failure`: how, if badly.

    Once all of it has been consumed too, forget the number: a restarted peer may use it again.
    """

    number: int
    failure: object = None


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The sender restarted. What it had not sent is lost, unless it had all come (`complete`)."""

    number: int
    complete: bool = False


# --- both ---


@dataclass(frozen=True, slots=True)
class Reset:
    """The peer gave this linkage up. `sending`: it is one of those we send on."""

    number: int
    reason: str
    sending: bool = False


# --- requests and gossip ---


@dataclass(frozen=True, slots=True)
class Requested:
    """The peer asks: answer with `reply`. The id means something to this link only."""

    id: int
    verb: str
    arguments: object


@dataclass(frozen=True, slots=True)
class Replied:
    """The answer to a request of ours, or `ok=False` and a sentence if none can come any more."""

    id: int
    ok: bool
    value: object


@dataclass(frozen=True, slots=True)
class Gossiped:
    """Something for the directory."""

    payload: object


Event = (
    Established
    | Refused
    | CloseConnection
    | Bye
    | Suspect
    | Recovered
    | Dead
    | Opened
    | LinkageRefused
    | Room
    | FinishAcknowledged
    | Undelivered
    | Offered
    | Delivered
    | Finished
    | SessionLost
    | Reset
    | Requested
    | Replied
    | Gossiped
)
