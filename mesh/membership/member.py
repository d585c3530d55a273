"""One node as the directory knows it: who it is, how it is, and what can be linked there.

Laws:
1. Only a run itself raises its `revision` and declares its facts; others only judge it.
2. A `Member` is a value: never changed, compared by content, safe to keep.
3. State numbers travel: they are only ever appended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from kamesh.errors import KameshError

LONGEST_NAME = 200  # bytes of UTF-8, as zeroconf can carry it
LONGEST_ADDRESS = 255
MOST_ADDRESSES = 8
MOST_PARTS = 4096
MOST_BOXES = 1024
MOST_TEXT = 1 << 18  # characters of all part and box names of one node
MOST_REVISION = 1 << 62
INCARNATION_BYTES = 16


class State(IntEnum):
    """How a run is, as its mesh sees it; at one revision the higher outweighs the lower."""

    ALIVE = 0
    SUSPECT = 1
    DEAD = 2
    LEFT = 3


class BadMember(KameshError, ValueError):
    """A node's facts that cannot be told to others; the text says which."""


@dataclass(frozen=True, slots=True)
class Part:
    """One component hosted by a node, and the names of its boxes."""

    name: str
    inboxes: tuple[str, ...] = ()
    outboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One run of one node.

    `incarnation` is the run's random 16 bytes, `since` when it started (microseconds of the wall
    clock: only to tell the elder of two runs), `revision` rises each time the run speaks of itself
    and `declared` is the revision at which all the rest was told; -1 when only a judgement has
    arrived so far. `rival` is the incarnation of another run of its name that it has heard of
    last: with it the elder proves to the younger that it lives.
    """

    name: str
    incarnation: bytes
    revision: int = 0
    state: State = State.ALIVE
    since: int = 0
    addresses: tuple[str, ...] = ()
    kind: str = "node"
    parts: tuple[Part, ...] = ()
    declared: int = 0
    rival: bytes = b""

    @property
    def live(self) -> bool:
        """Whether it counts as there: alive, or merely suspected."""
        return self.state <= State.SUSPECT

    @property
    def known(self) -> bool:
        """Whether its facts have arrived, not just a judgement about it."""
        return self.declared >= 0

    @property
    def age(self) -> tuple[int, bytes]:
        """Sorts runs of one name: the elder first."""
        return (self.since, self.incarnation)

    def judged(self, state: State) -> Member:
        """Return it in another state at the same revision, as other nodes may say."""
        return replace(self, state=state)

    def says(
        self,
        revision: int,
        *,
        state: State = State.ALIVE,
        since: int | None = None,
        addresses: tuple[str, ...] | None = None,
        parts: tuple[Part, ...] | None = None,
        rival: bytes | None = None,
    ) -> Member:
        """Return what the run says of itself at a later revision."""
        return Member(
            name=self.name,
            incarnation=self.incarnation,
            revision=revision,
            state=state,
            since=self.since if since is None else since,
            addresses=self.addresses if addresses is None else addresses,
            kind=self.kind,
            parts=self.parts if parts is None else parts,
            declared=revision,
            rival=self.rival if rival is None else rival,
        )


def verdict(name: str, incarnation: bytes, revision: int, state: State) -> Member:
    """Return a judgement about a run, without its facts."""
    return Member(name, incarnation, revision, state, declared=-1)


def checked(member: Member) -> Member:
    """Return it unchanged, or raise BadMember with a sentence about the first thing wrong."""
    _word("node", member.name)
    if type(member.incarnation) is not bytes or len(member.incarnation) != INCARNATION_BYTES:
        raise BadMember(f"an incarnation is {INCARNATION_BYTES} bytes")
    if not 0 <= member.revision <= MOST_REVISION or not -1 <= member.declared <= member.revision:
        raise BadMember(f"revision {member.revision} declared at {member.declared} cannot be")
    if type(member.rival) is not bytes or len(member.rival) not in (0, INCARNATION_BYTES):
        raise BadMember(f"a rival is named by {INCARNATION_BYTES} bytes")
    if not 0 <= member.since < 1 << 63:
        raise BadMember(f"started at {member.since} microseconds cannot be")
    _word("node kind", member.kind)
    if len(member.addresses) > MOST_ADDRESSES:
        raise BadMember(f"a node has at most {MOST_ADDRESSES} addresses")
    for address in member.addresses:
        if not is_address(address):
            raise BadMember("an address is like tcp://127.0.0.1:40123, short and printable")
    if len(member.parts) > MOST_PARTS:
        raise BadMember(f"a node tells of {MOST_PARTS} components at most, not {len(member.parts)}")
    _check_parts(member.parts)
    return member


def _check_parts(parts: tuple[Part, ...]) -> None:
    text = 0
    for part in parts:
        _word("component", part.name)
        text += len(part.name)
        for boxes in (part.inboxes, part.outboxes):
            if len(boxes) > MOST_BOXES:
                raise BadMember(f"component {part.name!r} has more than {MOST_BOXES} boxes")
            for box in boxes:
                _word("box", box)
                text += len(box)
    if text > MOST_TEXT:
        raise BadMember(f"component and box names of a node have {MOST_TEXT} characters at most")


def is_address(address: object) -> bool:
    """Whether it looks like ``scheme://rest``, short and printable; what answers there is open."""
    return (
        isinstance(address, str)
        and 0 < len(address) <= LONGEST_ADDRESS
        and address.isprintable()
        and 0 < address.find("://") < len(address) - 3
    )


def _word(what: str, text: object) -> None:
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        shown = repr(text[:40]) if isinstance(text, str) else type(text).__name__
        raise BadMember(f"a {what} name is 1 to {LONGEST_NAME} printable characters, not {shown}")
    if not text.isascii() and len(text.encode()) > LONGEST_NAME:
        raise BadMember(f"a {what} name has at most {LONGEST_NAME} bytes: {text[:40]!r}")
