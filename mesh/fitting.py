"""Fitting: whether what an outbox gives is what the inbox that it comes to takes.

A component may declare a format for a box of its own: `formats = {"inbox": ..., "outbox": ...}`, on
its class or, where its arguments decide, on itself. What a format is, is no business of the mesh: it
has a method `misfit(takes)` (see `Format`). `kamesh.components.formats` has those of media.

Laws
1. A linkage is looked at when it is made, from the outbox that sends to the inbox that receives,
   through every chassis and dealer between; boxes that declare nothing fit whatever they are
   linked to, and cost a look at one attribute.
2. What does not fit is refused in a sentence that names both boxes and says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from kamesh.errors import LinkageRefused
from kamesh.inbox import Inbox
from kamesh.outbox import Outbox
from kamesh.wiring import Dealer

__all__ = ["Format", "Misfit", "check_fit", "format_of"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why two formats do not go together: what one gives, what the other takes, what to do."""

    gives: str
    takes: str
    remedy: str = ""

    def between(self, source: str, sink: str) -> str:
        """Say it of two boxes.

        Example: "CAMERA.outbox gives pictures and MUX.inbox takes packets: put Encode between them".
        """
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{source} gives {self.gives} and {sink} takes {self.takes}{remedy}"


class Format(Protocol):
    """What a component declares of a box."""

    def misfit(self, takes: object) -> Misfit | None:
        """Say why what this gives is not what `takes` (the format of an inbox) takes, or None."""


def format_of(component: object, box: str) -> Any:
    """Give the format that a component, or its class, declares for a box; None for none."""
    formats = getattr(component, "formats", None)
    return formats.get(box) if formats and hasattr(formats, "get") else None


def check_fit(source: Inbox | Outbox, sink: Inbox | Outbox) -> None:
    """Refuse, by LinkageRefused, to join `source` to `sink` where what is sent would not fit."""
    giving = [(box, given) for box in _senders(source) if (given := _declared(box)) is not None]
    if not giving:
        return
    for inbox in _receivers(sink):
        takes = _declared(inbox)
        if takes is None:
            continue
        for outbox, gives in giving:
            misfit = gives.misfit(takes) if hasattr(gives, "misfit") else None
            if misfit is not None:
                raise LinkageRefused(misfit.between(outbox.label, inbox.label))


def _declared(box: Inbox | Outbox) -> Any:
    return format_of(getattr(box.owner, "component", None), box.name)


def _senders(box: Inbox | Outbox) -> Iterator[Outbox]:
    """Give the outboxes from which a message can come to `box`."""
    if not box.sources and isinstance(box, Outbox):
        if isinstance(box.owner, Dealer):
            yield from _senders(box.owner.inbox)
        else:
            yield box
    for linkage in box.sources:
        yield from _senders(linkage.source)


def _receivers(box: Inbox | Outbox) -> Iterator[Inbox]:
    """Give the inboxes at which a message put into `box` comes to stay."""
    if not box.targets and isinstance(box, Inbox):
        if isinstance(box.owner, Dealer):
            for outbox in box.owner.outboxes:
                yield from _receivers(outbox)
        else:
            yield box
    for linkage in box.targets:
        yield from _receivers(linkage.sink)
