"""The [components.NAME] tables of a topology: what is declared, and whether it can be made.

Laws
1. A component of which something is wrong still counts as declared: a linkage to it is not wrong too.
2. Whether there is a box is asked of the class first; only if that does not show it, of a component.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kamesh.component import Component
from kamesh.deploy.topology.fields import Fields, kind
from kamesh.deploy.topology.loading import (
    NotLoadable,
    component_class,
    make_component,
    wrong_arguments,
)
from kamesh.deploy.topology.mistakes import Notes
from kamesh.fitting import format_of
from kamesh.linking import did_you_mean
from kamesh.nodes.planned import wrong_with_name

__all__ = ["Declared", "read_components"]

KEYS: Mapping[str, type | tuple[type, ...]] = {
    "use": str,
    "with": dict,
    "node": (str, dict),
    "bounds": dict,
}


@dataclass(slots=True)
class Declared:
    """One component as a topology declares it.

    `node` is the node's name or "", `like` the component whose node it shares or "". `cls` is None
    where the class cannot be had, and `misplaced` says that its node has been found wrong already.
    """

    name: str
    use: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    node: str = ""
    like: str = ""
    misplaced: bool = False
    bounds: dict[str, int | None] = field(default_factory=dict)
    cls: type[Component] | None = None
    folder: Path | None = None
    fits: bool = True
    made: Component | None = None

    def boxes(self, kind: str) -> tuple[str, ...]:
        """Name its boxes of one kind, "inbox" or "outbox"."""
        if self.made is not None:
            strand = self.made._strand
            return tuple(strand.inboxes if kind == "inbox" else strand.outboxes)
        if self.cls is None:
            return ()
        return tuple(self.cls.inboxes if kind == "inbox" else self.cls.outboxes)

    def has(self, kind: str, box: str) -> bool:
        """Say whether it has a box; NotLoadable if it would have to be made and cannot be."""
        if self.cls is None or not self.fits or box in self.boxes(kind):
            return True  # what is wrong with the class itself has been told
        if self.made is None:
            self.made = make_component(self.use, self.arguments, folder=self.folder)
        return box in self.boxes(kind)

    def format(self, box: str) -> Any:
        """Give the format that it declares for a box, its arguments considered; None for none."""
        declared = format_of(self.cls, box)
        if declared is None or not self.fits:
            return None
        if self.made is None:
            try:
                self.made = make_component(self.use, self.arguments, folder=self.folder)
            except NotLoadable:
                return declared  # what the class says is true of all of them
        return format_of(self.made, box)


def read_components(
    table: object, notes: Notes, folder: Path, *, load: bool = True
) -> dict[str, Declared]:
    """Read all of them; what is wrong goes to `notes`. Without `load` no class is imported."""
    if not isinstance(table, dict):
        notes.note(
            ("components",), "write a table [components.NAME] for each component", "components"
        )
        return {}
    return {name: _read(name, value, notes, folder, load) for name, value in table.items()}


def _read(name: str, value: object, notes: Notes, folder: Path, load: bool) -> Declared:
    path = ("components", name)
    wrong = wrong_with_name(name) or ("." in name and "it has no '.'") or None
    if wrong:
        notes.note(path, f"a component cannot be called {name!r}: {wrong}", name)
    fields = Fields(notes, path, f"component {name}", value, KEYS)
    one = Declared(name, folder=folder)
    arguments = fields.get("with", {})
    one.arguments = arguments if isinstance(arguments, dict) else {}
    if "use" in fields:
        one.use = str(fields["use"])
        if load:
            _use(one, notes)
    elif isinstance(value, dict) and "use" not in value:
        notes.note(path, f"component {name} lacks the key 'use': use = \"module:Class\"", name)
    if "node" in fields:
        _node(one, fields["node"], notes)
    else:
        one.misplaced = isinstance(value, dict) and "node" in value
    bounds = fields.get("bounds", {})
    if isinstance(bounds, dict):
        _bounds(one, bounds, notes)
    return one


def _use(one: Declared, notes: Notes) -> None:
    path = ("components", one.name)
    try:
        one.cls = component_class(one.use, folder=one.folder)
    except NotLoadable as error:
        notes.note((*path, "use"), str(error), error.word)
        return
    for argument, sentence in wrong_arguments(one.cls, one.arguments):
        one.fits = False
        notes.note((*path, "with", argument) if argument else (*path, "with"), sentence, argument)


def _node(one: Declared, node: object, notes: Notes) -> None:
    path = ("components", one.name, "node")
    if isinstance(node, str):
        one.node = node
        one.misplaced = not node
        if one.misplaced:
            notes.note(path, f"{one.name} is placed on a node without a name", "node")
        return
    like = Fields(notes, path, f"the node of {one.name}", node, {"like": str})
    one.like = str(like.get("like", ""))
    one.misplaced = not one.like
    if node == {}:
        notes.note(path, f"the node of {one.name} is an empty table: write its name", "node")


def _bounds(one: Declared, bounds: Mapping[str, object], notes: Notes) -> None:
    path = ("components", one.name, "bounds")
    for box, bound in bounds.items():
        if bound == "unlimited":
            one.bounds[box] = None
        elif isinstance(bound, bool) or not isinstance(bound, int):
            notes.note(
                (*path, box),
                f"the bound of {one.name}.{box} is {kind(bound)}, and should be a whole number "
                f'or "unlimited"',
                box,
            )
        elif bound < 1:
            notes.note((*path, box), f"the bound of {one.name}.{box} is {bound}: at least 1", bound)
        else:
            one.bounds[box] = bound
        try:
            there = one.has("inbox", box)
        except NotLoadable as error:
            notes.note(("components", one.name, "with"), str(error), one.use)
            one.fits = False
            continue
        if not there:
            notes.note(
                (*path, box),
                f"{one.name} has no inbox {box!r}{did_you_mean(box, one.boxes('inbox'))}; "
                f"its inboxes: {', '.join(one.boxes('inbox'))}",
                box,
            )
