"""What membership tells its node: instructions to carry out, and events to know of.

Laws: all are frozen values; an instruction that cannot be carried out is answered by a fact
(`dial_failed`, `link_down`), never by an exception.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamesh.membership.member import Member


@dataclass(frozen=True, slots=True)
class Dial:
    """Make a link to whoever answers at an address; `name` is who is hoped for, None unknown.

    Answer with `link_up`, `dial_failed` or `dial_refused`.
    """

    name: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a gossip payload (plain lists) over the link to a node."""

    name: str
    payload: list[object]


@dataclass(frozen=True, slots=True)
class Hangup:
    """Membership needs this link no longer: close it, in order, unless linkages use it.

    If it was closed, say so: `link_closed`, on both sides; `link_down` will do for some seconds.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A node is there that was not: new, restarted (a new incarnation), or back from the dead."""

    member: Member


@dataclass(frozen=True, slots=True)
class Suspected:
    """A node did not answer; it counts as there until it is `Failed`."""

    member: Member


@dataclass(frozen=True, slots=True)
class Recovered:
    """A suspected node spoke up."""

    member: Member


@dataclass(frozen=True, slots=True)
class Failed:
    """A node is dead, as far as anybody can tell."""

    member: Member


@dataclass(frozen=True, slots=True)
class Left:
    """A node left in order."""

    member: Member


@dataclass(frozen=True, slots=True)
class Changed:
    """A node's addresses or parts changed."""

    member: Member


@dataclass(frozen=True, slots=True)
class NameTaken:
    """Two live runs have one name: the elder keeps it. If `loser` is this run, it has to stop."""

    name: str
    holder: bytes
    loser: bytes
    mine: bool

    def __str__(self) -> str:
        """Say it to whoever started the loser."""
        return (
            f"Node name {self.name!r} is taken by a run that started earlier "
            f"({self.holder.hex()[:8]}); give this one another name."
        )


Instruction = Dial | Send | Hangup
Event = Joined | Suspected | Recovered | Failed | Left | Changed | NameTaken
