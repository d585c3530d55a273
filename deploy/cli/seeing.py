"""`kamesh ps` and `kamesh graph`: what runs, in figures and as a picture."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict

from kamesh.deploy.cli.checking import plan_from
from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import Run, find_run, last_failure, list_runs
from kamesh.deploy.pictures.diagrams import as_dot, as_mermaid, as_plain
from kamesh.deploy.pictures.drawing import picture
from kamesh.deploy.pictures.graphs import Graph, graph_of, graph_of_plan
from kamesh.deploy.pictures.showing import count, duration, printable
from kamesh.deploy.pictures.tables import table
from kamesh.nodes.reports import NodeReport

__all__ = ["graph", "ps"]

NODES = ("NODE", "STATE", "PID", "UP", "COMPONENTS", "LINKAGES", "SENT", "DROPPED", "ENDPOINT")
COMPONENTS = ("COMPONENT", "KIND", "STATE", "TURNS", "BOX", "WAITING", "IN", "OUT", "DROPPED")


async def ps(options: Namespace, context: Context) -> int:
    """List the runs, their nodes and, if asked for, their components and boxes."""
    runs = [find_run(options.run)] if options.run else list_runs()
    found: list[dict[str, object]] = []
    for number, run in enumerate(runs):
        async with context.connect(run) as client:
            reports = graph_of(run.name, await client.nodes()).nodes
        if options.json:
            found.append(_plain(run, reports))
            continue
        if number:
            context.say()
        context.say(_headline(run))
        for line in _nodes(reports):
            context.say(line)
        for line in _components(reports) if options.components else ():
            context.say(line)
    if options.json:
        context.say_json({"runs": found})
    elif not runs:
        context.remark("nothing is running here" + last_failure())
    return Exit.OK if runs else Exit.NOTHING_RUNNING


async def graph(options: Namespace, context: Context) -> int:
    """Draw what runs, or what a file would run."""
    if options.what:
        plan = plan_from(options.what, split=options.split)
        drawn = graph_of_plan(plan, everything=options.all)
    else:
        run = find_run(options.run)
        async with context.connect(run) as client:
            drawn = graph_of(run.name, await client.nodes(), everything=options.all)
    if options.json:
        context.say_json(as_plain(drawn))
    else:
        context.say(_drawn(drawn, options, context))
    return Exit.OK


def _drawn(drawn: Graph, options: Namespace, context: Context) -> str:
    if options.dot:
        return as_dot(drawn)
    if options.mermaid:
        return as_mermaid(drawn)
    return picture(drawn, width=context.width(), plain=options.ascii or not context.draws)


def _headline(run: Run) -> str:
    parts = [run.name, run.kind, f"{duration(time.time() - run.started)}", f"process {run.pid}"]
    return " · ".join([*parts, printable(run.source)] if run.source else parts)


def _nodes(reports: Iterable[NodeReport]) -> list[str]:
    rows = [
        (
            one.name,
            one.state,
            str(one.pid or "-"),
            duration(time.time() - one.since) if one.since else "-",
            count(len(one.components)),
            count(len(one.linkages)),
            count(sum(each.sent for each in one.linkages)),
            count(_dropped(one)),
            one.endpoint,
        )
        for one in reports
    ]
    right = ("PID", "UP", "COMPONENTS", "LINKAGES", "SENT", "DROPPED")
    return table(NODES, rows, right=right)


def _components(reports: Iterable[NodeReport]) -> list[str]:
    rows = []
    for node in reports:
        for one in node.components:
            head = (f"{node.name}/{one.name}", one.kind, one.state, count(one.turns))
            for box in one.inboxes:
                bound = "" if box.bound is None else f"/{count(box.bound)}"
                waiting = f"{count(box.level)}{bound}"
                rows.append((*head, box.name, waiting, count(box.taken), "", count(box.dropped)))
                head = ("", "", "", "")
            for name, sent in one.outboxes:
                rows.append((*head, name, "", "", count(sent), ""))
                head = ("", "", "", "")
    right = ("TURNS", "WAITING", "IN", "OUT", "DROPPED")
    return ["", *table(COMPONENTS, rows, right=right)] if rows else []


def _dropped(node: NodeReport) -> int:
    return sum(box.dropped for one in node.components for box in one.inboxes)


def _plain(run: Run, reports: Iterable[NodeReport]) -> dict[str, object]:
    return {
        "name": run.name,
        "kind": run.kind,
        "started": run.started,
        "pid": run.pid,
        "source": run.source,
        "nodes": [asdict(one) for one in reports],
    }
