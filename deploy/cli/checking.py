"""`kamesh check`: whether a topology, a program or a one-line pipeline can be run, without running it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kamesh.components.oneline import pipeline_of
from kamesh.deploy.cli.context import Context
from kamesh.deploy.cli.meant import meant
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.programs import component_of
from kamesh.deploy.pictures.showing import counted
from kamesh.deploy.topology.mistakes import FileRefused
from kamesh.deploy.topology.reading import read_topology
from kamesh.errors import KameshError
from kamesh.nodes.plan import Plan, plan_of

__all__ = ["check", "plan_from"]


def check(options: Namespace, context: Context) -> int:
    """Check every file named; tell all mistakes of all of them."""
    code, results = Exit.OK, []
    for what in options.what:
        try:
            plan = plan_from(what, split=options.split)
        except KameshError as error:
            code = Exit.MISTAKE
            results.append({"file": what, "ok": False, "mistakes": _mistakes(error)})
            if not options.json:
                context.remark(
                    error.shown() if isinstance(error, FileRefused) else f"{what}: {error}"
                )
            continue
        results.append({"file": what, "ok": True, "mistakes": [], "plan": _counts(plan)})
        if not options.json:
            counts = ", ".join(counted(n, name[:-1]) for name, n in _counts(plan).items())
            context.say(f"{what}: nothing wrong ({counts})")
    if options.json:
        context.say_json(results)
    return code


def plan_from(what: str, *, split: bool = False) -> Plan:
    """Make the plan of a topology (.toml), a one-line pipeline ("a ! b") or a program."""
    kind = meant(what)
    if kind == "topology":
        return read_topology(what)
    if kind == "words":
        return plan_of(pipeline_of(what), split=split, source=what)[0]
    return plan_of(component_of(what), split=split, name=Path(what).stem, source=what)[0]


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "nodes": len(plan.nodes),
        "components": len(plan.components),
        "linkages": sum(len(one.sinks) for one in plan.linkages),
    }


def _mistakes(error: KameshError) -> list[dict[str, object]]:
    if isinstance(error, FileRefused):
        return [
            {"file": one.file, "line": one.line, "text": one.text, "word": one.word}
            for one in error.mistakes
        ]
    return [{"file": "", "line": 0, "text": str(error), "word": ""}]
