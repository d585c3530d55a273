"""A graph for other tools to draw: Graphviz, Mermaid, and JSON for programs.

Laws: pure text from a graph; every name is quoted as the tool wants it, whatever is in it.
"""

from __future__ import annotations

from dataclasses import asdict

from kamesh.deploy.pictures.graphs import PLANNED, Graph, split_label
from kamesh.deploy.pictures.showing import count
from kamesh.nodes.reports import LinkageReport

__all__ = ["as_dot", "as_mermaid", "as_plain"]


def as_dot(graph: Graph) -> str:
    """Write a graph for Graphviz: `kamesh graph --dot | dot -Tsvg > graph.svg`."""
    lines = [
        f"digraph {_dot(graph.title)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    for number, node in enumerate(graph.nodes):
        lines += [
            f"  subgraph cluster_{number} {{",
            f"    label={_dot(node.name)}; style=rounded; color=gray60;",
        ]
        for one in node.components:
            label = "\n".join(part for part in (one.name, one.kind) if part)
            color = ", color=red" if one.failure else ""
            lines.append(f"    {_dot(f'{node.name}/{one.name}')} [label={_dot(label)}{color}];")
        lines.append("  }")
    for each in graph.linkages:
        (_, _, box), (_, _, to) = source, sink = split_label(each.source), split_label(each.sink)
        facts = f", color={_dot('red')}" if each.dropped else ""
        lines.append(
            f"  {_dot('/'.join(source[:2]))} -> {_dot('/'.join(sink[:2]))} "
            f"[label={_dot(_label(each, box, to))}{facts}];"
        )
    return "\n".join([*lines, "}"])


def as_mermaid(graph: Graph) -> str:
    """Write a graph for Mermaid, which Markdown pages of GitHub and GitLab draw."""
    lines = ["flowchart LR"]
    names: dict[tuple[str, str], str] = {}
    for number, node in enumerate(graph.nodes):
        lines.append(f"  subgraph n{number}[{_mermaid(node.name)}]")
        for one in node.components:
            name = names[node.name, one.name] = f"c{len(names)}"
            label = "<br/>".join(_escaped(part) for part in (one.name, one.kind) if part)
            lines.append(f'    {name}["{label}"]')
        lines.append("  end")
    for each in graph.linkages:
        source, sink = split_label(each.source), split_label(each.sink)
        for end in (source, sink):
            if end[:2] not in names:
                names[end[0], end[1]] = name = f"c{len(names)}"
                lines.append(f"  {name}[{_mermaid('/'.join(end[:2]))}]")
        label = "<br/>".join(map(_escaped, _label(each, source[2], sink[2]).split("\n")))
        lines.append(f'  {names[source[:2]]} -- "{label}" --> {names[sink[:2]]}')
    return "\n".join(lines)


def as_plain(graph: Graph) -> dict[str, object]:
    """Give a graph as plain values for JSON: its nodes with their components, and its linkages."""
    return {
        "title": graph.title,
        "nodes": [
            {
                "name": node.name,
                "state": node.state,
                "pid": node.pid,
                "endpoint": node.endpoint,
                "since": node.since,
                "components": [asdict(one) for one in node.components],
                "links": [asdict(one) for one in node.links],
            }
            for node in graph.nodes
        ],
        "linkages": [asdict(one) for one in graph.linkages],
    }


def _label(each: LinkageReport, box: str, to: str) -> str:
    ends = "" if (box, to) == ("outbox", "inbox") else f"{box} → {to}"
    facts = []
    if each.state != PLANNED:
        facts.append(f"{count(each.sent)} sent")
        if each.dropped:
            facts.append(f"{count(each.dropped)} dropped")
    if each.policy != "block":
        facts.append(each.policy)
    return "\n".join(part for part in (ends, ", ".join(facts)) if part) or " "


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _mermaid(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Write what would end a text or begin a tag as an entity."""
    return "".join(
        f"#{ord(one)};" if one in '"<>#&[]{}|`' or not one.isprintable() else one for one in text
    )
