"""The picture of a graph in a terminal: a frame for each node, a box for each component, arrows.

Messages flow from top to bottom. What goes to the next box is an arrow between the two; all else runs
in rails on the right, one for each outbox, with an arrow into every inbox that it feeds.

Laws
1. Every linkage of the graph is in the picture, with what went through it and what it dropped.
2. It fits the width it is given, down to NARROWEST, where names are cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kamesh.deploy.pictures.canvas import Canvas, in_ascii
from kamesh.deploy.pictures.graphs import PLANNED, Box, Graph, split_label
from kamesh.deploy.pictures.showing import count, printable
from kamesh.deploy.pictures.tables import clip, wide
from kamesh.nodes.reports import BoxReport, ComponentReport, LinkageReport, NodeReport

__all__ = ["picture"]

NARROWEST = 44  # columns of a component's box
ARROW = 5  # the column of the arrows between boxes
GAUGE = 8  # characters that show how full an inbox is
EVEN = 3  # columns from one rail to the next


@dataclass(slots=True)
class _Rail:
    """What one outbox sends to boxes that are not the next: a line in a column of its own."""

    source: Box
    linkages: list[LinkageReport] = field(default_factory=list)
    place: int = 0

    def rows(self, at: dict[tuple[str, Box], int]) -> list[int]:
        """Give the rows that it touches."""
        sinks = [at["in", split_label(one.sink)] for one in self.linkages]
        return [at["out", self.source], *sinks]


def picture(graph: Graph, *, width: int = 100, plain: bool = False) -> str:
    """Draw a graph in at most `width` columns, as far as that is possible; `plain` is in ASCII.

    Example: `print(picture(graph_of("hello", await client.nodes())))`.
    """
    drawing = _Drawing(graph, width)
    lines = [drawing.title(), str(drawing.draw())]
    if graph.hidden:
        hidden = _some(graph.hidden, "linkage")
        lines.append(f"not drawn: {hidden} from signal to control")
    text = "\n".join(line for line in lines if line)
    return in_ascii(text) if plain else text


class _Drawing:
    """One picture while it is drawn."""

    def __init__(self, graph: Graph, width: int) -> None:
        """Find out what goes to the next box and what goes by a rail."""
        self.graph = graph
        self.canvas = Canvas()
        self.at: dict[tuple[str, Box], int] = {}  # the rows of boxes, by "in" and "out"
        self.boxes = {(node.name, one.name): one for node in graph.nodes for one in node.components}
        places = {key: number for number, key in enumerate(self.boxes)}
        self.arrows: dict[
            tuple[str, str], list[LinkageReport]
        ] = {}  # by the component they come to
        self.rails: dict[Box, _Rail] = {}
        self.away: dict[Box, list[LinkageReport]] = {}  # to what is not in the picture
        for one in graph.linkages:
            source, sink = split_label(one.source), split_label(one.sink)
            if sink[:2] not in places or source[:2] not in places:
                self.away.setdefault(source, []).append(one)
            elif places[sink[:2]] == places[source[:2]] + 1:
                self.arrows.setdefault(sink[:2], []).append(one)
            else:
                self.rails.setdefault(source, _Rail(source)).linkages.append(one)
        self.sources = {split_label(one.source): None for one in graph.linkages}
        self.sinks = {split_label(one.sink): None for one in graph.linkages}
        self.inner = self._inner_width(width)

    def title(self) -> str:
        """Say what is shown, in figures."""
        graph = self.graph
        nodes = _some(len(graph.nodes), "node")
        linkages = len(graph.linkages) + graph.hidden
        return f"{graph.title} · {nodes} · {_some(graph.components, 'component')} · " + _some(
            linkages, "linkage"
        )

    def draw(self) -> Canvas:
        """Draw everything."""
        row = 0
        for node in self.graph.nodes:
            if node is not self.graph.nodes[0]:
                row = self._between(node, row)
            row = self._node(node, row)
        self._draw_rails()
        return self.canvas

    # -- nodes and components

    def _node(self, node: NodeReport, top: int) -> int:
        canvas, right = self.canvas, self.inner + 3
        row = top + 1
        for number, one in enumerate(node.components):
            if number:
                row = self._arrow_rows((node.name, one.name), row, row)
            row = self._component(node.name, one, row)
        if not node.components:
            canvas.text(row, 4, "nothing runs here" if node.pid else "no answer")
            row += 1
        canvas.frame(top, 0, row, right, round_corners=True)
        facts = node.endpoint if node.state == PLANNED else _facts(node)
        self._caption(top, ARROW + 2, right - 1, node.name, facts)
        return row + 1

    def _component(self, node: str, one: ComponentReport, top: int) -> int:
        canvas, left, right = self.canvas, 2, self.inner + 1
        row = top + 1
        planned = one.state == PLANNED
        for box in self._inboxes(node, one):
            self.at["in", (node, one.name, box.name)] = row
            self._line(row, box.name, "" if planned else _fill(box))
            row += 1
        for name, sent in self._outboxes(node, one):
            place = (node, one.name, name)
            self.at["out", place] = row
            to = [f"→ {away.sink}" for away in self.away.get(place, ())]
            self._line(row, name, ", ".join(to) or ("" if planned else f"{count(sent)} sent"))
            row += 1
        if one.failure:
            canvas.text(row, left + 2, clip(f"✗ {printable(one.failure)}", self.inner - 4))
            row += 1
        canvas.frame(top, left, row, right)
        facts = " · ".join(part for part in (one.kind, "" if planned else one.state) if part)
        self._caption(top, ARROW + 2, right - 1, one.name, facts)
        return row + 1

    def _line(self, row: int, name: str, facts: str) -> None:
        """Write a box of a component: its name on the left, what there is to say on the right."""
        room = self.inner - 5
        facts = clip(facts, max(room - 6, 0))
        self.canvas.text(row, 4, clip(name, max(room - wide(facts) - 1, 4)))
        self.canvas.text(row, self.inner - wide(facts), facts)

    def _caption(self, row: int, left: int, right: int, name: str, facts: str) -> None:
        """Write a name, and on the right what is to be said, into the upper edge of a frame."""
        room = right - left
        facts = clip(printable(facts), max(room - 12, 0))
        name = clip(printable(name), room - wide(facts) - 5)
        self.canvas.text(row, left - 1, f" {name} ")
        if facts:
            self.canvas.text(row, right - wide(facts) - 2, f" {facts} ")

    def _inboxes(self, node: str, one: ComponentReport) -> list[BoxReport]:
        """Give the inboxes to draw: those that are linked, and those with something in them."""
        linked = dict.fromkeys(box for *place, box in self.sinks if place == [node, one.name])
        found = [box for box in one.inboxes if linked.pop(box.name, True) is None or _busy(box)]
        return found + [BoxReport(name, 0, None, 0, 0, 0, False) for name in linked]

    def _outboxes(self, node: str, one: ComponentReport) -> list[tuple[str, int]]:
        """Give the outboxes to draw: those that are linked."""
        sent = dict(one.outboxes)
        linked = {box for *place, box in self.sources if place == [node, one.name]}
        return [
            (name, sent.get(name, 0))
            for name in (*sent, *sorted(linked - sent.keys()))
            if name in linked
        ]

    # -- arrows to the next box

    def _between(self, node: NodeReport, row: int) -> int:
        """Draw what is between two frames: an arrow if there is one, or an empty row."""
        if not node.components:
            return row + 1
        after = self._arrow_rows((node.name, node.components[0].name), row, row - 1, into=2)
        return after if after > row else row + 1

    def _arrow_rows(self, to: tuple[str, str], row: int, start: int, *, into: int = 1) -> int:
        """Draw the arrow into the box `to`, with a row for each linkage; give the row after it.

        `start` is where the edge above begins, `into` how many rows below the last the head is.
        """
        linkages = self.arrows.get(to, [])
        if not linkages:
            return row
        for number, one in enumerate(linkages):
            self.canvas.text(row + number, ARROW + 2, self._label(one, names=True))
        end = row + len(linkages)
        self.canvas.down(ARROW, start - 1, end + into - 1)
        self.canvas.text(end + into - 1, ARROW, "▼")
        return end

    def _label(self, one: LinkageReport, *, names: bool) -> str:
        source, sink = split_label(one.source), split_label(one.sink)
        parts = []
        if names and (source[2], sink[2]) != ("outbox", "inbox"):
            parts.append(f"{source[2]} → {sink[2]}")
        if one.state != PLANNED:
            parts.append(f"{count(one.sent)} sent")
            if one.waiting:
                parts.append(f"{count(one.waiting)} waiting")
            if one.dropped:
                parts.append(f"{count(one.dropped)} dropped")
            if one.state not in ("open", "running"):
                parts.append(one.state)
        if one.policy != "block":
            parts.append(one.policy)
        return " · ".join(parts)

    # -- rails

    def _draw_rails(self) -> None:
        edge = self.inner + 3
        rails = sorted(self.rails.values(), key=lambda one: (_span(one.rows(self.at)), one.source))
        taken: list[list[range]] = []
        for rail in rails:
            rows = rail.rows(self.at)
            span = range(min(rows), max(rows) + 1)
            rail.place = next(
                (n for n, there in enumerate(taken) if not any(_meet(span, one) for one in there)),
                len(taken),
            )
            if rail.place == len(taken):
                taken.append([])
            taken[rail.place].append(span)
        labels: dict[int, list[str]] = {}
        for rail in rails:
            column = edge + EVEN * (rail.place + 1) - 1
            rows = rail.rows(self.at)
            self.canvas.across(rows[0], self.inner + 1, column, round_corners=True)
            self.canvas.down(column, min(rows), max(rows), round_corners=True)
            for one, row in zip(rail.linkages, rows[1:], strict=True):
                self.canvas.across(row, self.inner + 1, column, round_corners=True)
                self.canvas.text(row, self.inner + 1, "◀")
                label = self._label(one, names=False)
                if label:
                    labels.setdefault(row, []).append(label)
        margin = edge + EVEN * len(taken) + 1
        for row, texts in labels.items():
            self.canvas.text(row, margin, ", ".join(texts))

    # -- width

    def _inner_width(self, width: int) -> int:
        """Find how wide the components' boxes are, with their edges."""
        wanted = NARROWEST
        for node in self.graph.nodes:
            facts = node.endpoint if node.state == PLANNED else _facts(node)
            wanted = max(wanted, wide(node.name) + wide(facts) + 10)
            for one in node.components:
                wanted = max(wanted, wide(one.name) + wide(one.kind) + wide(one.state) + 16)
                for box in self._inboxes(node.name, one):
                    wanted = max(wanted, wide(box.name) + wide(_fill(box)) + 9)
                for name, _ in self._outboxes(node.name, one):
                    away = self.away.get((node.name, one.name, name), ())
                    wanted = max(wanted, wide(name) + sum(wide(each.sink) + 4 for each in away) + 9)
        rails = EVEN * len(self.rails) + 24 if self.rails else 0
        return max(NARROWEST, min(wanted, width - 4 - rails))


def _facts(node: NodeReport) -> str:
    if not node.pid:
        return node.state
    return f"{node.state} · process {node.pid}"


def _fill(box: BoxReport) -> str:
    """Say how full an inbox is."""
    dropped = f"{count(box.dropped)} dropped  " if box.dropped else ""
    if box.bound is None:
        return f"{dropped}{count(box.level)} waiting"
    full = min(GAUGE, -(-box.level * GAUGE // max(box.bound, 1)))
    gauge = "█" * full + "░" * (GAUGE - full)
    return f"{dropped}{gauge} {count(box.level)}/{count(box.bound)}"


def _busy(box: BoxReport) -> bool:
    return bool(box.level or box.dropped)


def _some(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _span(rows: list[int]) -> int:
    return max(rows) - min(rows)


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
