"""Topology files: TOML that says which nodes, components and linkages there are, read into a plan.

    [mesh]
    name = "studio"                             # default: the file's own name

    [nodes.studio]                              # no [nodes] at all: one node, "main"
    [nodes.encoder]
    listen = "tcp://127.0.0.1:0"

    [components.CAMERA]
    use = "kamesh.components.media:TestCard"
    with = { size = [1280, 720], rate = 25 }    # arguments of its constructor
    node = "studio"                             # or node = { like = "ENCODER" }
    bounds = { inbox = 8 }                      # messages per inbox, or "unlimited"

    [[linkages]]
    from = "CAMERA.outbox"
    to = "ENCODER.inbox"                        # or a list, with deal = "all" or "demand"
    policy = "block"                            # drop_oldest, drop_newest, latest

Laws
1. Every mistake is told, all at once, with its line, the word at fault, and the likely right one.
2. A file with mistakes gives no plan; a plan that is given can be run as it stands.
3. Reading imports the classes that the components use, and makes a component only if its class alone
   does not show whether it has a box.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from kamesh.component import Component
from kamesh.deploy.topology.declared import Declared, read_components
from kamesh.deploy.topology.fields import Fields
from kamesh.deploy.topology.linkages import read_linkages
from kamesh.deploy.topology.loading import make_component
from kamesh.deploy.topology.mistakes import FileRefused, Mistake, Notes
from kamesh.deploy.topology.tomllines import lines_of
from kamesh.linking import did_you_mean
from kamesh.nodes.planned import (
    DEFAULT_LISTEN,
    DEFAULT_NODE,
    Plan,
    PlannedComponent,
    PlannedNode,
    wrong_with_name,
)
from kamesh.transport import BadAddress
from kamesh.transport.address import parse

__all__ = ["load_component", "read_topology"]

LARGEST = 4 << 20  # bytes; a topology of ten thousand components has one or two million
TABLES = ("mesh", "nodes", "components", "linkages")


def read_topology(path: str | Path, *, load: bool = True) -> Plan:
    """Read a topology file; FileRefused with every mistake if there are any.

    Without `load` no class is imported, so that boxes and arguments are not checked and the plan's
    components do not list their boxes: for a file that has been checked already.

    Example: `plan = read_topology("studio.toml")`.
    """
    path = Path(path)
    text = _text(path)
    lines = lines_of(text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileRefused([_not_toml(str(path), text, lines, str(error))], text) from error
    except RecursionError as error:
        mistake = Mistake(
            str(path), 0, "this is not TOML that can be read: it is nested too deeply"
        )
        raise FileRefused([mistake], text) from error
    notes = Notes(str(path), lines)
    plan = _plan(data, notes, path, load)
    if not (plan.components or notes.mistakes):
        notes.note(("components",), "nothing is in it: write a table [components.NAME] for each part")
    if notes.mistakes:
        raise FileRefused(notes.mistakes, text)
    return plan


def load_component(planned: PlannedComponent, topology: str | Path) -> Component:
    """Make one component of the plan that the file `topology` gave: its name, arguments and bounds.

    Raises NotLoadable with a sentence. Example: `load_component(plan.components["CAMERA"], path)`.
    """
    folder = Path(topology).resolve().parent
    component = make_component(planned.use, planned.arguments, folder=folder)
    component.name = planned.name
    for box, bound in planned.bounds.items():
        component._inbox(box).bound = bound
    return component


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise FileRefused([Mistake(str(path), 0, f"the topology cannot be read: {why}")]) from error
    if len(raw) > LARGEST:
        raise FileRefused([Mistake(str(path), 0, f"a topology has at most {LARGEST:,} bytes")])
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        mistake = Mistake(
            str(path), line, f"this is not TOML: byte {raw[error.start]:#04x} is not UTF-8 text"
        )
        raise FileRefused([mistake]) from error


def _not_toml(
    file: str, text: str, lines: Mapping[tuple[str | int, ...], int], why: str
) -> Mistake:
    """Put what `tomllib` says into a sentence with the line."""
    place = re.search(r"\(at line (\d+), column (\d+)\)", why)
    line = int(place[1]) if place else text.count("\n") + (not text.endswith("\n"))
    what = why.partition(" (at ")[0]
    rows = text.splitlines()
    row = rows[line - 1] if 0 < line <= len(rows) else ""
    twice = re.match(r"Cannot (?:declare|mutate|redefine)\D*\((.*?),?\) ?", what)
    if twice or what.startswith("Cannot overwrite"):
        header = re.match(r"\s*\[+\s*([^\]]*?)\s*\]", row)
        named = header[1] if header else row.partition("=")[0].strip()
        first = lines.get(tuple(part.strip("'\" ") for part in named.split(".")), line)
        before = f", first in line {first}" if first < line else ""
        return Mistake(
            file, line, f"{named!r} is there twice{before}: each has a name of its own", named
        )
    column = int(place[2]) if place else 1
    word = row[column - 1 :].split("#")[0].strip()
    shown = f" at {word!r}" if word else ""
    return Mistake(file, line, f"this is not TOML{shown}: {what[:1].lower()}{what[1:]}", word)


def _plan(data: Mapping[str, object], notes: Notes, path: Path, load: bool) -> Plan:
    for name in data:
        if name not in TABLES:
            notes.note(
                (name,),
                f"a topology has no table {name!r}{did_you_mean(name, TABLES)}; "
                f"its tables: {', '.join(TABLES)}",
                name,
            )
    mesh = Fields(notes, ("mesh",), "mesh", data.get("mesh", {}), {"name": str})
    name = str(mesh.get("name", path.stem))
    wrong = wrong_with_name(name)
    if wrong and "name" in mesh:
        notes.note(("mesh", "name"), f"the mesh cannot be called {name!r}: {wrong}", name)
    nodes = _nodes(data.get("nodes", {}), notes)
    folder = path.resolve().parent
    declared = read_components(data.get("components", {}), notes, folder, load=load)
    placed = _placement(declared, nodes, notes, any_node="nodes" in data)
    linkages = read_linkages(data.get("linkages", []), notes, declared)
    return Plan(
        name,
        nodes,
        {
            one.name: PlannedComponent(
                one.name,
                placed[one.name],
                one.use,
                one.arguments,
                one.boxes("inbox"),
                one.boxes("outbox"),
                one.bounds,
            )
            for one in declared.values()
        },
        tuple(linkages),
        str(path.resolve()),
    )


def _nodes(table: object, notes: Notes) -> dict[str, PlannedNode]:
    found: dict[str, PlannedNode] = {}
    if not isinstance(table, dict):
        notes.note(("nodes",), "write a table [nodes.NAME] for each node", "nodes")
        return found
    for name, value in table.items():
        path = ("nodes", name)
        wrong = wrong_with_name(name)
        if wrong:
            notes.note(path, f"a node cannot be called {name!r}: {wrong}", name)
        fields = Fields(notes, path, f"node {name}", value, {"host": str, "listen": str})
        listen = str(fields.get("listen", DEFAULT_LISTEN))
        try:
            parse(listen, binding=True)
        except BadAddress as error:
            notes.note((*path, "listen"), f"node {name} cannot listen there: {error}", listen)
        found[name] = PlannedNode(name, str(fields.get("host", "")), listen)
    return found or {DEFAULT_NODE: PlannedNode(DEFAULT_NODE)}


def _placement(
    declared: Mapping[str, Declared],
    nodes: Mapping[str, PlannedNode],
    notes: Notes,
    *,
    any_node: bool,
) -> dict[str, str]:
    """Find the node of every component, following each `like`."""
    only = next(iter(nodes)) if len(nodes) == 1 else None
    placed: dict[str, str] = {}
    for one in declared.values():
        circle = _circle(one, declared)
        placed[one.name] = _end(one, declared).node or only or ""
        path = ("components", one.name)
        if circle:
            if one.name == min(circle, key=lambda each: notes.line(("components", each))):
                notes.note(
                    (*path, "node"),
                    f"a cycle of placement: {' like '.join([*circle, circle[0]])}; "
                    f"give one of them a node by its name",
                    "like",
                )
        elif one.like and one.like not in declared:
            notes.note(
                (*path, "node"),
                f"{one.name} is placed like {one.like!r}, which is not a component here"
                f"{did_you_mean(one.like, declared)}",
                one.like,
            )
        elif one.node and one.node not in nodes:
            there = f"the nodes: {', '.join(nodes)}" if any_node else "write [nodes.NAME] for each"
            notes.note(
                (*path, "node"),
                f"{one.name} is placed on {one.node!r}, which is not a node here"
                f"{did_you_mean(one.node, nodes)}; {there}",
                one.node,
            )
        elif not (placed[one.name] or one.like or one.misplaced):
            notes.note(
                path,
                f"{one.name} is placed on no node: give it a node, one of {', '.join(nodes)}",
                one.name,
            )
    return placed


def _end(one: Declared, declared: Mapping[str, Declared]) -> Declared:
    for _ in declared:
        if one.like not in declared:
            return one
        one = declared[one.like]
    return one


def _circle(one: Declared, declared: Mapping[str, Declared]) -> list[str]:
    """Give the circle of `like` that a component is part of, beginning with it; [] if of none."""
    names = [one.name]
    here = one
    while here.like in declared and len(names) <= len(declared):
        here = declared[here.like]
        if here is one:
            return names
        names.append(here.name)
    return []
