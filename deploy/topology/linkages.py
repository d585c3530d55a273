"""The [[linkages]] of a topology: from boxes by name to planned linkages.

Laws
1. A linkage goes from an outbox to inboxes; a box that is not there is refused with those that are.
2. A second destination is declared: a list says that all get a copy, `deal = "demand"` that they share.
3. What the one end gives and the other does not take is refused here, as between parts of one program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kamesh.deploy.topology.declared import Declared
from kamesh.deploy.topology.fields import Fields, kind
from kamesh.deploy.topology.loading import NotLoadable
from kamesh.deploy.topology.mistakes import Notes
from kamesh.deploy.topology.tomllines import Path
from kamesh.linking import did_you_mean
from kamesh.nodes.planned import Fanout, Place, PlannedLinkage
from kamesh.owner import Policy

__all__ = ["read_linkages"]

KEYS: Mapping[str, type | tuple[type, ...]] = {
    "from": str,
    "to": (str, list),
    "deal": str,
    "ahead": int,
    "policy": str,
}
DEALS = ("all", "demand")
POLICIES = tuple(one.value for one in Policy)
WRITE = "write it as COMPONENT.box"


@dataclass(frozen=True, slots=True)
class _Read:
    """One [[linkages]] entry that could be understood, and where it stands."""

    path: Path
    deal: str
    linkage: PlannedLinkage


def read_linkages(
    table: object, notes: Notes, declared: Mapping[str, Declared]
) -> list[PlannedLinkage]:
    """Read all of them; what is wrong goes to `notes`."""
    if not isinstance(table, list):
        notes.note(
            ("linkages",), "write [[linkages]], in double brackets, for each linkage", "linkages"
        )
        return []
    reader = _Reader(notes, declared)
    found = [reader.read(("linkages", number), one) for number, one in enumerate(table)]
    read = [one for one in found if one is not None]
    _second_destinations(read, notes)
    several = [one.linkage.source for one in read]
    return [
        one.linkage
        if one.linkage.fanout != "one" or several.count(one.linkage.source) == 1
        else PlannedLinkage(one.linkage.source, one.linkage.sinks, "all", one.linkage.policy)
        for one in read
    ]


class _Reader:
    """Reads one linkage after the other."""

    def __init__(self, notes: Notes, declared: Mapping[str, Declared]) -> None:
        """Take the components there are."""
        self.notes = notes
        self.declared = declared

    def read(self, path: Path, table: object) -> _Read | None:
        """Read one; None if its ends cannot be told."""
        fields = Fields(self.notes, path, "a linkage", table, KEYS)
        for key in ("from", "to"):
            if isinstance(table, dict) and key not in table:
                self.notes.note(path, f"a linkage lacks the key {key!r}: {key} = ...", "linkages")
        source = self._end((*path, "from"), fields.get("from"), "outbox")
        sinks = self._sinks((*path, "to"), fields.get("to"))
        deal = self._choice(path, fields, "deal", DEALS) or ""
        policy = self._choice(path, fields, "policy", POLICIES) or Policy.BLOCK.value
        ahead = fields.get("ahead", 8)
        if "ahead" in fields and deal != "demand":
            self.notes.note(
                (*path, "ahead"), "'ahead' belongs to a linkage with deal = \"demand\"", "ahead"
            )
        if isinstance(ahead, int) and ahead < 1:
            self.notes.note((*path, "ahead"), f"ahead = {ahead}: it is at least 1", ahead)
        if source is None or not sinks:
            return None
        for sink in sinks:
            self._check_fit((*path, "to"), source, sink)
        fanout: Fanout = "demand" if deal == "demand" else "one" if len(sinks) == 1 else "all"
        linkage = PlannedLinkage(
            source, tuple(sinks), fanout, policy, ahead if isinstance(ahead, int) else 8
        )
        return _Read(path, deal, linkage)

    def _check_fit(self, path: Path, source: Place, sink: Place) -> None:
        """Note what the one box gives and the other does not take."""
        gives = self.declared[source[0]].format(source[1])
        takes = self.declared[sink[0]].format(sink[1])
        misfit = gives.misfit(takes) if gives is not None and takes is not None else None
        if misfit is not None:
            self.notes.note(path, misfit.between(".".join(source), ".".join(sink)), ".".join(sink))

    def _choice(self, path: Path, fields: Fields, key: str, words: tuple[str, ...]) -> str | None:
        word = fields.get(key)
        if word is None or word in words:
            return str(word) if word else None
        self.notes.note(
            (*path, key),
            f"{key} = {word!r} is not known{did_you_mean(word, words)}; it is one of: "
            + ", ".join(words),
            word,
        )
        return None

    def _sinks(self, path: Path, to: object) -> list[Place]:
        if not isinstance(to, list):
            end = self._end(path, to, "inbox")
            return [end] if end else []
        if not to:
            self.notes.note(path, "a linkage goes to nowhere: 'to' is an empty list", "to")
        found: list[Place] = []
        for number, one in enumerate(to):
            end = self._end((*path, number), one, "inbox")
            if end in found:
                self.notes.note((*path, number), f"{one!r} is there twice in one linkage", one)
            elif end:
                found.append(end)
        return found

    def _end(self, path: Path, text: object, box_kind: str) -> Place | None:
        """Find the box that a linkage names at one end."""
        if text is None:
            return None
        if not isinstance(text, str):
            self.notes.note(path, f"a linkage goes to {kind(text)} here: {WRITE}, in quotes", text)
            return None
        component, dot, box = text.rpartition(".")
        if not dot or not component or not box:
            boxes = self.declared[text].boxes(box_kind) if text in self.declared else ()
            hint = f", perhaps {f'{text}.{boxes[0]}'!r}" if boxes else ""
            self.notes.note(path, f"{text!r} is not a box: {WRITE}{hint}", text)
            return None
        if component not in self.declared:
            where = "; its node is said by the component itself" if "/" in component else ""
            self.notes.note(
                path,
                f"a linkage names {component!r}, which is not a component here"
                f"{did_you_mean(component.rpartition('/')[2], self.declared)}{where}",
                component,
            )
            return None
        return self._box(path, self.declared[component], box, box_kind)

    def _box(self, path: Path, one: Declared, box: str, box_kind: str) -> Place | None:
        try:
            if one.has(box_kind, box):
                return one.name, box
        except NotLoadable as error:
            if one.fits:
                self.notes.note(("components", one.name, "with"), str(error), one.use)
            one.fits = False
            return None
        there = one.boxes(box_kind)
        other = "inbox" if box_kind == "outbox" else "outbox"
        plural = "inboxes" if box_kind == "inbox" else "outboxes"
        if box in one.boxes(other):
            text = f"{one.name}.{box} is an {other}: a linkage goes from an outbox to an inbox"
        else:
            text = f"{one.name} has no {box_kind} {box!r}{did_you_mean(box, there)}"
        self.notes.note(path, f"{text}; its {plural}: {', '.join(there)}", box)
        return None


def _second_destinations(read: list[_Read], notes: Notes) -> None:
    """Refuse a second linkage from one box, unless all of them say that all get a copy."""
    before: dict[Place, _Read] = {}
    for one in read:
        first = before.setdefault(one.linkage.source, one)
        if first is one:
            continue
        source, sink = ".".join(one.linkage.source), ".".join(one.linkage.sinks[0])
        line = notes.line(first.path)
        if set(first.linkage.sinks) & set(one.linkage.sinks):
            both = next(each for each in one.linkage.sinks if each in first.linkage.sinks)
            notes.note(
                (*one.path, "to"),
                f"{source} is linked to {'.'.join(both)} already, in line {line}",
                ".".join(both),
            )
        elif not (first.deal == one.deal == "all"):
            notes.note(
                (*one.path, "from"),
                f"{source} goes to {'.'.join(first.linkage.sinks[0])} already, in line {line}; to "
                f'send to {sink} as well write one linkage with to = [...] and deal = "all" '
                f'(a copy for each) or "demand" (shared out)',
                source,
            )
